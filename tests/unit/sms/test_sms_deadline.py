"""Waiting for work unless a stop comes first."""

import asyncio
import gc
from typing import Any

import pytest

from core.clock import SystemClock
from sms.deadline import unless, within


async def _answer() -> str:
    await asyncio.sleep(0)
    return "done"


async def test_work_that_ends_first_is_the_result() -> None:
    assert await unless(asyncio.Event(), _answer()) == "done"


async def test_a_stop_cancels_the_work_and_waits_for_it() -> None:
    stop, seen = asyncio.Event(), list[str]()

    async def endless() -> None:
        try:
            stop.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            seen.append("cleaned up")

    assert await unless(stop, endless()) is None
    assert seen == ["cleaned up"]


async def test_an_error_of_the_work_is_raised() -> None:
    async def fails() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await unless(asyncio.Event(), fails())


async def test_who_is_cancelled_cancels_the_work() -> None:
    seen = list[str]()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("cancelled")

    waiting = asyncio.create_task(unless(asyncio.Event(), endless()))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert seen == ["cancelled"]


async def test_what_fails_when_nobody_waits_any_more_is_no_news() -> None:
    """Its waiter was cancelled; asyncio would call the error lost."""
    lost: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: lost.append(context))
    answer: asyncio.Future[None] = loop.create_future()
    waiting = asyncio.create_task(within(SystemClock(), 60.0, answer))
    stop = asyncio.Event()

    async def fails_at_the_stop() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("the port was closed")

    stopping = asyncio.create_task(unless(stop, fails_at_the_stop()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    stop.set()
    await asyncio.wait({waiting})
    assert await stopping is None
    answer.set_exception(ValueError("the port was closed"))
    await asyncio.sleep(0)
    del answer, waiting, stopping
    gc.collect()
    assert not lost
