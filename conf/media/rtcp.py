"""RTCP compound packets to and from dataclasses (RFC 3550 §6, 4585, 5104, 5506).

Read: SR, RR, SDES (cname), BYE, NACK, PLI, FIR, REMB, and transport-wide feedback, whose body is
left to twcc.py. Other types are skipped, as RFC 3550 asks. Written: all but REMB and feedback.
NTP times are 64-bit integers: seconds since 1900 in 32.32 fixed point.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from conf.media.errors import DecodeError

MAX_PACKETS: Final = 32
MAX_NACKED: Final = 512
_SR, _RR, _SDES, _BYE, _RTPFB, _PSFB = 200, 201, 202, 203, 205, 206
_NACK, _TRANSPORT = 1, 15
_PLI, _FIR, _ALFB = 1, 4, 15
_CNAME = 1
_NTP_UNIX_OFFSET_S = 2_208_988_800

_LONE: Final = 0x80 | _TRANSPORT
_LONE_MIN: Final = 12

_HEADER = struct.Struct("!BBH")
_SENDER = struct.Struct("!IQIII")
_BLOCK = struct.Struct("!IIIIII")
_PAIR = struct.Struct("!HH")
_TWO_SSRCS = struct.Struct("!II")
_SSRC = struct.Struct("!I")


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """How one source arrives (RFC 3550 §6.4.1)."""

    ssrc: int
    fraction_lost: int  # of 256, since the last report
    lost: int  # since the start; below 0 after duplicates
    highest_sequence: int  # with the count of cycles in the upper 16 bits
    jitter: int  # in timestamp units
    last_sr: int  # middle 32 bits of the last SR's NTP time, 0 when none
    delay_since_sr: int  # in 1/65536 s


@dataclass(frozen=True, slots=True)
class SenderReport:
    """Which wall time belongs to which RTP timestamp, and what was sent."""

    ssrc: int
    ntp: int
    timestamp: int
    packets: int
    octets: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """Report blocks of a participant that sends nothing."""

    ssrc: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """The cname of each source; other items are skipped."""

    cnames: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Bye:
    """These sources have ended."""

    ssrcs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Nack:
    """Please repeat `sequences` of `media` (RFC 4585 §6.2.1), in the order asked."""

    sender: int
    media: int
    sequences: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pli:
    """A key frame of `media`, please (RFC 4585 §6.3.1)."""

    sender: int
    media: int


@dataclass(frozen=True, slots=True)
class Fir:
    """A key frame of each source; a repeated number is the same request (RFC 5104 §4.3.1)."""

    sender: int
    requests: tuple[tuple[int, int], ...]  # (ssrc, sequence number 0..255)


@dataclass(frozen=True, slots=True)
class Remb:
    """Receive-side estimate of all `ssrcs` together (draft-alvestrand-rmcat-remb-03)."""

    sender: int
    bitrate_bps: int
    ssrcs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TransportFeedback:
    """Arrival times of packets by transport-wide number; `body` is for twcc.parse_feedback."""

    sender: int
    media: int
    body: bytes


Report = (
    SenderReport
    | ReceiverReport
    | SourceDescription
    | Bye
    | Nack
    | Pli
    | Fir
    | Remb
    | TransportFeedback
)


def parse(data: bytes | bytearray | memoryview) -> list[Report]:
    """All packets of a compound or reduced-size packet, unknown ones left out.

    Raises: DecodeError: version, a length that overruns, or more than MAX_PACKETS.
    """
    raw = bytes(data)
    found: list[Report] = []
    at, count = 0, 0
    while at < len(raw):
        count += 1
        if count > MAX_PACKETS or at + 4 > len(raw):
            raise DecodeError("rtcp: too many packets or a torn header")
        first, kind, words = _HEADER.unpack_from(raw, at)
        end = at + 4 * (words + 1)
        if first >> 6 != 2 or end > len(raw):
            raise DecodeError("rtcp: version or length")
        body = raw[at + 4 : end - _padding(raw, first, at, end)]
        report = _parse_one(kind, first & 0x1F, body)
        if report is not None:
            found.append(report)
        at = end
    return found


def is_feedback(buffer: bytes | memoryview, at: int) -> bool:
    """Does a packet begin with transport-wide feedback? Its first eight bytes are never secret."""
    return buffer[at] & 0xDF == _LONE and buffer[at + 1] == _RTPFB


def lone_feedback(buffer: bytes | memoryview, at: int, size: int) -> tuple[int, int] | None:
    """Where a well-formed packet with transport-wide feedback and nothing else has its body.

    From after the two SSRCs to before the padding; None for all other packets: `parse` them.
    """
    if size < _LONE_MIN:
        return None
    first, kind, words = _HEADER.unpack_from(buffer, at)
    if first & 0xDF != _LONE or kind != _RTPFB or 4 * words + 4 != size:
        return None
    padding = buffer[at + size - 1] if first & 0x20 else 0
    if padding > size - _LONE_MIN or (first & 0x20 and not padding):
        return None
    return at + _LONE_MIN, at + size - padding


def _padding(raw: bytes, first: int, at: int, end: int) -> int:
    if not first & 0x20:
        return 0
    padding = raw[end - 1]
    if padding == 0 or at + 4 + padding > end:
        raise DecodeError("rtcp: padding")
    return padding


def _parse_one(kind: int, count: int, body: bytes) -> Report | None:
    try:
        if kind == _SR:
            ssrc, ntp, timestamp, packets, octets = _SENDER.unpack_from(body)
            blocks = _blocks(body, _SENDER.size, count)
            return SenderReport(ssrc, ntp, timestamp, packets, octets, blocks)
        if kind == _RR:
            return ReceiverReport(_SSRC.unpack_from(body)[0], _blocks(body, 4, count))
        if kind == _SDES:
            return _parse_sdes(body, count)
        if kind == _BYE:
            return Bye(struct.unpack_from(f"!{count}I", body))
        if kind in (_RTPFB, _PSFB):
            return _parse_feedback(kind, count, body)
    except struct.error as error:
        raise DecodeError("rtcp: shorter than its fields") from error
    return None


def _blocks(body: bytes, at: int, count: int) -> tuple[ReportBlock, ...]:
    blocks = []
    for index in range(count):
        ssrc, loss, *rest = _BLOCK.unpack_from(body, at + index * _BLOCK.size)
        lost = loss & 0xFFFFFF
        if lost & 0x800000:
            lost -= 0x1000000
        blocks.append(ReportBlock(ssrc, loss >> 24, lost, *rest))
    return tuple(blocks)


def _parse_sdes(body: bytes, count: int) -> SourceDescription:
    cnames = []
    at = 0
    for _ in range(count):
        (ssrc,) = _SSRC.unpack_from(body, at)
        at += 4
        while at < len(body) and body[at] != 0:
            if at + 2 > len(body) or at + 2 + body[at + 1] > len(body):
                raise DecodeError("rtcp: sdes item overruns its packet")
            item, size = body[at], body[at + 1]
            if item == _CNAME:
                cnames.append((ssrc, body[at + 2 : at + 2 + size].decode("utf-8", "replace")))
            at += 2 + size
        at += 4 - at % 4  # each chunk ends with one to four zeros
    return SourceDescription(tuple(cnames))


def _parse_feedback(kind: int, form: int, body: bytes) -> Report | None:
    sender, media = _TWO_SSRCS.unpack_from(body)
    if kind == _RTPFB:
        if form == _NACK:
            return Nack(sender, media, _nacked(body))
        if form == _TRANSPORT:
            return TransportFeedback(sender, media, body[8:])
        return None
    if form == _PLI:
        return Pli(sender, media)
    if form == _FIR:
        return Fir(sender, tuple((s, n >> 24) for s, n in _TWO_SSRCS.iter_unpack(_even(body[8:]))))
    if form == _ALFB and body[8:12] == b"REMB":
        return _parse_remb(sender, body)
    return None


def _even(entries: bytes) -> bytes:
    if len(entries) % 8:
        raise DecodeError("rtcp: torn FIR entry")
    return entries


def _nacked(body: bytes) -> tuple[int, ...]:
    sequences: list[int] = []
    for first, mask in _PAIR.iter_unpack(body[8:]):
        sequences.append(first)
        sequences += [(first + bit + 1) & 0xFFFF for bit in range(16) if mask >> bit & 1]
        if len(sequences) > MAX_NACKED:
            raise DecodeError("rtcp: nack asks for too much")
    return tuple(sequences)


def _parse_remb(sender: int, body: bytes) -> Remb:
    (packed,) = _SSRC.unpack_from(body, 12)
    exponent, mantissa = packed >> 18 & 0x3F, packed & 0x3FFFF
    ssrcs = struct.unpack_from(f"!{packed >> 24}I", body, 16)
    return Remb(sender, mantissa << exponent, ssrcs)


def build(reports: Iterable[Report]) -> bytes:
    """One compound packet. First an SR or RR and a SourceDescription, unless reduced size is on.

    REMB and TransportFeedback are not built here. Raises: ValueError: those, or >31 entries.
    """
    return b"".join(_build_one(report) for report in reports)


def _build_one(report: Report) -> bytes:
    match report:
        case SenderReport(ssrc, ntp, timestamp, packets, octets, blocks):
            counted = (packets & 0xFFFFFFFF, octets & 0xFFFFFFFF)
            head = _SENDER.pack(ssrc, ntp, timestamp, *counted)
            return _packet(_SR, len(blocks), head + _build_blocks(blocks))
        case ReceiverReport(ssrc, blocks):
            return _packet(_RR, len(blocks), _SSRC.pack(ssrc) + _build_blocks(blocks))
        case SourceDescription(cnames):
            return _packet(_SDES, len(cnames), b"".join(_chunk(*cname) for cname in cnames))
        case Bye(ssrcs):
            return _packet(_BYE, len(ssrcs), struct.pack(f"!{len(ssrcs)}I", *ssrcs))
        case Nack(sender, media, sequences):
            return _packet(_RTPFB, _NACK, _TWO_SSRCS.pack(sender, media) + _nack_pairs(sequences))
        case Pli(sender, media):
            return _packet(_PSFB, _PLI, _TWO_SSRCS.pack(sender, media))
        case Fir(sender, requests):
            entries = b"".join(_TWO_SSRCS.pack(ssrc, number << 24) for ssrc, number in requests)
            return _packet(_PSFB, _FIR, _TWO_SSRCS.pack(sender, 0) + entries)
        case _:
            raise ValueError(f"{type(report).__name__} is not built here")


def _packet(kind: int, count: int, body: bytes) -> bytes:
    if count > 31:
        raise ValueError("at most 31 entries in one RTCP packet")
    return _HEADER.pack(0x80 | count, kind, len(body) // 4) + body


def _build_blocks(blocks: Sequence[ReportBlock]) -> bytes:
    return b"".join(
        _BLOCK.pack(
            block.ssrc,
            block.fraction_lost << 24 | max(-0x800000, min(block.lost, 0x7FFFFF)) & 0xFFFFFF,
            block.highest_sequence,
            block.jitter,
            block.last_sr,
            block.delay_since_sr,
        )
        for block in blocks
    )


def _chunk(ssrc: int, cname: str) -> bytes:
    name = cname.encode()[:255]
    chunk = _SSRC.pack(ssrc) + bytes((_CNAME, len(name))) + name
    return chunk + b"\0" * (4 - len(chunk) % 4)


def _nack_pairs(sequences: Iterable[int]) -> bytes:
    """PID and BLP pairs; ascending modulo 2**16 packs best."""
    pairs: list[tuple[int, int]] = []
    for sequence in sequences:
        if pairs:
            first, mask = pairs[-1]
            bit = (sequence - first - 1) & 0xFFFF
            if bit < 16:
                pairs[-1] = (first, mask | 1 << bit)
                continue
        pairs.append((sequence, 0))
    return b"".join(_PAIR.pack(*pair) for pair in pairs)


def described(ssrc: int) -> SourceDescription:
    """Our name for a source, as every report needs it beside it (RFC 3550 §6.1)."""
    return SourceDescription(((ssrc, "fengsui"),))


def ntp_time(unix_s: float) -> int:
    """Unix seconds as 64-bit NTP time."""
    return round((unix_s + _NTP_UNIX_OFFSET_S) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF


def middle(ntp: int) -> int:
    """The middle 32 bits of an NTP time, as `last_sr` holds them."""
    return ntp >> 16 & 0xFFFFFFFF


def round_trip_s(block: ReportBlock, now_ntp: int) -> float | None:
    """Round-trip time a report block proves (RFC 3550 §6.4.1); None without SR or when absurd."""
    if block.last_sr == 0:
        return None
    trip = (middle(now_ntp) - block.last_sr - block.delay_since_sr) & 0xFFFFFFFF
    return trip / 65536 if trip < 60 << 16 else None
