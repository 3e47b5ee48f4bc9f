"""The directory over REST: scope, masks, versions, and an import from upload to undo."""

from collections.abc import Callable
from typing import Any

import pytest

from core.auth.model import Grant, Principal, Role
from core.ids import UnitId, UserId
from directory.model import PersonDraft, UnitDraft, UnitKind
from support.tables import HEADER, comma_separated

UNITS = [
    ("county", None, UnitKind.COUNTY, "青澜县"),
    ("t1", "county", UnitKind.TOWNSHIP, "烽台镇"),
    ("t2", "county", UnitKind.TOWNSHIP, "雁回镇"),
]
PEOPLE = "/api/v1/directory/people"
SYSTEM = Principal(UserId("system"), "system", None, (Grant(Role.ADMIN, ""),))


async def _fill(server: Any) -> None:
    register = server.app.part("register")
    async with server.app.database.write() as uow:
        for id_, parent, kind, name in UNITS:
            draft = UnitDraft(name, kind, UnitId(parent) if parent else None, id=id_)
            await register.create_unit(uow, SYSTEM, draft)
        for id_, unit, name in (("wang", "t1", "王小明"), ("zhao", "t2", "赵兰")):
            phones = ("13800138001",)
            draft = PersonDraft(name, UnitId(unit), id=id_, title="镇长", phones=phones)
            await register.create_person(uow, SYSTEM, draft)
    await server.add_user("boss", Grant(Role.ADMIN, "county/"), must_change_password=False)
    grant = Grant(Role.TOWNSHIP_OFFICIAL, "county/t1/")
    await server.add_user("official", grant, must_change_password=False)


@pytest.mark.timeout(60)
async def test_reading_is_masked_and_scoped(
    backed: Callable[..., Any], edge: Callable[..., Any]
) -> None:
    async with edge(backed()) as server:
        await _fill(server)
        boss, official = await server.signed_in("boss"), await server.signed_in("official")
        _, seen = await official.call("GET", "/api/v1/directory/units")
        assert [unit["id"] for unit in seen["items"]] == ["t1"]
        _, found = await boss.call("GET", f"{PEOPLE}?q=wxm")
        assert found["total"] == 1
        assert found["items"][0]["phones"][0]["number"] == "138****8001"
        status, answer = await official.call("GET", f"{PEOPLE}/zhao")
        assert (status, answer["error"]["code"]) == (404, "not_found")
        status, _ = await official.call("GET", f"{PEOPLE}?unit_id=t2")
        assert status == 404
        status, _ = await official.call("POST", f"{PEOPLE}/wang/reveal", {"reason": "call"})
        assert status == 403
        status, shown = await boss.call("POST", f"{PEOPLE}/wang/reveal", {"reason": "核实"})
        assert (status, shown["phones"][0]["number"]) == (200, "+8613800138001")


@pytest.mark.timeout(60)
async def test_people_units_posts_and_groups_are_written(
    backed: Callable[..., Any], edge: Callable[..., Any]
) -> None:
    async with edge(backed()) as server:
        await _fill(server)
        boss = await server.signed_in("boss")
        body: dict[str, Any] = {"name": "周平", "unit_id": "t1", "phones": ["138 0013 8009"]}
        status, person = await boss.call("POST", PEOPLE, body)
        assert (status, person["phones"][0]["number"]) == (201, "138****8009")
        change = {"name": "周小平", "unit_id": "t2", "version": 1}
        status, person = await boss.call("PUT", f"{PEOPLE}/{person['id']}", change)
        assert (status, person["unit_path"], len(person["phones"])) == (200, "county/t2/", 1)
        status, answer = await boss.call("PUT", f"{PEOPLE}/{person['id']}", change)
        assert (status, answer["error"]["code"]) == (409, "stale")
        status, answer = await boss.call("POST", PEOPLE, body | {"phones": ["1380013"]})
        assert (status, answer["error"]["field"]) == (422, "phones.0")
        holders = {"person_ids": [person["id"], "zhao"], "seen_ids": []}
        status, held = await boss.call(
            "PUT", "/api/v1/directory/units/t2/appointments/head", holders
        )
        assert [one["person"]["name"] for one in held["items"]] == ["周小平", "赵兰"]
        rule = {"unit_path": "county/", "post": "head"}
        group = {"name": "乡镇长", "unit_id": "county", "rules": [rule], "member_ids": ["wang"]}
        status, made = await boss.call("POST", "/api/v1/directory/groups", group)
        assert status == 201
        _, meant = await boss.call("GET", f"/api/v1/directory/groups/{made['id']}/people")
        assert [one["name"] for one in meant["items"]] == ["王小明", "周小平", "赵兰"]
        status, _ = await boss.call("DELETE", f"{PEOPLE}/{person['id']}?version=2")
        assert status == 204
        status, answer = await boss.call("DELETE", "/api/v1/directory/units/t2?version=1")
        assert (status, answer["error"]["code"]) == (409, "not_empty")
        status, boundaries = await boss.call("GET", "/api/v1/map/boundaries")
        assert (status, boundaries["features"]) == (200, [])


@pytest.mark.timeout(60)
async def test_an_import_from_upload_to_undo(
    backed: Callable[..., Any], edge: Callable[..., Any]
) -> None:
    rows = [
        HEADER,
        [1, "周平", "13800138009", "", "烽台镇", "干事", ""],
        [2, "吴梅", "138", "", "烽台镇", "", ""],
    ]
    async with edge(backed()) as server:
        await _fill(server)
        boss = await server.signed_in("boss")
        url = f"{boss.url}/api/v1/directory/imports?unit_id=t1&file_name=a.csv"
        headers = {"X-CSRF-Token": boss.csrf}
        content = comma_separated(rows, "gb18030")
        async with boss.http.post(url, data=content, headers=headers) as response:
            batch = await response.json()
            assert response.status == 201, batch
        assert batch["counts"] == {
            "new": 1, "changed": 0, "unchanged": 0, "missing": 1, "faulty": 1,
        }  # fmt: skip
        assert batch["encoding"] == "gb18030"
        path = f"/api/v1/directory/imports/{batch['id']}"
        _, listed = await boss.call("GET", f"{path}/rows?kind=faulty")
        assert listed["items"][0]["faults"][0]["cell"] == "C3"
        async with boss.http.get(f"{boss.url}{path}/faults.xlsx") as response:
            assert (await response.read()).startswith(b"PK")
        status, batch = await boss.call("POST", f"{path}/commit", {})
        assert (status, batch["state"]) == (200, "committed")
        _, found = await boss.call("GET", f"{PEOPLE}?q=周平")
        assert found["total"] == 1
        status, batch = await boss.call("POST", f"{path}/undo", {"reason": "导错"})
        assert (status, batch["state"]) == (200, "undone")
        _, found = await boss.call("GET", f"{PEOPLE}?q=周平")
        assert found["total"] == 0
