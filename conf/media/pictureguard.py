"""Pictures of a long, lossy link are sent twice, unasked (RFC 4588): by satellite, for example.

There a repetition that is asked for comes half a second after its time, and each is a freeze. Sent
once more a moment later by itself, a packet is lost only when both are: one in four hundred at 5 %.
It costs what the picture costs, so it is planned with, and done only where there is room.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from conf.media.downslot import DownSlot
from conf.media.model import SlotKind

LONG_S: Final = 0.2  # a round trip from which on asking comes too late
NEAR: Final = 0.02  # share of packets that do not arrive, from which on it is worth it,
FAR: Final = 0.15  # and from which on twice
SURE_S: Final = 3.0  # so long it must last: a probe that found the link full loses packets as well
QUIET_S: Final = 10.0  # stays on for so long after the loss has gone
# Times a picture's rate, by how often it is repeated: some packets are asked for all the same.
COSTS: Final = (1.0, 2.2, 3.3)
ROOM: Final = 1.15  # times that rate must be left beside the pictures, for each repeat
MOST_AT_ONCE: Final = 64  # packets of a slot, of those a tick finds
_REPORTS: Final = 12  # about ten seconds of them: a queue makes one round trip long, not the link


class _Lasting:
    """On when a share has been `limit` or more for a while; off a while after."""

    __slots__ = ("_is_on", "_last_at", "_limit", "_since")

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._is_on = False
        self._since: float | None = None
        self._last_at = -1e9

    def look(self, share: float, now: float) -> bool:
        """It is `share` now. What wavers about the limit is not begun with anew."""
        if share < self._limit / 2:
            self._since = None
        elif share >= self._limit:
            self._last_at = now
            self._since = now if self._since is None else self._since
            self._is_on = self._is_on or now - self._since >= SURE_S
        if now - self._last_at > QUIET_S:
            self._is_on = False
        return self._is_on


class LongLink:
    """Is this a link for it? Owner: the participant's DownBudget."""

    __slots__ = ("_far", "_near", "_trips_s")

    def __init__(self) -> None:
        self._trips_s: deque[float] = deque(maxlen=_REPORTS)
        self._near, self._far = _Lasting(NEAR), _Lasting(FAR)

    def note(self, round_trip_s: float) -> None:
        """As a receiver report told it."""
        self._trips_s.append(round_trip_s)

    def wants(self, loss: float, now: float) -> int:
        """How often each packet is to be repeated. `loss`: share that does not arrive, 0..1."""
        count = self._near.look(loss, now) + self._far.look(loss, now)
        return count if self._trips_s and min(self._trips_s) >= LONG_S else 0


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
        if not (times and self.times):
            self._before.clear()
            self._done.clear()
        self.times = times

    def due(self) -> Iterator[tuple[DownSlot, int]]:
        """Slot and number (16 bits) of what left between the last two calls.

        Not at once: what is lost comes in runs.
        """
        for slot in self._slots:
            newest = slot.newest_out
            before = self._before.get(slot.mid)
            self._before[slot.mid] = newest
            if before is None:
                continue
            done = max(self._done.get(slot.mid, before), before - MOST_AT_ONCE)
            self._done[slot.mid] = before
            for number in range(done + 1, before + 1):
                yield slot, number & 0xFFFF
