"""The bridge's data plane: a selective forwarding unit that never decodes (RFC 7667 §3.7).

Standards: WebRTC transports and RTP usage (RFC 8834, 8835), simulcast by RID (RFC 8853), ICE-lite
(RFC 8445), DTLS-SRTP (RFC 5764). Runs in the media worker process; the server reaches it through
`conf.media.client` only. May import `core.errors`, `conf.settings`, `conf.line`; in the server also
`conf.child`. Opens no database.
"""
