"""Brings a database's schema up or down, in one transaction, on SQLite and PostgreSQL alike."""

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.database import Database

FOLDER = Path(__file__).resolve().parent
_LOCK = 0x46454E47  # "FENG": two nodes migrating at once take turns


def config(connection: Connection | None = None) -> Config:
    """Alembic's settings; no ini file."""
    made = Config()
    made.set_main_option("script_location", str(FOLDER))
    made.attributes["connection"] = connection
    return made


def head() -> str | None:
    """The newest revision this program knows."""
    return ScriptDirectory.from_config(config()).get_current_head()


async def current(database: Database) -> str | None:
    """The database's revision; None where nothing was ever made.

    Raises: Unavailable.
    """
    async with database.read() as uow:
        connection = await uow.session.connection()
        return await connection.run_sync(
            lambda sync: MigrationContext.configure(sync).get_current_revision()
        )


async def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the schema to `revision`; nothing happens when it is there. All or nothing."""
    await _run(database, lambda sync: command.upgrade(config(sync), revision))


async def downgrade(database: Database, revision: str = "base") -> None:
    """Take revisions back to `revision`; `base` leaves an empty database. All or nothing."""
    await _run(database, lambda sync: command.downgrade(config(sync), revision))


async def _run(database: Database, work: Callable[[Connection], None]) -> None:
    async with database.engine.connect() as connection:
        await _begin(connection, is_postgresql=database.is_postgresql)
        try:
            await connection.run_sync(work)
            await connection.commit()
        except BaseException:
            await connection.rollback()
            raise
        finally:
            if not database.is_postgresql:
                await connection.exec_driver_sql("PRAGMA foreign_keys=ON")


async def _begin(connection: AsyncConnection, *, is_postgresql: bool) -> None:
    if is_postgresql:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    else:
        # Rebuilding a table drops it; its children must not be taken along.
        await connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        await connection.exec_driver_sql("BEGIN IMMEDIATE")
