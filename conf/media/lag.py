"""How late the loop runs: the figure that tells whether a voice would be delayed."""

from collections import deque
from typing import Final

LATELY_S: Final = 10.0


class LagMeter:
    """Delays of the last ten seconds, each with when it was, in seconds."""

    def __init__(self) -> None:
        self._late: deque[tuple[float, float]] = deque()

    def add(self, now: float, late_s: float) -> None:
        """Something due came so late."""
        late = self._late
        late.append((now, late_s))
        while late[0][0] < now - LATELY_S:
            late.popleft()

    def p99(self) -> float:
        """Ninety-nine of a hundred were at most so late; 0 before the first."""
        if not self._late:
            return 0.0
        ordered = sorted(late_s for _, late_s in self._late)
        return max(0.0, ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))])
