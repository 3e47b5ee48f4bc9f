"""Backup and restore: one tar.gz with all rows, the keys, if asked the recordings, a manifest.

The rows are in a form both databases take, so that a county can move from SQLite to PostgreSQL.
A restore is one transaction: whatever ends it early leaves database and keys as they were.
"""

import io
import json
import os
import tarfile
import tempfile
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO, Any

from core.audit import LAID_SUFFIX, load_or_create_key
from core.database import Database, UnitOfWork
from core.errors import Conflict, InvalidInput
from migrations import archive, runner
from signaling import backup_recordings as recordings

FORMAT = 1
AUDIT_KEY, HEAD_FILE = "audit.key", "audit-head.json"
KEYS = (AUDIT_KEY, "session.key")
RECORDINGS = "recordings"
NOT_INSIDE = ("tls", "recordings", "boundaries.geojson", "places.geojson")


async def write(
    database: Database, folder: Path, file: Path, *, with_recordings: bool = False
) -> int:
    """Write a backup of one moment. Returns: how many rows.

    `with_recordings`: also what the recorder has written, one still running up to now.

    Raises: Unavailable. The file is there only when it is whole.
    """
    partial = file.with_name(file.name + ".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as raw:
        os.fchmod(descriptor, 0o600)  # an earlier try may have left it wider
        try:
            count = await _fill(raw, database, folder, with_recordings=with_recordings)
        except BaseException:
            partial.unlink()  # it may hold keys
            raise
    partial.replace(file)
    return count


async def _fill(raw: IO[bytes], database: Database, folder: Path, *, with_recordings: bool) -> int:
    counts: dict[str, int] = {}
    with tarfile.open(fileobj=raw, mode="w:gz") as tar:
        async with database.read() as uow:
            for table in archive.tables():
                with tempfile.TemporaryFile() as lines:
                    counts[table.name] = 0
                    async for line in archive.rows(uow, table):
                        lines.write(line.encode() + b"\n")
                        counts[table.name] += 1
                    _add(tar, f"tables/{table.name}.jsonl", lines)
            made_at = uow.now.isoformat()
        for key in KEYS:
            _add(tar, f"keys/{key}", io.BytesIO(load_or_create_key(folder / "keys" / key)))
        sizes = recordings.pack(tar, folder / RECORDINGS) if with_recordings else {}
        manifest = {
            "format": FORMAT, "revision": runner.head(), "made_at": made_at, "rows": counts,
            "recordings": sizes,
        }  # fmt: skip
        _add(tar, "manifest.json", io.BytesIO(json.dumps(manifest, indent=1).encode()))
    return sum(counts.values())


Then = Callable[[UnitOfWork, bytes], Awaitable[None]]
"""What a restore does last, in its own transaction; handed the backup's audit key."""


async def read(
    database: Database, folder: Path, file: Path, *, replace: bool, then: Then | None = None
) -> int:
    """Fill the database from a backup, in one transaction. Returns: how many rows.

    Raises: InvalidInput: not a backup, or of another schema; Conflict: the database is not empty,
    or another process of ours works on it; Unavailable.
    """
    with _opened(file) as tar:
        manifest = _manifest(tar)
        keys = _check_whole(tar, manifest)  # before anything is dropped
        if others := await runner.other_processes(database):
            raise Conflict(f"{others} connections of other nodes are open; stop every node first")
        count = 0
        try:
            recordings.lay(tar, manifest.get("recordings", {}), folder / RECORDINGS)
            async with runner.remade(database, drops=replace) as uow:
                if not await archive.is_empty(uow):
                    raise Conflict("the database is not empty; say --replace to drop what it holds")
                for table in archive.tables():
                    with _member(tar, f"tables/{table.name}.jsonl") as lines:
                        count += await archive.load(uow, table, (line.decode() for line in lines))
                if then is not None:
                    await then(uow, keys[AUDIT_KEY])
                _lay_keys(folder, keys)
        except BaseException:
            _forget_keys(folder)
            recordings.forget(folder / RECORDINGS)
            raise
        _change_keys(folder, keys)
        recordings.take_over(folder / RECORDINGS)
    return count


def outside(folder: Path, *, with_recordings: bool = False) -> list[str]:
    """What lies in data.dir and the backup does not hold, for the operator to copy himself."""
    inside = {RECORDINGS} if with_recordings else set()
    return [name for name in NOT_INSIDE if name not in inside and (folder / name).exists()]


def _opened(file: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(file, "r:gz")
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise InvalidInput(f"{file} is not a backup: {error}") from error


def _manifest(tar: tarfile.TarFile) -> dict[str, Any]:
    with _member(tar, "manifest.json") as member:
        manifest: dict[str, Any] = json.load(member)
    if manifest.get("format") != FORMAT or manifest.get("revision") != runner.head():
        raise InvalidInput(
            f"this backup has schema {manifest.get('revision')}, this program {runner.head()}; "
            "restore it with the version that made it, then migrate"
        )
    return manifest


def _check_whole(tar: tarfile.TarFile, manifest: dict[str, Any]) -> dict[str, bytes]:
    """Every table and key is there, with as many rows as were written; gzip checks the bytes.

    Returns: the keys by name.
    """
    keys = {}
    try:
        for name, count in manifest["rows"].items():
            with _member(tar, f"tables/{name}.jsonl") as lines:
                if sum(1 for _ in lines) != count:
                    raise InvalidInput(f"the backup is not whole: rows of {name} are missing")
        for key in KEYS:
            with _member(tar, f"keys/{key}") as member:
                keys[key] = member.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise InvalidInput(f"the backup is damaged: {error}") from error
    return keys


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    try:
        member = tar.extractfile(name)
    except (KeyError, tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise InvalidInput(f"the backup lacks {name}") from error
    if member is None:
        raise InvalidInput(f"the backup lacks {name}")
    return member


def _lay_keys(folder: Path, keys: dict[str, bytes]) -> None:
    """Put the keys beside those in use: the last step before the commit.

    While they lie there no key is read (core.audit.load_or_create_key), so that a process killed
    between commit and `_change_keys` cannot go on with new rows and an old key.
    """
    (folder / "keys").mkdir(parents=True, mode=0o700, exist_ok=True)
    for key, content in keys.items():
        descriptor = os.open(_laid(folder, key), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)


def _change_keys(folder: Path, keys: dict[str, bytes]) -> None:
    """Bring the laid keys into use; what was there is kept beside them.

    A second audit file made with another key can prove nothing any more and is put aside too.
    """
    for key, content in keys.items():
        path = folder / "keys" / key
        if path.exists() and path.read_bytes() != content:
            _put_aside(path)
            if key == AUDIT_KEY:
                _put_aside(folder / HEAD_FILE)
        _laid(folder, key).replace(path)


def _forget_keys(folder: Path) -> None:
    for key in KEYS:
        _laid(folder, key).unlink(missing_ok=True)


def _laid(folder: Path, key: str) -> Path:
    return folder / "keys" / f"{key}{LAID_SUFFIX}"


def _put_aside(path: Path) -> None:
    if path.exists():
        path.replace(path.with_name(path.name + ".before-restore"))


def _add(tar: tarfile.TarFile, name: str, content: Any) -> None:
    info = tarfile.TarInfo(name)
    info.size = content.seek(0, io.SEEK_END)
    info.mode = 0o600
    content.seek(0)
    tar.addfile(info, content)
