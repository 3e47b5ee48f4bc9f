"""Waiting for work unless a stop comes first."""

import asyncio

import pytest

from sms.deadline import unless


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
