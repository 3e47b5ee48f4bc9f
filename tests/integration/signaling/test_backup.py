"""Backup and restore: all rows, from either database into either, and a linked audit chain."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.audit import SYSTEM
from core.auth.model import Grant, Principal, Role
from core.database import Database
from core.errors import Conflict, InvalidInput
from core.ids import UnitId, UserId
from directory.model import UnitDraft, UnitKind
from directory.service import Register
from migrations import archive
from signaling import backup
from signaling.app import build, open_audit
from signaling.settings import Settings

OPERATOR = Principal(UserId("system"), "系统", None, (Grant(Role.ADMIN, ""),))


async def _contents(database: Database) -> dict[str, list[dict[str, Any]]]:
    async with database.read() as uow:
        return {
            table.name: [json.loads(line) async for line in archive.rows(uow, table)]
            for table in archive.tables()
        }


@pytest.fixture
async def source(database_url: str, make_settings: Callable[..., Settings], edge: Any) -> Settings:
    """A county with a tree of units, two users, audit and events."""
    settings: Settings = make_settings(database_url)
    async with edge(settings) as server:
        register = Register(server.app.audit)
        county, a, b, c = (UnitId(name) for name in ("county", "a", "b", "c"))
        tree = ((county, None), (a, county), (b, a), (c, b))
        async with server.app.database.write() as uow:
            for unit_id, parent in tree:
                kind = UnitKind.COUNTY if parent is None else UnitKind.DEPARTMENT
                draft = UnitDraft(name=f"单位{unit_id}", kind=kind, parent_id=parent, id=unit_id)
                await register.create_unit(uow, OPERATOR, draft)
        await server.add_user("boss", Grant(Role.ADMIN, "county/"))
        async with server.app.database.read() as uow:
            await server.app.audit.write_head_file(uow)
    return settings


async def _written(settings: Settings, file: Path) -> dict[str, list[dict[str, Any]]]:
    async with build(settings) as app:
        await backup.write(app.database, settings.data.dir, file)
        return await _contents(app.database)


@pytest.mark.parametrize("into", ["sqlite", "postgresql"])
async def test_what_was_written_is_restored_row_for_row(
    source: Settings,
    into: str,
    request: pytest.FixtureRequest,
    make_settings: Callable[..., Settings],
    tmp_path: Path,
) -> None:
    file = tmp_path / "county.tar.gz"
    before = await _written(source, file)
    target = make_settings(request.getfixturevalue(f"{into}_url"))
    async with build(target) as app:
        await backup.read(app.database, target.data.dir, file, replace=False)
        assert await _contents(app.database) == before
    async with build(target) as app:
        async with app.database.read() as uow:
            assert (await app.audit.verify(uow)).fault is None, "the key came along"
        async with app.database.write() as uow:
            await app.audit.begin_new_chain(uow, actor=SYSTEM, reason="restored")
        async with app.database.read() as uow:
            assert (await open_audit(target).verify(uow)).fault is None


async def test_a_backup_of_another_installation_brings_its_key_and_the_log_verifies(
    source: Settings, sqlite_url: str, make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    file = tmp_path / "county.tar.gz"
    await _written(source, file)
    target = make_settings(sqlite_url)
    async with build(target) as app:
        async with app.database.write() as uow:
            await app.audit.append(uow, actor=SYSTEM, action="a.b", target="c:d")
        async with app.database.read() as uow:
            await app.audit.write_head_file(uow)
        await backup.read(app.database, target.data.dir, file, replace=True)
        audit = open_audit(target)
        async with app.database.write() as uow:
            await audit.begin_new_chain(uow, actor=SYSTEM, reason="restored")
        async with app.database.read() as uow:
            assert await audit.write_head_file(uow)
            assert (await audit.verify(uow)).fault is None
    assert (target.data.dir / "keys" / "audit.key.before-restore").exists()


async def test_a_full_database_is_not_overwritten_unless_told(
    source: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "county.tar.gz"
    before = await _written(source, file)
    async with build(source) as app:
        with pytest.raises(Conflict, match="replace"):
            await backup.read(app.database, source.data.dir, file, replace=False)
        assert await _contents(app.database) == before
        await backup.read(app.database, source.data.dir, file, replace=True)
        assert await _contents(app.database) == before


async def test_a_damaged_backup_changes_nothing(source: Settings, tmp_path: Path) -> None:
    file = tmp_path / "county.tar.gz"
    before = await _written(source, file)
    whole = file.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 0x55]) + whole[middle + 1 :]
    for bad in (b"", b"not an archive", whole[:middle], flipped):
        file.write_bytes(bad)
        async with build(source) as app:
            with pytest.raises((InvalidInput, Conflict)):
                await backup.read(app.database, source.data.dir, file, replace=True)
            assert await _contents(app.database) == before


async def test_a_backup_is_readable_by_its_owner_only(source: Settings, tmp_path: Path) -> None:
    file = tmp_path / "county.tar.gz"
    await _written(source, file)
    assert file.stat().st_mode & 0o777 == 0o600
