"""A database whose schema is the one this program knows, or words on the way there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click

from core.database import Database
from migrations import runner

_NAMED = 3


async def need_schema(database: Database) -> None:
    """The schema must be the one this program knows.

    Raises: click.ClickException: says what to run.
    """
    found, wanted = await runner.current(database), runner.head()
    if found != wanted:
        raise click.ClickException(
            f"the database's schema is {found or 'empty'}, this program needs {wanted}; "
            "run `python server.py migrate`"
        )
    if differences := await runner.differences(database):
        raise click.ClickException(
            f"the database was made by another build of this program (schema {found} with other "
            f"columns: {_some(differences)}), and no migration leads from there to here: nothing "
            f"has been released yet. {_way_on(database)}"
        )


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _way_on(database: Database) -> str:
    if database.is_postgresql:
        return "Run that build, or begin anew: an empty database in database.url, then `migrate`"
    folder = Path(database.engine.url.database or "").parent
    return f"Run that build, or begin anew: move {folder} away, all that is in it, and start again"


@asynccontextmanager
async def migrated(database: Database) -> AsyncIterator[Database]:
    """The database, once its schema is found to be current."""
    async with database:
        await need_schema(database)
        yield database
