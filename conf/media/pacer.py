"""When a packet may leave, so that a key frame does not drown a weak link in one burst.

Pure: it says a time, the caller holds the packet. With headroom a burst passes at once and stays in
one system call; on a tight link pictures leave at 1.5 times the estimate, audio never waits.
"""

from typing import Final

HEADROOM: Final = 2.5
_FACTOR: Final = 1.5
_MAX_WAIT_US: Final = 250_000  # beyond it the queue is drained faster: late pictures help nobody


class Pacer:
    """One subscriber's queue as a point in time: when its last packet will have left."""

    __slots__ = ("_bps", "_busy_until_us", "passes_at_once")

    def __init__(self) -> None:
        self._bps = 1.0
        self._busy_until_us = 0
        self.passes_at_once = True

    def set_rates(self, estimate_bps: int, sending_bps: int) -> None:
        """Call when the estimate changes. `sending_bps`: what is being sent in all."""
        self.passes_at_once = estimate_bps >= HEADROOM * sending_bps
        self._bps = max(1.0, _FACTOR * estimate_bps)

    def leave_at(self, size: int, now_us: int) -> int:
        """When a picture's packet of `size` bytes may leave; `now_us` means now.

        Times never go back, so packets keep their order even when headroom appears: what is queued
        leaves first. Not for audio: see `pass_audio`.
        """
        start = max(now_us, self._busy_until_us)
        if self.passes_at_once and start == now_us:
            return now_us
        wait = start - now_us
        rate = self._bps * max(1.0, wait / _MAX_WAIT_US)
        self._busy_until_us = start + int(size * 8_000_000 / rate)
        return start

    def pass_audio(self, size: int, now_us: int) -> None:
        """Audio of `size` bytes leaves at once; what waits behind it waits that much longer."""
        if self._busy_until_us > now_us:
            self._busy_until_us += int(size * 8_000_000 / self._bps)
