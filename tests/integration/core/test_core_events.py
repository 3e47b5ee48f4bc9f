"""Events: at least once, effectively once in the database, never held up by one bad subscriber."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from sqlalchemy import text

from core import changes, events
from core.clock import MovableClock
from core.database import Database, UnitOfWork
from core.events import Event, EventDispatcher


@dataclass(frozen=True)
class LampLit(Event):
    """A fact for these tests."""

    tower: str


async def _light(database: Database, tower: str, key: str | None = None) -> None:
    async with database.write() as uow:
        await events.record(uow, LampLit(tower), key=key)


def _noting(name: str, seen: list[str]) -> Callable[[UnitOfWork, LampLit], Awaitable[None]]:
    async def handler(uow: UnitOfWork, event: LampLit) -> None:
        await changes.publish(uow, "incidents", name, {"tower": event.tower})
        seen.append(event.tower)

    return handler


async def _noted(database: Database, kind: str) -> int:
    async with database.read() as uow:
        query = text("SELECT count(*) FROM topic_change WHERE kind = :kind")
        return await uow.session.scalar(query, {"kind": kind}) or 0


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(frozen=True)


async def test_a_rolled_back_event_never_happened(database: Database, clock: MovableClock) -> None:
    seen: list[str] = []
    dispatcher = EventDispatcher(database, clock)
    dispatcher.subscribe(LampLit, "watch", _noting("lamp.seen", seen))

    async def record_and_fail() -> None:
        async with database.write() as uow:
            await events.record(uow, LampLit("east"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await record_and_fail()
    assert await dispatcher.deliver_due() == 0
    assert seen == []


async def test_equal_keys_are_one_fact(database: Database, clock: MovableClock) -> None:
    seen: list[str] = []
    clock.advance(3600)
    dispatcher = EventDispatcher(database, clock)
    dispatcher.subscribe(LampLit, "watch", _noting("lamp.seen", seen))
    await _light(database, "east", key="lamp:east")
    await _light(database, "east", key="lamp:east")
    await dispatcher.deliver_due()
    assert seen == ["east"]


async def test_a_failing_subscriber_is_tried_again_and_holds_up_nobody(
    database: Database, clock: MovableClock
) -> None:
    seen: list[str] = []
    attempts: list[str] = []

    async def stumbling(uow: UnitOfWork, event: LampLit) -> None:
        attempts.append(event.tower)
        await changes.publish(uow, "incidents", "lamp.stumbled", {})
        if len(attempts) < 3:
            raise RuntimeError("not yet")

    clock.advance(3600)
    dispatcher = EventDispatcher(database, clock)
    dispatcher.subscribe(LampLit, "stumbling", stumbling)
    dispatcher.subscribe(LampLit, "watch", _noting("lamp.seen", seen))
    await _light(database, "east")
    for _ in range(10):
        await dispatcher.deliver_due()
        clock.advance(10)
    assert attempts == ["east"] * 3
    assert seen == ["east"], "the good subscriber must not be asked again"
    assert await _noted(database, "lamp.stumbled") == 1, "a failed attempt leaves nothing"


async def test_two_dispatchers_on_one_database_have_one_effect(
    database: Database, database_url: str, clock: MovableClock
) -> None:
    seen: list[str] = []
    clock.advance(3600)
    async with Database(database_url) as other:
        dispatchers = [EventDispatcher(one, clock) for one in (database, other)]
        for dispatcher in dispatchers:
            dispatcher.subscribe(LampLit, "watch", _noting("lamp.seen", seen))
        for n in range(20):
            await _light(database, f"tower {n}")
        await asyncio.gather(*(dispatcher.deliver_due() for dispatcher in dispatchers))
        await asyncio.gather(*(dispatcher.deliver_due() for dispatcher in dispatchers))
    assert await _noted(database, "lamp.seen") == 20


async def test_a_running_dispatcher_delivers_within_a_moment_and_stops(
    database: Database,
) -> None:
    clock = MovableClock()
    seen = asyncio.Event()

    async def look(_uow: UnitOfWork, _event: LampLit) -> None:
        seen.set()

    dispatcher = EventDispatcher(database, clock)
    dispatcher.subscribe(LampLit, "watch", look)
    ready = asyncio.Event()
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(dispatcher.run(ready))
        await ready.wait()
        await _light(database, "east")
        await seen.wait()
        dispatcher.stop()
        dispatcher.stop()


async def test_handled_events_are_forgotten_after_a_week(
    database: Database, clock: MovableClock
) -> None:
    clock.advance(3600)
    dispatcher = EventDispatcher(database, clock)
    await _light(database, "east")
    await dispatcher.deliver_due()
    clock.advance(6 * 86400)
    await dispatcher.prune()
    assert await _rows(database) == 1
    clock.advance(2 * 86400)
    await dispatcher.prune()
    assert await _rows(database) == 0


async def _rows(database: Database) -> int:
    async with database.read() as uow:
        return await uow.session.scalar(text("SELECT count(*) FROM event_outbox")) or 0


def test_two_subscribers_may_not_share_a_name(clock: MovableClock) -> None:
    dispatcher = EventDispatcher(None, clock)  # type: ignore[arg-type]
    dispatcher.subscribe(LampLit, "watch", _noting("x", []))
    with pytest.raises(ValueError, match="watch"):
        dispatcher.subscribe(LampLit, "watch", _noting("x", []))
