"""A private PostgreSQL cluster, run by an unprivileged user, without care for durability."""

import asyncio
import os
import pwd
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg

from services.ports import free_port
from services.session import ServiceMissing, Session, keep, new_folder, wait_until
from tools.services import postgres_bin

TEMPLATE = "fengsui_template"
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "listen_addresses": "127.0.0.1",
}


def start(session: Session) -> dict[str, str]:
    """Make and start a cluster; its superuser is `fengsui`, without a password.

    Returns {"port", "copy"}: `copy` is the clause that makes CREATE DATABASE ten times as fast
    (28 ms, not 262) where the server knows it.
    """
    programs = postgres_bin()
    if programs is None:
        raise ServiceMissing("PostgreSQL is not installed: run `make test`, or install it")
    user = _unprivileged_user()
    entry = pwd.getpwnam(user) if user else None
    folder, port = new_folder("postgres", owner=entry.pw_uid if entry else None), free_port()
    _initialise(programs, folder, entry)
    settings = {**FAST, "port": str(port), "unix_socket_directories": str(folder)}
    words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    keep(
        session, folder, [str(programs / "postgres"), "-D", str(folder / "data"), *words], user=user
    )
    wait_until(lambda: _answers(port), folder, "PostgreSQL")
    return {"port": str(port), "copy": "STRATEGY FILE_COPY" if _release(programs) >= 15 else ""}


def url(port: str, database: str) -> str:
    """The SQLAlchemy URL of `database`."""
    return f"postgresql+asyncpg://fengsui@127.0.0.1:{port}/{database}"


def execute(port: str, *statements: str) -> None:
    """Run `statements` as the superuser, each in its own transaction."""

    async def act() -> None:
        connection = await asyncpg.connect(_maintenance(port), timeout=10)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as thread:  # the caller may be inside a loop of its own
        thread.submit(asyncio.run, act()).result()


def _maintenance(port: str) -> str:
    return f"postgresql://fengsui@127.0.0.1:{port}/postgres"


def _answers(port: int) -> bool:
    try:
        execute(str(port), "SELECT 1")
    except (OSError, asyncpg.PostgresError, TimeoutError):
        return False
    return True


def _release(programs: Path) -> int:
    printed = subprocess.run(
        [programs / "postgres", "-V"], capture_output=True, text=True, check=True
    )
    found = re.search(r"\d+", printed.stdout)
    return int(found[0]) if found else 0


def _unprivileged_user() -> str:
    """PostgreSQL refuses to run as root; then its own user does it, or nobody."""
    if os.geteuid() != 0:
        return ""
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in known)


def _initialise(programs: Path, folder: Path, entry: pwd.struct_passwd | None) -> None:
    identity = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []} if entry else {}
    options = ["-U", "fengsui", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
    done = subprocess.run(
        [programs / "initdb", "-D", folder / "data", *options],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        **identity,
    )
    if done.returncode:
        raise ServiceMissing(f"initdb failed:\n{done.stdout}{done.stderr}")
