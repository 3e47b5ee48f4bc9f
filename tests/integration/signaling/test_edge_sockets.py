"""Socket.IO: order, acks, deadlines, topics, ended sessions."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from socketio.exceptions import ConnectionError as Refused

from core import changes
from core.auth.model import Grant, Permission, Role
from core.errors import Conflict
from signaling.api import ApiModel
from signaling.edge import INBOX_SIZE, Message, SocketEvent, _Letter
from signaling.topics import LinkPrincipal


class Number(ApiModel):
    """What the test events carry."""

    n: int


@pytest.fixture
def add_event(county: Any) -> Callable[..., None]:
    """Serve one more event."""

    def add(name: str, handler: Callable[[Any], Awaitable[Any]], **more: Any) -> None:
        options = {"permission": Permission.SIGNED_IN, "request": Number, **more}
        event = SocketEvent(name, handler, **options)
        county.app.sockets._events[name] = event
        for inbox in county.app.sockets._inboxes.values():
            inbox.events[name] = event

    return add


async def _publish(county: Any, topic: str, n: int) -> None:
    async with county.app.database.write() as uow:
        await changes.publish(uow, topic, "incident.changed", {"n": n})


@pytest.fixture
def lamps(county: Any) -> None:
    """A topic `lamp:ID` whose snapshot is the number of its last change."""

    async def access(_uow: Any, visitor: Any, key: str) -> None:
        if key == "hidden":
            raise Conflict("not now")

    async def snapshot(uow: Any, _visitor: Any, key: str) -> dict[str, Any]:
        return {"seen": (await changes.head(uow, f"lamp:{key}")).seq}

    county.app.topics.register(
        "lamp", permission=Permission.INCIDENT_READ, access=access, snapshot=snapshot
    )


async def test_messages_of_one_client_are_handled_in_order(
    county: Any, add_event: Callable[..., None]
) -> None:
    """python-socketio alone handles 1 2 3 as 2 3 1 when the first one waits."""
    handled: list[int] = []

    async def slower_first(message: Message[Number]) -> Number:
        await asyncio.sleep(0.05 if message.data.n == 0 else 0)
        handled.append(message.data.n)
        return message.data

    add_event("test.echo", slower_first)
    line = await (await county.signed_in("duty_officer")).socket()
    answers = await asyncio.gather(*(line.ask("test.echo", {"n": n}) for n in range(10)))
    assert handled == list(range(10))
    assert answers == [{"ok": {"n": n}} for n in range(10)]


async def test_every_message_is_acked(county: Any, add_event: Callable[..., None]) -> None:
    async def conflict(_: Message[Number]) -> None:
        raise Conflict("the floor is taken", field="n")

    async def bug(_: Message[Number]) -> None:
        raise RuntimeError("secret")

    async def slow(_: Message[Number]) -> None:
        await asyncio.sleep(60)

    async def nothing(_: Message[Number]) -> None:
        return None

    add_event("test.conflict", conflict)
    add_event("test.bug", bug)
    add_event("test.slow", slow, deadline_s=0.1)
    add_event("test.nothing", nothing)
    line = await (await county.signed_in("duty_officer")).socket()
    good = {"n": 1}
    assert await line.ask("test.nothing", good) == {"ok": {}}
    expected = {"code": "conflict", "message": "the floor is taken", "field": "n"}
    assert await line.ask("test.conflict", good) == {"error": expected}
    assert (await line.ask("test.bug", good))["error"]["code"] == "internal"
    assert (await line.ask("test.slow", good))["error"]["code"] == "deadline"
    assert (await line.ask("test.nothing", {"n": "x"}))["error"]["field"] == "n"
    assert (await line.ask("test.nothing", [1]))["error"]["code"] == "invalid_input"
    assert (await line.ask("test.nothing"))["error"]["field"] == "n"
    assert (await line.ask("no.such"))["error"]["code"] == "unknown_event"
    assert await line.ask("test.nothing", good) == {"ok": {}}, "the line has survived all this"


async def test_a_flood_is_refused_and_harms_nobody_else(
    county: Any, add_event: Callable[..., None]
) -> None:
    may_go_on = asyncio.Event()

    async def slow(_: Message[Number]) -> None:
        await may_go_on.wait()

    async def quick(_: Message[Number]) -> None:
        return None

    add_event("test.slow", slow, deadline_s=60.0)
    add_event("test.quick", quick)
    flooder = await (await county.signed_in("duty_officer")).socket()
    other = await (await county.signed_in("leader")).socket()
    asked = [asyncio.create_task(flooder.ask("test.slow", {"n": n})) for n in range(200)]
    async with asyncio.timeout(30):
        assert await other.ask("test.quick", {"n": 1}) == {"ok": {}}
        while sum(one.done() for one in asked) < 200 - 1 - INBOX_SIZE:
            await asyncio.wait({one for one in asked if not one.done()}, timeout=0.1)
    assert {(await one)["error"]["code"] for one in asked if one.done()} == {"too_many"}
    may_go_on.set()
    codes = [answer.get("error", {}).get("code") for answer in await asyncio.gather(*asked)]
    assert codes.count("too_many") == 200 - 1 - INBOX_SIZE
    assert None in codes


@pytest.mark.parametrize(
    ("auth", "code"),
    [
        ({"protocol": 2}, "invalid_input"),
        ({}, "invalid_input"),
        ({"protocol": 1, "x": 1}, "invalid_input"),
    ],
)
async def test_a_bad_handshake_is_refused_with_its_reason(
    county: Any, auth: dict[str, Any], code: str
) -> None:
    browser = await county.signed_in("duty_officer")
    with pytest.raises(Refused, match=code):
        await browser.socket(auth or {"join": "x" * 17})


async def test_without_a_session_and_from_another_site_nothing_connects(county: Any) -> None:
    stranger = await county.browser()
    with pytest.raises(Refused, match="not_signed_in"):
        await stranger.socket()
    browser = await county.signed_in("duty_officer")
    with pytest.raises(Refused, match="origin"):
        await browser.socket(Origin="https://evil.example")
    await browser.socket(Origin=county.url)


@pytest.mark.usefixtures("lamps")
async def test_a_topic_begins_with_a_snapshot_and_goes_on_with_every_change(county: Any) -> None:
    await _publish(county, "lamp:east", 0)
    line = await (await county.signed_in("duty_officer")).socket()
    opened = (await line.ask("topic.subscribe", {"topic": "lamp:east"}))["ok"]
    assert (opened["seq"], opened["snapshot"]) == (1, {"seen": 1})
    for n in range(1, 6):
        await _publish(county, "lamp:east", n)
    await _publish(county, "lamp:west", 99)
    got = [await line.next("change") for _ in range(5)]
    assert [(change["seq"], change["data"]["n"]) for change in got] == [
        (n + 1, n) for n in range(1, 6)
    ]
    assert {change["epoch"] for change in got} == {opened["epoch"]}


@pytest.mark.usefixtures("lamps")
async def test_after_a_break_only_the_missed_changes_come(county: Any) -> None:
    browser = await county.signed_in("duty_officer")
    await _publish(county, "lamp:east", 0)
    line = await browser.socket()
    opened = (await line.ask("topic.subscribe", {"topic": "lamp:east"}))["ok"]
    await line.client.disconnect()
    for n in (1, 2):
        await _publish(county, "lamp:east", n)
    line = await browser.socket()
    position = {"topic": "lamp:east", "epoch": opened["epoch"], "seq": opened["seq"]}
    resumed = (await line.ask("topic.subscribe", position))["ok"]
    assert "snapshot" not in resumed
    assert [change["seq"] for change in resumed["changes"]] == [2, 3]
    assert resumed["seq"] == 3
    unknown = (await line.ask("topic.subscribe", position | {"epoch": "other"}))["ok"]
    assert "changes" not in unknown
    assert unknown["snapshot"] == {"seen": 3}


@pytest.mark.usefixtures("lamps")
async def test_unsubscribed_means_silent(county: Any) -> None:
    line = await (await county.signed_in("duty_officer")).socket()
    await line.ask("topic.subscribe", {"topic": "lamp:east"})
    assert await line.ask("topic.unsubscribe", {"topic": "lamp:east"}) == {"ok": {}}
    await _publish(county, "lamp:east", 1)
    await asyncio.sleep(0.2)
    assert line.events.empty()


@pytest.mark.usefixtures("lamps")
async def test_topics_out_of_reach_are_refused(county: Any) -> None:
    line = await (await county.signed_in("village_reporter")).socket()
    refused = await line.ask("topic.subscribe", {"topic": "lamp:east"})
    assert refused["error"]["code"] == "not_allowed"
    line = await (await county.signed_in("duty_officer")).socket()
    assert (await line.ask("topic.subscribe", {"topic": "lamp:hidden"}))["error"][
        "code"
    ] == "conflict"
    assert (await line.ask("topic.subscribe", {"topic": "no:such"}))["error"][
        "code"
    ] == "invalid_input"
    assert (await line.ask("topic.subscribe", {"topic": "A B"}))["error"]["field"] == "topic"


@pytest.mark.usefixtures("lamps")
async def test_a_role_taken_away_closes_the_topic_at_once(county: Any) -> None:
    user_id = await county.add_user(
        "both", Grant(Role.DUTY_OFFICER, "county/"), Grant(Role.AUDITOR, "county/"),
        must_change_password=False,
    )  # fmt: skip
    line = await (await county.signed_in("both")).socket()
    await line.ask("topic.subscribe", {"topic": "lamp:east"})
    admin = (await county.app.auth.resolve(_value(await county.signed_in("admin")))).principal
    async with county.app.database.write() as uow:
        grants = (Grant(Role.AUDITOR, "county/"),)
        await county.app.users.change(uow, admin, user_id, grants=grants)
    closed = await line.next("topic.closed")
    assert (closed["topic"], closed["code"]) == ("lamp:east", "not_allowed")
    await _publish(county, "lamp:east", 1)
    await asyncio.sleep(0.2)
    assert line.events.empty()


def _value(browser: Any) -> str:
    return str(next(iter(browser.http.cookie_jar)).value)


async def test_signing_out_closes_the_line(county: Any) -> None:
    browser = await county.signed_in("duty_officer")
    line = await browser.socket()
    gone = asyncio.Event()
    line.client.on("disconnect", lambda *_: gone.set())
    assert (await browser.call("DELETE", "/api/v1/session"))[0] == 204
    async with asyncio.timeout(15):
        await gone.wait()


async def test_a_meeting_link_opens_its_events_and_nothing_else(
    county: Any, add_event: Callable[..., None]
) -> None:
    async def resolve(token: str) -> LinkPrincipal:
        if token != "t" * 17:
            raise Conflict("this link is over")
        return LinkPrincipal("l1", "m1", "m1", "t03", "烽台镇", "site")

    async def who(message: Message[Number]) -> dict[str, Any]:
        return {"name": message.visitor.name}

    county.app.resolve_link = resolve
    add_event("test.open", who, is_open_to_links=True)
    add_event("test.closed", who)
    guest = await county.browser()
    line = await guest.socket({"protocol": 1, "join": "t" * 17})
    assert await line.ask("test.open", {"n": 1}) == {"ok": {"name": "烽台镇"}}
    assert (await line.ask("test.closed", {"n": 1}))["error"]["code"] == "not_allowed"
    refused = await line.ask("topic.subscribe", {"topic": "incidents"})
    assert refused["error"]["code"] == "not_allowed"
    with pytest.raises(Refused, match="conflict"):
        await guest.socket({"protocol": 1, "join": "u" * 17})


async def test_who_closes_is_told_to_those_who_asked(
    county: Any, add_event: Callable[..., None]
) -> None:
    told = asyncio.Event()

    async def lost() -> None:
        told.set()

    async def sit(message: Message[Number]) -> None:
        message.connection.on_close("seat", lost)

    add_event("test.sit", sit)
    line = await (await county.signed_in("duty_officer")).socket()
    await line.ask("test.sit", {"n": 1})
    await line.client.disconnect()
    async with asyncio.timeout(15):
        await told.wait()


async def test_a_client_that_takes_nothing_is_cut_off(
    county: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its packets would otherwise fill the memory; it resumes later with what it missed."""
    line = await (await county.signed_in("duty_officer")).socket()
    gone = asyncio.Event()
    line.client.on("disconnect", lambda *_: gone.set())
    sockets = county.app.sockets
    (connection,) = sockets.connections
    assert sockets._waiting(connection.sid) == 0
    monkeypatch.setattr(sockets, "_waiting", lambda _sid: 5000)
    await sockets._sweep()
    async with asyncio.timeout(15):
        await gone.wait()


@pytest.mark.usefixtures("lamps")
async def test_who_goes_while_a_topic_is_opened_for_it_leaves_nothing_behind(
    county: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No fault in the log, and no topic that is watched for nobody."""
    line = await (await county.signed_in("duty_officer")).socket()
    sockets, relay = county.app.sockets, county.app.sockets._relay
    (inbox,) = sockets._inboxes.values()
    catch_up = relay.catch_up

    async def and_meanwhile_it_goes(topic: str) -> None:
        await line.client.disconnect()
        while sockets.connections:  # noqa: ASYNC110 - the server hears of it by and by
            await asyncio.sleep(0.01)
        await catch_up(topic)

    monkeypatch.setattr(relay, "catch_up", and_meanwhile_it_goes)
    async with asyncio.timeout(30):
        for topic in ("lamp:east", "lamp:west"):  # the second one when it has gone
            answer = await inbox._answer(
                _Letter("topic.subscribe", {"topic": topic}, asyncio.Future())
            )
            assert "ok" in answer
    assert not relay._watchers


async def test_presence_is_who_has_a_line_open(county: Any) -> None:
    browser = await county.signed_in("duty_officer")
    _, session = await browser.call("GET", "/api/v1/session")
    user_id = session["user"]["user_id"]
    assert (await browser.call("GET", "/api/v1/presence"))[1] == {"user_ids": []}
    await browser.socket()
    assert (await browser.call("GET", "/api/v1/presence"))[1] == {"user_ids": [user_id]}
