"""Numbered changes: resume from any number still kept, else take a snapshot."""

import pytest

from core import changes
from core.changes import Head
from core.database import Database


async def _publish(database: Database, count: int, topic: str = "incident:a") -> None:
    async with database.write() as uow:
        for n in range(count):
            await changes.publish(uow, topic, "incident.changed", {"n": n})


async def _head(database: Database, topic: str = "incident:a") -> Head:
    async with database.read() as uow:
        return await changes.head(uow, topic)


async def test_numbers_run_from_one_without_a_gap(database: Database) -> None:
    await _publish(database, 3)
    head = await _head(database)
    async with database.read() as uow:
        found = await changes.since(uow, "incident:a", head.epoch, 0)
    assert found is not None
    assert [change.seq for change in found] == [1, 2, 3]
    assert [change.data["n"] for change in found] == [0, 1, 2]


async def test_a_topic_nobody_wrote_to_stands_at_nothing(database: Database) -> None:
    assert await _head(database) == Head("", 0)
    async with database.read() as uow:
        assert await changes.since(uow, "incident:a", "", 0) == []


async def test_who_has_everything_gets_nothing(database: Database) -> None:
    await _publish(database, 3)
    head = await _head(database)
    async with database.read() as uow:
        assert await changes.since(uow, "incident:a", head.epoch, 3) == []


@pytest.mark.parametrize("ahead", [4, 10_000])
async def test_a_number_from_the_future_needs_a_snapshot(database: Database, ahead: int) -> None:
    """After a restore from backup a browser may know more than the server."""
    await _publish(database, 3)
    head = await _head(database)
    async with database.read() as uow:
        assert await changes.since(uow, "incident:a", head.epoch, ahead) is None


async def test_another_epoch_needs_a_snapshot(database: Database) -> None:
    await _publish(database, 3)
    async with database.read() as uow:
        assert await changes.since(uow, "incident:a", "other", 1) is None


async def test_the_last_thousand_are_kept(database: Database) -> None:
    await _publish(database, changes.KEPT + 200)
    head = await _head(database)
    async with database.read() as uow:
        kept = await changes.since(uow, "incident:a", head.epoch, 200)
        assert kept is not None
        assert len(kept) == changes.KEPT
        assert await changes.since(uow, "incident:a", head.epoch, 100) is None


async def test_topics_are_numbered_apart(database: Database) -> None:
    await _publish(database, 2, "incident:a")
    await _publish(database, 5, "incident:b")
    assert (await _head(database, "incident:a")).seq == 2
    async with database.read() as uow:
        heads = await changes.heads(uow, ["incident:a", "incident:b", "incident:c"])
    assert {topic: head.seq for topic, head in heads.items()} == {"incident:a": 2, "incident:b": 5}
