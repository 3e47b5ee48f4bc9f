"""A site's hard ceiling on what it may send, for those who do not heed the answer's `b=` (pure).

What exceeds it is not forwarded, and never packet by packet: a layer is let through whole or not at
all, the largest going first, so that what remains can still be seen. Voices are counted, not cut.
"""

from typing import Final

BURST_S: Final = 0.5
LEAST_BURST: Final = 30_000  # bytes; a key frame
OPEN_AFTER: Final = 5  # seconds in a row in which a closed rank would have fitted
VOICE: Final = 0
FORGETTING: Final = 0.98  # per second


class Policer:
    """A token bucket over ranks: 0 voice, then the pictures, the first to go last.

    `open_rank`: the highest that passes now. Owner: the participant's Publisher.
    """

    __slots__ = (
        "_bps",
        "_burst",
        "_fits",
        "_octets",
        "_rates",
        "_stamp_us",
        "_tokens",
        "dropped",
        "open_rank",
    )

    def __init__(self, bps: int, ranks: int) -> None:
        """`ranks`: how many there are, voice included."""
        self._octets = [0] * ranks  # in this second
        self._rates = [0.0] * ranks  # of the last second in which it carried something
        self._fits = 0
        self._stamp_us = -1
        self._burst = self._tokens = 0.0
        self.open_rank = ranks - 1
        self.dropped = 0
        self._bps = 0
        self.set_ceiling(bps)

    def set_ceiling(self, bps: int) -> None:
        """Holds from the next packet on; a higher one opens at once what would have fitted."""
        if bps == self._bps:
            return
        is_raised, self._bps = bps > self._bps, bps
        before, self._burst = self._burst, max(LEAST_BURST, bps * BURST_S / 8)
        if self._stamp_us < 0:
            self._tokens = self._burst
        elif is_raised:
            self._tokens += self._burst - before  # room for the key frames that will be asked for
        else:
            self._tokens = min(self._tokens, self._burst)
        while is_raised and self._next_fits():
            self.open_rank, self._fits = self.open_rank + 1, 0

    def admits(self, rank: int, size: int, now_us: int) -> bool:
        """May a packet of `size` bytes pass?"""
        self._octets[rank] += size
        if rank > self.open_rank:
            self.dropped += 1
            return False
        if self._stamp_us >= 0:
            regained = (now_us - self._stamp_us) * self._bps / 8_000_000
            self._tokens = min(self._burst, self._tokens + regained)
        self._stamp_us = now_us
        if self._tokens < size and rank != VOICE:
            self._close()
            if rank > self.open_rank:
                self.dropped += 1
                return False
        self._tokens = max(-self._burst, self._tokens - size)
        return True

    def _close(self) -> None:
        """The highest rank that carries something goes; the others get time to be enough."""
        busy = (rank for rank in range(self.open_rank, VOICE, -1) if self._octets[rank])
        self.open_rank = next(busy, self.open_rank) - 1
        self._tokens = self._burst / 2
        self._fits = 0

    def each_second(self) -> None:
        """Open the next rank again once it would have fitted for a while.

        A silent one is taken for what it was, slowly forgotten: it may be paused for our sake.
        """
        known = zip(self._octets, self._rates, strict=True)
        self._rates = [8 * octets if octets else FORGETTING * rate for octets, rate in known]
        self._octets = [0] * len(self._rates)
        self._fits = self._fits + 1 if self._next_fits() else 0
        if self._fits >= OPEN_AFTER:
            self.open_rank, self._fits = self.open_rank + 1, 0

    def _next_fits(self) -> bool:
        """Would the next rank have fitted in the last second? Not when there is none."""
        count = self.open_rank + 2
        return count <= len(self._rates) and sum(self._rates[:count]) <= self._bps
