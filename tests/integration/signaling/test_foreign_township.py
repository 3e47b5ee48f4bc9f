"""What somebody with every role in one township sees of another; what is audited.

Every route × every role, one by one, is test_access_live.py.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from signaling import routes
from signaling.http import UNSAFE_METHODS
from support.access_table import committed
from support.estate import audited, estate_of, found

pytestmark = pytest.mark.timeout(60)
LISTS = (
    "directory/people", "directory/groups", "directory/imports", "hazards", "incidents",
    "meetings", "sms/messages", "sms/orders", "sms/templates", "users", "cameras",
    "reports",
)  # fmt: skip


@pytest.fixture
async def places(backed: Callable[..., Any], edge: Callable[..., Any]) -> AsyncIterator[Any]:
    """A county with two townships; `owner` has every role in all of it, `foreigner` in one."""
    async with edge(backed()) as server:
        await found(server)
        yield server


async def test_lists_show_nothing_of_another_township(
    places: Any,
) -> None:
    owner = await places.signed_in("owner")
    estate = await estate_of(places, owner)
    foreigner = await places.signed_in("foreigner")
    for path in LISTS:
        assert (await owner.call("GET", f"/api/v1/{path}"))[1]["items"], path
        status, answer = await foreigner.call("GET", f"/api/v1/{path}")
        text = str(answer["items"])
        hidden = [name for name, id_ in estate.ids.items() if len(id_) > 20 and id_ in text]
        assert (status, hidden) == (200, []), path


COUNTY_WIDE = (
    ("GET", "audit"), ("POST", "audit/verify"), ("GET", "sms/inbox"), ("GET", "sms/modems"),
    ("POST", "sms/inbox/x/handled"), ("POST", "sms/inbox/x/answer"), ("POST", "plans"),
    ("GET", "sms/numbers"), ("GET", "sms/calls"), ("GET", "sms/webhooks"), ("POST", "sms/webhooks"),
)  # fmt: skip


async def test_what_belongs_to_no_unit_needs_the_whole_county(
    places: Any,
) -> None:
    """A township's administrator or auditor is none of the county's."""
    owner, foreigner = [await places.signed_in(one) for one in ("owner", "foreigner")]
    for method, path in COUNTY_WIDE:
        body: dict[str, str] | None = {} if method == "POST" else None
        assert (await foreigner.call(method, f"/api/v1/{path}", body))[0] == 403, path
        assert (await owner.call(method, f"/api/v1/{path}", body))[0] in {200, 404, 422}, path
    line, own = await foreigner.socket(), await owner.socket()
    for topic in ("sms", "modems", "incidents", "incidents:t2"):
        refused = await line.ask("topic.subscribe", {"topic": topic})
        assert refused["error"]["code"] == "not_allowed", topic
        assert "ok" in await own.ask("topic.subscribe", {"topic": topic}), topic


async def test_a_join_link_is_not_to_be_read_in_the_list_of_messages(
    places: Any,
) -> None:
    """Who may read messages may not therefore sit in the meeting in somebody's place."""
    owner = await places.signed_in("owner")
    link = "http://10.0.0.1/j/" + "a" * 17
    body = {
        "key": "with-a-link",
        "unit_id": "t2",
        "text": f"会商 {link} 回1",
        "numbers": ["13800138001"],
    }
    status, answer = await owner.call("POST", "/api/v1/sms/messages", body)
    assert status == 201, answer
    for path in ("sms/messages", f"sms/messages/{answer['message_id']}"):
        assert "a" * 17 not in str(await owner.call("GET", f"/api/v1/{path}"))


NO_CHANGE = {
    "POST /api/v1/sms/draft": "stores nothing",
    "POST /api/v1/sms/sheet": "stores nothing",
    "POST /api/v1/incidents/{incident_id}/preview": "stores nothing",
    "POST /api/v1/audit/verify": "reads",
    "POST /api/v1/incidents/{incident_id}/log": "a line of the incident's own log, never changed",
}


OUT_OF_REACH = {"not_signed_in", "not_allowed", "not_found"}


def _code(answer: Any) -> str:
    return str(answer.get("error", {}).get("code", "")) if isinstance(answer, dict) else ""


@pytest.mark.timeout(120)
async def test_every_change_is_in_the_audit_log(places: Any) -> None:
    """Made by somebody who may everything; whose objects are found, or nothing would be proven."""
    owner = await places.signed_in("owner")
    estate = await estate_of(places, owner)
    table = committed()
    silent, missing, changed = [], [], 0
    # What takes objects away goes last.
    for route in sorted(routes.all_routes(), key=lambda one: one.method == "DELETE"):
        if route.demo_only or table[route.name].scope == "open":
            continue
        before = await audited(places)
        status, answer = await owner.call(route.method, estate.path(route), estate.body(route))
        if table[route.name].scope == "unit" and _code(answer) in OUT_OF_REACH:
            missing.append((route.name, status, answer))
        if route.method not in UNSAFE_METHODS or route.name in NO_CHANGE or status >= 300:
            continue
        changed += 1
        if await audited(places) == before:
            silent.append(route.name)
    assert silent == []
    assert missing == [], "the owner, too, did not find it"
    assert changed > 30


async def test_nobody_is_rung_in_another_township(
    places: Any,
) -> None:
    """From one's own unit, but to a person one may not even see."""
    foreigner = await places.signed_in("foreigner")
    for person_id in ("zhao", "nobody"):
        body = {"key": f"ring-{person_id}", "unit_id": "t1", "person_id": person_id}
        assert (await foreigner.call("POST", "/api/v1/sms/calls", body))[0] == 404


async def test_the_audit_log_keeps_no_whole_number(
    places: Any,
) -> None:
    owner = await places.signed_in("owner")
    body = {"number": "13800138001", "is_blocked": True, "note": "投诉"}
    assert (await owner.call("PUT", "/api/v1/sms/numbers", body))[0] in {200, 204}
    assert "13800138001" not in str(await owner.call("GET", "/api/v1/audit?limit=1000"))
