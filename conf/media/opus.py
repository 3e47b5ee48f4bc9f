"""What the bridge reads in an Opus packet (RFC 6716): does it repeat the one before it?"""

from typing import Final

_CELT_FIRST: Final = 0x80  # the first byte of what has no SILK part, and so no repetition
_HYBRID_FIRST: Final = 12  # of the configurations; SILK alone before
_SILK_FRAMES: Final = (1, 1, 2, 3)  # in 10, 20, 40 and 60 ms
_LONG: Final = 252  # a frame's length of so much or more takes two bytes
_VARIABLE, _PADDED, _COUNT = 0x80, 0x40, 0x3F


def repeats_earlier(packet: bytes) -> bool:
    """Is there a coarse copy of the packet before in it (in-band FEC, §2.1.7)?

    Its flag stands in the first byte of the first frame, not compressed (§4.2.3). False for what
    is no Opus.
    """
    if len(packet) < 2 or packet[0] >= _CELT_FIRST:
        return False
    configuration = packet[0] >> 3
    frames = _SILK_FRAMES[configuration & 3] if configuration < _HYBRID_FIRST else 1
    flags = 0x80 >> frames
    if packet[0] & 4:  # stereo: the same again
        flags |= flags >> frames + 1
    try:
        return bool(packet[_first_frame(packet)] & flags)
    except IndexError:
        return False


def _first_frame(packet: bytes) -> int:
    """Where the first frame begins (§3.2); past the end when the lengths do not fit."""
    code = packet[0] & 3
    if code < 2:
        return 1
    if code == 2:
        at, size = _length(packet, 1)
        return at if at + size <= len(packet) else len(packet)
    at, size, head = 2, 0, packet[1]
    if head & _PADDED:
        while packet[at] == 255:
            at += 1
        at += 1
    if head & _VARIABLE:
        for _ in range((head & _COUNT) - 1):
            at, more = _length(packet, at)
            size += more
    return at if at + size <= len(packet) else len(packet)


def _length(packet: bytes, at: int) -> tuple[int, int]:
    """After the length of a frame at `at`, and that length (§3.2.1)."""
    if packet[at] < _LONG:
        return at + 1, packet[at]
    return at + 2, packet[at] + 4 * packet[at + 1]
