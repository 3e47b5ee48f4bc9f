"""Time, passed in. Nothing else in the product reads a clock, so tests and the demo can move it."""

import asyncio
import heapq
import time
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Protocol


class Clock(Protocol):
    """Wall time for people and stored deadlines, monotonic time for durations."""

    def now(self) -> datetime:
        """The wall time, aware, in UTC."""

    def monotonic(self) -> float:
        """Seconds that never step back; only differences mean anything."""

    async def sleep(self, seconds: float) -> None:
        """Wait `seconds` of this clock."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class MovableClock:
    """A clock that runs with the machine's and can also be moved.

    `advance` moves wall and monotonic time and wakes every sleeper now due. `step_wall` moves the
    wall clock alone, as a wrong NTP server would. `frozen`: time stands unless moved.
    One event loop owns an instance.
    """

    def __init__(self, start: datetime | None = None, *, frozen: bool = False) -> None:
        self._frozen = frozen
        self._origin = time.monotonic()
        self._start = start or datetime.now(UTC)
        self._moved = 0.0
        self._stepped = timedelta()
        self._sleepers: list[tuple[float, int, asyncio.Event]] = []
        self._order = count()

    def monotonic(self) -> float:
        running = 0.0 if self._frozen else time.monotonic() - self._origin
        return running + self._moved

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic()) + self._stepped

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        due = self.monotonic() + seconds
        woken = asyncio.Event()
        entry = (due, next(self._order), woken)
        heapq.heappush(self._sleepers, entry)
        try:
            while self.monotonic() < due:
                if self._frozen:
                    await woken.wait()
                    return
                try:
                    async with asyncio.timeout(max(0.0, due - self.monotonic())):
                        await woken.wait()
                        return
                except TimeoutError:
                    continue
        finally:
            if entry in self._sleepers:
                self._sleepers.remove(entry)
                heapq.heapify(self._sleepers)

    def advance(self, seconds: float) -> None:
        """Move both clocks ahead by `seconds` ≥ 0."""
        if seconds < 0:
            raise ValueError("a monotonic clock cannot go back; use step_wall")
        self._moved += seconds
        now = self.monotonic()
        while self._sleepers and self._sleepers[0][0] <= now:
            heapq.heappop(self._sleepers)[2].set()

    def step_wall(self, seconds: float) -> None:
        """Move only the wall clock, forward or back."""
        self._stepped += timedelta(seconds=seconds)
