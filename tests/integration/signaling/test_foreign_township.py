"""Every route that names an object × somebody with every role, in another township.

Generated from the route table: a new route that names an object or changes something must say here
what a valid request to it is, or the test fails. The owner's rights are proven by making the
objects with the same routes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.auth.model import Grant, Permission, Principal, Role
from core.ids import UnitId, UserId
from directory.model import PersonDraft, UnitDraft, UnitKind
from signaling import routes
from signaling.http import UNSAFE_METHODS, Route
from support.tables import HEADER, comma_separated

pytestmark = pytest.mark.timeout(60)
UNITS = [
    ("county", None, UnitKind.COUNTY, "青澜县"),
    ("t1", "county", UnitKind.TOWNSHIP, "烽台镇"),
    ("t2", "county", UnitKind.TOWNSHIP, "雁回镇"),
]
SYSTEM = Principal(UserId("system"), "system", None, (Grant(Role.ADMIN, ""),))
PLANS = "/api/v1/plans"
OPEN = {Permission.PUBLIC, Permission.SIGNED_IN}
NOT_OF_A_UNIT = {
    "POST /api/v1/demo/phones/{number}/answers": "the demo's handsets",
    f"GET {PLANS}/{{plan_id}}": "plans are everybody's who reads plans",
    "POST /api/v1/levels/suggest": "a question about figures",
    "POST /api/v1/grading": "a question about substances",
    "POST /api/v1/sms/preview": "a question about a text",
    "POST /api/v1/sms/estimate": "a question about a text and its recipients",
    "POST /api/v1/sms/pasted": "a question about numbers somebody pasted",
    "POST /api/v1/directory/imports": "an upload; see below",
}
NOT_HERE = ("/cameras", "/recordings", "/sms/templates", "/sms/orders")
"""Areas that need more than a request to make an object; they prove their scope themselves."""
REASON = {"reason": "核对值班电话"}
ORDER = {"plan_id": "flood", "level": 3, "key": "activate-t2"}


@dataclass
class Estate:
    """What township t2 has, and a valid body for each route that needs one."""

    ids: dict[str, str] = field(default_factory=dict)
    bodies: dict[str, Any] = field(default_factory=dict)

    def path(self, route: Route) -> str:
        path = route.path
        for name, value in self.ids.items():
            path = path.replace(f"{{{name}}}", value)
        assert "{" not in path, f"say what {route.name} is called with"
        return path + (
            "?version=1" if route.query and "version" in route.query.model_fields else ""
        )


async def _found(server: Any) -> None:
    register = server.app.part("register")
    async with server.app.database.write() as uow:
        for id_, parent, kind, name in UNITS:
            draft = UnitDraft(name, kind, UnitId(parent) if parent else None, id=id_)
            await register.create_unit(uow, SYSTEM, draft)
        person = PersonDraft("赵兰", UnitId("t2"), id="zhao", title="镇长", phones=("13800138001",))
        await register.create_person(uow, SYSTEM, person)
        await server.app.plans.install_library(uow)
    for login, path in (("owner", "county/"), ("foreigner", "county/t1/")):
        grants = [Grant(role, path) for role in Role]
        await server.add_user(login, *grants, must_change_password=False)


def _drafts() -> dict[str, Any]:
    """What is made in the township, as the routes take it."""
    now = datetime.now(UTC)
    unit = {"unit_id": "t2"}
    group = {"name": "雁回镇干部", **unit, "member_ids": ["zhao"]}
    person = {"name": "赵兰", **unit, "title": "镇长"}
    hazard = {"kind": "reservoir", "name": "雁回水库", **unit, "longitude": 110.0, "latitude": 30.0}
    incident = {
        "key": "incident-of-t2", "title": "山洪", "kind_code": "11A51", **unit, "place": "河边",
        "occurred_at": now.isoformat(), "source": "phone", "reporter_number": "13800138001",
    }  # fmt: skip
    meeting = {
        "key": "meeting-of-t2", "title": "雁回镇会商", **unit, "starts_at": now.isoformat(),
        "ends_at": (now + timedelta(hours=1)).isoformat(), "sites": [unit],
    }  # fmt: skip
    message = {"key": "message-of-t2", **unit, "text": "请回复", "person_ids": ["zhao"]}
    user = {
        "username": "zhao", "name": "赵兰",
        "grants": [{"role": "township_official", "unit_path": "county/t2/"}],
    }  # fmt: skip
    return {
        "unit": unit, "group": group, "person": person, "hazard": hazard, "incident": incident,
        "meeting": meeting, "message": message, "user": user,
    }  # fmt: skip


async def _estate(owner: Any) -> Estate:
    """Made through the routes themselves, so that their bodies are known to be valid."""
    drafts = _drafts()
    found = Estate({"unit_id": "t2", "person_id": "zhao", "post": "head", "plan_id": "flood"})
    made = found.ids

    async def make(path: str, body: Any) -> Any:
        status, answer = await owner.call("POST", f"/api/v1/{path}", body)
        assert status in {200, 201}, (path, answer)
        return answer

    made["group_id"] = (await make("directory/groups", drafts["group"]))["id"]
    made["hazard_id"] = (await make("hazards", drafts["hazard"]))["id"]
    made["incident_id"] = (await make("incidents", drafts["incident"]))["id"]
    opened = await make("meetings", drafts["meeting"])
    made["meeting_id"], made["link_id"] = opened["meeting"]["id"], opened["sites"][0]["link_id"]
    made["message_id"] = (await make("sms/messages", drafts["message"]))["message_id"]
    board = (await owner.call("GET", f"/api/v1/sms/messages/{made['message_id']}/recipients"))[1]
    made["recipient_id"] = board["items"][0]["id"]
    made["user_id"] = (await make("users", drafts["user"]))["user"]["id"]
    made["import_id"] = await _import(owner)
    other = {**drafts["incident"], "key": "another-of-t2"}
    running = (await make("incidents", other))["id"]
    board = await make(f"incidents/{running}/activate", ORDER)
    made["assignment_id"] = board["assignments"][0]["id"] if board["assignments"] else "none"
    made["task_id"] = board["tasks"][0]["id"]
    found.bodies = {**_bodies_by_id(drafts), **_bodies_by_unit(drafts)}
    return found


def _bodies_by_id(drafts: dict[str, Any]) -> dict[str, Any]:
    """Bodies of the routes that name an object in their path."""
    note, result = {"note": "电话确认"}, {"result": "已完成"}
    one = "/api/v1/incidents/{incident_id}"
    return {
        f"PATCH {one}": {"version": 1, "title": "山洪灾害"},
        f"POST {one}/log": {"text": "记一笔"},
        f"POST {one}/preview": ORDER,
        f"POST {one}/activate": ORDER,
        f"POST {one}/revoke": REASON,
        f"POST {one}/close": {"summary": "结束"},
        f"POST {one}/assignments/{{assignment_id}}/acknowledge": note,
        f"POST {one}/assignments/{{assignment_id}}/decline": note,
        f"POST {one}/tasks/{{task_id}}/finish": result,
        f"POST {one}/tasks/{{task_id}}/cancel": result,
        "PUT /api/v1/directory/units/{unit_id}": {
            "name": "雁回镇", "kind": "township", "parent_id": "county", "version": 1,
        },
        "PUT /api/v1/directory/units/{unit_id}/appointments/{post}": {"person_ids": ["zhao"]},
        "PUT /api/v1/directory/people/{person_id}": {**drafts["person"], "version": 1},
        "POST /api/v1/directory/people/{person_id}/reveal": REASON,
        "PUT /api/v1/directory/groups/{group_id}": {**drafts["group"], "version": 1},
        "PUT /api/v1/hazards/{hazard_id}": {**drafts["hazard"], "version": 1},
        "POST /api/v1/directory/imports/{import_id}/commit": {"remove_missing": False},
        "POST /api/v1/directory/imports/{import_id}/undo": REASON,
        "POST /api/v1/meetings/{meeting_id}/orders": {"order": "lock"},
        "PATCH /api/v1/users/{user_id}": {"name": "别人"},
    }  # fmt: skip


def _bodies_by_unit(drafts: dict[str, Any]) -> dict[str, Any]:
    """Bodies that name the object themselves: there is no parameter in the path."""
    return {
        "POST /api/v1/incidents": {**drafts["incident"], "key": "foreign-incident"},
        "POST /api/v1/directory/units": {"name": "新村", "kind": "village", "parent_id": "t2"},
        "POST /api/v1/directory/people": drafts["person"],
        "POST /api/v1/directory/groups": drafts["group"],
        "POST /api/v1/hazards": drafts["hazard"],
        "POST /api/v1/meetings": {**drafts["meeting"], "key": "foreign-meeting"},
        "POST /api/v1/sms/messages": {**drafts["message"], "key": "foreign-message"},
        "POST /api/v1/sms/messages/{message_id}/again": {
            "key": "again-to-t2", "to": "undelivered",
        },
        "POST /api/v1/sms/calls": {"key": "call-to-t2", **drafts["unit"], "person_id": "zhao"},
        "POST /api/v1/users": {**drafts["user"], "username": "puppet"},
        "POST /api/v1/roster": {
            **drafts["unit"], "starts_at": drafts["meeting"]["starts_at"],
            "ends_at": drafts["meeting"]["ends_at"],
            "leader_id": "zhao", "officer_ids": ["zhao"],
        },
    }  # fmt: skip


async def _import(owner: Any) -> str:
    status, answer = await _upload(owner)
    assert status == 201, answer
    return str(answer["id"])


async def _upload(browser: Any) -> tuple[int, Any]:
    table = comma_separated([HEADER, ["李四", "13800138009", "", "", "干事", ""]])
    url = f"{browser.url}/api/v1/directory/imports?unit_id=t2&file_name=a.csv"
    headers = {"X-CSRF-Token": browser.csrf}
    async with browser.http.post(url, data=table, headers=headers) as response:
        return response.status, await response.json()


def _names_an_object(route: Route) -> bool:
    if route.permission in OPEN or route.name in NOT_OF_A_UNIT or route.is_county_wide:
        return False
    if any(area in route.path for area in NOT_HERE):
        return False
    return "{" in route.path or route.method in UNSAFE_METHODS


async def test_nobody_reaches_into_another_township(
    sqlite_url: str, make_settings: Callable[..., Any], edge: Callable[..., Any]
) -> None:
    async with edge(make_settings(sqlite_url)) as server:
        await _found(server)
        estate = await _estate(await server.signed_in("owner"))
        foreigner = await server.signed_in("foreigner")
        reached = []
        for route in routes.all_routes():
            if route.demo_only or not _names_an_object(route):
                continue
            body = estate.bodies.get(route.name, {} if route.body else None)
            status, answer = await foreigner.call(route.method, estate.path(route), body)
            if status not in {403, 404}:
                reached.append((route.name, status, answer))
        assert reached == []
        assert (await _upload(foreigner))[0] == 404


async def test_lists_show_nothing_of_another_township(
    sqlite_url: str, make_settings: Callable[..., Any], edge: Callable[..., Any]
) -> None:
    async with edge(make_settings(sqlite_url)) as server:
        await _found(server)
        owner = await server.signed_in("owner")
        estate = await _estate(owner)
        foreigner = await server.signed_in("foreigner")
        lists = (
            "directory/people", "directory/groups", "directory/imports", "hazards", "incidents",
            "meetings", "sms/messages", "users",
        )  # fmt: skip
        for path in lists:
            assert (await owner.call("GET", f"/api/v1/{path}"))[1]["items"], path
            status, answer = await foreigner.call("GET", f"/api/v1/{path}")
            text = str(answer["items"])
            hidden = [name for name, id_ in estate.ids.items() if len(id_) > 20 and id_ in text]
            assert (status, hidden) == (200, []), path


COUNTY_WIDE = (
    ("GET", "audit"), ("POST", "audit/verify"), ("GET", "sms/inbox"), ("GET", "sms/modems"),
    ("POST", "sms/inbox/x/handled"), ("POST", "sms/inbox/x/answer"), ("POST", "plans"),
    ("GET", "sms/inbox/x/conversation"), ("GET", "sms/numbers"), ("GET", "sms/calls"),
    ("GET", "sms/webhooks"), ("POST", "sms/webhooks"),
)  # fmt: skip


async def test_what_belongs_to_no_unit_needs_the_whole_county(
    sqlite_url: str, make_settings: Callable[..., Any], edge: Callable[..., Any]
) -> None:
    """A township's administrator or auditor is none of the county's."""
    async with edge(make_settings(sqlite_url)) as server:
        await _found(server)
        owner, foreigner = [await server.signed_in(one) for one in ("owner", "foreigner")]
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
    sqlite_url: str, make_settings: Callable[..., Any], edge: Callable[..., Any]
) -> None:
    """Who may read messages may not therefore sit in the meeting in somebody's place."""
    async with edge(make_settings(sqlite_url)) as server:
        await _found(server)
        owner = await server.signed_in("owner")
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
    "POST /api/v1/incidents/{incident_id}/preview": "stores nothing",
    "POST /api/v1/audit/verify": "reads",
    "POST /api/v1/incidents/{incident_id}/log": "a line of the incident's own log, never changed",
}


async def _entries(server: Any) -> int:
    async with server.app.database.read() as uow:
        return int((await server.app.audit.verify(uow)).count)


async def test_every_change_is_in_the_audit_log(
    sqlite_url: str, make_settings: Callable[..., Any], edge: Callable[..., Any]
) -> None:
    async with edge(make_settings(sqlite_url)) as server:
        await _found(server)
        owner = await server.signed_in("owner")
        estate = await _estate(owner)
        silent, changed = [], 0
        for route in routes.all_routes():
            if route.method not in UNSAFE_METHODS or not _names_an_object(route):
                continue
            if route.demo_only or route.name in NO_CHANGE:
                continue
            before = await _entries(server)
            body = estate.bodies.get(route.name, {} if route.body else None)
            status, _ = await owner.call(route.method, estate.path(route), body)
            if status < 300:
                changed += 1
                if await _entries(server) == before:
                    silent.append(route.name)
        assert silent == []
        assert changed > 20


async def test_nobody_is_rung_in_another_township(
    sqlite_url: str, make_settings: Callable[..., Any], edge: Callable[..., Any]
) -> None:
    """From one's own unit, but to a person one may not even see."""
    async with edge(make_settings(sqlite_url)) as server:
        await _found(server)
        foreigner = await server.signed_in("foreigner")
        for person_id in ("zhao", "nobody"):
            body = {"key": f"ring-{person_id}", "unit_id": "t1", "person_id": person_id}
            assert (await foreigner.call("POST", "/api/v1/sms/calls", body))[0] == 404


async def test_the_audit_log_keeps_no_whole_number(
    sqlite_url: str, make_settings: Callable[..., Any], edge: Callable[..., Any]
) -> None:
    async with edge(make_settings(sqlite_url)) as server:
        await _found(server)
        owner = await server.signed_in("owner")
        body = {"number": "13800138001", "is_blocked": True, "note": "投诉"}
        assert (await owner.call("PUT", "/api/v1/sms/numbers", body))[0] in {200, 204}
        assert "13800138001" not in str(await owner.call("GET", "/api/v1/audit?limit=1000"))
