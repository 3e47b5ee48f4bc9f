"""The bridge's answer to an offer of the fixed pool: ICE-lite, DTLS server, one SSRC per down slot.

Payload types, extension ids, mids and RIDs are repeated as offered, so that nothing is ever
renegotiated (RFC 3264 §6, RFC 8829 §5.3). An ICE restart is a second offer answered the same way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from conf.media.sdp import Codec, CodecName, Extension, Offer, Role, Section

_KEPT_FEEDBACK = {
    "audio": ("transport-cc", "nack"),
    "video": ("transport-cc", "ccm fir", "nack", "nack pli"),
}
_REVERSED = {"sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
# The audio of the site on the main picture goes to the first audio slot: one stream id makes the
# browser play the two in step (RFC 8830).
_STAGE = "stage"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One address at which the worker can be reached. TCP is passive (RFC 6544)."""

    host: str
    port: int
    is_tcp: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Our side of the transport: credentials, certificate and addresses, best address first."""

    ice_ufrag: str
    ice_pwd: str
    fingerprint: tuple[str, str]  # ("sha-256", "AB:CD:…")
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class DownStream:
    """The sources the browser sees in one down section for the whole meeting."""

    ssrc: int
    rtx_ssrc: int


@dataclass(frozen=True, slots=True)
class AnswerPlan:
    """What the answer needs beside the offer. `limits_bps`: mid → cap on what is sent up."""

    session_id: int
    endpoint: Endpoint
    streams: Mapping[str, DownStream]
    version: int = 1
    limits_bps: Mapping[str, int] = field(default_factory=dict)


def plan_streams(offer: Offer, base_ssrc: int) -> dict[str, DownStream]:
    """Mid → SSRCs for each down section, counted up from a random `base_ssrc` (RFC 3550 §8).

    Skips 0 and sources the offer names. Call once per session; an ICE restart keeps the result.
    """
    taken = {0} | {
        ssrc for section in offer.sections for pair in section.ssrcs for ssrc in pair if ssrc
    }
    following = base_ssrc & 0xFFFFFFFF

    def take() -> int:
        nonlocal following
        while following in taken:
            following = (following + 1) & 0xFFFFFFFF
        taken.add(following)
        return following

    return {
        section.mid: DownStream(take(), take())
        for section in offer.sections
        if not section.role.is_up
    }


def build_answer(offer: Offer, plan: AnswerPlan) -> str:
    """The answer as text, CRLF, ready for setRemoteDescription."""
    lines = [
        "v=0",
        f"o=- {plan.session_id} {plan.version} IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=ice-lite",
        "a=group:BUNDLE " + " ".join(section.mid for section in offer.sections),
        "a=msid-semantic: WMS *",
    ]
    if offer.allows_mixed_extensions:
        lines.append("a=extmap-allow-mixed")
    for section in offer.sections:
        lines += _section_lines(section, plan)
    return "\r\n".join(lines) + "\r\n"


def _section_lines(section: Section, plan: AnswerPlan) -> list[str]:
    codecs = _ordered(section)
    payloads = [
        str(payload)
        for codec in codecs
        for payload in (codec.payload_type, codec.rtx_payload_type)
        if payload is not None
    ]
    lines = [
        f"m={section.kind} 9 UDP/TLS/RTP/SAVPF {' '.join(payloads)}",
        "c=IN IP4 0.0.0.0",
        *_limit_lines(section, plan),
        "a=rtcp:9 IN IP4 0.0.0.0",
        *_transport_lines(plan.endpoint, is_first=section.index == 0),
        f"a=mid:{section.mid}",
        *_extension_lines(section),
        f"a={_REVERSED[section.direction]}",
        "a=rtcp-mux",
    ]
    if section.has_rsize:
        lines.append("a=rtcp-rsize")
    for codec in codecs:
        lines += _codec_lines(section, codec)
    if section.layers:
        lines += [f"a=rid:{rid} recv" for rid in section.simulcast_as_offered]
        lines.append("a=simulcast:recv " + ";".join(section.simulcast_as_offered))
    if not section.role.is_up:
        lines += _stream_lines(section, plan.streams[section.mid])
    return lines


def _ordered(section: Section) -> Sequence[Codec]:
    """Codecs with the one to be used first; the sender follows the first (RFC 8829 §4.2.6)."""
    first = {CodecName.RED, CodecName.VP8}
    return sorted(section.codecs, key=lambda codec: codec.name not in first)


def _limit_lines(section: Section, plan: AnswerPlan) -> list[str]:
    limit = plan.limits_bps.get(section.mid)
    return [] if limit is None else [f"b=TIAS:{limit}"]


def _transport_lines(endpoint: Endpoint, *, is_first: bool) -> list[str]:
    algorithm, digest = endpoint.fingerprint
    lines = [
        f"a=ice-ufrag:{endpoint.ice_ufrag}",
        f"a=ice-pwd:{endpoint.ice_pwd}",
        f"a=fingerprint:{algorithm} {digest}",
        "a=setup:passive",
    ]
    if is_first:  # the others are bundled with it
        lines += candidate_lines(endpoint.candidates)
        lines.append("a=end-of-candidates")
    return lines


def candidate_lines(candidates: Sequence[Candidate]) -> list[str]:
    """Host candidates; priority by RFC 8445 §5.1.2.1, TCP below all UDP (RFC 6544 §4.2)."""
    lines = []
    for rank, candidate in enumerate(candidates):
        local = 65535 - rank
        if candidate.is_tcp:
            # Type preference 90, direction preference 4 (passive) in the top bits.
            priority = (90 << 24) | ((4 << 13 | (local & 0x1FFF)) << 8) | 255
            tail = "tcp {priority} {host} {port} typ host tcptype passive"
        else:
            priority = (126 << 24) | (local << 8) | 255
            tail = "udp {priority} {host} {port} typ host"
        tail = tail.format(priority=priority, host=candidate.host, port=candidate.port)
        lines.append(f"a=candidate:{rank + 1} 1 {tail}")
    return lines


def _extension_lines(section: Section) -> list[str]:
    # abs-send-time serves receive-side estimation only, which transport-cc replaces.
    skipped = Extension.ABS_SEND_TIME if Extension.TRANSPORT_CC in section.extensions else None
    by_id = sorted(section.extensions.items(), key=lambda item: item[1])
    return [
        f"a=extmap:{number} {extension.value}"
        for extension, number in by_id
        if extension is not skipped
    ]


def _codec_lines(section: Section, codec: Codec) -> list[str]:
    payload = codec.payload_type
    clock = "48000/2" if section.kind == "audio" else "90000"
    lines = [f"a=rtpmap:{payload} {codec.name.value}/{clock}"]
    lines += [
        f"a=rtcp-fb:{payload} {value}"
        for value in _kept_feedback(section)
        if value in codec.feedback
    ]
    parameters = _parameters(codec)
    if parameters:
        lines.append(f"a=fmtp:{payload} {parameters}")
    if codec.rtx_payload_type is not None:
        lines.append(f"a=rtpmap:{codec.rtx_payload_type} rtx/90000")
        lines.append(f"a=fmtp:{codec.rtx_payload_type} apt={payload}")
    return lines


def _kept_feedback(section: Section) -> Sequence[str]:
    """REMB only from those who cannot tell when each packet came."""
    kept = _KEPT_FEEDBACK[section.kind]
    return kept if Extension.TRANSPORT_CC in section.extensions else (*kept, "goog-remb")


def _parameters(codec: Codec) -> str:
    if codec.name is CodecName.OPUS:  # DTX: a silent site costs 3 packets/s instead of 50
        return "minptime=10;useinbandfec=1;usedtx=1"
    if codec.name is CodecName.H264:
        return "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
    return codec.parameters


def _stream_lines(section: Section, stream: DownStream) -> list[str]:
    is_stage = section.role is Role.MAIN_DOWN or (
        section.role is Role.AUDIO_DOWN and section.index == 3
    )
    name = _STAGE if is_stage else f"slot-{section.mid}"
    lines = [f"a=msid:{name} track-{section.mid}"]
    has_rtx = any(codec.rtx_payload_type is not None for codec in section.codecs)
    if has_rtx:
        lines.append(f"a=ssrc-group:FID {stream.ssrc} {stream.rtx_ssrc}")
    lines.append(f"a=ssrc:{stream.ssrc} cname:fengsui")
    if has_rtx:
        lines.append(f"a=ssrc:{stream.rtx_ssrc} cname:fengsui")
    return lines
