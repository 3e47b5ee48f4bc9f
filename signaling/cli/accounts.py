"""The first administrator."""

import sys

import click

from core.audit import SYSTEM
from core.auth.model import Grant, Principal, Role
from core.auth.passwords import Passwords
from core.auth.users import NewUser, Users
from core.database import UnitOfWork
from core.ids import UserId
from directory.model import UnitDraft, UnitKind
from directory.service import Directory, Register
from signaling.cli.invocation import Invocation, run
from signaling.cli.schema import migrated
from signaling.opening import open_audit, open_database, prepare_folders
from signaling.settings import Settings

OPERATOR = Principal(UserId(SYSTEM.id), SYSTEM.name, None, (Grant(Role.ADMIN, ""),))
"""Whoever may run commands on the machine may do everything an administrator may."""


@click.command("create-admin")
@click.argument("login")
@click.option("--name", default="管理员", show_default=True, help="The person's name.")
@click.option("--county", help="Name of the county; makes its unit where there is none yet.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.pass_obj
def create_admin(
    invocation: Invocation, login: str, name: str, county: str | None, password_stdin: bool
) -> None:
    """Make an administrator of the whole county; prints a random password unless one is given."""
    password = sys.stdin.readline().rstrip("\n") if password_stdin else None
    settings = invocation.settings()
    made = run(_create(settings, login, name, county, password))
    click.echo(f"user: {login}")
    if password is None:
        click.echo(f"password (to be changed at the first sign-in): {made}")


async def _create(
    settings: Settings, login: str, name: str, county: str | None, password: str | None
) -> str:
    prepare_folders(settings)
    audit, passwords = open_audit(settings), Passwords()
    async with migrated(open_database(settings)) as database:
        async with database.write() as uow:
            root = await _root(uow, Register(audit), county)
        users = Users(database, audit, settings.auth, passwords)
        new = NewUser(
            login=login,
            name=name,
            grants=(Grant(Role.ADMIN, root), Grant(Role.AUDITOR, root)),
            password=password,
            must_change_password=password is None,
        )
        _, told = await users.create(SYSTEM, new)
    passwords.close()
    return told


async def _root(uow: UnitOfWork, register: Register, county: str | None) -> str:
    """The path of the county's unit, made if there is none."""
    roots = [unit for unit in await Directory().subtree(uow, "") if unit.parent_id is None]
    if roots:
        return roots[0].path
    if county is None:
        raise click.UsageError("there is no unit yet: name the county with --county")
    draft = UnitDraft(name=county, kind=UnitKind.COUNTY, parent_id=None, id="county")
    return (await register.create_unit(uow, OPERATOR, draft)).path
