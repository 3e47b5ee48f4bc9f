"""A meeting as its pages see it: the whole edge with a real media worker, and synthetic sites."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
import socketio
from argon2 import PasswordHasher

from conf.model import MeetingOrder, SiteInvite, SiteRole
from core.audit import SYSTEM, AuditQuery
from core.auth.model import Grant, Principal, Role
from core.auth.passwords import Passwords
from core.auth.users import NewUser
from core.clock import Clock
from core.components import serve
from core.ids import UnitId, UserId, new_id
from directory.model import UnitDraft, UnitKind
from signaling.app import add_components, build
from signaling.context import AppContext
from signaling.settings import Settings
from tests.support.bridge import stream
from tests.support.bridge_client import Site

PASSWORD = "汛期值班不离岗一刻钟"
SITES = {"hall": SiteRole.CHAIR, "east": SiteRole.SITE, "west": SiteRole.SITE}


class Refused(Exception):
    """The server answered with an error; `code` is its stable name."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['code']}: {error['message']} ({error['field']})")
        self.code: str = error["code"]
        self.field = error["field"]


class Page:
    """One site's page: a Socket.IO connection, and media once it has joined."""

    def __init__(self, house: "House", name: str, auth: dict[str, Any], cookie: str = "") -> None:
        self.name = name
        self._house = house
        self._auth = auth
        self._cookie = cookie
        self.socket = socketio.AsyncClient(reconnection=False)
        self.heard: list[tuple[str, Any]] = []
        self._news = asyncio.Condition()
        self.site: Site | None = None
        self.joined: dict[str, Any] = {}

    async def connect(self) -> "Page":
        """Raises: Refused: the handshake."""
        refusals: list[Any] = []
        self.socket.on("*", self._hear)
        self.socket.on("connect_error", refusals.append)
        try:
            await self.socket.connect(
                self._house.url, headers={"Cookie": self._cookie}, auth=self._auth,
                transports=["websocket"], wait_timeout=20,
            )  # fmt: skip
        except socketio.exceptions.ConnectionError as error:
            if refusals and isinstance(refusals[0], dict) and "data" in refusals[0]:
                raise Refused(refusals[0]["data"]) from error
            raise
        return self

    async def _hear(self, event: str, data: Any = None) -> None:
        async with self._news:
            self.heard.append((event, data))
            self._news.notify_all()

    async def until(
        self, event: str, wanted: Callable[[Any], bool] = lambda _: True, timeout_s: float = 25
    ) -> Any:
        """The first `event` heard, or yet to be heard, that is wanted."""
        async with asyncio.timeout(timeout_s), self._news:
            while True:
                for name, data in self.heard:
                    if name == event and wanted(data):
                        return data
                await self._news.wait()

    async def change(self, kind: str, **wanted: Any) -> Any:
        """The first change of a kind whose data has these values."""

        def fits(change: Any) -> bool:
            data = change["data"]
            return change["kind"] == kind and all(data.get(k) == v for k, v in wanted.items())

        return (await self.until("change", fits))["data"]

    async def ask(self, event: str, **data: Any) -> Any:
        """The `ok` of the ack. Raises: Refused."""
        ack = await self.socket.call(event, data, timeout=20)
        if "error" in ack:
            raise Refused(ack["error"])
        return ack["ok"]

    async def join(self, *, with_media: bool = True, **more: Any) -> "Page":
        """Take a seat and connect the media. Raises: Refused."""
        site = Site(self.name, thumbnails=8, keep=True)
        self._house.sites.append(site)
        self.joined = await self.ask("room.join", offer=site.offer(), device="phone", **more)
        self.site = site
        if with_media:
            await site.connect(self.joined["answer"])
        return self

    async def order(self, order: str, target: str | None = None, value: str | None = None) -> None:
        """A chair's order, without the keys it has no use for."""
        data = {"order": order, "target": target, "value": value}
        await self.ask("room.order", **{k: v for k, v in data.items() if v is not None})

    async def room(self) -> dict[str, Any]:
        """The room as it is now, read anew."""
        answer = await self.ask("topic.subscribe", topic=self.joined["topic"])
        snapshot: dict[str, Any] = answer["snapshot"]
        return snapshot

    async def seat(self, participant_id: str) -> dict[str, Any]:
        """One participant of the room."""
        seats = (await self.room())["participants"]
        found: dict[str, Any] = next(s for s in seats if s["participant_id"] == participant_id)
        return found

    @property
    def pid(self) -> str:
        return str(self.joined["participant_id"])

    @property
    def media(self) -> Site:
        assert self.site is not None
        return self.site

    async def drop(self) -> None:
        """The connection breaks; nobody says goodbye."""
        await self.socket.disconnect()


@dataclass
class House:
    """A running server with rooms and a worker."""

    app: AppContext
    url: str
    exits: AsyncExitStack
    meeting_id: str = ""
    tokens: dict[str, str] = field(default_factory=dict)
    sites: list[Site] = field(default_factory=list)

    async def open(self, *, minutes: int = 60, **sites: SiteRole) -> None:
        """A meeting from now on, one unit and link per site."""
        now = self.app.clock.now()
        invites = tuple(SiteInvite(UnitId(n), n, r) for n, r in (sites or SITES).items())
        order = MeetingOrder(
            key=new_id(), title="汛情会商", unit_path="county/", starts_at=now,
            ends_at=now + timedelta(minutes=minutes), sites=invites, opened_by="test",
        )  # fmt: skip
        async with self.app.database.write() as uow:
            opened = await self.app.meetings.open(uow, order)
        self.meeting_id = opened.meeting_id
        self.tokens = {unit: path.rpartition("/")[2] for unit, path in opened.paths.items()}

    async def found_county(self) -> None:
        """The one unit `county`."""
        admin = Principal(UserId("root"), "root", None, (Grant(Role.ADMIN, ""),))
        async with self.app.database.write() as uow:
            draft = UnitDraft("青澜县", UnitKind.COUNTY, None, id="county", code="990100")
            await self.app.part("register").create_unit(uow, admin, draft)

    async def link_id(self, site: str) -> str:
        """The id of a site's link."""
        async with self.app.database.read() as uow:
            rows = await self.app.meetings.sites(uow, self.meeting_id)
        return next(row.id for row in rows if row.unit_id == site)

    async def page(self, site: str) -> Page:
        """A connected page of a site's link holder, not yet joined."""
        page = Page(self, site, {"protocol": 1, "join": self.tokens[site]})
        self.exits.push_async_callback(page.socket.disconnect)
        return await page.connect()

    async def joined(self, *sites: str) -> list[Page]:
        """Pages that have joined by link, with media."""
        return [await (await self.page(site)).join() for site in sites]

    async def stream(self, *pages: Page, seconds: float = 1.0) -> None:
        """These pages talk and show their cameras."""
        await stream([page.media for page in pages], seconds)

    async def stream_until(
        self, *pages: Page, done: Callable[[], bool], within_s: float = 30.0
    ) -> None:
        """As `stream`, as long as it takes: the machine may be busy."""
        async with asyncio.timeout(within_s):
            while not done():
                await self.stream(*pages, seconds=0.3)

    @asynccontextmanager
    async def streaming(self, *pages: Page) -> AsyncIterator[None]:
        """They talk and show their cameras for as long as the block takes."""
        talking = asyncio.create_task(stream([page.media for page in pages], float("inf")))
        try:
            yield
        finally:
            talking.cancel()
            with suppress(asyncio.CancelledError):
                await talking

    @staticmethod
    async def read_all() -> None:
        """Let the pages read what lies in their sockets: all the bridge sent before its last ack.

        A datagram over loopback is there as soon as it is sent, and each turn of the loop reads.
        """
        for _ in range(4):
            await asyncio.sleep(0)

    async def audited(self) -> list[str]:
        """The actions in the audit log, oldest first."""
        async with self.app.database.read() as uow:
            entries = await self.app.audit.entries(uow, AuditQuery(limit=200))
        return [entry.action for entry in entries][::-1]

    @property
    def worker(self) -> Any:
        """The one media worker."""
        return self.app.rooms.workers[0]

    async def desk(self, login: str, role: Role, unit_path: str = "county/") -> "Desk":
        """A signed-in user."""
        grants = (Grant(role, unit_path),)
        new = NewUser(login, login, grants, password=PASSWORD, must_change_password=False)
        await self.app.users.create(SYSTEM, new)
        jar = aiohttp.CookieJar(unsafe=True)
        http = await self.exits.enter_async_context(aiohttp.ClientSession(cookie_jar=jar))
        desk = Desk(self, http)
        body = await desk.post("/session", {"username": login, "password": PASSWORD})
        desk.csrf = body["csrf_token"]
        return desk


class Desk:
    """A signed-in user's REST calls and page."""

    def __init__(self, house: House, http: aiohttp.ClientSession) -> None:
        self._house = house
        self.http = http
        self.csrf = ""

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON. Raises: Refused."""
        headers = {"X-CSRF-Token": self.csrf}
        address = f"{self._house.url}/api/v1{path}"
        async with self.http.request(method, address, json=body, headers=headers) as answer:
            text = await answer.text()
            if answer.status >= 400:
                raise Refused(json.loads(text)["error"])
            return json.loads(text) if text else None

    async def get(self, path: str) -> Any:
        """GET."""
        return await self.call("GET", path)

    async def post(self, path: str, body: Any) -> Any:
        """POST."""
        return await self.call("POST", path, body)

    async def page(self, name: str) -> Page:
        """This user's connected page."""
        cookie = "; ".join(f"{morsel.key}={morsel.value}" for morsel in self.http.cookie_jar)
        page = Page(self._house, name, {"protocol": 1}, cookie)
        self._house.exits.push_async_callback(page.socket.disconnect)
        return await page.connect()


@asynccontextmanager
async def running_house(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[House]:
    """The server of `settings` but for its modems, ready; stopped in order at the end."""
    stop = asyncio.Event()
    cheap = Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    async with build(settings, clock=clock, passwords=cheap) as app:
        parts = [part for part in add_components(app) if part.name != "modems"]
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(serve(parts, stop, app.states))
            while not (states := app.states.all()) or not states["http"].is_ready:
                if serving.done():
                    serving.result()
                await asyncio.sleep(0.01)
            exits = AsyncExitStack()
            house = House(app, f"http://127.0.0.1:{settings.http.port}", exits)
            try:
                yield house
            finally:
                for site in house.sites:
                    with suppress(OSError, ValueError):
                        await site.close(says_goodbye=False)
                await exits.aclose()
                stop.set()


async def refusal(page: Page, event: str, **data: Any) -> str:
    """The code of the error a page gets."""
    with pytest.raises(Refused) as refused:
        await page.ask(event, **data)
    return refused.value.code


async def refused_join(page: Page, **more: Any) -> str:
    """The code with which a page is not let in."""
    with pytest.raises(Refused) as refused:
        await page.join(with_media=False, **more)
    return refused.value.code
