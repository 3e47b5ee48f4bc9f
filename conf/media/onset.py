"""Where a permission begins: nothing said or shown before it passes after it (RFC 2198, 6716).

A site that may speak again still has on its way what was said while it might not: packets that
come late or are repaired, the voices before its own in each RED packet, and the coarse copy of the
one before in an Opus packet with in-band FEC. The first packet that comes after the permission is
where it begins; of an older one nothing is kept.
"""

from typing import Final

from conf.media.errors import DecodeError
from conf.media.opus import repeats_earlier
from conf.media.rtp import Packet, read_red
from conf.media.sdp import CodecName

_NEVER: Final = 1 << 62
# A RED block reaches back 14 bits of 48 kHz, an Opus packet is 120 of them at least (2.5 ms).
MOST_PACKETS: Final = (1 << 14) // 120 + 1
_M32: Final = 0xFFFFFFFF


class Onset:
    """Owner: the Layer. `until`: packets with a higher extended number need no look."""

    __slots__ = ("_after", "_timestamp", "until")

    def __init__(self) -> None:
        self.begin(-1)

    def begin(self, highest: int) -> None:
        """Permission begins now; packets up to the extended number `highest` have come."""
        self._after = highest
        self._timestamp = -1  # of the first packet after it, once that has come
        self.until = _NEVER

    def admits(self, ext: int, packet: Packet, memory: memoryview, codec: CodecName) -> bool:
        """May this packet pass? Cuts older voices out of it, in place; asked again, nothing.

        Of a first packet that repeats another inside its Opus nothing can be cut: it is left out.
        """
        if ext <= self._after:
            return False
        if self._timestamp < 0:
            self._timestamp = packet.timestamp
            self.until = ext + MOST_PACKETS
            if _is_tied(packet, memory, codec):
                self._after, self._timestamp = ext, (packet.timestamp + 1) & _M32
                return False
        if codec is CodecName.RED:
            age = packet.timestamp - self._timestamp & _M32
            return cut_older(packet, memory, age if age < 1 << 31 else -1)
        return True


def _is_tied(packet: Packet, memory: memoryview, codec: CodecName) -> bool:
    """Does its own voice carry the one before? Also when it cannot be read."""
    start = packet.payload
    if codec is CodecName.RED:
        try:
            start = read_red(memory, start, packet.payload_end)[-1][2]
        except DecodeError:
            return True
    elif codec is not CodecName.OPUS:
        return False
    return repeats_earlier(bytes(memory[start : packet.payload_end]))


def cut_older(packet: Packet, memory: memoryview, age: int) -> bool:
    """Leave out the voices of a RED packet that are older than `age` ticks before its own.

    What is left is moved up to its end. Returns: False when it cannot be read.
    """
    start, end = packet.payload, packet.payload_end
    try:
        *earlier, own = read_red(memory, start, end)
    except DecodeError:
        return False
    kept = [i for i, block in enumerate(earlier) if block[1] <= age]
    if len(kept) == len(earlier):
        return True
    heads = [bytes(memory[start + 4 * i : start + 4 * i + 4]) for i in kept]
    voices = [bytes(memory[first:stop]) for _, _, first, stop in (*(earlier[i] for i in kept), own)]
    shorter = b"".join((*heads, bytes((own[0],)), *voices))
    packet.payload = end - len(shorter)
    memory[packet.payload : end] = shorter
    return True
