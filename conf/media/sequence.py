"""One continuous series of numbers out of a source that is switched, thinned and reordered.

The same law serves RTP sequence numbers (16 bits) and VP8 picture ids (15 or 7 bits): what the
bridge leaves out closes up, what the network lost stays a gap (so that it can be NACKed), a late
packet gets the number of its place, and a new source goes on where the old one stopped.
"""

from bisect import bisect_left, bisect_right
from typing import Final

NONE: Final = -1
WINDOW: Final = 1_024  # how far back a late number is still placed
MAX_JUMP: Final = 3_000  # a longer step is a source that began anew (RFC 3550 A.1)


class Continuity:
    """Maps one source after another onto one series modulo 2**bits.

    Call `switch` before the first `map` of each source. Every number is then either mapped or
    dropped; `map` may see a number again (a repetition, or the next packet of the same picture).
    """

    __slots__ = (
        "_drops",
        "_first_in",
        "_first_out",
        "_floor_offset",
        "_half",
        "_highest",
        "_is_fresh",
        "_last_out",
        "_mask",
        "_max_jump",
        "_offset",
        "resyncs",
    )

    def __init__(self, first_out: int, bits: int = 16) -> None:
        """`first_out`: the first number of the series."""
        self._mask = (1 << bits) - 1
        self._half = 1 << (bits - 1)
        self._max_jump = min(MAX_JUMP, self._half // 2)
        self._last_out = (first_out & self._mask) - 1  # unwrapped
        self._first_out = self._last_out + 1
        self._drops: list[int] = []  # unwrapped source numbers, ascending, within WINDOW
        self._offset = 0  # out = in + offset for the newest
        self._floor_offset = 0  # the same before the first of _drops
        self._highest = 0  # newest source number, mapped or dropped, unwrapped
        self._first_in = 0
        self._is_fresh = True
        self.resyncs = 0  # how often a source jumped

    def switch(self, first: int) -> None:
        """A new source begins with its number `first`, which gets the next number out."""
        self._is_fresh = False
        self._first_in = first
        self._highest = first - 1
        self._first_out = self._last_out + 1
        self._offset = self._floor_offset = self._first_out - first
        self._drops.clear()

    def map(self, number: int) -> int:
        """The number out for source `number`, or NONE when it must not be sent.

        NONE: dropped before, from before the switch, or too late to be placed.
        """
        highest = self._highest
        step = ((number - highest + self._half) & self._mask) - self._half
        if step > 0:
            if step > self._max_jump:
                return self._resync(number)
            self._highest = highest + step
            out = self._last_out = highest + step + self._offset
            return out & self._mask
        return self._late(highest + step)

    def _late(self, number: int) -> int:
        if number < self._first_in or number <= self._highest - WINDOW:
            if self._highest - number > self._max_jump:
                return self._resync(number & self._mask)
            return NONE
        drops = self._drops
        place = bisect_left(drops, number)
        if place < len(drops) and drops[place] == number:
            return NONE
        return (number + self._floor_offset - place) & self._mask

    def _resync(self, number: int) -> int:
        """The source began anew: go on without a gap."""
        self.resyncs += 1
        self.switch(number)
        return self.map(number)

    def drop(self, number: int) -> int:
        """Leave source `number` out; the numbers after it close up.

        Returns: NONE; or, when later numbers are already out, the number that now stays empty:
        fill it with a packet of padding so that nobody asks for it.
        """
        highest = self._highest
        step = ((number - highest + self._half) & self._mask) - self._half
        if step <= 0:
            return self._late(highest + step)
        if step > self._max_jump:
            self._resync_dropped(number)
            return NONE
        self._highest = highest + step
        # Numbers lost before the dropped one keep their gap: the series counts them as sent.
        self._last_out = highest + step + self._offset - 1
        self._offset -= 1
        self._drops.append(self._highest)
        if len(self._drops) > WINDOW:
            self._forget()
        return NONE

    def _resync_dropped(self, number: int) -> None:
        self.resyncs += 1
        self.switch(number)
        self.drop(number)

    def _forget(self) -> None:
        old = bisect_left(self._drops, self._highest - WINDOW)
        del self._drops[:old]
        self._floor_offset -= old

    def is_dropped(self, number: int) -> bool:
        """True when `number` was left out by `drop`, as far as WINDOW reaches."""
        step = ((number - self._highest + self._half) & self._mask) - self._half
        drops = self._drops
        place = bisect_left(drops, self._highest + step)
        return place < len(drops) and drops[place] == self._highest + step

    def origin(self, out: int) -> int:
        """The source number behind `out`, for a NACK; NONE when it is not of the present source.

        What came before a switch is not worth repeating: the new source began with a key frame.
        """
        wanted = self._last_out + ((out - self._last_out + self._half) & self._mask) - self._half
        if self._is_fresh or not self._first_out <= wanted <= self._last_out:
            return NONE
        base = wanted - self._floor_offset
        drops = self._drops
        # drops[i] - i is where the i-th drop would have come out: all up to `base` precede it.
        passed = bisect_right(range(len(drops)), base, key=lambda index: drops[index] - index)
        return (base + passed) & self._mask
