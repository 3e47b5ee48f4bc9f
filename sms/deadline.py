"""Waiting with a limit on the clock passed in."""

import asyncio
from typing import Any, TypeVar

from core.clock import Clock

T = TypeVar("T")


async def within(clock: Clock, seconds: float, waited: "asyncio.Future[T]") -> T:
    """The result of `waited`. Raises: TimeoutError after `seconds`; `waited` is left alone."""
    if waited.done():
        return waited.result()
    timer: asyncio.Future[Any] = asyncio.ensure_future(clock.sleep(seconds))
    both: set[asyncio.Future[Any]] = {waited, timer}
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        timer.cancel()
    if waited.done():
        return waited.result()
    waited.add_done_callback(_forget)
    raise TimeoutError


def _forget(late: "asyncio.Future[Any]") -> None:
    """Nobody waits for it any more; its error is not news."""
    if not late.cancelled():
        late.exception()
