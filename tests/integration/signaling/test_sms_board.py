"""The delivery board: filtered pages, counts with each change, every try of one recipient."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from core.auth.model import Grant, Principal, Role
from core.clock import MovableClock
from core.ids import UserId
from directory.model import UnitDraft, UnitKind
from sms.driver import IncomingPdu
from sms.model import AttemptState, RecipientState
from sms.numbers import demo_number
from sms.pdu.addresses import Address
from sms.pdu.deliver import encode_deliver
from sms.pdu.user_data import Alphabet
from sms.progress import Progress
from sms.store import outbox as store
from sms.store.rows import AttemptRow

SMS = "/api/v1/sms"
SYSTEM = Principal(UserId("system"), "system", None, (Grant(Role.ADMIN, ""),))
COUNTY = UnitDraft("青澜县", UnitKind.COUNTY, None, id="county")
MID_MONTH = datetime(2026, 11, 16, 9, tzinfo=UTC)
pytestmark = pytest.mark.timeout(60)


async def _sent(server: Any, duty: Any, count: int) -> str:
    body = {
        "key": "board-001", "unit_id": "county", "text": "今晚八点开会", "confirmed_count": count,
        "numbers": [demo_number(n) for n in range(count)], "choices": {"1": "到", "2": "假"},
    }  # fmt: skip
    status, sent = await duty.call("POST", f"{SMS}/messages", body)
    assert status == 201, sent
    return str(sent["message_id"])


@pytest.fixture
async def board(small_county: Any) -> Any:
    """A signed-in duty officer and a message to 250: delivered, sent, failed, the rest queued."""
    duty = await small_county.signed_in("duty")
    message_id = await _sent(small_county, duty, 250)
    async with small_county.app.database.write() as uow:
        for row in await store.recipients_of(uow, message_id, limit=6):
            if row.position < 3:
                row.state, row.reported_at, row.sent_at = RecipientState.DELIVERED, uow.now, uow.now
            elif row.position < 5:
                row.state, row.sent_at = RecipientState.SENT, uow.now
            else:
                row.state, row.cause = RecipientState.FAILED, "refused"
            if row.position == 0:
                row.answer, row.choice, row.answered_at = "1", "1", uow.now
    return small_county, duty, message_id


@pytest.fixture
async def small_county(
    sqlite_url: str, make_settings: Callable[..., Any], edge: Callable[..., Any]
) -> Any:
    """An edge with a county unit and a duty officer."""
    async with edge(make_settings(sqlite_url), clock=MovableClock(MID_MONTH)) as server:
        await found_county(server)
        yield server


async def found_county(server: Any) -> None:
    """The one unit these tests need."""
    register = server.app.part("register")
    async with server.app.database.write() as uow:
        await register.create_unit(uow, SYSTEM, COUNTY)
    await server.add_user("duty", Grant(Role.DUTY_OFFICER, "county/"), must_change_password=False)


async def test_a_board_is_read_by_outcome_a_page_at_a_time(board: Any) -> None:
    server, duty, message_id = board
    others = (RecipientState.SENDING, RecipientState.EXPIRED, RecipientState.CANCELLED)
    async with server.app.database.write() as uow:
        rows = await store.recipients_of(uow, message_id, after=5, limit=3)
        for row, state in zip(rows, others, strict=True):
            row.state = state
    path = f"{SMS}/messages/{message_id}/recipients"
    for which, count in (
        ("went_out", 5), ("delivered", 3), ("lost", 2), ("answered", 1), ("waiting", 242),
        ("unknown", 0), ("silent", 248),
    ):  # fmt: skip
        status, page = await duty.call("GET", f"{path}?state={which}&limit=300")
        assert (status, len(page["items"])) == (200, count), which
    _, second = await duty.call("GET", f"{path}?state=waiting&limit=200&after=105")
    assert [len(second["items"]), second["items"][0]["position"]] == [144, 106]
    assert (await duty.call("GET", f"{path}?state=never"))[0] == 422


async def test_a_change_brings_the_counts_so_that_nobody_reads_the_board_again(board: Any) -> None:
    server, duty, message_id = board
    line = await duty.socket()
    await line.ask("topic.subscribe", {"topic": f"message:{message_id}"})
    async with server.app.database.read() as uow:
        rows = await store.recipients_of(uow, message_id)
    for changed, listed in ((rows[:2], 2), (rows, 0)):
        progress = Progress()
        for row in changed:
            progress.note(message_id, row.id, row.state)
        await progress.publish(server.app.database)
        change = await line.next("change")
        assert change["data"]["counts"] == {
            "delivered": 3, "sent": 2, "failed": 1, "queued": 244, "answered": 1,
        }  # fmt: skip
        assert len(change["data"]["items"]) == listed
    assert change["data"]["count"] == 250


async def test_every_try_for_a_recipient_is_told_with_what_was_sent(board: Any) -> None:
    server, duty, message_id = board
    async with server.app.database.write() as uow:
        recipient = (await store.recipients_of(uow, message_id, limit=1))[0]
        segment = (await store.segments_of(uow, recipient.id))[0]
        for key, state in (("a1", AttemptState.NOT_SENT), ("a2", AttemptState.SENT)):
            uow.session.add(
                AttemptRow(
                    id=key, segment_id=segment.id, modem="m1", imsi="460", number=recipient.number,
                    state=state, is_extra_copy=False, round=0, error="CMS 500", detail="",
                    started_at=uow.now, ended_at=uow.now,
                )
            )  # fmt: skip
    path = f"{SMS}/messages/{message_id}/recipients"
    status, told = await duty.call("GET", f"{path}/{recipient.id}/attempts")
    assert (status, told["text"]) == (200, "【县应急指挥中心】今晚八点开会")
    assert [(one["state"], one["part"]) for one in told["items"]] == [("not_sent", 1), ("sent", 1)]
    assert recipient.number not in str(told)
    assert (await duty.call("GET", f"{path}/none/attempts"))[0] == 404


async def test_a_month_is_told_by_unit_class_modem_and_carrier_and_leaves_as_a_file(
    board: Any,
) -> None:
    server, duty, _ = board
    month = server.app.clock.now().strftime("%Y-%m")
    keys = {"unit": "county/", "class": "notice", "modem": "", "carrier": "demo"}
    for by, key in keys.items():
        status, told = await duty.call("GET", f"{SMS}/statistics?month={month}&by={by}")
        assert status == 200, by
        one = told["items"][0]
        assert (one["key"], one["messages"], one["segments"], one["recipients"]) == (
            key, 1, 250, 250,
        ), by  # fmt: skip
        assert (one["states"]["delivered"], one["answered"]) == (3, 1)
    _, table = await duty.call("GET", f"{SMS}/statistics/export.csv?month={month}")
    assert "青澜县,1,250,250,3,1,1" in table
    url = f"{server.url}{SMS}/statistics/export.xlsx?month={month}&by=class"
    async with duty.http.get(url) as response:
        assert (response.status, (await response.read())[:2]) == (200, b"PK")


async def test_messages_and_the_inbox_are_searched_a_page_at_a_time(board: Any) -> None:
    server, duty, message_id = board
    for text in ("水位三米", "道路中断", "水位四米"):
        now = server.app.clock.now()
        pdu = encode_deliver(Address.parse(demo_number(999)), text, now, alphabet=Alphabet.UCS2)
        await server.app.sms.take("m1", "460001", IncomingPdu(pdu, "SM:1", now))
    _, found = await duty.call("GET", f"{SMS}/inbox?q=水位&limit=1")
    assert [one["text"] for one in found["items"]] == ["水位四米"]
    _, older = await duty.call("GET", f"{SMS}/inbox?q=水位&before={found['items'][0]['id']}")
    assert [one["text"] for one in older["items"]] == ["水位三米"]
    assert len((await duty.call("GET", f"{SMS}/inbox?q=0999"))[1]["items"]) == 3
    assert (await duty.call("GET", f"{SMS}/inbox?q=%25"))[1]["items"] == []
    _, table = await duty.call("GET", f"{SMS}/inbox/export.csv?q=道路")
    assert "道路中断" in table
    assert demo_number(999) not in table
    _, sent = await duty.call("GET", f"{SMS}/messages?q=八点&class=notice")
    assert [one["id"] for one in sent["items"]] == [message_id]
    for nothing in ("q=九点", "class=alert"):
        assert (await duty.call("GET", f"{SMS}/messages?{nothing}"))[1]["items"] == []
