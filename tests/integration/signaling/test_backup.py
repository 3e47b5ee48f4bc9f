"""Backup and restore: all rows, from either database into either, and a linked audit chain."""

import asyncio
import io
import json
import os
import signal
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from core.audit import SYSTEM
from core.auth.model import Grant, Principal, Role
from core.database import Database
from core.errors import Conflict, InvalidInput, Unavailable
from core.ids import UnitId, UserId
from directory.model import UnitDraft, UnitKind
from directory.service import Register
from migrations import archive
from signaling import backup
from signaling.app import build
from signaling.opening import open_audit, open_database
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


def _with_row(file: Path, table: str, **changed: Any) -> None:
    """The backup `file`, with one more row in `table`: its last one, changed."""
    parts = {}
    with tarfile.open(file) as tar:
        for member in tar:
            content = tar.extractfile(member)
            assert content is not None
            parts[member.name] = content.read()
    name = f"tables/{table}.jsonl"
    row = json.loads(parts[name].splitlines()[-1]) | changed
    parts[name] += json.dumps(row).encode() + b"\n"
    manifest = json.loads(parts["manifest.json"])
    manifest["rows"][table] += 1
    parts["manifest.json"] = json.dumps(manifest).encode()
    parts["keys/audit.key"] = b"k" * 32
    with tarfile.open(file, "w:gz") as tar:
        for name, content in parts.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


@pytest.mark.parametrize(
    ("table", "changed"),
    [("user", {}), ("user_grant", {"id": "g2", "role": "leader", "user_id": "nobody"})],
    ids=["twice-the-same-key", "refers-to-nobody"],
)
async def test_a_backup_that_does_not_load_leaves_rows_and_keys_as_they_were(
    source: Settings, tmp_path: Path, table: str, changed: dict[str, Any]
) -> None:
    """--replace drops everything first: that and the loading are one transaction."""
    file = tmp_path / "county.tar.gz"
    before = await _written(source, file)
    keys = {key: (source.data.dir / "keys" / key).read_bytes() for key in backup.KEYS}
    _with_row(file, table, **changed)
    async with build(source) as app:
        with pytest.raises(InvalidInput):
            await backup.read(app.database, source.data.dir, file, replace=True)
        assert await _contents(app.database) == before
    assert {path.name: path.read_bytes() for path in (source.data.dir / "keys").iterdir()} == keys


KILLED = """
import os, signal, sys
from migrations import archive
from signaling import backup
load, loaded = archive.load, []

async def dies(uow, table, lines):
    count = await load(uow, table, lines)
    loaded.append(table)
    if len(loaded) == {after}:
        os.kill(os.getpid(), signal.SIGKILL)
    return count

archive.load = dies
if {after} == 0:
    backup._change_keys = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
sys.argv = ["server.py", "restore", "--replace", {file!r}]
from server import main
main()
"""


async def _restore_and_die(settings: Settings, file: Path, after: int) -> int:
    """`restore --replace` killed after so many tables; 0: between the rows and the keys."""
    kept = {name: value for name, value in os.environ.items() if "FENGSUI" not in name}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED.format(after=after, file=str(file)),
        cwd=Path(__file__).parents[3],
        env=kept | {
            "FENGSUI_DATA__DIR": str(settings.data.dir),
            "FENGSUI_DATABASE__URL": settings.database_url,
        },
    )  # fmt: skip
    return await process.wait()


@pytest.mark.timeout(60)
async def test_a_restore_that_is_killed_leaves_the_county_as_it_was(
    source: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "county.tar.gz"
    before = await _written(source, file)
    assert await _restore_and_die(source, file, 12) == -signal.SIGKILL
    async with build(source) as app:
        assert await _contents(app.database) == before


@pytest.mark.timeout(60)
async def test_a_restore_killed_before_its_keys_are_in_use_says_so_and_is_run_again(
    source: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "county.tar.gz"
    await _written(source, file)
    assert await _restore_and_die(source, file, 0) == -signal.SIGKILL
    with pytest.raises(Unavailable, match="run the same restore again"):
        open_audit(source)
    async with open_database(source) as database:
        await backup.read(database, source.data.dir, file, replace=True)
        async with database.read() as uow:
            assert (await open_audit(source).verify(uow)).fault is None


async def test_what_a_backup_does_not_hold_is_named(source: Settings, tmp_path: Path) -> None:
    assert backup.outside(source.data.dir) == []
    for name in ("tls", "recordings"):
        (source.data.dir / name).mkdir()
    assert backup.outside(source.data.dir) == ["tls", "recordings"]


async def test_a_backup_is_readable_by_its_owner_only(source: Settings, tmp_path: Path) -> None:
    file = tmp_path / "county.tar.gz"
    await _written(source, file)
    assert file.stat().st_mode & 0o777 == 0o600


async def test_another_node_at_work_keeps_a_restore_out(
    postgresql_url: str, make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    """PostgreSQL has no folder to lock; the other node's connection is seen."""
    settings = make_settings(postgresql_url)
    file = tmp_path / "county.tar.gz"
    await _written(settings, file)
    plain = postgresql_url.replace("postgresql+asyncpg", "postgresql")
    other = await asyncpg.connect(plain, server_settings={"application_name": "fengsui b 1"})
    async with open_database(settings) as database:
        try:
            with pytest.raises(Conflict, match="stop every node first"):
                await backup.read(database, settings.data.dir, file, replace=True)
        finally:
            await other.close()
        await backup.read(database, settings.data.dir, file, replace=True)


async def test_recordings_go_along_when_asked_and_come_back_with_the_rows(
    source: Settings, sqlite_url: str, make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    folder = source.data.dir / "recordings" / "m1"
    folder.mkdir(parents=True)
    (folder / "hall.mkv").write_bytes(b"picture" * 1000)
    (folder / "index.json").write_text("{}")
    file, without = tmp_path / "with.tar.gz", tmp_path / "without.tar.gz"
    async with build(source) as app:
        await backup.write(app.database, source.data.dir, file, with_recordings=True)
        await backup.write(app.database, source.data.dir, without)
    assert backup.outside(source.data.dir, with_recordings=True) == []
    target = make_settings(sqlite_url)
    own = target.data.dir / "recordings" / "m2" / "kept.mkv"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"of another meeting")
    back = target.data.dir / "recordings" / "m1"
    async with build(target) as app:
        await backup.read(app.database, target.data.dir, without, replace=True)
        assert not back.exists()
        with pytest.raises(Conflict):  # nothing of it may show before the rows are in
            await backup.read(app.database, target.data.dir, file, replace=False)
        assert not back.exists()
        await backup.read(app.database, target.data.dir, file, replace=True)
    assert (back / "hall.mkv").read_bytes() == b"picture" * 1000
    assert (back / "index.json").read_text() == "{}"
    assert own.read_bytes() == b"of another meeting"
    assert not list(target.data.dir.glob("recordings.*"))


@pytest.mark.parametrize("name", ["../keys/audit.key", "/etc/passwd", "lost.mkv"])
async def test_a_recording_outside_its_folder_or_missing_ends_a_restore(
    source: Settings, tmp_path: Path, name: str
) -> None:
    file = tmp_path / "strange.tar.gz"
    async with build(source) as app:
        await backup.write(app.database, source.data.dir, file)
        _change_manifest(file, {"recordings": {name: 7}})
        before = await _contents(app.database)
        with pytest.raises(InvalidInput):
            await backup.read(app.database, source.data.dir, file, replace=True)
        assert await _contents(app.database) == before


def _change_manifest(file: Path, change: dict[str, Any]) -> None:
    with tarfile.open(file, "r:gz") as tar:
        parts = [(info, tar.extractfile(info).read()) for info in tar]  # type: ignore[union-attr]
    with tarfile.open(file, "w:gz") as tar:
        for info, content in parts:
            told = content
            if info.name == "manifest.json":
                told = json.dumps({**json.loads(content), **change}).encode()
            info.size = len(told)
            tar.addfile(info, io.BytesIO(told))
