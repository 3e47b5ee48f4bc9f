"""`check`: what is wrong with this installation, and how to mend it."""

import asyncio
import shutil
import socket
import stat
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.clock import SystemClock
from core.database import Database
from core.errors import Unavailable
from migrations import runner
from signaling.app import open_audit, open_database
from signaling.certificates import expiry
from signaling.settings import Settings
from signaling.webserver import is_free
from sms.simulator.process import SOCKET_NAME

_EXPIRES_SOON = timedelta(days=30)
_EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Finding:
    """One result. `mend`: what to do, where something is wrong."""

    subject: str
    is_good: bool
    text: str
    mend: str = ""


Check = Callable[[Settings], Awaitable[list[Finding]]]


async def run(settings: Settings) -> list[Finding]:
    """All checks, in the order an operator would take."""
    found: list[Finding] = [Finding("settings", True, "read")]
    checks: tuple[Check, ...] = (_data, _database, _ports, _modems, _certificate, _disk, _clock)
    for check in checks:
        found += await check(settings)
    return found


async def _data(settings: Settings) -> list[Finding]:
    folder = settings.data.dir
    if not folder.is_dir():
        mend = f"make {folder}, or set data.dir; `migrate` makes it too"
        return [Finding("data.dir", False, f"{folder} does not exist", mend)]
    if stat.S_IMODE(folder.stat().st_mode) & 0o077:
        text = f"others on this machine may look into {folder}"
        return [Finding("data.dir", False, text, f"chmod -R go-rwx {folder}")]
    loose = [
        path for path in (folder / "keys").glob("*") if stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    if loose:
        names = " ".join(str(path) for path in loose)
        return [Finding("keys", False, "others may read the keys", f"chmod 600 {names}")]
    return [Finding("data.dir", True, str(folder))]


async def _database(settings: Settings) -> list[Finding]:
    if settings.database.url is None and not settings.data.dir.is_dir():
        return [Finding("database", False, "nothing there", "run `python server.py migrate`")]
    async with open_database(settings) as database:
        kind = "PostgreSQL" if database.is_postgresql else "SQLite"
        try:
            await database.ping()
            revision = await runner.current(database)
        except Unavailable as error:
            mend = "is it running, is database.url right, is the disk full?"
            return [Finding("database", False, error.message, mend)]
        if revision != runner.head():
            text = f"{kind}, schema {revision or 'empty'}, needed {runner.head()}"
            return [Finding("database", False, text, "run `python server.py migrate`")]
        return [
            Finding("database", True, f"{kind}, schema {revision}"),
            *await _audit(database, settings),
        ]


async def _audit(database: Database, settings: Settings) -> list[Finding]:
    async with database.read() as uow:
        verdict = await open_audit(settings).verify(uow)
    if verdict.fault is None:
        return [Finding("audit", True, f"whole, {verdict.count} entries")]
    text = f"{verdict.fault.value} at entry {verdict.seq}: {verdict.explanation}"
    mend = "keep the database as it is and tell who is responsible; docs/operations.md"
    return [Finding("audit", False, text, mend)]


async def _ports(settings: Settings) -> list[Finding]:
    http, media = settings.http, settings.media
    wanted = [("http.port", http.host, http.port, socket.SOCK_STREAM)]
    for index in range(media.workers):
        wanted.append(("media.port", media.listen, media.port + index, socket.SOCK_DGRAM))
        wanted.append(("media.port", media.listen, media.port + index, socket.SOCK_STREAM))
    found = []
    for setting, host, port, kind in wanted:
        name = f"{port}/{'udp' if kind is socket.SOCK_DGRAM else 'tcp'}"
        if is_free(host, port, kind):
            found.append(Finding(setting, True, f"{name} is free"))
        elif await _is_ours(http.host, http.port):
            found.append(Finding(setting, True, f"{name} is in use, by a running server"))
        else:
            mend = f"stop what uses it (ss -lnp), or set {setting}"
            found.append(Finding(setting, False, f"{name} is in use", mend))
    return found


async def _is_ours(host: str, port: int) -> bool:
    """Whether a Fengsui answers there."""
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(b"GET /healthz HTTP/1.0\r\n\r\n")
            answer = await reader.read(4096)
            writer.close()
    except (OSError, TimeoutError):
        return False
    return b'"version"' in answer


async def _modems(settings: Settings) -> list[Finding]:
    if not settings.sms.modems and (settings.data.dir / SOCKET_NAME).exists():
        return [Finding("modems", True, "simulated, for the demo")]
    if not settings.sms.modems:
        mend = "name them in [[sms.modems]]; see config-sample.toml"
        return [Finding("modems", False, "none is set; no SMS can be sent", mend)]
    return [_modem(modem.name, Path(modem.path)) for modem in settings.sms.modems]


def _modem(name: str, path: Path) -> Finding:
    if not path.exists():
        mend = "plug it in; `ls -l /dev/serial/by-id/` shows what is there"
        return Finding("modems", False, f"{name}: {path} does not exist", mend)
    try:
        with path.open("rb+", buffering=0):
            return Finding("modems", True, f"{name}: {path}")
    except PermissionError:
        mend = "add the server's user to the group dialout, and sign in again"
        return Finding("modems", False, f"{name}: {path} may not be opened", mend)
    except OSError as error:
        return Finding("modems", False, f"{name}: {error}", "unplug it and plug it in again")


async def _certificate(settings: Settings) -> list[Finding]:
    http = settings.http
    if http.tls_certificate is None:
        if http.host in {"127.0.0.1", "::1", "localhost"} or settings.is_https:
            return [Finding("certificate", True, "none needed on the loopback or behind a proxy")]
        mend = "run `python server.py cert` and set http.tls_certificate and http.tls_key"
        text = "none: browsers on other machines give no camera or microphone without HTTPS"
        return [Finding("certificate", False, text, mend)]
    try:
        ends, names = expiry(http.tls_certificate)
    except (OSError, ValueError) as error:
        mend = "run `python server.py cert`"
        return [Finding("certificate", False, f"{http.tls_certificate}: {error}", mend)]
    if ends < SystemClock().now() + _EXPIRES_SOON:
        return [
            Finding("certificate", False, f"ends {ends:%Y-%m-%d}", "run `python server.py cert`")
        ]
    return [Finding("certificate", True, f"good until {ends:%Y-%m-%d} for {', '.join(names)}")]


async def _disk(settings: Settings) -> list[Finding]:
    folder = settings.data.dir if settings.data.dir.is_dir() else Path()
    free = shutil.disk_usage(folder).free // _MIB
    if free < settings.data.min_free_mib:
        mend = "free some space, or move data.dir to a larger disk"
        return [Finding("disk", False, f"{free} MiB free", mend)]
    return [Finding("disk", True, f"{free} MiB free")]


async def _clock(_settings: Settings) -> list[Finding]:
    now = SystemClock().now()
    if now < _EARLIEST:
        mend = "set the clock and keep it by NTP (timedatectl)"
        return [Finding("clock", False, f"{now:%Y-%m-%d %H:%M} UTC cannot be right", mend)]
    return [Finding("clock", True, f"{now:%Y-%m-%d %H:%M} UTC")]
