"""A backup of a county at work: hazards, a running response, messages, a meeting."""

import json
import os
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from command.model import IncidentDraft, Order, Source
from core.auth.model import Grant, Principal, Role
from core.ids import PlanId, UnitId, UserId
from migrations import archive
from signaling import backup
from signaling.app import build
from signaling.context import AppContext
from signaling.demo.seed import seed_demo_county

pytestmark = pytest.mark.timeout(120)
LEADER = Principal(UserId("l"), "leader", None, (Grant(Role.LEADER, "county/"),))


async def _respond(app: AppContext) -> None:
    async with app.database.write() as uow:
        draft = IncidentDraft(
            title="自来水厂氯气泄漏", kind_code="92Z05", unit_id=UnitId("t05"), place="水厂",
            occurred_at=uow.now - timedelta(minutes=5), source=Source.PHONE, key="leak-at-t05",
        )  # fmt: skip
        incident = await app.command.record(uow, LEADER, draft)
        order = Order(plan_id=PlanId("hazchem"), level=3, key="activate-t05")
        await app.command.activate(uow, LEADER, incident.id, order)


async def _contents(app: AppContext) -> dict[str, list[Any]]:
    async with app.database.read() as uow:
        return {
            table.name: [json.loads(line) async for line in archive.rows(uow, table)]
            for table in archive.tables()
        }


@pytest.mark.parametrize("into", ["sqlite", "postgresql"])
async def test_a_county_at_work_comes_back_row_for_row(
    sqlite_url: str,
    into: str,
    request: pytest.FixtureRequest,
    make_settings: Callable[..., Any],
    tmp_path: Path,
) -> None:
    file = tmp_path / "county.tar.gz"
    source = make_settings(sqlite_url)
    async with build(source, is_demo=True) as app:
        await seed_demo_county(app, random_passwords=False)
        await _respond(app)
        before = await _contents(app)
        await backup.write(app.database, source.data.dir, file)
    for table in ("hazard", "assignment", "callout", "sms_message", "meeting_link", "activation"):
        assert before[table], table
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    other_file = f"sqlite+aiosqlite:///{tmp_path / 'target.sqlite3'}"
    is_file = into == "sqlite"
    target = make_settings(other_file if is_file else request.getfixturevalue("postgresql_url"))
    async with build(target) as app:
        await backup.read(app.database, target.data.dir, file, replace=False)
        assert await _contents(app) == before
    async with build(target) as app, app.database.read() as uow:
        assert (await app.audit.verify(uow)).fault is None, "the key came along"


async def test_a_backup_that_fails_leaves_no_keys_behind(
    sqlite_url: str,
    make_settings: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> bytes:
        raise OSError("no space left on device")

    settings = make_settings(sqlite_url)
    async with build(settings) as app:
        monkeypatch.setattr(backup, "load_or_create_key", fail)
        with pytest.raises(OSError, match="space"):
            await backup.write(app.database, settings.data.dir, tmp_path / "county.tar.gz")
    assert "county.tar.gz.partial" not in os.listdir(tmp_path)
