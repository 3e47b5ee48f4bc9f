"""What can be repeated and what should be: indexes only; the bytes belong to the caller."""

from array import array
from typing import Final

NONE: Final = -1
_SLOTS: Final = 512


class RingIndex:
    """Where in a ring of `capacity` buffers a layer's packet `sequence` lies."""

    __slots__ = ("_arrived_us", "_mask", "_max_age_us", "_numbers")

    def __init__(self, capacity: int, max_age_us: int = 1_500_000) -> None:
        """`capacity`: a power of two; `max_age_us`: older packets are not found."""
        if capacity < 1 or capacity & (capacity - 1):
            raise ValueError("the capacity of a ring is a power of two")
        self._mask = capacity - 1
        self._max_age_us = max_age_us
        self._numbers = array("i", [NONE]) * capacity
        self._arrived_us = array("q", [0]) * capacity

    def put(self, sequence: int, now_us: int) -> int:
        """The place for packet `sequence`; what lay there is forgotten."""
        place = sequence & self._mask
        self._numbers[place] = sequence
        self._arrived_us[place] = now_us
        return place

    def find(self, sequence: int, now_us: int) -> int:
        """The place of packet `sequence`, or NONE."""
        place = sequence & self._mask
        is_there = self._numbers[place] == sequence
        return place if is_there and now_us - self._arrived_us[place] <= self._max_age_us else NONE


class RepairLimit:
    """Holds one subscriber's repetitions to a share of its bandwidth, and each to one per RTT.

    A link that loses a third would otherwise be filled with repetitions of repetitions.
    """

    __slots__ = ("_burst_bytes", "_last_us", "_numbers", "_spent_bytes", "_stamp_us")

    def __init__(self, burst_bytes: int = 30_000) -> None:
        """`burst_bytes`: may be spent at once."""
        self._burst_bytes = burst_bytes
        self._spent_bytes = 0.0
        self._stamp_us = 0
        self._numbers = array("i", [NONE]) * _SLOTS
        self._last_us = array("q", [0]) * _SLOTS

    def allows(
        self, sequence: int, size: int, now_us: int, *, round_trip_us: int, repair_bps: int
    ) -> bool:
        """May out number `sequence`, `size` bytes, be repeated now? True spends the budget."""
        place = sequence & (_SLOTS - 1)
        is_repeated = self._numbers[place] == sequence
        if is_repeated and now_us - self._last_us[place] < round_trip_us:
            return False
        regained = (now_us - self._stamp_us) * repair_bps / 8_000_000
        self._spent_bytes = max(0.0, self._spent_bytes - regained)
        self._stamp_us = now_us
        if self._spent_bytes + size > self._burst_bytes:
            return False
        self._spent_bytes += size
        self._numbers[place] = sequence
        self._last_us[place] = now_us
        return True
