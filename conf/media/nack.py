"""Which missing packets of one layer to ask its publisher for, and when (RFC 4585 §6.2.1).

A hole is asked for once it has outlived reordering, then again with a growing pause of round
trips, until about a second has passed; then only a key frame can help.
"""

from typing import Final

REORDER_GUARD_S: Final = 0.015
GIVE_UP_S: Final = 1.0
MAX_MISSING: Final = 512
MAX_TRIES: Final = 10
MAX_JUMP: Final = 3_000
_MIN_PAUSE_S: Final = 0.02
_BACK_OFF: Final = 1.5
_FIRST: Final = 1 << 16  # unwrapped numbers stay positive


class NackGenerator:
    """One layer's holes. Repaired packets are given to `add` too. Times in seconds, any clock."""

    __slots__ = ("_highest", "_missing", "given_up")

    def __init__(self) -> None:
        self._highest = 0
        # unwrapped number → [missing since, next request at, requests so far]
        self._missing: dict[int, list[float]] = {}
        self.given_up = (
            0  # holes that will not be filled; the owner asks for a key frame and resets
        )

    def add(self, sequence: int, now_s: float) -> None:
        """Note a packet, in whatever order."""
        highest = self._highest
        if (sequence - highest) & 0xFFFF == 1 and highest:
            self._highest = highest + 1  # the usual
            return
        if highest == 0:
            self._highest = _FIRST + sequence
            return
        step = ((sequence - highest + 0x8000) & 0xFFFF) - 0x8000
        if step > 1:
            self._highest = highest + step
            self._open(highest + 1, highest + step, now_s)
        elif step < -MAX_JUMP:
            self._restart(sequence)
        elif self._missing:
            self._missing.pop(highest + step, None)

    def _open(self, first: int, stop: int, now_s: float) -> None:
        if stop - first > MAX_JUMP:
            self._restart(stop & 0xFFFF)
            return
        due_s = now_s + REORDER_GUARD_S
        for number in range(max(first, stop - MAX_MISSING), stop):
            self._missing[number] = [now_s, due_s, 0]
        self.given_up += max(0, stop - first - MAX_MISSING)
        while len(self._missing) > MAX_MISSING:
            del self._missing[next(iter(self._missing))]
            self.given_up += 1

    def _restart(self, sequence: int) -> None:
        self._highest = _FIRST + sequence
        self._missing.clear()

    def on_key_frame(self, sequence: int) -> None:
        """A key frame begins at `sequence`: nobody needs what is missing before it."""
        first = self._highest + ((sequence - self._highest + 0x8000) & 0xFFFF) - 0x8000
        for number in [number for number in self._missing if number < first]:
            del self._missing[number]

    def due(self, now_s: float, round_trip_s: float) -> list[int]:
        """Numbers to ask for now, oldest first; call about every 10 ms unless `is_idle`."""
        asked: list[int] = []
        for number, hole in list(self._missing.items()):
            since_s, due_s, tries = hole
            if now_s - since_s >= GIVE_UP_S or tries >= MAX_TRIES:
                del self._missing[number]
                self.given_up += 1
            elif now_s >= due_s:
                pause_s = max(_MIN_PAUSE_S, round_trip_s) * _BACK_OFF**tries
                hole[1], hole[2] = now_s + pause_s, tries + 1
                asked.append(number & 0xFFFF)
        return asked

    @property
    def is_idle(self) -> bool:
        """True when nothing is missing: `due` need not be called."""
        return not self._missing
