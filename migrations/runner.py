"""Brings a database's schema up or down, in one transaction, on SQLite and PostgreSQL alike."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from core.database import Database, UnitOfWork
from core.errors import InvalidInput, Unavailable
from migrations.models import metadata

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


async def differences(database: Database) -> list[str]:
    """Columns of our tables that only this program or only the database has: `table.column`.

    Empty where the schema is at `head`, unless the baseline was changed in place since.
    """
    async with database.read() as uow:
        connection = await uow.session.connection()
        found = await connection.run_sync(_columns)
    wanted = {
        f"{table.name}.{one.name}" for table in metadata.sorted_tables for one in table.columns
    }
    return sorted(found ^ wanted)


def _columns(connection: Connection) -> set[str]:
    if connection.dialect.name == "sqlite":  # one query; SQLAlchemy parses every table's SQL
        named = "SELECT t.name, c.name FROM sqlite_master AS t, pragma_table_xinfo(t.name) AS c"
        return {f"{t}.{c}" for t, c in connection.execute(text(named)) if t in metadata.tables}
    tables = inspect(connection).get_multi_columns()
    return {
        f"{name}.{one['name']}"
        for (_, name), columns in tables.items()
        if name in metadata.tables
        for one in columns
    }


async def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the schema to `revision`; nothing happens when it is there. All or nothing."""
    await _run(database, lambda sync: command.upgrade(config(sync), revision))


async def downgrade(database: Database, revision: str = "base") -> None:
    """Take revisions back to `revision`; `base` leaves an empty database. All or nothing."""
    await _run(database, lambda sync: command.downgrade(config(sync), revision))


@asynccontextmanager
async def remade(database: Database, *, drops: bool) -> AsyncIterator[UnitOfWork]:
    """The newest schema, made and filled in one transaction: a block that raises changes nothing.

    `drops`: what is there goes first. On SQLite foreign keys are looked at once, at the end.
    Raises: InvalidInput: a row does not fit the schema; Unavailable.
    """
    try:
        async with _transaction(database) as connection:
            if drops:
                await connection.run_sync(lambda sync: command.downgrade(config(sync), "base"))
            await connection.run_sync(lambda sync: command.upgrade(config(sync), "head"))
            async with AsyncSession(connection, expire_on_commit=False) as session:
                yield UnitOfWork(session, database, writes=True)
                await session.flush()
            await _check_references(connection, database)
    except (IntegrityError, DataError) as error:
        raise InvalidInput(f"a row does not fit the schema: {_first_line(error)}") from error
    except DBAPIError as error:
        raise Unavailable(f"the database failed: {_first_line(error)}") from error


def _first_line(error: DBAPIError) -> str:
    """Without the lines in which PostgreSQL quotes values."""
    return str(error.orig).partition("\n")[0]


async def _check_references(connection: AsyncConnection, database: Database) -> None:
    if database.is_postgresql:
        return
    found = await connection.exec_driver_sql("PRAGMA foreign_key_check")
    for row in found.mappings():
        text = f"a row of {row['table']} refers to one of {row['parent']} that is not there"
        raise InvalidInput(text)


async def other_processes(database: Database) -> int:
    """How many connections other processes of ours hold to this PostgreSQL database.

    Raises: Unavailable.
    """
    if not database.is_postgresql:
        return 0
    async with database.read() as uow:
        found = await uow.session.scalar(
            text(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND application_name LIKE 'fengsui %'"
                " AND application_name <> current_setting('application_name')"
            )
        )
        return int(found or 0)


async def _run(database: Database, work: Callable[[Connection], None]) -> None:
    async with _transaction(database) as connection:
        await connection.run_sync(work)


@asynccontextmanager
async def _transaction(database: Database) -> AsyncIterator[AsyncConnection]:
    async with database.engine.connect() as connection:
        await _begin(connection, is_postgresql=database.is_postgresql)
        try:
            yield connection
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
