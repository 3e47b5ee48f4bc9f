"""Run the server; run the demo county."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TypeVar

import click

from conf.rooms import Rooms
from core.clock import Clock, SystemClock
from core.errors import AppError
from migrations import runner
from signaling.app import build, run, worker_command
from signaling.certificates import issue, own_addresses
from signaling.cli.announcement import Announcement, addresses
from signaling.cli.folder import sole_use
from signaling.cli.invocation import Invocation, plain_faults
from signaling.cli.invocation import run as run_plainly
from signaling.cli.schema import need_schema
from signaling.cli.simulator import end_simulator, ensure_simulator, simulated_modems
from signaling.control import moved_clock
from signaling.demo.seed import DemoLogin, seed_demo_county
from signaling.opening import open_database, prepare_folders
from signaling.settings import Settings
from signaling.webserver import PortInUse, is_free, port_in_use

Fault = TypeVar("Fault", bound=Exception)
LAN_HOST = "0.0.0.0"  # noqa: S104 - what --lan asks for


@click.command()
@click.option("--demo", "is_demo", is_flag=True, help="Demo: movable clock, phones page.")
@click.option("--lan", "is_lan", is_flag=True, help="Listen on all addresses, by HTTPS.")
@click.pass_obj
def serve(invocation: Invocation, is_demo: bool, is_lan: bool) -> None:
    """Run the server until SIGTERM or Ctrl-C."""
    settings = _settings(invocation, is_demo=is_demo, is_lan=is_lan)
    with sole_use(settings, "serve"):
        _serve(invocation, settings, is_demo=is_demo, is_lan=is_lan, logins=())


@click.command()
@click.option("--lan", "is_lan", is_flag=True, help="Listen on all addresses; random passwords.")
@click.pass_obj
def demo(invocation: Invocation, is_lan: bool) -> None:
    """Migrate, seed the demo county once, start the modem simulator, serve."""
    settings = _settings(invocation, is_demo=True, is_lan=is_lan)
    _check_ports(settings, "make run")
    with sole_use(settings, "demo"), _ends_in_order():
        logins = run_plainly(_seed(settings, is_lan=is_lan))
        run_plainly(ensure_simulator(settings.data.dir))
        try:
            _serve(invocation, settings, is_demo=True, is_lan=is_lan, logins=logins)
        finally:  # a kill leaves the air alone, an end does not
            _hear_no_more()
            run_plainly(end_simulator(settings.data.dir))


@contextmanager
def _ends_in_order() -> Iterator[None]:
    """SIGTERM runs every `finally` also before the server listens for it, and after."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _hear_no_more() -> None:
    """Being told twice to end must not cut the end short."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


@click.command("seed-demo")
@click.option("--lan", "is_lan", is_flag=True, help="Give every user a random password.")
@click.pass_obj
def seed_demo(invocation: Invocation, is_lan: bool) -> None:
    """Fill an empty database with the generated demo county."""
    settings = invocation.settings()
    with sole_use(settings, "seed-demo"):
        logins = run_plainly(_seed(settings, is_lan=is_lan))
    for login in logins:
        click.echo(f"{login.username:<16} {login.password:<16} {login.title}")


def _settings(invocation: Invocation, *, is_demo: bool, is_lan: bool) -> Settings:
    settings = invocation.settings()
    http = settings.http
    if is_lan:
        http = http.model_copy(update={"host": LAN_HOST})
        if http.tls_certificate is None:
            issued = issue(settings.data.dir / "tls", own_addresses(), SystemClock().now())
            update = {"tls_certificate": issued.certificate, "tls_key": issued.key}
            http = http.model_copy(update=update)
    elif is_demo and http.host not in {"127.0.0.1", "::1", "localhost"}:
        raise click.ClickException("a demo listens on the loopback only; say --lan to open it")
    sms = settings.sms
    if is_demo and not sms.modems:
        sms = sms.model_copy(update={"modems": simulated_modems(settings.data.dir)})
    return settings.model_copy(update={"http": http, "sms": sms})


async def _seed(settings: Settings, *, is_lan: bool) -> tuple[DemoLogin, ...]:
    prepare_folders(settings)
    async with open_database(settings) as database:
        await runner.upgrade(database)
        await need_schema(database)
    async with build(settings, is_demo=True) as app:
        return await seed_demo_county(app, random_passwords=is_lan)


def _check_ports(settings: Settings, command: str) -> None:
    """Before anything is started: a taken port is named with its setting and a way on."""
    http, media = settings.http, settings.media
    taken: PortInUse | None = None
    if not is_free(http.host, http.port):
        taken = port_in_use(http.host, http.port)
    for port in range(media.port, media.port + media.workers):
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            if taken is None and not is_free(media.listen, port, kind):
                taken = port_in_use(media.listen, media.port, "media.port")
    if taken is not None:
        raise _port_fault(taken, command)


def _port_fault(fault: PortInUse, command: str) -> click.ClickException:
    variable = "FENGSUI_" + fault.setting.upper().replace(".", "__")
    return click.ClickException(
        f"port {fault.port} (setting {fault.setting}) is in use. With the next free one:\n"
        f"  {variable}={fault.free_port} {command}"
    )


def _serve(
    invocation: Invocation,
    settings: Settings,
    *,
    is_demo: bool,
    is_lan: bool,
    logins: tuple[DemoLogin, ...],
) -> None:
    command = "make run" if logins else "python server.py serve" + (" --demo" if is_demo else "")
    _check_ports(settings, command)
    clock: Clock = moved_clock(settings.data.dir) if is_demo else SystemClock()
    announcement = Announcement(addresses(settings), logins, settings.data.dir)
    # Whoever reaches the phones page answers for anybody: it exists on the loopback only.
    has_phones = is_demo and not is_lan
    try:
        with plain_faults():
            asyncio.run(_main(settings, clock, announcement, invocation.config, has_phones))
    except* PortInUse as group:
        raise _port_fault(_first(group, PortInUse), command) from None
    except* AppError as group:
        raise click.ClickException(_first(group, AppError).message) from None


def _first(group: BaseException, kind: type[Fault]) -> Fault:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    assert isinstance(group, kind)
    return group


class _Drain:
    """Ends, and with it the server, once asked to and the meetings are over (media.drain_s)."""

    name = "drain"
    stop_deadline_s = 2.0

    def __init__(self, rooms: Rooms, asked: asyncio.Event, settings: Settings) -> None:
        self._rooms = rooms
        self._asked = asked
        self._settings = settings
        self._stop = asyncio.Event()

    async def run(self, ready: asyncio.Event) -> None:
        ready.set()
        draining = asyncio.create_task(self._drain())
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({draining, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            draining.cancel()
            stopping.cancel()

    def stop(self) -> None:
        self._stop.set()

    async def _drain(self) -> None:
        await self._asked.wait()
        await self._rooms.drain(self._settings.media.drain_s)


async def _main(
    settings: Settings,
    clock: Clock,
    announcement: Announcement,
    config: Path | None,
    has_phones: bool,
) -> None:
    stop_requested = asyncio.Event()
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ask() -> None:
        """The first time meetings may go on for media.drain_s; the second time nothing waits."""
        if asked.is_set() or not settings.media.drain_s:
            stop_requested.set()
        asked.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask)
    async with build(
        settings, is_demo=has_phones, clock=clock, worker_command=worker_command(config)
    ) as app:
        await need_schema(app.database)
        await run(app, stop_requested, announcement, _Drain(app.rooms, asked, settings))
