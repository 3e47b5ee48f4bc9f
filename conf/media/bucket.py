"""A limit on how often something costly is done, whoever asks for it."""


class Bucket:
    """`rate_hz` a second on the average, `burst` at once."""

    __slots__ = ("_at", "_burst", "_rate_hz", "_tokens")

    def __init__(self, rate_hz: float, burst: float) -> None:
        self._rate_hz = rate_hz
        self._burst = self._tokens = burst
        self._at = 0.0

    def take(self, now: float) -> bool:
        """One now? True uses it up. `now`: monotonic seconds."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate_hz)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
