"""Units of work on both databases."""

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from core import changes
from core.changes import Change
from core.database import Database, UtcDateTime
from core.errors import Unavailable
from core.signals import CHANGE_PUBLISHED


async def _count(database: Database) -> int:
    async with database.read() as uow:
        return await uow.session.scalar(text("SELECT count(*) FROM topic_change")) or 0


async def test_a_unit_of_work_that_raises_leaves_nothing_and_tells_nobody(
    database: Database,
) -> None:
    told: list[object] = []
    database.signals.listen(CHANGE_PUBLISHED, told.append)

    async def change_and_fail() -> None:
        async with database.write() as uow:
            await changes.publish(uow, "incidents", "incident.added", {})
            raise RuntimeError("after all not")

    with pytest.raises(RuntimeError):
        await change_and_fail()
    assert await _count(database) == 0
    assert told == []


async def test_after_commit_comes_after_the_commit(database: Database) -> None:
    counts: list[int] = []

    async def look() -> None:
        counts.append(await _count(database))

    async with database.write() as uow:
        await changes.publish(uow, "incidents", "incident.added", {})
        uow.after_commit(look, key="look")
        uow.after_commit(look, key="look")
    assert counts == [1]


async def test_a_cancelled_unit_of_work_frees_the_writer(database: Database) -> None:
    """A request that runs into its deadline must not keep everybody else from writing."""

    async def slow() -> None:
        async with database.write() as uow:
            await changes.publish(uow, "incidents", "incident.added", {})
            await asyncio.sleep(60)

    task = asyncio.create_task(slow())
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5), database.write() as uow:
        await changes.publish(uow, "incidents", "incident.added", {})
    assert await _count(database) == 1


async def test_all_reads_of_a_reading_unit_of_work_see_one_moment(database: Database) -> None:
    """Otherwise a snapshot could be newer than the number sent with it."""
    async with database.read() as reader:
        await changes.head(reader, "incidents")
        async with database.write() as uow:
            await changes.publish(uow, "incidents", "incident.added", {})
        seen = await reader.session.scalar(text("SELECT count(*) FROM topic_change"))
    assert seen == 0


async def test_times_come_back_aware_and_in_utc(database: Database) -> None:
    async with database.write() as uow:
        change = await changes.publish(uow, "incidents", "incident.added", {"n": 1})
    async with database.read() as uow:
        (found,) = await changes.since(uow, "incidents", change.epoch, 0) or []
    assert found.at == change.at
    assert found.at.tzinfo == UTC


async def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        UtcDateTime().process_bind_param(datetime(2026, 7, 1), None)  # type: ignore[arg-type] # noqa: DTZ001


async def test_a_database_that_is_not_there_is_unavailable() -> None:
    nobody = "postgresql+asyncpg://nobody:x@127.0.0.1:9/none"
    async with Database(nobody) as database:
        with pytest.raises(Unavailable) as fault:
            await database.ping()
    assert fault.value.wire_code == "database_unavailable"


async def test_two_hundred_writers_at_once_all_get_their_turn(database: Database) -> None:
    async def write(n: int) -> Change:
        async with database.write() as uow:
            return await changes.publish(uow, "incidents", "incident.added", {"n": n})

    made = await asyncio.gather(*(write(n) for n in range(200)))
    assert sorted(change.seq for change in made) == list(range(1, 201))
