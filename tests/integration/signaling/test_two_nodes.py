"""Two servers on one PostgreSQL: what one commits, the browsers of the other see."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from core import changes
from core.auth.model import Grant, Permission, Role
from signaling import presence
from signaling.settings import Settings

Pair = tuple[Any, Any]


async def _lamp(uow: Any, _visitor: Any, key: str) -> dict[str, Any]:
    return {"seen": (await changes.head(uow, f"lamp:{key}")).seq}


async def _start(exits: AsyncExitStack, edge: Any, settings: list[Settings]) -> Pair:
    # One installation: the nodes share the keys that sign cookies.
    shared = settings[0].data
    one = await exits.enter_async_context(edge(settings[0]))
    two = await exits.enter_async_context(edge(settings[1].model_copy(update={"data": shared})))
    for server in (one, two):
        server.app.topics.register("lamp", permission=Permission.INCIDENT_READ, snapshot=_lamp)
    await one.add_user("duty", Grant(Role.DUTY_OFFICER, "county/"), must_change_password=False)
    return one, two


@pytest.fixture
async def with_redis(
    postgresql_url: str, redis_url: str, make_settings: Callable[..., Settings], edge: Any
) -> AsyncIterator[Pair]:
    async with AsyncExitStack() as exits:
        redis = {"url": redis_url}
        yield await _start(
            exits, edge, [make_settings(postgresql_url, redis=redis) for _ in range(2)]
        )


@pytest.fixture(params=["redis", "no redis"])
async def pair(
    request: pytest.FixtureRequest,
    postgresql_url: str,
    redis_url: str,
    make_settings: Callable[..., Settings],
    edge: Any,
) -> AsyncIterator[Pair]:
    redis = {"url": redis_url} if request.param == "redis" else {}
    async with AsyncExitStack() as exits:
        both = [make_settings(postgresql_url, redis=redis) for _ in range(2)]
        yield await _start(exits, edge, both)


async def _publish(server: Any, count: int) -> None:
    for n in range(count):
        async with server.app.database.write() as uow:
            await changes.publish(uow, "lamp:east", "lamp.changed", {"n": n})


async def _seen(line: Any, count: int) -> list[int]:
    return [(await line.next("change"))["seq"] for _ in range(count)]


@pytest.mark.timeout(60)
async def test_a_change_on_one_node_reaches_the_other_in_order(pair: Pair) -> None:
    one, two = pair
    line = await (await two.signed_in("duty")).socket()
    assert "ok" in await line.ask("topic.subscribe", {"topic": "lamp:east"})
    await asyncio.gather(_publish(one, 10), _publish(two, 10))
    assert await _seen(line, 20) == list(range(1, 21))


@pytest.mark.timeout(60)
async def test_a_session_of_one_node_is_known_and_ended_on_the_other(with_redis: Pair) -> None:
    one, two = with_redis
    browser = await one.signed_in("duty")
    there = await two.browser()
    there.http.cookie_jar.update_cookies({m.key: m.value for m in browser.http.cookie_jar})
    assert (await there.call("GET", "/api/v1/session"))[0] == 200
    line = await there.socket()
    gone = asyncio.Event()
    line.client.on("disconnect", lambda *_: gone.set())
    assert (await browser.call("DELETE", "/api/v1/session"))[0] == 204
    async with asyncio.timeout(15):
        await gone.wait()
    assert (await there.call("GET", "/api/v1/session"))[0] == 401


@pytest.fixture
def quick_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    """The nodes tell each other who is here twenty times as often."""
    monkeypatch.setattr(presence, "BEAT_S", 0.5)


@pytest.mark.timeout(60)
@pytest.mark.usefixtures("quick_beats")  # before the nodes start
async def test_presence_is_of_all_nodes(with_redis: Pair) -> None:
    one, two = with_redis
    browser = await one.signed_in("duty")
    await browser.socket()
    user = (await browser.call("GET", "/api/v1/session"))[1]["user"]["user_id"]
    assert two.app.presence.here() == set()
    async with asyncio.timeout(30):
        while two.app.presence.online() != {user}:  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0.05)


@pytest.mark.timeout(60)
async def test_redis_gone_is_a_state_and_changes_still_arrive(
    postgresql_url: str, make_settings: Callable[..., Settings], edge: Any
) -> None:
    dead = {"url": "redis://127.0.0.1:9/0"}
    async with AsyncExitStack() as exits:
        one, two = await _start(
            exits, edge, [make_settings(postgresql_url, redis=dead) for _ in range(2)]
        )
        line = await (await two.signed_in("duty")).socket()
        await line.ask("topic.subscribe", {"topic": "lamp:east"})
        await _publish(one, 3)
        assert await _seen(line, 3) == [1, 2, 3]
        status, ready = await (await one.browser()).call("GET", "/readyz")
        (nodes,) = [part for part in ready["components"] if part["name"] == "nodes"]
        assert (status, nodes["is_ready"]) == (503, False)
        assert "Redis" in nodes["note"]
