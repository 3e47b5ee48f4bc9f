"""The composition root: from Settings to a running server process."""

import asyncio
import gc
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import socketio
import structlog

from command.service import CommandService
from conf.cameras.service import Cameras
from conf.placement import Placement, node_name
from conf.recording.service import Recordings
from conf.rooms import Rooms
from conf.service import Meetings
from core.audit import load_or_create_key
from core.auth.model import Principal
from core.auth.passwords import Passwords
from core.auth.service import Accounts
from core.auth.tokens import Tokens
from core.auth.users import Users
from core.clock import Clock, MovableClock, SystemClock
from core.components import Component, serve
from core.database import Database, UnitOfWork
from core.events import EventDispatcher
from core.timers import TimerRunner
from directory.importing.exporting import Exports
from directory.importing.service import Imports
from directory.model import UnitMoved
from directory.service import Directory, Groups, Register
from plans.service import Plans
from signaling import routes
from signaling.adapters import (
    AuditedRooms,
    ConferenceOpener,
    SmsFacts,
    SmsMessenger,
)
from signaling.audiences import DirectoryPeople
from signaling.certificates import own_addresses
from signaling.context import AppContext
from signaling.control import Control
from signaling.housekeeping import Housekeeping
from signaling.metrics import LoopLag
from signaling.opening import open_audit, open_database, prepare_folders
from signaling.presence import Nodes, Presence
from signaling.relay import Relay
from signaling.routes.rooms import resolve_link
from signaling.settings import Settings
from signaling.sockets import Sockets
from signaling.topics import Topics
from signaling.webserver import WebServer
from sms.service import SmsPlatform
from sms.simulator.client import SimulatorClient
from sms.simulator.process import SOCKET_NAME

log = structlog.get_logger(__name__)

ANY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to
POLL_S = 5.0
POLL_WITHOUT_REDIS_S = 1.0
"""How soon a node notices another's changes when nothing tells it (PostgreSQL without Redis)."""


def base_url(settings: Settings) -> str:
    """What a join link begins with: http.public_url, else how this machine is reached."""
    http = settings.http
    if http.public_url is not None:
        return http.public_url
    scheme = "https" if http.tls_certificate is not None else "http"
    host = own_addresses()[-1] if http.host in ANY_ADDRESS else http.host
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{http.port}"


@asynccontextmanager
async def build(
    settings: Settings,
    *,
    is_demo: bool = False,
    clock: Clock | None = None,
    worker_command: Sequence[str] | None = None,
    passwords: Passwords | None = None,
) -> AsyncIterator[AppContext]:
    """Every part of one process, not yet running; closed when the block ends."""
    prepare_folders(settings)
    clock = clock or SystemClock()
    passwords = passwords or Passwords()
    async with open_database(settings, clock) as database:
        app = _assemble(settings, database, passwords, worker_command, is_demo=is_demo)
        simulator = SimulatorClient(settings.data.dir / SOCKET_NAME)
        if is_demo:
            app.extra["simulator"] = simulator
        _add_directory(app)
        try:
            _connect(app)
            yield app
        finally:
            await simulator.close()
            passwords.close()


def _assemble(
    settings: Settings,
    database: Database,
    passwords: Passwords,
    worker_command: Sequence[str] | None,
    *,
    is_demo: bool,
) -> AppContext:
    clock, audit = database.clock, open_audit(settings)
    tokens = Tokens(load_or_create_key(settings.data.dir / "keys" / "session.key"))
    meetings = Meetings(passwords.hash, passwords.verify)
    directory, plans = Directory(), Plans(audit)
    sms = SmsPlatform(settings.sms, database, audit=audit, people=DirectoryPeople(directory))
    opener = ConferenceOpener(meetings, base_url(settings))
    sockets, orders = settings.data.sockets, AuditedRooms(audit)
    recordings = _recordings(settings, database, worker_command)
    cameras = Cameras(sockets, clock, _sibling(worker_command, "cameras"))
    return AppContext(
        settings=settings,
        clock=clock,
        database=database,
        audit=audit,
        events=EventDispatcher(database, clock),
        timers=TimerRunner(database, clock),
        auth=Accounts(database, clock, audit, settings.auth, tokens, passwords),
        users=Users(database, audit, settings.auth, passwords),
        topics=Topics(database),
        directory=directory,
        meetings=meetings,
        rooms=Rooms(
            settings.media,
            sockets,
            database,
            clock,
            meetings,
            orders,
            recordings,
            cameras,
            Placement(
                database, node_name(settings.data.dir, base_url(settings)), base_url(settings)
            ),
            worker_command,
        ),
        plans=plans,
        sms=sms,
        command=CommandService(database, directory, plans, SmsMessenger(sms, audit), opener, audit),
        started_at=clock.now(),
        is_demo=is_demo,
    )


def _recordings(
    settings: Settings, database: Database, worker_command: Sequence[str] | None
) -> Recordings:
    command = _sibling(worker_command, "recorder")
    folder = settings.data.dir / "recordings"
    sockets = settings.data.sockets
    return Recordings(settings.recording, sockets, folder, database, database.clock, command)


def _sibling(worker_command: Sequence[str] | None, command: str) -> list[str] | None:
    """What starts another of our processes with the same settings."""
    return [*worker_command[:-1], command] if worker_command is not None else None


def _add_directory(app: AppContext) -> None:
    """The parts of the directory that only its own routes use."""
    settings = app.settings.directory
    register = Register(app.audit, area_code=settings.area_code)
    app.extra["register"] = register
    app.extra["groups"] = Groups(register)
    app.extra["exports"] = Exports(app.database, app.audit, register)
    app.extra["imports"] = Imports(app.database, app.audit, register, settings)


def _connect(app: AppContext) -> None:
    """Events, timers and topics between the parts."""
    app.sms.register(app.timers)
    app.sms.webhooks.subscribe(app.events)
    app.command.register_timers(app.timers)
    SmsFacts(app.command).subscribe(app.events)
    app.rooms.subscribe(app.events)
    app.resolve_link = partial(resolve_link, app)

    async def follow_move(uow: UnitOfWork, moved: UnitMoved) -> None:
        await app.users.follow_move(uow, moved.old_path, moved.new_path)

    app.events.subscribe(UnitMoved, "auth.grants", follow_move)
    for module in routes.modules():
        register = getattr(module, "register_topics", None)
        if register is not None:
            register(app, app.topics)


def add_components(app: AppContext) -> list[Component]:
    """The components of `app` in the order of starting: the modems first, the edge last."""
    relay, sockets, nodes = _edge(app)
    server = WebServer(app, routes.all_routes(), sockets)
    parts: list[Component] = [
        app.sms.pool,
        app.events,
        app.timers,
        app.rooms.recordings,
        app.rooms.cameras,
        app.rooms,
        Housekeeping(app.database, app.clock, app.audit, app.auth, app.events, app.timers),
        LoopLag(),
        relay,
        *([nodes] if nodes is not None else []),
        sockets,
        server,
    ]
    if isinstance(app.clock, MovableClock):
        parts.insert(0, Control(app.settings.data.dir, app.clock))
    app.components = parts
    return parts


def _edge(app: AppContext) -> tuple[Relay, Sockets, Nodes | None]:
    redis_url = app.settings.redis.url
    manager = socketio.AsyncRedisManager(redis_url.get_secret_value()) if redis_url else None
    poll_s = POLL_WITHOUT_REDIS_S if app.database.is_postgresql and not redis_url else POLL_S
    sockets: Sockets

    relay = Relay(
        app.database, app.clock, lambda change: sockets.send_change(change), poll_s=poll_s
    )
    sockets = Sockets(app, routes.all_events(), relay, manager)
    app.sockets = sockets
    app.topics.deliver_with(relay.deliver)
    for kind in app.topics.kinds.values():
        if kind.owner is not None:
            relay.own(kind.prefix)
    app.presence = Presence(lambda: _user_ids(sockets))
    if redis_url is None:
        return relay, sockets, None
    nodes = Nodes(redis_url.get_secret_value(), app.database, app.clock, app.presence, relay.hint)
    relay.on_own_change = nodes.tell_change
    return relay, sockets, nodes


def _user_ids(sockets: Sockets) -> list[str]:
    return [
        connection.visitor.user_id
        for connection in sockets.connections
        if isinstance(connection.visitor, Principal)
    ]


async def run(app: AppContext, stop_requested: asyncio.Event, *last: Component) -> None:
    """Run everything, `last` after all else has started, until asked to stop.

    Raises: an ExceptionGroup of what a component raised (signaling.webserver.PortInUse …).
    """
    parts = [*add_components(app), *last]
    gc.collect()
    gc.freeze()  # what is loaded now stays: a full collection would stop the loop for 100 ms
    await serve(parts, stop_requested, app.states)


def worker_command(config: Path | None) -> list[str]:
    """What starts a media worker of this server."""
    server = Path(__file__).resolve().parent.parent / "server.py"
    command = [sys.executable, os.fspath(server)]
    if config is not None:
        command += ["--config", os.fspath(config)]
    return [*command, "worker"]
