"""The schema: up and down from empty and with data, and equal to the tables, on both databases."""

from datetime import UTC, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from core import changes, timers
from core.audit import SYSTEM, Audit
from core.database import Database
from migrations import initial, runner
from migrations.models import metadata


async def _tables(database: Database) -> set[str]:
    async with database.engine.connect() as connection:
        names = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    return set(names) - {"alembic_version"}


async def test_up_from_empty_makes_every_table_and_down_leaves_none(
    empty_database_url: str,
) -> None:
    async with Database(empty_database_url) as database:
        assert await runner.current(database) is None
        await runner.upgrade(database)
        await runner.upgrade(database)
        assert await runner.current(database) == runner.head()
        assert await _tables(database) == set(metadata.tables)
        await runner.downgrade(database)
        assert await _tables(database) == set()
        await runner.upgrade(database)
        assert await _tables(database) == set(metadata.tables)


async def test_a_database_of_another_baseline_is_told_apart(empty_database_url: str) -> None:
    """By the columns of our tables; what else lives in the database is not ours to judge."""
    async with Database(empty_database_url) as database:
        await runner.upgrade(database)
        async with database.engine.begin() as connection:
            await connection.exec_driver_sql("CREATE TABLE not_ours (id INTEGER)")
        assert await runner.differences(database) == []
        async with database.engine.begin() as connection:
            await connection.exec_driver_sql("ALTER TABLE timer RENAME COLUMN due_at TO at")
        assert await runner.differences(database) == ["timer.at", "timer.due_at"]


async def test_every_step_up_and_down_with_data(database: Database, tmp_path: object) -> None:
    """Data at the head survives nothing below base, but no step may fail because of it."""
    audit = Audit(b"a" * 32, tmp_path / "head.json")  # type: ignore[operator]
    async with database.write() as uow:
        await changes.publish(uow, "incidents", "incident.added", {"n": 1})
        await timers.schedule(uow, "bell", "a", datetime(2030, 1, 1, tzinfo=UTC))
        await audit.append(uow, actor=SYSTEM, action="a.b", target="c:d")
    script = ScriptDirectory.from_config(runner.config())
    revisions = [revision.revision for revision in script.walk_revisions()]
    for revision in [*revisions[1:], "base"]:
        await runner.downgrade(database, revision)
    assert await _tables(database) == set()
    for revision in reversed(revisions):
        await runner.upgrade(database, revision)
    assert await _tables(database) == set(metadata.tables)


async def test_a_failed_migration_leaves_the_schema_as_it_was(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(connection: Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE half (id INTEGER)")
        raise RuntimeError("the power went")

    async with Database(empty_database_url) as database:
        with pytest.raises(RuntimeError):
            await runner._run(database, broken)
        assert await _tables(database) == set()
        await runner.upgrade(database)


async def test_the_tables_are_what_the_migrations_make(database: Database) -> None:
    def compare(sync: Connection) -> list[object]:
        context = MigrationContext.configure(sync, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))

    async with database.engine.connect() as connection:
        assert await connection.run_sync(compare) == []


async def test_the_constraints_are_what_the_tables_say(database: Database) -> None:
    """Alembic does not compare CHECKs; a state without its timestamp must not slip in by that."""
    expected = {
        (table.name, str(constraint.name))
        for table in metadata.tables.values()
        for constraint in table.constraints
        if type(constraint).__name__ == "CheckConstraint"
    }

    def checks(sync: Connection) -> set[tuple[str, str]]:
        inspector = inspect(sync)
        return {
            (table, str(check["name"]))
            for table in inspector.get_table_names()
            for check in inspector.get_check_constraints(table)
        }

    async with database.engine.connect() as connection:
        assert await connection.run_sync(checks) == expected


@pytest.mark.parametrize("name", ["sqlite", "postgresql"])
def test_the_first_revision_is_that_of_the_tables(name: str) -> None:
    """While nothing is released: python -m migrations.initial."""
    assert initial.FILES[name].read_text("utf-8") == initial.text(initial.dialect(name))


async def test_foreign_keys_are_in_force_after_a_migration(sqlite_url: str) -> None:
    async with Database(sqlite_url) as database:
        await runner.upgrade(database)
        async with database.read() as uow:
            assert await uow.session.scalar(text("PRAGMA foreign_keys")) == 1
