"""The DTLS-SRTP handshake, by aiortc's RTCDtlsTransport (RFC 5764, RFC 8842).

The one module that knows aiortc's private names; the version is pinned and `test_private_names.py`
fails when one moves. aiortc keeps the record layer, retransmission and the fingerprint check; keys
leave through `handshake`, and every later datagram is handled by our own mux, never by aiortc.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiortc.rtcdtlstransport import (
    SRTP_AEAD_AES_128_GCM,
    SRTP_AEAD_AES_256_GCM,
    SRTP_AES128_CM_SHA1_80,
    SRTP_PROFILES,
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    State,
)

from conf.media.srtp import Keys

HANDSHAKE_TIMEOUT_S: Final = 20.0
CERTIFICATE_LIFETIME: Final = timedelta(days=1)
_QUEUE: Final = 16  # datagrams of one flight; more is dropped and retransmitted
# The server's order decides: AES-128 costs a third less than AES-256 and is as good here.
_PREFERENCE = [
    p
    for p in (SRTP_AEAD_AES_128_GCM, SRTP_AEAD_AES_256_GCM, SRTP_AES128_CM_SHA1_80)
    if p in SRTP_PROFILES
]


class HandshakeFailed(Exception):
    """The peer's certificate is not the one signalled, or no common cipher or SRTP profile."""


class CertificateStore:
    """The worker's certificate, made anew each day; a running session keeps the one it has."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._made_at = now()
        self._certificate = RTCCertificate.generateCertificate()

    def current(self) -> RTCCertificate:
        """Today's certificate."""
        if self._now() - self._made_at >= CERTIFICATE_LIFETIME:
            self._certificate = RTCCertificate.generateCertificate()
            self._made_at = self._now()
        return self._certificate


def fingerprint(certificate: RTCCertificate) -> str:
    """`sha-256 AB:CD:…` as it stands in the SDP (RFC 8122)."""
    for candidate in certificate.getFingerprints():
        if candidate.algorithm == "sha-256":
            return f"sha-256 {candidate.value}"
    raise HandshakeFailed("certificate has no sha-256 fingerprint")


class _DatagramPipe:
    """The duck-typed ICE transport: a bounded inbox and a send function."""

    role = "controlled"

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self.state = "completed"
        self._send_datagram = send
        self.inbox: asyncio.Queue[bytes] = asyncio.Queue(_QUEUE)

    async def _recv(self) -> bytes:
        return await self.inbox.get()

    async def _send(self, data: bytes) -> None:
        self._send_datagram(data)


class _Handshaker(RTCDtlsTransport):
    """Stops after the keys: no aiortc SRTP session is made and no RTP reaches aiortc."""

    keys: Keys | None = None

    def prepare(self, profiles: list[Any], role: str) -> None:
        """Set what aiortc has no public setter for."""
        self._srtp_profiles = profiles
        self._set_role(role)

    def _setup_srtp(self) -> None:
        assert self._ssl is not None
        chosen = self._ssl.get_selected_srtp_profile()
        profile = next((p for p in self._srtp_profiles if p.openssl_profile == chosen), None)
        if profile is None:
            self._set_state(State.FAILED)
            return
        size = 2 * (profile.key_length + profile.salt_length)
        material = self._ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", size)
        server, client = (
            profile.get_key_and_salt(material, 1),
            profile.get_key_and_salt(material, 0),
        )
        mine, theirs = (server, client) if self._role == "server" else (client, server)
        self.keys = Keys(profile.libsrtp_profile, mine, theirs)


class DtlsLink:
    """One participant's DTLS association.

    Owner: its Session. `feed` takes datagrams whose first byte is 20..63 from the session's
    addresses; `send` gets what goes back. `on_closed` is called once when the peer says
    close_notify.
    """

    def __init__(
        self,
        certificate: RTCCertificate,
        send: Callable[[bytes], None],
        on_closed: Callable[[], None],
        *,
        is_server: bool = True,
        profiles: Sequence[Any] | None = None,
    ) -> None:
        self._pipe = _DatagramPipe(send)
        pipe: Any = self._pipe
        self._dtls = _Handshaker(pipe, [certificate])
        self._dtls.prepare(list(profiles or _PREFERENCE), "server" if is_server else "client")
        self._on_closed = on_closed

    def feed(self, datagram: bytes) -> None:
        """A DTLS datagram has arrived; dropped when sixteen already wait."""
        if not self._pipe.inbox.full():
            self._pipe.inbox.put_nowait(datagram)

    async def handshake(self, fingerprints: Sequence[tuple[str, str]]) -> Keys:
        """Run the handshake to its end.

        `fingerprints`: (algorithm, value) pairs from the peer's SDP; all supported ones must match.

        Raises: HandshakeFailed; TimeoutError: none arrived in 20 s.
        """
        wanted = [RTCDtlsFingerprint(algorithm=a, value=v) for a, v in fingerprints]
        async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
            await self._dtls.start(RTCDtlsParameters(fingerprints=wanted))
        if self._dtls.keys is None:
            raise HandshakeFailed(f"DTLS ended in state {self._dtls.state}")
        self._dtls.on("statechange", self._state_changed)
        return self._dtls.keys

    def _state_changed(self) -> None:
        if self._dtls.state in ("closed", "failed"):
            self._on_closed()

    async def close(self) -> None:
        """Send close_notify and end aiortc's task; idempotent."""
        self._dtls.remove_all_listeners()
        await self._dtls.stop()
