"""Pictures of a long, lossy link are sent twice, unasked (RFC 4588): by satellite, for example.

There a repetition that is asked for comes half a second after its time, and each is a freeze. Sent
once more a moment later by itself, a packet is lost only when both are: one in four hundred at 5 %.
It costs what the picture costs, so it is planned with, and done only where there is room.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from conf.media.downslot import DownSlot
from conf.media.model import SlotKind

LONG_S: Final = 0.2  # a round trip from which on asking comes too late
NEAR: Final = 0.02  # share of packets that do not arrive, from which on it is worth it,
FAR: Final = 0.15  # and from which on twice
QUIET_S: Final = 10.0  # stays on for so long after the loss has gone
COST: Final = 2.2  # times the picture's own rate: some repetitions are asked for all the same
ROOM: Final = 1.15  # times that rate must be left beside the pictures
MOST_AT_ONCE: Final = 64  # packets of a slot, of those a tick finds


class LongLink:
    """Is this a link for it? Owner: the participant's DownBudget."""

    __slots__ = ("_far_at", "_near_at", "round_trip_s")

    def __init__(self) -> None:
        self.round_trip_s = 0.0
        self._near_at = self._far_at = -1e9

    def wants(self, loss: float, now: float) -> int:
        """How often each packet is to be repeated. `loss`: share that does not arrive, 0..1."""
        if loss >= NEAR:
            self._near_at = now
        if loss >= FAR:
            self._far_at = now
        if self.round_trip_s < LONG_S:
            return 0
        return (now - self._near_at <= QUIET_S) + (now - self._far_at <= QUIET_S)


def affordable(wanted: int, pictures_bps: int, left_bps: int) -> int:
    """How often of the `wanted` there is room for. `left_bps`: beside pictures and voices."""
    return min(wanted, int(left_bps // (ROOM * pictures_bps))) if pictures_bps else 0


class PictureGuard:
    """Which packets are to be sent once more at each tick. Owner: the Subscriber."""

    __slots__ = ("_before", "_done", "_slots", "times")

    def __init__(self, slots: Sequence[DownSlot]) -> None:
        self._slots = [slot for slot in slots if slot.kind is not SlotKind.AUDIO]
        self.times = 0  # each packet is repeated
        self._before: dict[str, int] = {}  # by mid: the newest that had left at the last tick
        self._done: dict[str, int] = {}

    def repeat(self, times: int) -> None:
        """From now on; what left before the first time is not made up for."""
        if not times:
            self._before.clear()
            self._done.clear()
        self.times = times

    def due(self) -> Iterator[tuple[DownSlot, int]]:
        """Slot and number (16 bits) of what left between the last two calls.

        Not at once: what is lost comes in runs.
        """
        for slot in self._slots:
            newest, before = slot.row.last - len(slot.held), self._before.get(slot.mid)
            self._before[slot.mid] = newest
            if before is None:
                continue
            done = max(self._done.get(slot.mid, before), before - MOST_AT_ONCE)
            self._done[slot.mid] = before
            for number in range(done + 1, before + 1):
                yield slot, number & 0xFFFF
