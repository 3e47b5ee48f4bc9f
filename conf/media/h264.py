"""H.264 key frame detection in RTP payloads (RFC 6184 §5.2: single NAL unit, STAP-A, FU-A)."""

from typing import Final

from conf.media.errors import DecodeError

_IDR, _SPS, _PPS, _STAP_A, _FU_A = 5, 7, 8, 24, 28
_MAX_AGGREGATED: Final = 32

Buffer = bytearray | memoryview | bytes


def starts_key_frame(buffer: Buffer, start: int, end: int) -> bool:
    """True for the first packet of a decodable picture: an SPS, alone or aggregated, or an IDR.

    Browsers send SPS, PPS and IDR together in front; a camera may send the parameter sets apart,
    so the SPS counts as the start. An IDR without SPS counts too: some cameras give the sets in
    their SDP only. A FU-A counts by its first fragment.

    Raises: DecodeError: empty, or an aggregate or fragment that overruns the payload.
    """
    if start >= end:
        raise DecodeError("h264: empty payload")
    kind = buffer[start] & 0x1F
    if kind == _STAP_A:
        return _has_key_unit(buffer, start + 1, end)
    if kind == _FU_A:
        if start + 2 > end:
            raise DecodeError("h264: fragment without its header")
        header = buffer[start + 1]
        return header & 0x80 != 0 and header & 0x1F in (_IDR, _SPS)
    return kind in (_IDR, _SPS)


def _has_key_unit(buffer: Buffer, at: int, end: int) -> bool:
    found = False
    for _ in range(_MAX_AGGREGATED):
        if at == end:
            return found
        if at + 2 > end:
            break
        size = buffer[at] << 8 | buffer[at + 1]
        if size == 0 or at + 2 + size > end:
            break
        found = found or buffer[at + 2] & 0x1F in (_IDR, _SPS)
        at += 2 + size
    raise DecodeError("h264: aggregate overruns the payload")


def is_parameter_set(buffer: Buffer, start: int, end: int) -> bool:
    """True for a lone SPS or PPS packet: keep it for late joiners. Empty payloads are not."""
    return start < end and buffer[start] & 0x1F in (_SPS, _PPS)
