"""What one township has, made through the routes themselves; and somebody in another township.

A new route that names an object or changes something must say here what a valid request to it is,
or the tests that use this fail.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from command.ports import VillageText
from command.store.tables import ShiftRow
from conf.recording.store import RecordingRow
from core.audit import AuditRow
from core.auth.model import Grant, Principal, Role
from core.ids import PersonId, UnitId, UserId, new_id
from directory.model import POST_NAMES, PersonDraft, UnitDraft, UnitKind
from signaling.http import Route
from tests.support.tables import HEADER, comma_separated

TABLE = comma_separated([HEADER, ["李四", "13800138009", "", "", "干事", ""]])
QUERIES = {
    "DELETE /api/v1/directory/units/{unit_id}": "?version=1",
    "DELETE /api/v1/directory/people/{person_id}": "?version=1",
    "DELETE /api/v1/directory/groups/{group_id}": "?version=1",
    "DELETE /api/v1/hazards/{hazard_id}": "?version=1",
    "DELETE /api/v1/cameras/{camera_id}": "?version=1",
    "DELETE /api/v1/roster/{shift_id}": "?version=1",
    "DELETE /api/v1/sms/templates/{template_id}": "?version=1",
    "POST /api/v1/directory/imports": "?unit_id=t2&file_name=a.csv",
    "GET /api/v1/directory/export.xlsx": "?unit_id=t2",
    "GET /api/v1/sms/statistics": "?month=2026-11",
    "GET /api/v1/sms/statistics/export.csv": "?month=2026-11",
    "GET /api/v1/sms/statistics/export.xlsx": "?month=2026-11",
    "GET /api/v1/isolation": "?substance=%E6%B0%AF&size=small&time=day",
    "GET /api/v1/roster": "?begin=2026-11-01T00:00:00Z&end=2026-12-01T00:00:00Z",
}
UNITS = [
    ("county", None, UnitKind.COUNTY, "青澜县"),
    ("t1", "county", UnitKind.TOWNSHIP, "烽台镇"),
    ("t2", "county", UnitKind.TOWNSHIP, "雁回镇"),
]
SYSTEM = Principal(UserId("system"), "system", None, (Grant(Role.ADMIN, ""),))
REASON = {"reason": "核对值班电话"}
ORDER = {"plan_id": "flood", "level": 3, "key": "activate-t2"}


COUNTYS = {
    "index": "0", "name": "modem-1", "inbound_id": "nobody", "webhook_id": "nobody",
    "thread_key": "number-19900000000", "number": "19900000000",
    "participant_id": "nobody", "token": "nobody",
}  # fmt: skip
"""What is named in the addresses of routes that concern no unit."""


@dataclass
class Estate:
    """What township t2 has, and a valid body for each route that needs one."""

    ids: dict[str, str] = field(default_factory=dict)
    bodies: dict[str, Any] = field(default_factory=dict)

    def path(self, route: Route) -> str:
        """The route's address with the township's own ids, and what its query must hold."""
        path = route.path
        if "{task_id}" in path or "{assignment_id}" in path:
            path = path.replace("{incident_id}", self.ids["running_id"])
        for name, value in {**self.ids, **COUNTYS}.items():
            path = path.replace(f"{{{name}}}", value)
        assert "{" not in path, f"say what {route.name} is called with"
        return path + QUERIES.get(route.name, "")

    def body(self, route: Route) -> Any:
        """A valid body; None where the route takes none."""
        if route.body is bytes:
            return TABLE
        return self.bodies.get(route.name, {} if route.body else None)


async def found(server: Any) -> None:
    register = server.app.part("register")
    async with server.app.database.write() as uow:
        for id_, parent, kind, name in UNITS:
            draft = UnitDraft(name, kind, UnitId(parent) if parent else None, id=id_)
            await register.create_unit(uow, SYSTEM, draft)
        person = PersonDraft("赵兰", UnitId("t2"), id="zhao", title="镇长", phones=("13800138001",))
        await register.create_person(uow, SYSTEM, person)
        for post in POST_NAMES:
            await register.appoint(uow, SYSTEM, UnitId("t2"), post, [PersonId("zhao")])
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
    camera = {"name": "雁回水库", **unit, "url": "rtsp://10.0.0.9/main"}
    template = {**unit, "name": "集合", "text": "请到镇政府集合"}
    return {
        "camera": camera, "template": template, "unit": unit, "group": group, "person": person,
        "hazard": hazard, "incident": incident, "meeting": meeting, "message": message,
        "user": user,
    }  # fmt: skip


async def estate_of(server: Any, owner: Any) -> Estate:
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
    made["import_id"] = (await make("directory/imports?unit_id=t2&file_name=a.csv", TABLE))["id"]
    made["camera_id"] = (await make("cameras", drafts["camera"]))["id"]
    made["order_id"] = (await make("sms/messages", _later(drafts["message"])))["order_id"]
    status, template = await owner.call("PUT", "/api/v1/sms/templates", drafts["template"])
    assert status == 200, template
    made["template_id"] = template["id"]
    made["report_id"] = await _reported(server)
    assert (await owner.call("POST", "/api/v1/roster", _shift_in(drafts, days=0)))[0] == 204
    made["shift_id"] = await _only_shift(server)
    made["recording_id"], made["file"] = await _recorded(server, made["meeting_id"])
    other = {**drafts["incident"], "key": "another-of-t2"}
    made["running_id"] = (await make("incidents", other))["id"]
    board = await make(f"incidents/{made['running_id']}/activate", ORDER)
    made["assignment_id"] = board["assignments"][0]["id"]
    made["task_id"] = board["tasks"][0]["id"]
    found.bodies = {**_bodies_by_id(drafts), **_bodies_by_unit(drafts)}
    found.bodies["POST /api/v1/reports/{report_id}/attach"] = {"incident_id": made["incident_id"]}
    found.bodies["POST /api/v1/meetings/{meeting_id}/cameras"] = {"camera_id": made["camera_id"]}
    found.bodies["POST /api/v1/cameras/try"] = {"camera_id": made["camera_id"]}
    return found


def _bodies_by_id(drafts: dict[str, Any]) -> dict[str, Any]:
    """Bodies of the routes that name an object in their path."""
    note, result = {"note": "电话确认"}, {"result": "已完成"}
    one = "/api/v1/incidents/{incident_id}"
    return {
        f"PATCH {one}": {"version": 1, "title": "山洪灾害"},
        f"POST {one}/log": {"text": "记一笔"},
        "POST /api/v1/reports/{report_id}/dismiss": REASON,
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
        "PUT /api/v1/directory/units/{unit_id}/appointments/{post}": {
            "person_ids": ["zhao"], "seen_ids": ["zhao"],
        },
        "PUT /api/v1/directory/people/{person_id}": {**drafts["person"], "version": 1},
        "POST /api/v1/directory/people/{person_id}/reveal": REASON,
        "PUT /api/v1/directory/groups/{group_id}": {**drafts["group"], "version": 1},
        "PUT /api/v1/hazards/{hazard_id}": {**drafts["hazard"], "version": 1},
        "POST /api/v1/directory/imports/{import_id}/commit": {"remove_missing": False},
        "POST /api/v1/directory/imports/{import_id}/undo": REASON,
        "POST /api/v1/meetings/{meeting_id}/orders": {"order": "lock"},
        "POST /api/v1/sms/orders/{order_id}/refuse": REASON,
        "PATCH /api/v1/users/{user_id}": {"name": "别人", "version": 1},
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
        "POST /api/v1/sms/draft": {k: v for k, v in drafts["message"].items() if k != "key"},
        "POST /api/v1/sms/messages/{message_id}/again": {
            "key": "again-to-t2", "to": "undelivered",
        },
        "POST /api/v1/cameras": drafts["camera"],
        "PUT /api/v1/cameras/{camera_id}": {**drafts["camera"], "version": 1},
        "PUT /api/v1/sms/templates": {**drafts["template"], "version": 1},
        "POST /api/v1/sms/calls": {"key": "call-to-t2", **drafts["unit"], "person_id": "zhao"},
        "POST /api/v1/users": {**drafts["user"], "username": "puppet"},
        "POST /api/v1/roster": _shift_in(drafts, days=1),
        "PUT /api/v1/roster/{shift_id}": {**_shift_in(drafts, days=2), "version": 1},
    }  # fmt: skip


def _shift_in(drafts: dict[str, Any], *, days: int) -> dict[str, Any]:
    begin = datetime.fromisoformat(drafts["meeting"]["starts_at"]) + timedelta(days=days)
    return {
        **drafts["unit"], "starts_at": begin.isoformat(),
        "ends_at": (begin + timedelta(hours=1)).isoformat(),
        "leader_id": "zhao", "officer_ids": ["zhao"],
    }  # fmt: skip


def _later(message: dict[str, Any]) -> dict[str, Any]:
    due = datetime.now(UTC) + timedelta(days=1)
    return {**message, "key": "order-of-t2", "due_at": due.isoformat()}


async def _reported(server: Any) -> str:
    """A report the township's head sent by SMS."""
    async with server.app.database.write() as uow:
        text = VillageText(
            "inbound-1", "+8613800138001", "road", None, "塌方", "路况 塌方", uow.now
        )
        return str((await server.app.command.reports.take(uow, text)).id)


async def _only_shift(server: Any) -> str:
    async with server.app.database.read() as uow:
        return str(await uow.session.scalar(select(ShiftRow.id)))


async def _recorded(server: Any, meeting_id: str) -> tuple[str, str]:
    """A recording of the meeting with one file, as the recorder leaves it."""
    recording_id, name = new_id(), "a-1.webm"
    async with server.app.database.write() as uow:
        uow.session.add(
            RecordingRow(
                id=recording_id, meeting_id=meeting_id, started_at=uow.now, started_by="owner",
                ended_at=uow.now, end_cause="ordered", octets=4,
            )
        )  # fmt: skip
    folder = server.app.settings.data.dir / "recordings" / meeting_id / recording_id
    folder.mkdir(parents=True)
    (folder / name).write_bytes(b"webm")
    return recording_id, name


async def audited(server: Any) -> int:
    """How many entries the audit log has."""
    async with server.app.database.read() as uow:
        return int(await uow.session.scalar(select(func.count()).select_from(AuditRow)))
