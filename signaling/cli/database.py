"""Schema, backup, restore, audit."""

from pathlib import Path

import click

from core.audit import SYSTEM
from core.database import Database
from migrations import runner
from signaling import backup as archives
from signaling.app import open_audit, open_database, prepare_folders
from signaling.cli.invocation import Invocation, migrated, run
from signaling.settings import Settings


@click.command()
@click.option("--to", "revision", default="head", show_default=True, help="Revision to reach.")
@click.pass_obj
def migrate(invocation: Invocation, revision: str) -> None:
    """Bring the database's schema to what this program needs."""
    settings = invocation.settings()
    reached = run(_migrate(settings, revision))
    click.echo(f"schema: {reached}")


async def _migrate(settings: Settings, revision: str) -> str | None:
    prepare_folders(settings)
    async with open_database(settings) as database:
        await runner.upgrade(database, revision)
        return await runner.current(database)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def backup(invocation: Invocation, file: Path) -> None:
    """Write database and keys into FILE (mode 0600); the server may be running."""
    settings = invocation.settings()

    async def main() -> int:
        async with migrated(open_database(settings)) as database:
            return await archives.write(database, settings.data.dir, file)

    click.echo(f"{file}: {run(main())} rows")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Drop what the database holds now.")
@click.pass_obj
def restore(invocation: Invocation, file: Path, replace: bool) -> None:
    """Read FILE into an empty database; begins a new audit chain linked to the old one."""
    settings = invocation.settings()

    async def main() -> int:
        prepare_folders(settings)
        async with open_database(settings) as database:
            count = await archives.read(database, settings.data.dir, file, replace=replace)
            await _begin_chain(settings, database, file)
            return count

    click.echo(f"{file}: {run(main())} rows restored; all sessions have ended")


async def _begin_chain(settings: Settings, database: Database, file: Path) -> None:
    audit = open_audit(settings)
    async with database.write() as uow:
        await audit.begin_new_chain(uow, actor=SYSTEM, reason=f"restored from {file.name}")
    async with database.read() as uow:
        await audit.write_head_file(uow)


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
