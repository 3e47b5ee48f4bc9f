"""Waiting with a limit: a time on the clock passed in, or an event."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from core.clock import Clock

T = TypeVar("T")


async def within(clock: Clock, seconds: float, waited: "asyncio.Future[T]") -> T:
    """The result of `waited`. Raises: TimeoutError after `seconds`; `waited` is left alone."""
    if waited.done():
        return waited.result()
    waited.add_done_callback(_forget)  # it may fail after we have gone, by a limit or cancelled
    timer: asyncio.Future[Any] = asyncio.ensure_future(clock.sleep(seconds))
    both: set[asyncio.Future[Any]] = {waited, timer}
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        timer.cancel()
    if waited.done():
        return waited.result()
    raise TimeoutError


async def unless(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """The result of `work`; None, and `work` cancelled, if `stop` is set first."""
    working, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    working.add_done_callback(_forget)
    tasks: set[asyncio.Future[Any]] = {working, stopped}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _forget(late: "asyncio.Future[Any]") -> None:
    """Nobody waits for it any more; its error is not news."""
    if not late.cancelled():
        late.exception()
