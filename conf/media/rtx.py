"""How much may be repeated, and how often."""

from array import array
from typing import Final

NONE: Final = -1
BURST_S: Final = 0.5  # of the rate may be spent at once,
LEAST_BURST_BYTES: Final = 6_000  # but half a small key frame in any case
_SLOTS: Final = 512


class RepairLimit:
    """Holds one subscriber's repetitions to a share of its bandwidth, and each to one per RTT.

    A link that loses a third would otherwise be filled with repetitions of repetitions.
    """

    __slots__ = ("_burst_bytes", "_last_us", "_numbers", "_spent_bytes", "_stamp_us")

    def __init__(self, burst_bytes: int = 30_000) -> None:
        """`burst_bytes`: may be spent at once, by however good a link."""
        self._burst_bytes = burst_bytes
        self._spent_bytes = 0.0
        self._stamp_us = 0
        self._numbers = array("i", [NONE]) * _SLOTS
        self._last_us = array("q", [0]) * _SLOTS

    def note(self, sequence: int, now_us: int) -> None:
        """It is on its way again, at nobody's request and out of another budget."""
        place = sequence & (_SLOTS - 1)
        self._numbers[place], self._last_us[place] = sequence, now_us

    def copies(
        self,
        sequence: int,
        size: int,
        now_us: int,
        *,
        round_trip_us: int,
        repair_bps: int,
        times: int = 1,
    ) -> int:
        """How often out number `sequence`, `size` bytes, may be repeated now; spends the budget.

        `times` at most; twice when it was repeated before: that was lost as well, and each round
        trip is a freeze.
        """
        place = sequence & (_SLOTS - 1)
        is_repeated = self._numbers[place] == sequence
        if is_repeated and now_us - self._last_us[place] < round_trip_us:
            return 0
        regained = (now_us - self._stamp_us) * repair_bps / 8_000_000
        self._spent_bytes = max(0.0, self._spent_bytes - regained)
        self._stamp_us = now_us
        burst = max(LEAST_BURST_BYTES, int(repair_bps * BURST_S / 8))
        left = min(self._burst_bytes, burst) - self._spent_bytes
        count = min(2 if is_repeated else times, int(left // size)) if size else 1
        if count <= 0:
            return 0
        self._spent_bytes += count * size
        self._numbers[place] = sequence
        self._last_us[place] = now_us
        return count
