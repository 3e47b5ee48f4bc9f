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

from alembic import command
from alembic.config import Config

from services import postgres
from services.session import Session
from tools.steps import ROOT

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
    """Bring the database at `url` to `revision` as `server.py migrate` does."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    with ThreadPoolExecutor(1) as thread:  # env.py runs a loop of its own
        thread.submit(command.upgrade, config, revision).result()


def _sqlite_template(session: Session) -> dict[str, str]:
    file = session.folder / "template.db"
    _fill(f"sqlite+aiosqlite:///{file}")
    return {"file": str(file)}


def _postgres_template(port: str) -> dict[str, str]:
    postgres.execute(port, f"CREATE DATABASE {postgres.TEMPLATE}")
    _fill(postgres.url(port, postgres.TEMPLATE))
    return {"name": postgres.TEMPLATE}


def _fill(url: str) -> None:
    if (ROOT / "migrations" / "env.py").exists():
        migrate(url)
    else:  # until the first revision exists
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, _create_all(url)).result()


async def _create_all(url: str) -> None:
    import importlib

    from core.database import Base, Database

    for package in ("core", "directory", "sms", "plans", "conf", "command", "signaling"):
        for file in (ROOT / package).rglob("store*.py"):
            importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
    async with Database(url) as database, database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
