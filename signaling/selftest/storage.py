"""Data folder, database, audit log, what was built, disks."""

import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from conf.media import compiled
from core.database import Database
from core.errors import Unavailable
from migrations import runner
from signaling.opening import open_audit, open_database
from signaling.pages import ENTRIES, STATIC
from signaling.selftest.model import Finding, good
from signaling.settings import Settings

_MIB = 1024 * 1024


async def check_data(settings: Settings) -> list[Finding]:
    """The folder is there and nobody else's."""
    folder = settings.data.dir
    if not folder.is_dir():
        mend = f"make {folder}, or set data.dir; `migrate` makes it too"
        return [Finding("data.dir", "data.missing", f"{folder} does not exist", mend)]
    if stat.S_IMODE(folder.stat().st_mode) & 0o077:
        text = f"others on this machine may look into {folder}"
        return [Finding("data.dir", "data.open", text, f"chmod -R go-rwx {folder}")]
    loose = [
        path for path in (folder / "keys").glob("*") if stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    if loose:
        mend = f"chmod 600 {' '.join(str(path) for path in loose)}"
        return [Finding("keys", "keys.open", "others may read the keys", mend)]
    return [good("data.dir", str(folder), "")]


async def check_database(settings: Settings) -> list[Finding]:
    """It answers, has the schema this program needs, and its log is whole."""
    migrate = "run `python server.py migrate`"
    if settings.database.url is None and not settings.data.dir.is_dir():
        return [Finding("database", "database.missing", "nothing there", migrate)]
    async with open_database(settings) as database:
        kind = "PostgreSQL" if database.is_postgresql else "SQLite"
        try:
            await database.ping()
            revision = await runner.current(database)
            if revision == runner.head():
                return [
                    good(
                        "database",
                        f"{kind}, schema {revision}",
                        "schema",
                        kind=kind,
                        revision=revision,
                    ),
                    await _audit(database, settings),
                ]
        except Unavailable as error:
            mend = "is it running, is database.url right, is the disk full?"
            return [Finding("database", "database.silent", error.message, mend)]
    text = f"{kind}, schema {revision or 'empty'}, needed {runner.head()}"
    return [Finding("database", "database.schema", text, migrate)]


async def _audit(database: Database, settings: Settings) -> Finding:
    async with database.read() as uow:
        verdict = await open_audit(settings).verify(uow)
    if verdict.fault is None:
        text = f"whole, {verdict.count} entries"
        return good("audit", text, "whole", count=verdict.count)
    text = f"{verdict.fault.value} at entry {verdict.seq}: {verdict.explanation}"
    mend = "keep the database as it is and tell who is responsible; docs/operations.md"
    return Finding("audit", "audit.fault", text, mend)


def check_pages(static: Path = STATIC) -> list[Finding]:
    """What browsers load was built."""
    lacking = sorted({name for name in ENTRIES.values() if not (static / name).is_file()})
    if lacking:
        text = f"{', '.join(lacking)} not in {static}"
        return [Finding("pages", "pages.missing", text, "run `make web`, or copy web/static")]
    return [good("pages", str(static), "")]


def check_inner_loops(library: Path = compiled.LIBRARY) -> list[Finding]:
    """The bridge's inner loops were compiled, from the sources that are here."""
    if compiled.load(library) is not None:
        return [good("media.loop", "compiled", "compiled")]
    text = "runs in Python: meetings work, at half as much again of the processor"
    mend = "apt-get install gcc libc6-dev, then `make install` and restart the server"
    return [Finding("media.loop", "loop.interpreted", text, mend)]


def check_disks(settings: Settings) -> list[Finding]:
    """Room for the database, and for recordings where they lie on a disk of their own."""
    folder = settings.data.dir if settings.data.dir.is_dir() else Path()
    found = [_disk("disk", folder, settings.data.min_free_mib)]
    recordings = folder / "recordings"
    where: Sequence[Path] = [recordings] if recordings.is_dir() else [folder]
    found += [_disk("recordings", path, settings.recording.min_free_mib) for path in where]
    return found


def _disk(subject: str, folder: Path, least_mib: int) -> Finding:
    free = shutil.disk_usage(folder).free // _MIB
    text = f"{free} MiB free in {folder}"
    if free >= least_mib:
        return good(subject, text, "free", mib=free, folder=folder)
    if subject == "disk":
        return Finding(subject, "disk.low", text, "free some space, or move data.dir")
    mend = "delete recordings, lower recording.keep_days, or mount a larger disk there"
    return Finding(subject, "recordings.low", text, mend)
