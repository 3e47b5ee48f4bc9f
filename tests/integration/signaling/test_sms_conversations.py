"""Conversations: one thread a person, also for who never wrote; answers go where texts came."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from core.auth.model import Grant, Principal, Role
from core.ids import UserId
from directory.model import PersonDraft, UnitDraft, UnitKind
from sms.driver import IncomingPdu
from sms.numbers import demo_number
from sms.pdu.addresses import Address
from sms.pdu.deliver import encode_deliver
from sms.pdu.user_data import Alphabet

SYSTEM = Principal(UserId("system"), "system", None, (Grant(Role.ADMIN, ""),))
TALK = "/api/v1/sms/conversations"
pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def small(
    sqlite_url: str, make_settings: Callable[..., Any], edge: Callable[..., Any]
) -> AsyncIterator[Any]:
    """An edge with two people, of whom 张三 has written."""
    async with edge(make_settings(sqlite_url)) as server:
        register = server.app.part("register")
        async with server.app.database.write() as uow:
            draft = UnitDraft("青澜县", UnitKind.COUNTY, None, id="county")
            unit = await register.create_unit(uow, SYSTEM, draft)
            for index, name in enumerate(("张三", "李四"), 1):
                phones = (demo_number(index),)
                person = PersonDraft(unit_id=unit.id, name=name, id=f"p{index}", phones=phones)
                await register.create_person(uow, SYSTEM, person)
        duty = Grant(Role.DUTY_OFFICER, "county/")
        await server.add_user("duty", duty, must_change_password=False)
        await _writes(server, 1, "路断了")
        yield server


async def _writes(server: Any, index: int, text: str) -> None:
    now = server.app.clock.now()
    pdu = encode_deliver(Address.parse(demo_number(index)), text, now, alphabet=Alphabet.UCS2)
    await server.app.sms.take("m1", "460001", IncomingPdu(pdu, "SM:1", now))


async def test_who_wrote_and_whom_we_wrote_to_have_a_thread(small: Any) -> None:
    duty = await small.signed_in("duty")
    await _writes(small, 9, "我是谁")
    status, listed = await duty.call("GET", TALK)
    assert status == 200
    assert {(one["name"], one["waiting"]) for one in listed["items"]} == {("张三", 1), ("", 1)}
    assert demo_number(1) not in str(listed)
    stranger = next(one for one in listed["items"] if not one["name"])
    _, talk = await duty.call("GET", f"{TALK}/{stranger['key']}")
    assert "我是谁" in [line["text"] for line in talk["items"]]
    assert (await duty.call("GET", f"{TALK}/p-none"))[0] == 404
    assert (await duty.call("GET", f"{TALK}/x-1"))[0] == 404


async def test_a_person_who_never_wrote_can_be_found_and_written_to(small: Any) -> None:
    duty = await small.signed_in("duty")
    _, found = await duty.call("GET", f"{TALK}?q=李四")
    assert [(one["key"], one["at"]) for one in found["items"]] == [("p-p2", None)]
    body = {"key": "thread-01", "unit_id": "county", "text": "今晚值班"}
    status, _ = await duty.call("POST", f"{TALK}/p-p2/reply", body)
    assert status == 201
    _, talk = await duty.call("GET", f"{TALK}/p-p2")
    assert [(line["is_ours"], line["text"].endswith("今晚值班")) for line in talk["items"]] == [
        (True, True)
    ]
    _, found = await duty.call("GET", f"{TALK}?q=lisi")
    assert found["items"][0]["is_ours"]


async def test_an_answer_goes_through_the_sim_it_came_to_and_settles_the_text(small: Any) -> None:
    duty = await small.signed_in("duty")
    body = {"key": "thread-02", "unit_id": "county", "text": "收到，已派人"}
    status, sent = await duty.call("POST", f"{TALK}/p-p1/reply", body)
    assert (status, bool(sent["message_id"])) == (201, True)
    _, shown = await duty.call("GET", f"/api/v1/sms/messages/{sent['message_id']}")
    assert shown["class_"] == "reply"
    _, listed = await duty.call("GET", TALK)
    assert [one["waiting"] for one in listed["items"]] == [0]
