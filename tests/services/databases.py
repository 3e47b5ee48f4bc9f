"""A database of its own for each test: a copy of one that was migrated once per session."""

import asyncio
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from core.database import Database
from migrations.runner import upgrade
from services import postgres
from services.session import Session

_numbers = itertools.count(1)


@contextmanager
def sqlite_copy(session: Session, *, is_migrated: bool) -> Iterator[str]:
    """The URL of a new SQLite file."""
    with tempfile.TemporaryDirectory(prefix="fengsui-sqlite-") as folder:
        file = Path(folder) / "fengsui.db"
        if is_migrated:
            shutil.copyfile(session.once("sqlite", lambda: _sqlite_template(session))["file"], file)
        yield f"sqlite+aiosqlite:///{file}"


@contextmanager
def postgres_copy(session: Session, *, is_migrated: bool) -> Iterator[str]:
    """The URL of a new database on the session's PostgreSQL; dropped afterwards."""
    cluster = session.once("postgres", lambda: postgres.start(session))
    port = cluster["port"]
    source = "template1"
    if is_migrated:
        source = session.once("postgres-template", lambda: _postgres_template(port))["name"]
    name = f"test_{os.getpid()}_{next(_numbers)}"
    postgres.execute(port, f"CREATE DATABASE {name} TEMPLATE {source} {cluster['copy']}")
    try:
        yield postgres.url(port, name)
    finally:
        postgres.execute(port, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def migrate(url: str, revision: str = "head") -> None:
    """Bring the database at `url` up to `revision`, as `server.py migrate` does."""

    async def act() -> None:
        async with Database(url) as database:
            await upgrade(database, revision)

    with ThreadPoolExecutor(1) as thread:  # the caller may be inside a loop of its own
        thread.submit(asyncio.run, act()).result()


def _sqlite_template(session: Session) -> dict[str, str]:
    file = session.folder / "template.db"
    migrate(f"sqlite+aiosqlite:///{file}")
    return {"file": str(file)}


def _postgres_template(port: str) -> dict[str, str]:
    postgres.execute(port, f"CREATE DATABASE {postgres.TEMPLATE}")
    migrate(postgres.url(port, postgres.TEMPLATE))
    return {"name": postgres.TEMPLATE}
