"""How often one caller may ask; counted in this process."""

from limits import parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from core.errors import TooMany


class Limiter:
    """Sliding windows per name and caller (`limits` library)."""

    def __init__(self) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def hit(self, rate: str, name: str, caller: str) -> None:
        """Count one request of `caller` against `rate`, as `20/minute`.

        Raises: TooMany.
        """
        if not await self._limiter.hit(parse(rate), name, caller):
            raise TooMany("too many requests; wait a moment", code="rate")
