"""The simulator's time: it runs with the machine's and can be moved ahead."""

import asyncio
import heapq
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count


class Agenda:
    """Clock and to-do list in one; owned by the simulator's loop."""

    def __init__(self) -> None:
        self._ahead_s = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._timer: asyncio.TimerHandle | None = None

    def now(self) -> datetime:
        """Wall time of the simulated world, aware, UTC."""
        return datetime.now(UTC) + timedelta(seconds=self._ahead_s)

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead_s

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Run `act` in `seconds` of this clock; at once, but never before returning, if ≤ 0."""
        heapq.heappush(self._due, (self.monotonic() + max(0.0, seconds), next(self._order), act))
        self._set_timer()

    def advance(self, seconds: float) -> None:
        """Move ahead; everything due by then runs now, in order."""
        self._ahead_s += seconds
        self._run_due()

    def _run_due(self) -> None:
        self._timer = None
        while self._due and self._due[0][0] <= self.monotonic():
            heapq.heappop(self._due)[2]()
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._due:
            delay = max(0.0, self._due[0][0] - self.monotonic())
            self._timer = asyncio.get_running_loop().call_later(delay, self._run_due)
