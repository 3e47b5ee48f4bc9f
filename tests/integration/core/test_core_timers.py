"""Durable timers: fire once, in time, across crashes, clock steps and processes."""

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from core import changes, timers
from core.clock import MovableClock, SystemClock
from core.database import Database, UnitOfWork
from core.errors import Unavailable
from core.timers import Timer, TimerRunner

ROOT = Path(__file__).resolve().parents[3]
START = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)


class Ringing:
    """A handler that leaves a change for each ring."""

    def __init__(self) -> None:
        self.rung: list[str] = []
        self.faults = 0

    async def __call__(self, uow: UnitOfWork, timer: Timer) -> None:
        await changes.publish(uow, "incidents", "bell.rung", {"key": timer.key})
        if self.faults:
            self.faults -= 1
            raise RuntimeError("the bell is stuck")
        self.rung.append(timer.key)


@pytest.fixture
def clock(database: Database) -> MovableClock:
    clock = MovableClock(START, frozen=True)
    database.clock = clock
    return clock


def _runner(database: Database, clock: MovableClock, bell: Ringing) -> TimerRunner:
    runner = TimerRunner(database, clock)
    runner.register("bell", bell)
    return runner


async def _set(database: Database, key: str, after_s: float, *, is_duration: bool = True) -> None:
    async with database.write() as uow:
        due_at = uow.now + timedelta(seconds=after_s)
        await timers.schedule(uow, "bell", key, due_at, {"key": key}, is_duration=is_duration)


async def _rings(database: Database) -> int:
    async with database.read() as uow:
        query = text("SELECT count(*) FROM topic_change WHERE kind = 'bell.rung'")
        return await uow.session.scalar(query) or 0


async def test_fires_when_due_and_never_again(database: Database, clock: MovableClock) -> None:
    bell = Ringing()
    runner = _runner(database, clock, bell)
    await _set(database, "a", 300)
    clock.advance(299)
    assert await runner.fire_due() == 0
    clock.advance(1)
    assert await runner.fire_due() == 1
    clock.advance(3600)
    assert await runner.fire_due() == 0
    assert bell.rung == ["a"]


async def test_fires_in_order_of_due_time(database: Database, clock: MovableClock) -> None:
    bell = Ringing()
    for key, after_s in (("c", 30), ("a", 10), ("b", 20)):
        await _set(database, key, after_s)
    clock.advance(60)
    await _runner(database, clock, bell).fire_due()
    assert bell.rung == ["a", "b", "c"]


async def test_a_cancelled_timer_stays_silent(database: Database, clock: MovableClock) -> None:
    bell = Ringing()
    await _set(database, "a", 10)
    async with database.write() as uow:
        await timers.cancel(uow, "bell", "a")
        await timers.cancel(uow, "bell", "never set")
        assert await timers.pending(uow, "bell", "a") is None
    clock.advance(60)
    assert await _runner(database, clock, bell).fire_due() == 0


async def test_setting_it_again_replaces_it(database: Database, clock: MovableClock) -> None:
    bell = Ringing()
    await _set(database, "a", 10)
    await _set(database, "a", 100)
    clock.advance(50)
    runner = _runner(database, clock, bell)
    assert await runner.fire_due() == 0
    clock.advance(50)
    assert await runner.fire_due() == 1


async def test_a_failed_ring_leaves_nothing_and_is_tried_again(
    database: Database, clock: MovableClock
) -> None:
    bell = Ringing()
    bell.faults = 2
    runner = _runner(database, clock, bell)
    await _set(database, "a", 10)
    await _set(database, "b", 10)
    clock.advance(10)
    for _ in range(4):
        await runner.fire_due()
        clock.advance(5)
    assert sorted(bell.rung) == ["a", "b"]
    assert await _rings(database) == 2


async def test_kinds_nobody_handles_wait(database: Database, clock: MovableClock) -> None:
    """Another release's timer must not be lost by this one."""
    async with database.write() as uow:
        await timers.schedule(uow, "unknown", "a", uow.now)
    clock.advance(10)
    assert await _runner(database, clock, Ringing()).fire_due() == 0
    async with database.read() as uow:
        assert await timers.pending(uow, "unknown", "a") is not None


@pytest.mark.parametrize("step_s", [-7200, 7200])
async def test_a_stepped_wall_clock_moves_no_duration(
    database: Database, clock: MovableClock, step_s: float
) -> None:
    """Five minutes to acknowledge are five minutes, whatever NTP does meanwhile."""
    bell = Ringing()
    runner = _runner(database, clock, bell)
    await _set(database, "escalate", 300)
    clock.step_wall(step_s)
    await runner.follow_clock_step()
    clock.advance(299)
    assert await runner.fire_due() == 0
    clock.advance(1)
    assert await runner.fire_due() == 1


async def test_a_step_is_followed_when_the_database_is_back(
    database: Database, clock: MovableClock
) -> None:
    bell = Ringing()
    runner = _runner(database, clock, bell)
    await _set(database, "escalate", 300)
    clock.step_wall(7200)
    async with Database("postgresql+asyncpg://nobody:x@127.0.0.1:9/none") as nowhere:
        runner._database = nowhere
        with pytest.raises(Unavailable):
            await runner.follow_clock_step()
    runner._database = database
    await runner.follow_clock_step()
    clock.advance(299)
    assert await runner.fire_due() == 0
    clock.advance(1)
    assert await runner.fire_due() == 1


async def test_a_time_on_the_calendar_follows_the_corrected_clock(
    database: Database, clock: MovableClock
) -> None:
    bell = Ringing()
    runner = _runner(database, clock, bell)
    await _set(database, "report at nine", 3600, is_duration=False)
    clock.step_wall(3600)
    await runner.follow_clock_step()
    assert await runner.fire_due() == 1


async def test_fires_within_a_second_of_due(database: Database) -> None:
    late_s: list[float] = []
    clock = SystemClock()
    rang = asyncio.Event()

    async def bell(uow: UnitOfWork, timer: Timer) -> None:
        late_s.append((uow.now - timer.due_at).total_seconds())
        if len(late_s) == 3:
            rang.set()

    runner = TimerRunner(database, clock)
    runner.register("bell", bell)
    ready = asyncio.Event()
    async with asyncio.timeout(15), asyncio.TaskGroup() as tasks:
        tasks.create_task(runner.run(ready))
        await ready.wait()
        for key, after_s in (("a", 0.2), ("b", 0.9), ("c", 1.6)):
            await _set(database, key, after_s)
        await rang.wait()
        runner.stop()
    assert 0 <= min(late_s) < 1.0, late_s  # the others may have met a busy moment


RUNNER = """
import asyncio, os, signal, sys
from core import changes
from core.clock import SystemClock
from core.database import Database
from core.timers import TimerRunner

url, mode = sys.argv[1:]

async def bell(uow, timer):
    await changes.publish(uow, "incidents", "bell.rung", {"key": timer.key})
    await uow.session.flush()
    if mode == "die":
        os.kill(os.getpid(), signal.SIGKILL)  # after the effect, before the commit

async def main():
    async with Database(url) as database:
        runner = TimerRunner(database, SystemClock())
        runner.register("bell", bell)
        print("ready", flush=True)
        while await runner.fire_due() or mode == "race":
            await asyncio.sleep(0.01)

asyncio.run(main())
"""


async def _process(url: str, mode: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", RUNNER, url, mode,
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def test_killed_between_effect_and_commit_it_fires_once_in_the_next_process(
    database: Database, database_url: str
) -> None:
    await _set(database, "a", 0)
    first = await _process(database_url, "die")
    assert await first.wait() == -signal.SIGKILL
    assert await _rings(database) == 0, "the kill took the effect with it"
    second = await _process(database_url, "live")
    assert await second.wait() == 0
    assert await _rings(database) == 1


@pytest.mark.timeout(60)
async def test_two_processes_on_one_database_never_fire_one_twice(
    database: Database, database_url: str
) -> None:
    racers = [await _process(database_url, "race") for _ in range(2)]
    try:
        for racer in racers:
            assert racer.stdout is not None
            await racer.stdout.readline()
        for n in range(60):
            await _set(database, f"timer {n}", 0)
        async with asyncio.timeout(40):
            await _all_rung(database, 60)
        await asyncio.sleep(0.3)
    finally:
        for racer in racers:
            racer.kill()
            await racer.wait()
    assert await _rings(database) == 60
    async with database.read() as uow:
        keys = await uow.session.scalars(text("SELECT count(*) FROM timer WHERE state = 'fired'"))
        assert keys.one() == 60


async def _all_rung(database: Database, count: int) -> None:
    while await _rings(database) < count:  # noqa: ASYNC110 - another process does it
        await asyncio.sleep(0.05)
