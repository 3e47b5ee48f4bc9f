"""Clocks: what sleepers and stored deadlines may rely on."""

import asyncio
from datetime import UTC, datetime

import pytest

from core.clock import MovableClock, SystemClock

START = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)


async def test_advance_wakes_exactly_the_sleepers_that_are_due() -> None:
    clock = MovableClock(START, frozen=True)
    short, long = asyncio.create_task(clock.sleep(60)), asyncio.create_task(clock.sleep(600))
    await asyncio.sleep(0)
    clock.advance(60)
    await short
    assert not long.done()
    clock.advance(540)
    await long


async def test_advance_moves_wall_and_monotonic_time_alike() -> None:
    clock = MovableClock(START, frozen=True)
    before = clock.monotonic()
    clock.advance(90)
    assert clock.monotonic() - before == 90
    assert (clock.now() - START).total_seconds() == 90


async def test_a_stepped_wall_clock_leaves_durations_alone() -> None:
    clock = MovableClock(START, frozen=True)
    before = clock.monotonic()
    clock.step_wall(-3600)
    assert clock.monotonic() == before
    assert (clock.now() - START).total_seconds() == -3600


async def test_a_running_movable_clock_ends_short_sleeps_by_itself() -> None:
    clock = MovableClock(START)
    async with asyncio.timeout(10):
        await clock.sleep(0.01)
        await clock.sleep(0)


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    clock = MovableClock(START, frozen=True)
    sleeper = asyncio.create_task(clock.sleep(10))
    await asyncio.sleep(0)
    sleeper.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeper
    clock.advance(20)  # nobody is left to wake


def test_a_monotonic_clock_cannot_go_back() -> None:
    with pytest.raises(ValueError, match="step_wall"):
        MovableClock(START).advance(-1)


async def test_the_system_clock_is_aware_and_in_utc() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    before = clock.monotonic()
    await clock.sleep(0.001)
    assert clock.monotonic() > before
