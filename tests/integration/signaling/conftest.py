"""A server's edge in this process: routes, sockets, relay, events and timers, without hardware."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import socketio
from argon2 import PasswordHasher
from socketio.exceptions import ConnectionError as Refused

from core.audit import SYSTEM
from core.auth.model import Grant, Role
from core.auth.passwords import Passwords
from core.auth.users import NewUser
from core.clock import MovableClock
from core.components import serve
from signaling.app import add_components, build
from signaling.context import AppContext
from signaling.settings import Settings, load

PASSWORD = "汛期值班不离岗一刻钟"
HARDWARE = {"modems", "rooms", "recordings", "cameras"}


@dataclass
class Browser:
    """A signed-in browser: cookie jar, CSRF value, and Socket.IO when asked for."""

    url: str
    http: aiohttp.ClientSession
    csrf: str = ""
    sockets: list[socketio.AsyncClient] = field(default_factory=list)

    async def call(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, Any]:
        """Status and JSON (or text) of one request; bytes go as they are."""
        sent = {"X-CSRF-Token": self.csrf} | {k.replace("_", "-"): v for k, v in headers.items()}
        given = {"data": body} if isinstance(body, bytes) else {"json": body}
        async with self.http.request(
            method, self.url + path, headers=sent, allow_redirects=False, **given
        ) as response:
            text = await response.text(errors="replace")
            is_json = response.content_type == "application/json"
            return response.status, json.loads(text) if is_json and text else text

    async def sign_in(self, login: str, password: str = PASSWORD, **more: str) -> tuple[int, Any]:
        """POST /session; remembers the CSRF value."""
        credentials = {"username": login, "password": password, **more}
        status, answer = await self.call("POST", "/api/v1/session", credentials)
        if status == 200:
            self.csrf = answer["csrf_token"]
        return status, answer

    @property
    def cookie(self) -> str:
        """The Cookie header this browser sends."""
        return "; ".join(f"{morsel.key}={morsel.value}" for morsel in self.http.cookie_jar)

    async def socket(self, auth: dict[str, Any] | None = None, **headers: str) -> "Line":
        """A connected Socket.IO client."""
        client = socketio.AsyncClient(reconnection=False)
        line = Line(client)
        refusals: list[Any] = []
        client.on("*", line.heard)
        client.on("connect_error", refusals.append)
        try:
            await client.connect(
                self.url,
                headers={"Cookie": self.cookie, **headers},
                auth=auth or {"protocol": 1},
                transports=["websocket"],
                wait_timeout=20,
            )
        except Refused as error:
            raise Refused(refusals[0]["data"]["code"]) from error
        self.sockets.append(client)
        return line


class Line:
    """One Socket.IO connection and what came over it unasked."""

    def __init__(self, client: socketio.AsyncClient) -> None:
        self.client = client
        self.events: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

    async def heard(self, event: str, data: Any = None) -> None:
        self.events.put_nowait((event, data))

    async def ask(self, event: str, data: Any = None) -> Any:
        """The ack."""
        return await self.client.call(event, data, timeout=30)

    async def next(self, event: str) -> Any:
        """The next `event`; others are skipped."""
        async with asyncio.timeout(30):
            while True:
                name, data = await self.events.get()
                if name == event:
                    return data


@dataclass
class Server:
    """A running edge."""

    app: AppContext
    url: str
    _exits: AsyncExitStack

    async def browser(self) -> Browser:
        """A fresh browser without a session."""
        jar = aiohttp.CookieJar(unsafe=True)  # cookies for 127.0.0.1
        http = await self._exits.enter_async_context(aiohttp.ClientSession(cookie_jar=jar))
        browser = Browser(self.url, http)
        self._exits.push_async_callback(_hang_up, browser)
        return browser

    async def signed_in(self, login: str) -> Browser:
        """A browser of the user `login`."""
        browser = await self.browser()
        status, answer = await browser.sign_in(login)
        assert status == 200, answer
        return browser

    async def add_user(self, login: str, *grants: Grant, **more: Any) -> str:
        """A user with `PASSWORD`. Returns: the id."""
        new = NewUser(login, login, grants, password=PASSWORD, **more)
        user, _ = await self.app.users.create(SYSTEM, new)
        return user.id


async def _hang_up(browser: Browser) -> None:
    for client in browser.sockets:
        await client.disconnect()


def cheap_passwords() -> Passwords:
    """Argon2id at its cheapest; its strength is not what these tests are about."""
    return Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@asynccontextmanager
async def running(
    settings: Settings, *, clock: MovableClock | None = None, is_demo: bool = False
) -> AsyncIterator[Server]:
    """The edge of `settings`, ready; stopped in order at the end."""
    stop = asyncio.Event()
    async with (
        AsyncExitStack() as exits,
        build(settings, clock=clock, is_demo=is_demo, passwords=cheap_passwords()) as app,
    ):
        parts = [part for part in add_components(app) if part.name not in HARDWARE]
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(serve(parts, stop, app.states))
            await _ready(app, serving)
            try:
                url = f"http://127.0.0.1:{settings.http.port}"
                yield Server(app, url, exits)
                await exits.aclose()
            finally:
                stop.set()


async def _ready(app: AppContext, serving: "asyncio.Task[None]") -> None:
    while not (states := app.states.all()) or not states["http"].is_ready:
        if serving.done():
            serving.result()
        await asyncio.sleep(0.01)


@pytest.fixture
def make_settings(tmp_path: Path, free_port: Callable[[], int]) -> Callable[..., Settings]:
    """Settings of a server in a folder of its own, on a free port."""

    def make(url: str, **sections: dict[str, Any]) -> Settings:
        port = free_port()
        http = {"port": port, **sections.pop("http", {})}
        given = {
            "data": {"dir": str(tmp_path / f"var-{port}")},
            "database": {"url": url},
            "http": http,
            **sections,
        }
        return load({}, overrides=given)

    return make


@pytest.fixture(scope="session")
def edge() -> Callable[..., Any]:
    """`async with edge(settings, clock=…) as server`."""
    return running


@pytest.fixture
async def server(sqlite_url: str, make_settings: Callable[..., Settings]) -> AsyncIterator[Server]:
    """One running edge on SQLite."""
    async with running(make_settings(sqlite_url)) as server:
        yield server


@pytest.fixture(params=["one box", "several nodes"])
def backed(
    request: pytest.FixtureRequest, make_settings: Callable[..., Settings]
) -> Callable[..., Settings]:
    """Settings on SQLite without Redis, and the same on PostgreSQL with it."""
    if request.param == "one box":
        return partial(make_settings, request.getfixturevalue("sqlite_url"))
    redis = {"url": request.getfixturevalue("redis_url")}
    return partial(make_settings, request.getfixturevalue("postgresql_url"), redis=redis)


@pytest.fixture
async def county(server: Server) -> Server:
    """The edge with one user for each role, called after it, on `county/`."""
    for role in Role:
        await server.add_user(role.value, Grant(role, "county/"), must_change_password=False)
    return server
