"""Schema, backup, restore, audit."""

from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

import click

from core.audit import SYSTEM, Audit
from core.database import UnitOfWork
from migrations import runner
from signaling import backup as archives
from signaling.cli.folder import sole_use
from signaling.cli.invocation import Invocation, run
from signaling.cli.schema import migrated
from signaling.opening import open_audit, open_database, prepare_folders
from signaling.settings import Settings


@click.command()
@click.option("--to", "revision", default="head", show_default=True, help="Revision to reach.")
@click.pass_obj
def migrate(invocation: Invocation, revision: str) -> None:
    """Bring the database's schema to what this program needs."""
    settings = invocation.settings()
    with _alone_on_sqlite(settings, "migrate"):
        reached = run(_migrate(settings, revision))
    click.echo(f"schema: {reached}")


def _alone_on_sqlite(settings: Settings, command: str) -> AbstractContextManager[None]:
    """Nodes on PostgreSQL go on while one brings the schema forward; on one file nobody does."""
    return nullcontext() if settings.is_postgresql else sole_use(settings, command)


async def _migrate(settings: Settings, revision: str) -> str | None:
    prepare_folders(settings)
    async with open_database(settings) as database:
        await runner.upgrade(database, revision)
        return await runner.current(database)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--with-recordings", is_flag=True, help="Put the meetings' recordings in, too.")
@click.pass_obj
def backup(invocation: Invocation, file: Path, with_recordings: bool) -> None:
    """Write database and keys into FILE (mode 0600); the server may be running."""
    settings = invocation.settings()

    async def main() -> int:
        async with migrated(open_database(settings)) as database:
            return await archives.write(
                database, settings.data.dir, file, with_recordings=with_recordings
            )

    told = ", the keys and the recordings" if with_recordings else " and the keys"
    click.echo(f"{file}: {run(main())} rows{told}")
    left = archives.outside(settings.data.dir, with_recordings=with_recordings)
    beside = [str(settings.data.dir / name) for name in left]
    click.echo("not inside, copy them yourself: " + ", ".join([*beside, "your settings file"]))


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Drop what the database holds now.")
@click.pass_obj
def restore(invocation: Invocation, file: Path, replace: bool) -> None:
    """Read FILE into an empty database; begins a new audit chain linked to the old one."""
    settings = invocation.settings()

    async def main() -> int:
        async with open_database(settings) as database:
            count = await archives.read(
                database, settings.data.dir, file, replace=replace, then=partial(_begin, file)
            )
            async with database.read() as uow:
                await open_audit(settings).write_head_file(uow)
            return count

    async def _begin(file: Path, uow: UnitOfWork, key: bytes) -> None:
        audit = Audit(key, settings.data.dir / archives.HEAD_FILE)
        await audit.begin_new_chain(uow, actor=SYSTEM, reason=f"restored from {file.name}")

    with sole_use(settings, "restore"):
        count = run(main())
    click.echo(f"{file}: {count} rows restored; all sessions have ended")


@click.group()
def audit() -> None:
    """The audit log."""


@audit.command()
@click.pass_obj
def verify(invocation: Invocation) -> None:
    """Recompute the chain; exit code 1 if an entry was altered, removed, reordered or cut off."""
    settings = invocation.settings()

    async def main() -> int:
        async with migrated(open_database(settings)) as database, database.read() as uow:
            verdict = await open_audit(settings).verify(uow)
        if verdict.fault is None:
            click.echo(f"whole: {verdict.count} entries")
            return 0
        click.echo(f"{verdict.fault.value} at entry {verdict.seq}: {verdict.explanation}", err=True)
        return 1

    raise SystemExit(run(main()))
