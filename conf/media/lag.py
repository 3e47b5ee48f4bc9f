"""How late the loop runs: the figure that tells whether a voice would be delayed."""

from array import array
from typing import Final

WINDOW: Final = 1200  # ticks of 20 ms: the last 24 s


class LagMeter:
    """The tick delays of the last 24 s, in seconds."""

    def __init__(self) -> None:
        self._values = array("d")
        self._next = 0

    def add(self, late_s: float) -> None:
        """One tick came so late."""
        if len(self._values) < WINDOW:
            self._values.append(late_s)
        else:
            self._values[self._next] = late_s
            self._next = (self._next + 1) % WINDOW

    def p99(self) -> float:
        """Ninety-nine of a hundred ticks were at most so late; 0 before the first."""
        if not self._values:
            return 0.0
        ordered = sorted(self._values)
        return max(0.0, ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))])
