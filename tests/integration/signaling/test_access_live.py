"""A running server holds to the committed table of who may what, over every route and role."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from core.auth.model import Grant, Role
from services import databases, ports
from signaling.http import Route
from signaling.routes import all_events, all_routes
from signaling.settings import load
from signaling.sockets import topic_events
from support.access_table import ANYBODY, committed
from support.estate import Estate, audited, estate_of, found

pytestmark = [pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]
REFUSED = {401, 403}
HIDDEN = {403, 404}
LAST = "DELETE /api/v1/session"
QUICK = {
    "user_requests_per_minute": 100_000,
    "visitor_requests_per_minute": 100_000,
    "sign_ins_per_minute": 1000,
}


@dataclass
class Places:
    """The server, and what its township t2 has."""

    server: Any
    estate: Estate

    async def of(self, role: Role, where: str) -> Any:
        """A browser of somebody with one role, in the county or in the township t1."""
        return await self.server.signed_in(f"{role.value}-{where}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def places(
    edge: Callable[..., Any], service_session: Any, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Places]:
    """A demo's server with two townships, and for each role a user of the county and of t1.

    One for the file: what the tests may do changes nothing, and that is what they prove.
    """
    with databases.sqlite_copy(service_session, is_migrated=True) as url:
        given = {
            "data": {"dir": str(tmp_path_factory.mktemp("access"))},
            "database": {"url": url},
            "http": {**QUICK, "port": ports.free_port()},
        }
        async with edge(load({}, overrides=given), is_demo=True) as server:
            await found(server)
            for role in Role:
                for name, path in (("county", "county/"), ("t1", "county/t1/")):
                    login = f"{role.value}-{name}"
                    await server.add_user(login, Grant(role, path), must_change_password=False)
            yield Places(server, await estate_of(server, await server.signed_in("owner")))


def routes() -> list[Route]:
    """All of the demo's server; the one that ends the session comes last."""
    return sorted(all_routes(), key=lambda route: route.name == LAST)


def nobodys(route: Route) -> str:
    """The route's address with ids that name nothing."""
    return "/".join("nobody" if part.startswith("{") else part for part in route.path.split("/"))


async def test_without_a_session_only_what_is_open_answers(places: Places) -> None:
    estate = places.estate
    stranger, table, wrong = await places.server.browser(), committed(), []
    before = await audited(places.server)
    for route in routes():
        body = {} if route.name == "POST /api/v1/session" else estate.body(route)
        status, _ = await stranger.call(route.method, estate.path(route), body)
        expected_in = ANYBODY in table[route.name].may
        # The handler of /metrics knows the visitor, not the gate: signed in or not, it says which.
        if (status not in REFUSED) is not expected_in:
            wrong.append((route.name, status))
        if not expected_in and status != 401:
            wrong.append((route.name, status))
    assert wrong == []
    assert await audited(places.server) == before


async def test_in_the_county_each_role_passes_where_the_table_says(places: Places) -> None:
    """Who may not is refused though everything asked for is there; who may gets past the gate."""
    estate = places.estate
    table, wrong = committed(), []
    for role in Role:
        browser = await places.of(role, "county")
        for route in routes():
            may = role.value in table[route.name].may
            if may:
                body = {} if route.body else None
                status, _ = await browser.call(route.method, nobodys(route), body)
            else:
                status, _ = await browser.call(route.method, estate.path(route), estate.body(route))
            if (status == 403) is may or status == 401:
                wrong.append((role.value, route.name, status))
    assert wrong == []


async def test_a_townships_role_reaches_no_other_township(places: Places) -> None:
    """For every role and every route it may use: as the table's scope says."""
    estate = places.estate
    table, wrong, seen = committed(), [], Counter[str]()
    theirs = [id_ for id_ in estate.ids.values() if len(id_) > 20]
    before = await audited(places.server)
    for role in Role:
        browser = await places.of(role, "t1")
        for route in all_routes():
            row = table[route.name]
            if row.scope == "open" or role.value not in row.may:
                continue
            seen[row.scope] += 1
            status, answer = await browser.call(
                route.method, estate.path(route), estate.body(route)
            )
            if not _is_within_reach(row.scope, status, str(answer), theirs):
                wrong.append((role.value, route.name, status, answer))
    assert wrong == []
    assert set(seen) == {"all", "county", "list", "unit", "handler"}
    assert await audited(places.server) - before <= len(Role), "only sign-ins"


def _is_within_reach(scope: str, status: int, text: str, theirs: list[str]) -> bool:
    if scope == "county":
        return status == 403
    if scope == "unit":
        return status in HIDDEN
    if scope == "list":
        return status == 200 and not any(id_ in text for id_ in theirs)
    return status not in REFUSED


async def test_every_event_and_topic_over_a_live_socket(places: Places) -> None:
    """Per role in the county: past the gate or not; per role in t1: nothing of t2's."""
    estate = places.estate
    table, wrong = committed(), []
    keys = {
        "incident": estate.ids["incident_id"], "room": estate.ids["meeting_id"],
        "message": estate.ids["message_id"],
    }  # fmt: skip
    for role in Role:
        for where in ("county", "t1"):
            line = await (await places.of(role, where)).socket()
            for event in (*all_events(), *topic_events()) if where == "county" else ():
                answer = await line.ask(event.name, {})
                may = role.value in table[f"event {event.name}"].may
                if (answer.get("error", {}).get("code") == "not_allowed") is may:
                    wrong.append((role.value, event.name, answer))
            for kind in places.server.app.topics.kinds:
                topic = f"{kind}:{keys[kind]}" if kind in keys else kind
                answer = await line.ask("topic.subscribe", {"topic": topic})
                code = answer.get("error", {}).get("code", "ok")
                row = table[f"topic {kind}"]
                may = role.value in row.may and (where == "county" or row.scope == "all")
                if (code in {"not_allowed", "not_found"}) is may:
                    wrong.append((role.value, where, topic, answer))
    assert wrong == []


async def test_the_table_has_every_address_the_server_answers(places: Places) -> None:
    """Not only what stands in route tables: whatever aiohttp and Socket.IO have been told."""
    parts = {part.name: part for part in places.server.app.components}
    served = {
        f"{route.method} {route.resource.canonical}"
        for route in parts["http"].application.router.routes()
        if route.method != "HEAD"
    }
    told = {name for name in committed() if not name.startswith(("event ", "topic "))}
    assert served == told
    events = {f"event {name}" for name in parts["sockets"].events}
    assert events == {name for name in committed() if name.startswith("event ")}
