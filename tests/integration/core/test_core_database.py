"""Units of work on both databases."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from core import changes
from core.changes import Change
from core.database import Database, UtcDateTime
from core.errors import InvalidInput, Unavailable
from core.ids import new_id
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
    async with asyncio.timeout(15), database.write() as uow:
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


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+00:00"),
        ("9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59.999999+00:00"),
        ("2026-07-01T08:00:00+08:00", "2026-07-01T00:00:00+00:00"),
    ],
)
async def test_a_time_at_the_end_of_the_calendar_stays_in_it(written: str, stored: str) -> None:
    told = UtcDateTime().process_bind_param(datetime.fromisoformat(written), None)  # type: ignore[arg-type]
    assert told == datetime.fromisoformat(stored)


async def test_a_database_that_is_not_there_is_unavailable() -> None:
    nobody = "postgresql+asyncpg://nobody:x@127.0.0.1:9/none"
    async with Database(nobody) as database:
        with pytest.raises(Unavailable) as fault:
            await database.ping()
    assert fault.value.wire_code == "database_unavailable"


async def test_a_database_all_of_whose_connections_are_busy_is_unavailable(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a fault of SQLAlchemy's own, which would end whatever looks at the database by itself."""
    monkeypatch.setattr(database.engine.sync_engine.pool, "_timeout", 0.05)  # it is 30 s
    async with AsyncExitStack() as exits:
        for _ in range(15):
            uow = await exits.enter_async_context(database.read())
            await uow.session.execute(text("SELECT 1"))
        with pytest.raises(Unavailable):
            await database.ping()
        if database.is_postgresql:
            with pytest.raises(Unavailable):
                await database.at_once(lambda connection, _: connection.execute(text("SELECT 1")))
    await database.ping()


async def test_plain_work_that_waits_together_is_committed_together(sqlite: Database) -> None:
    """One disk write for all modems that ended a text at the same time."""
    moments = await _at_once_together(sqlite, [_add, _add, _add])
    assert len(set(moments)) == 1
    assert await _count(sqlite) == 3


async def test_plain_work_that_fails_is_undone_alone(sqlite: Database) -> None:
    def add_twice_the_same(connection: Connection, now: datetime) -> None:
        _add(connection, now, "twice")
        _add(connection, now, "twice")

    first, second, third = await _at_once_together(sqlite, [_add, add_twice_the_same, _add])
    assert isinstance(second, IntegrityError)
    assert first == third
    assert await _count(sqlite) == 2


async def test_plain_work_is_not_begun_for_who_gave_up_waiting(sqlite: Database) -> None:
    async with sqlite.write():
        task = asyncio.create_task(sqlite.at_once(_add))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await sqlite.at_once(_add) is not None
    assert await _count(sqlite) == 1


async def _at_once_together(
    database: Database, works: list[Callable[[Connection, datetime], object]]
) -> list[object]:
    """What each returned or raised, all of them asked for while another held the writer."""
    async with database.write():
        tasks = [asyncio.create_task(database.at_once(work)) for work in works]
        await asyncio.sleep(0)
    return await asyncio.gather(*tasks, return_exceptions=True)


def _add(connection: Connection, now: datetime, topic: str = "") -> datetime:
    values = {"topic": topic or new_id(), "seq": 1, "kind": "k", "data": "{}", "at": now}
    connection.execute(
        text("INSERT INTO topic_change VALUES (:topic, :seq, :kind, :data, :at)"),
        values | {"at": now.isoformat()},
    )
    return now


async def test_two_hundred_writers_at_once_all_get_their_turn(database: Database) -> None:
    async def write(n: int) -> Change:
        async with database.write() as uow:
            return await changes.publish(uow, "incidents", "incident.added", {"n": n})

    made = await asyncio.gather(*(write(n) for n in range(200)))
    assert sorted(change.seq for change in made) == list(range(1, 201))


@pytest.fixture
async def sqlite(sqlite_url: str) -> AsyncIterator[Database]:
    async with Database(sqlite_url) as database:
        yield database


@pytest.fixture
async def postgresql(postgresql_url: str) -> AsyncIterator[Database]:
    """Where several write at once; SQLite has one writer."""
    async with Database(postgresql_url) as opened:
        yield opened


async def test_who_must_give_way_may_try_again(postgresql: Database) -> None:
    """A deadlock is no bug: it must neither end the process nor be told as an internal error."""
    async with postgresql.write() as uow:
        for topic in ("one", "two"):
            await changes.publish(uow, topic, "made", {})
    met = asyncio.Barrier(2)

    async def cross(first: str, second: str) -> None:
        async with postgresql.write() as uow:
            await changes.publish(uow, first, "changed", {})
            await met.wait()
            await changes.publish(uow, second, "changed", {})

    ends = await asyncio.gather(cross("one", "two"), cross("two", "one"), return_exceptions=True)
    assert sorted(type(end).__name__ for end in ends) == ["NoneType", "Unavailable"]


async def test_plain_work_that_must_give_way_is_done_again(postgresql: Database) -> None:
    async with postgresql.write() as uow:
        for topic in ("one", "two"):
            await changes.publish(uow, topic, "made", {})

    def work(connection: Connection, now: datetime) -> None:
        connection.execute(text("UPDATE topic SET seq = seq + 1 WHERE topic = 'two'"))
        connection.execute(text("SELECT pg_sleep(0.3)"))
        connection.execute(text("UPDATE topic SET seq = seq + 1 WHERE topic = 'one'"))

    async def other() -> None:
        async with postgresql.write() as uow:
            await changes.publish(uow, "one", "changed", {})
            await uow.session.execute(text("SELECT pg_sleep(0.3)"))
            await changes.publish(uow, "two", "changed", {})

    ends = await asyncio.gather(postgresql.at_once(work), other(), return_exceptions=True)
    assert ends[0] is None


async def test_a_number_no_column_can_hold_is_told_as_input(database: Database) -> None:
    with pytest.raises(InvalidInput):
        async with database.read() as uow:
            await uow.session.execute(
                text("SELECT 1 FROM topic WHERE seq = :seq").bindparams(seq=2**70)
            )


async def test_a_fault_does_not_quote_what_the_statement_carried(database: Database) -> None:
    with pytest.raises(IntegrityError) as fault:
        async with database.write() as uow:
            await uow.session.execute(
                text("INSERT INTO topic (topic, epoch) VALUES (:topic, :epoch)"),
                {"topic": "氯气泄漏", "epoch": "13800138000"},
            )
    assert "氯气" not in str(fault.value)
    assert "13800138000" not in str(fault.value)
