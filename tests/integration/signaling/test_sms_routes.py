"""SMS over REST: who may, what waits for whom, what leaves as a file."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from core.auth.model import Grant, Principal, Role
from core.clock import MovableClock
from core.ids import UnitId, UserId
from directory.model import PersonDraft, UnitDraft, UnitKind
from sms.driver import IncomingPdu, ModemError, SendOutcome, SendState
from sms.errors_cms import ErrorFamily
from sms.ledger import Ledger
from sms.model import RecipientState, SegmentState
from sms.numbers import demo_number
from sms.pdu.addresses import Address
from sms.pdu.deliver import encode_deliver
from sms.pdu.user_data import Alphabet
from sms.progress import Progress
from sms.settings import SmsSettings
from sms.store.rows import RecipientRow, SegmentRow
from sms.store.turns import Taker

SYSTEM = Principal(UserId("system"), "system", None, (Grant(Role.ADMIN, ""),))
SMS = "/api/v1/sms"
NEW_MONTH = datetime(2026, 11, 30, 16, 30, tzinfo=UTC)
"""In the county it is December."""


async def _fill(server: Any) -> None:
    register = server.app.part("register")
    async with server.app.database.write() as uow:
        draft = UnitDraft("青澜县", UnitKind.COUNTY, None, id="county")
        await register.create_unit(uow, SYSTEM, draft)
    for login, role in (
        ("duty", Role.DUTY_OFFICER), ("leader", Role.LEADER), ("admin", Role.ADMIN),
        ("village", Role.VILLAGE_REPORTER), ("staff", Role.MEETING_STAFF),
    ):  # fmt: skip
        await server.add_user(login, Grant(role, "county/"), must_change_password=False)


def _message(key: str, **more: Any) -> dict[str, Any]:
    return {
        "key": key, "unit_id": "county", "class": "notice", "text": "今晚八点开会",
        "numbers": [demo_number(1), demo_number(2)], **more,
    }  # fmt: skip


@pytest.mark.timeout(60)
async def test_large_notices_wait_for_a_second_person_and_small_ones_do_not(
    backed: Callable[..., Any], edge: Callable[..., Any]
) -> None:
    settings = backed(sms={"approval_above": 2})
    async with edge(settings) as server:
        await _fill(server)
        duty, leader = await server.signed_in("duty"), await server.signed_in("leader")
        status, sent = await duty.call("POST", f"{SMS}/messages", _message("small-01"))
        assert (status, sent["order_id"]) == (201, "")
        numbers = [demo_number(n) for n in range(3)]
        body = _message("large-01", numbers=numbers)
        _, ordered = await duty.call("POST", f"{SMS}/messages", body)
        assert ordered["message_id"] == ""
        path = f"{SMS}/orders/{ordered['order_id']}/approve"
        assert (await duty.call("POST", path, {}))[0] == 403
        status, done = await leader.call("POST", path, {})
        assert (status, done["state"]) == (200, "done")
        _, shown = await duty.call("GET", f"{SMS}/messages/{done['message_id']}")
        assert shown["recipient_count"] == 3
        due_at = (server.app.clock.now() + timedelta(hours=1)).isoformat()
        _, later = await duty.call("POST", f"{SMS}/messages", _message("later-01", due_at=due_at))
        _, listed = await duty.call("GET", f"{SMS}/orders?state=scheduled")
        assert [order["id"] for order in listed["items"]] == [later["order_id"]]


@pytest.mark.timeout(60)
async def test_templates_estimates_pasted_lists_and_exports(
    backed: Callable[..., Any], edge: Callable[..., Any]
) -> None:
    clock = MovableClock(NEW_MONTH)
    async with edge(backed(), clock=clock) as server:
        await _fill(server)
        duty, village = await server.signed_in("duty"), await server.signed_in("village")
        template = {"unit_id": "county", "name": "会议", "text": "{姓名}请参会", "longest": {}}
        status, saved = await duty.call("PUT", f"{SMS}/templates", template)
        assert (status, saved["variables"]) == (200, ["姓名"])
        hostile = {**template, "text": "{0.__class__}"}
        assert (await duty.call("PUT", f"{SMS}/templates", hostile))[0] == 422
        assert (await village.call("GET", f"{SMS}/templates"))[0] == 403
        _, cost = await duty.call("POST", f"{SMS}/estimate", {"text": "请转账", "recipients": 1000})
        assert cost["needs_approval"]
        assert (cost["seconds"], cost["look_at"]) == (None, ["转账"])
        _, found = await duty.call("POST", f"{SMS}/pasted", {"text": "张三\t13800138000\n王五"})
        assert found["items"] == [{"number": "+8613800138000", "name": "张三", "values": {}}]
        _, sent = await duty.call("POST", f"{SMS}/messages", _message("export-01"))
        board = f"{SMS}/messages/{sent['message_id']}"
        status, text = await duty.call("GET", f"{board}/export.csv")
        assert status == 200
        assert text.count("queued") == 2
        assert demo_number(1) not in text
        async with duty.http.get(f"{server.url}{board}/export.xlsx") as response:
            assert (response.status, (await response.read())[:2]) == (200, b"PK")
        _, statistics = await duty.call("GET", f"{SMS}/statistics?month=2026-12")
        assert statistics["items"][0]["messages"] == 1
        again = {"key": "again-01", "to": "undelivered"}
        assert (await duty.call("POST", f"{board}/again", again))[0] == 409


@pytest.mark.timeout(60)
async def test_an_answer_from_the_inbox_a_blocked_number_and_a_call(
    backed: Callable[..., Any], edge: Callable[..., Any]
) -> None:
    async with edge(backed()) as server:
        await _fill(server)
        duty = await server.signed_in("duty")
        now = server.app.clock.now()
        pdu = encode_deliver(Address.parse(demo_number(5)), "几点开会", now, alphabet=Alphabet.UCS2)
        await server.app.sms.take("m1", "460001", IncomingPdu(pdu, "SM:1", now))
        _, inbox = await duty.call("GET", f"{SMS}/inbox?state=unmatched")
        inbound_id = inbox["items"][0]["id"]
        body = {"key": "answer-01", "unit_id": "county", "text": "八点"}
        assert (await duty.call("POST", f"{SMS}/inbox/{inbound_id}/answer", body))[0] == 201
        _, talk = await duty.call("GET", f"{SMS}/conversations/i-{inbound_id}")
        assert [line["is_ours"] for line in talk["items"]] == [False, True, True]
        assert demo_number(5) not in str(talk)
        block = {"number": demo_number(1), "is_blocked": True, "note": "本人要求"}
        assert (await duty.call("PUT", f"{SMS}/numbers", block))[0] in (200, 204)
        _, sent = await duty.call("POST", f"{SMS}/messages", _message("block-01"))
        _, shown = await duty.call("GET", f"{SMS}/messages/{sent['message_id']}")
        assert shown["counts"]["cancelled"] == 1
        call = {"key": "call-0001", "unit_id": "county", "number": demo_number(3)}
        status, ringing = await duty.call("POST", f"{SMS}/calls", call)
        assert (status, ringing["state"]) == (201, "queued")
        assert (await duty.call("GET", f"{SMS}/modems/none/trace"))[0] == 403
        admin = await server.signed_in("admin")
        assert (await admin.call("GET", f"{SMS}/modems/none/trace"))[0] == 404


async def _lose(server: Any, message_id: str, state: SegmentState) -> str:
    """Bring every segment of a message into `state`. Returns: the first recipient's id."""
    async with server.app.database.write() as uow:
        values = {"attempts": 1, "unknown_since": uow.now, "cause": "lost"}
        await uow.session.execute(
            update(SegmentRow)
            .where(SegmentRow.message_id == message_id)
            .values(state=state, **values)
        )
        await uow.session.execute(
            update(RecipientRow)
            .where(RecipientRow.message_id == message_id)
            .values(state=RecipientState(state.value), cause="lost")
        )
        rows = await server.app.sms.recipients(uow, message_id)
    return str(rows[0].id)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("class_", ["alert", "command"])
async def test_who_may_not_start_a_response_neither_repeats_nor_withdraws_an_alert(
    class_: str, backed: Callable[..., Any], edge: Callable[..., Any]
) -> None:
    """Sending again is sending: the class is checked on every way out."""
    async with edge(backed()) as server:
        await _fill(server)
        duty, staff = await server.signed_in("duty"), await server.signed_in("staff")
        first = _message("first-01", **{"class": class_})
        assert (await staff.call("POST", f"{SMS}/messages", first))[0] == 403
        _, sent = await duty.call("POST", f"{SMS}/messages", first)
        board = f"{SMS}/messages/{sent['message_id']}"
        later = (server.app.clock.now() + timedelta(hours=1)).isoformat()
        _, ordered = await duty.call(
            "POST", f"{SMS}/messages", {**first, "key": "later-02", "due_at": later}
        )
        recipient = await _lose(server, sent["message_id"], SegmentState.UNKNOWN)
        again = {"key": "again-01", "to": "undelivered"}
        for path, body in (
            (f"{board}/again", again),
            (f"{board}/recipients/{recipient}/resend", {}),
            (f"{board}/cancel", {}),
            (f"{SMS}/orders/{ordered['order_id']}/cancel", {}),
        ):
            assert (await staff.call("POST", path, body))[0] == 403, path
        assert (await duty.call("POST", f"{board}/recipients/{recipient}/resend", {}))[0] < 300
        status, made = await duty.call("POST", f"{board}/again", again)
        assert (status, made["message_id"] != sent["message_id"]) == (201, True)


@pytest.mark.timeout(60)
async def test_a_second_sending_to_many_is_confirmed_and_approved_like_the_first(
    backed: Callable[..., Any], edge: Callable[..., Any]
) -> None:
    settings = backed(sms={"approval_above": 150})
    async with edge(settings) as server:
        await _fill(server)
        duty, leader = await server.signed_in("duty"), await server.signed_in("leader")
        for count, key in ((101, "first-01"), (151, "first-02")):
            body = _message(
                key, numbers=[demo_number(n) for n in range(count)], confirmed_count=count
            )
            _, sent = await duty.call("POST", f"{SMS}/messages", body)
            if sent["order_id"]:
                path = f"{SMS}/orders/{sent['order_id']}/approve"
                _, sent = await leader.call("POST", path, {})
            await _lose(server, sent["message_id"], SegmentState.FAILED)
            path = f"{SMS}/messages/{sent['message_id']}/again"
            again = {"key": f"again-{key}", "to": "undelivered"}
            status, refused = await duty.call("POST", path, again)
            assert (status, refused["error"]["field"]) == (422, "confirmed_count")
            status, made = await duty.call("POST", path, {**again, "confirmed_count": count})
            assert (status, bool(made["order_id"])) == (201, count > 150)


@pytest.mark.timeout(60)
async def test_every_try_is_shown_with_time_modem_and_what_its_error_means(
    backed: Callable[..., Any], edge: Callable[..., Any]
) -> None:
    async with edge(backed()) as server:
        await _fill(server)
        duty, village = await server.signed_in("duty"), await server.signed_in("village")
        body = _message("tries-01", **{"class": "alert", "numbers": [demo_number(1)]})
        _, sent = await duty.call("POST", f"{SMS}/messages", body)
        _, other = await duty.call("POST", f"{SMS}/messages", _message("tries-02"))
        ledger, database = Ledger(SmsSettings(), Progress()), server.app.database
        taker = Taker("m1", "460001", is_simulated=True, ready=("m1",))
        for outcome in (
            SendOutcome(SendState.REFUSED, error=ModemError(ErrorFamily.CMS, 38)),
            SendOutcome(SendState.UNKNOWN, detail="the answer was lost"),
        ):
            async with database.write() as uow:
                await uow.session.execute(update(SegmentRow).values(not_before=uow.now))
                out = await ledger.claim_in(uow, taker)
                assert out is not None
                await ledger.settle(uow, out.attempt_id, outcome)
        board = f"{SMS}/messages/{sent['message_id']}/recipients"
        _, listed = await duty.call("GET", board)
        path = f"{board}/{listed['items'][0]['id']}/attempts"
        status, tries = await duty.call("GET", path)
        assert status == 200
        assert [(one["state"], one["error_code"], one["modem"]) for one in tries["items"]] == [
            ("refused", 38, "m1"), ("unknown", None, "m1"),
        ]  # fmt: skip
        assert "网络故障" in tries["items"][0]["meaning"]
        assert (tries["segments"][0]["state"], tries["segments"][0]["unknown_since"] is None) == (
            "unknown", False,
        )  # fmt: skip
        assert demo_number(1) not in str(tries)
        assert (await village.call("GET", path))[0] == 403
        foreign = path.replace(sent["message_id"], other["message_id"])
        assert (await duty.call("GET", foreign))[0] == 404


@pytest.mark.timeout(60)
async def test_the_inbox_says_what_a_text_is_and_whose(
    backed: Callable[..., Any], edge: Callable[..., Any]
) -> None:
    async with edge(backed()) as server:
        await _fill(server)
        duty = await server.signed_in("duty")
        async with server.app.database.write() as uow:
            draft = PersonDraft("王河长", UnitId("county"), phones=(demo_number(7),))
            await server.app.part("register").create_person(uow, SYSTEM, draft)
        now = server.app.clock.now()
        for number, text in ((7, "水情 3.2 还在涨"), (8, "几点开会")):
            sender = Address.parse(demo_number(number))
            pdu = encode_deliver(sender, text, now, alphabet=Alphabet.UCS2)
            await server.app.sms.take("m1", "460001", IncomingPdu(pdu, "SM:1", now))
        _, inbox = await duty.call("GET", f"{SMS}/inbox?kind=report")
        (report,) = inbox["items"]
        assert report["fields"] == {"kind": "water_level", "value": 3.2, "note": "还在涨"}
        assert (report["person"], report["unit"]) == ("王河长", "青澜县")

        async def reports() -> list[Any]:
            return list((await duty.call("GET", "/api/v1/reports?state=waiting"))[1]["items"])

        async with asyncio.timeout(15):
            while not await reports():  # noqa: ASYNC110 - the event goes its own way
                await asyncio.sleep(0.05)
        assert (await reports())[0]["said"] == "青澜县王河长报告水情3.2米，还在涨"
