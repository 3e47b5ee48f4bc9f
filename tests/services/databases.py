"""A database of its own for each test: a copy of one that was migrated once per session."""

import asyncio
import itertools
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.database import Database
from migrations.runner import upgrade
from services import postgres
from services.session import Session

_numbers = itertools.count(1)

Note = dict[str, str]
Fill = Callable[[str], Awaitable[Note]]
"""Fills the migrated database at a URL; what it tells goes with every copy."""


@contextmanager
def sqlite_copy(session: Session, *, is_migrated: bool) -> Iterator[str]:
    """The URL of a new SQLite file."""
    source = session.once("sqlite", lambda: _sqlite_template(session)) if is_migrated else None
    with _sqlite_file(source) as url:
        yield url


@contextmanager
def postgres_copy(session: Session, *, is_migrated: bool) -> Iterator[str]:
    """The URL of a new database on the session's PostgreSQL; dropped afterwards."""
    cluster = session.once("postgres", lambda: postgres.start(session))
    port = cluster["port"]
    source = {"name": "template1"}
    if is_migrated:
        source = session.once("postgres-template", lambda: _postgres_template(port))
    with _postgres_database(cluster, source) as url:
        yield url


@contextmanager
def filled_copy(session: Session, kind: str, name: str, fill: Fill) -> Iterator[tuple[str, Note]]:
    """A new copy of the database `name` that `fill` filled once per session, and what it told."""
    if kind == "sqlite":
        made = session.once(f"sqlite-{name}", lambda: _filled_sqlite(session, name, fill))
        with _sqlite_file(made) as url:
            yield url, made
    else:
        cluster = session.once("postgres", lambda: postgres.start(session))
        made = session.once(
            f"postgres-{name}", lambda: _filled_postgres(session, cluster, name, fill)
        )
        with _postgres_database(cluster, made) as url:
            yield url, made


@contextmanager
def _sqlite_file(source: Note | None) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="fengsui-sqlite-") as folder:
        file = Path(folder) / "fengsui.db"
        if source is not None:
            shutil.copyfile(source["file"], file)
        yield f"sqlite+aiosqlite:///{file}"


@contextmanager
def _postgres_database(cluster: Note, source: Note) -> Iterator[str]:
    port, name = cluster["port"], f"test_{os.getpid()}_{next(_numbers)}"
    postgres.execute(port, f"CREATE DATABASE {name} TEMPLATE {source['name']} {cluster['copy']}")
    try:
        yield postgres.url(port, name)
    finally:
        postgres.execute(port, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def migrate(url: str, revision: str = "head") -> None:
    """Bring the database at `url` up to `revision`, as `server.py migrate` does."""

    async def act() -> None:
        async with Database(url) as database:
            await upgrade(database, revision)

    _run(act())


def _run(act: Coroutine[Any, Any, Any]) -> Any:
    with ThreadPoolExecutor(1) as thread:  # the caller may be inside a loop of its own
        return thread.submit(asyncio.run, act).result()


def _filled_sqlite(session: Session, name: str, fill: Fill) -> Note:
    file = session.folder / f"{name}.db"
    shutil.copyfile(session.once("sqlite", lambda: _sqlite_template(session))["file"], file)
    return {**_run(_filled(f"sqlite+aiosqlite:///{file}", fill)), "file": str(file)}


def _filled_postgres(session: Session, cluster: Note, name: str, fill: Fill) -> Note:
    port, made = cluster["port"], f"filled_{name}"
    source = session.once("postgres-template", lambda: _postgres_template(port))["name"]
    postgres.execute(port, f"CREATE DATABASE {made} TEMPLATE {source} {cluster['copy']}")
    return {**_run(_filled(postgres.url(port, made), fill)), "name": made}


async def _filled(url: str, fill: Fill) -> Note:
    return await fill(url)


def _sqlite_template(session: Session) -> Note:
    file = session.folder / "template.db"
    migrate(f"sqlite+aiosqlite:///{file}")
    return {"file": str(file)}


def _postgres_template(port: str) -> Note:
    postgres.execute(port, f"CREATE DATABASE {postgres.TEMPLATE}")
    migrate(postgres.url(port, postgres.TEMPLATE))
    return {"name": postgres.TEMPLATE}
