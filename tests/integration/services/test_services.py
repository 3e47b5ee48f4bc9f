"""The test services themselves: real, private, shared by the workers and gone afterwards."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from core.database import Database
from migrations import runner
from services.session import Session, keep, new_folder


async def test_each_database_test_gets_an_empty_database(database: Database) -> None:
    async with database.write() as uow:
        await uow.session.execute(text("CREATE TABLE only_here (id INTEGER)"))


async def test_and_sees_nothing_of_the_others(database: Database) -> None:
    async with database.write() as uow:
        await uow.session.execute(text("CREATE TABLE only_here (id INTEGER)"))


async def test_the_database_is_of_the_kind_asked_for(
    database: Database, database_kind: str
) -> None:
    assert database.engine.dialect.name == database_kind


async def test_an_empty_database_has_no_table(empty_database_url: str) -> None:
    async with Database(empty_database_url) as database, database.read() as uow:
        is_postgresql = database.is_postgresql
        tables = (
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
            if is_postgresql
            else "SELECT count(*) FROM sqlite_master"
        )
        assert (await uow.session.execute(text(tables))).scalar_one() == 0


async def test_a_database_is_migrated(database: Database) -> None:
    assert await runner.current(database) == runner.head() is not None


@pytest.mark.parametrize("round_", [1, 2])
async def test_redis_is_empty_for_each_test(redis_url: str, round_: int) -> None:
    async with Redis.from_url(redis_url) as redis:
        assert await redis.dbsize() == 0
        await redis.set("left behind", round_)


def test_free_port_gives_different_ports(free_port: Callable[[], int]) -> None:
    assert len({free_port() for _ in range(5)}) > 1


def test_a_killed_session_leaves_no_service_behind(tmp_path: Path) -> None:
    """kill -9 of the session: its keeper ends the service and removes the folder."""
    session = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    folder = new_folder("keeper-test")
    keep(Session(session.pid, tmp_path), folder, ["sh", "-c", "echo $$ > pid; exec sleep 60"])
    pid = int(_wait_for(lambda: (folder / "pid").read_text()))
    session.kill()
    session.wait()
    _wait_for(lambda: not folder.exists())
    assert not Path(f"/proc/{pid}").exists()


def _wait_for(ask: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if found := ask():
                return found
        except OSError:
            pass
        time.sleep(0.02)
    raise AssertionError("did not happen within 30 s")


async def test_chromium_shows_its_fake_camera_and_chinese(launch_chromium) -> None:  # type: ignore[no-untyped-def]
    browser = await launch_chromium()
    page = await browser.new_page()
    await page.goto("data:text/html;charset=utf-8,<h1>烽燧</h1>")
    assert await page.inner_text("h1") == "烽燧"
