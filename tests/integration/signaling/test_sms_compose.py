"""Composing over REST: each recipient's own text, the draft that shows it, groups at each run."""

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from core.auth.model import Grant, Principal, Role
from core.clock import MovableClock
from core.ids import GroupId, UserId
from directory.model import GroupDraft, PersonDraft, UnitDraft, UnitKind
from sms.numbers import demo_number
from support.tables import xlsx, zip_bomb

SYSTEM = Principal(UserId("system"), "system", None, (Grant(Role.ADMIN, ""),))
SMS = "/api/v1/sms"
pytestmark = pytest.mark.timeout(60)


async def _fill(server: Any) -> dict[str, str]:
    """A county with two people and a group of the first. Returns: ids by name."""
    register, groups = server.app.part("register"), server.app.part("groups")
    async with server.app.database.write() as uow:
        county = UnitDraft("青澜县", UnitKind.COUNTY, None, id="county")
        unit = await register.create_unit(uow, SYSTEM, county)
        ids = {}
        for index, name in enumerate(("张三", "李四"), 1):
            phones = (demo_number(index),)
            draft = PersonDraft(unit_id=unit.id, name=name, title="主任", phones=phones)
            ids[name] = (await register.create_person(uow, SYSTEM, draft)).id
        group = GroupDraft("应急组", unit.id, member_ids=(ids["张三"],))
        ids["group"] = (await groups.create(uow, SYSTEM, group)).id
    await server.add_user("duty", Grant(Role.DUTY_OFFICER, "county/"), must_change_password=False)
    return ids


def _draft(**more: Any) -> dict[str, Any]:
    return {"unit_id": "county", "class": "notice", **more}


async def test_a_template_says_each_persons_name_and_own_values(
    sqlite_url: str, make_settings: Callable[..., Any], edge: Callable[..., Any]
) -> None:
    async with edge(make_settings(sqlite_url)) as server:
        ids = await _fill(server)
        duty = await server.signed_in("duty")
        template = {
            "unit_id": "county", "name": "会议", "text": "{姓名}{职务}请于{时间}到{座位}",
            "longest": {},
        }  # fmt: skip
        _, saved = await duty.call("PUT", f"{SMS}/templates", template)
        draft = _draft(
            template_id=saved["id"], values={"时间": "八点"}, person_ids=[ids["张三"]],
            person_values={ids["张三"]: {"座位": "一排"}},
            listed=[
                {"number": demo_number(7), "name": "赵七",
                 "values": {"职务": "组长", "座位": "二" * 70}},
                {"number": demo_number(1), "name": "重复", "values": {}},
            ],
        )  # fmt: skip
        status, shown = await duty.call("POST", f"{SMS}/draft", draft)
        assert status == 200, shown
        assert (shown["recipients"], shown["doubles"], shown["missing_count"]) == (2, 1, 0)
        assert shown["first"]["text"].endswith("张三主任请于八点到一排")
        assert (shown["longest"]["name"], shown["longest"]["segments"]) == ("赵七", 2)
        assert shown["segments"] == 3
        assert demo_number(7) not in str(shown)
        _, sent = await duty.call("POST", f"{SMS}/messages", {**draft, "key": "merge-001"})
        async with server.app.database.read() as uow:
            rows = await server.app.sms.recipients(uow, sent["message_id"])
        assert [row.text.partition("】")[2][:2] for row in rows] == ["张三", "赵七"]


async def test_no_brace_is_ever_sent_and_who_lacks_a_value_is_named(
    sqlite_url: str, make_settings: Callable[..., Any], edge: Callable[..., Any]
) -> None:
    async with edge(make_settings(sqlite_url)) as server:
        ids = await _fill(server)
        duty = await server.signed_in("duty")
        draft = _draft(text="{姓名}请于{时间}到", person_ids=[ids["李四"]])
        status, shown = await duty.call("POST", f"{SMS}/draft", draft)
        assert (status, shown["recipients"], shown["missing_count"]) == (200, 0, 1)
        assert (shown["missing"][0]["name"], shown["missing"][0]["variable"]) == ("李四", "时间")
        status, refused = await duty.call("POST", f"{SMS}/messages", {**draft, "key": "brace-01"})
        assert (status, refused["error"]["field"]) == (422, "values.时间")
        assert "李四" in refused["error"]["message"]
        broken = _draft(text="到{会议 室}", person_ids=[ids["李四"]], key="brace-02")
        assert (await duty.call("POST", f"{SMS}/messages", broken))[0] == 422
        _, listed = await duty.call("GET", f"{SMS}/messages")
        assert listed["items"] == []
        nameless = _draft(text="{姓名}好", numbers=[demo_number(2), demo_number(9)])
        _, shown = await duty.call("POST", f"{SMS}/draft", nameless)
        assert shown["first"]["text"].endswith("李四好"), "a number the directory knows has a name"
        assert [one["number"][-4:] for one in shown["missing"]] == ["0009"]


async def test_a_repetition_reaches_who_is_in_the_group_at_each_run(
    sqlite_url: str, make_settings: Callable[..., Any], edge: Callable[..., Any]
) -> None:
    clock = MovableClock()
    async with edge(make_settings(sqlite_url), clock=clock) as server:
        ids = await _fill(server)
        duty = await server.signed_in("duty")
        due_at = clock.now() + timedelta(hours=1)
        order = _draft(
            key="weekly-01", text="{姓名}今日值班", group_ids=[ids["group"]],
            due_at=due_at.isoformat(), repeat="daily",
            repeat_until=(due_at + timedelta(days=9)).isoformat(),
        )  # fmt: skip
        status, made = await duty.call("POST", f"{SMS}/messages", order)
        assert (status, made["message_id"]) == (201, "")
        assert await _run(server, clock, 3700, runs=1) == ["张三"]
        groups = server.app.part("groups")
        async with server.app.database.write() as uow:
            group = await groups.access(uow, SYSTEM, GroupId(ids["group"]))
            draft = GroupDraft(group.name, group.unit_id, member_ids=(ids["李四"],))
            await groups.update(uow, SYSTEM, group.id, group.version, draft)
        assert await _run(server, clock, 86_400, runs=2) == ["李四"]


async def _run(server: Any, clock: MovableClock, seconds: float, *, runs: int) -> list[str]:
    """Who got the newest message once the clock moved on."""
    clock.advance(seconds)
    while True:
        async with server.app.database.read() as uow:
            sent = await server.app.sms.messages(uow, ("",))
            if len(sent) == runs:
                rows = await server.app.sms.recipients(uow, sent[0].id)
                break
        await server.app.timers.fire_due()
    assert all(f"{row.name}今日值班" in (row.text or "") for row in rows)
    return [row.name for row in rows]


async def _upload(browser: Any, content: bytes) -> tuple[int, Any]:
    url = f"{browser.url}{SMS}/sheet"
    headers = {"X-CSRF-Token": browser.csrf, "Content-Type": "application/octet-stream"}
    async with browser.http.post(url, data=io.BytesIO(content), headers=headers) as response:
        return response.status, await response.json()


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """Made outside the loop, which they would hold up."""
    rows = [["会议名单", "", ""], ["姓名", "手机", "座位"]]
    rows += [["赵七", demo_number(7), "一排"], ["钱八", "没有", "二排"]]
    return {"table": xlsx(rows), "bomb": zip_bomb(20 << 20)}


async def test_a_sheet_becomes_recipients_and_a_bomb_is_refused(
    sqlite_url: str,
    make_settings: Callable[..., Any],
    edge: Callable[..., Any],
    files: dict[str, bytes],
) -> None:
    settings = make_settings(sqlite_url, directory={"import_max_unpacked_mib": 10})
    async with edge(settings) as server:
        await _fill(server)
        duty = await server.signed_in("duty")
        status, read = await _upload(duty, files["table"])
        assert status == 200, read
        assert [(one["name"], one["values"]["座位"]) for one in read["items"]] == [("赵七", "一排")]
        assert [(one["row"], one["code"]) for one in read["faults"]] == [(4, "number")]
        draft = _draft(text="{姓名}坐{座位}", listed=read["items"])
        _, shown = await duty.call("POST", f"{SMS}/draft", draft)
        assert shown["first"]["text"].endswith("赵七坐一排")
        status, refused = await _upload(duty, files["bomb"])
        assert (status, refused["error"]["code"]) == (422, "import_zip_bomb")
        assert (await _upload(duty, b"%PDF-1.4\0"))[0] == 422
        csv = "姓名,手机\n孙九,13800138000\n".encode("gb18030")
        assert (await _upload(duty, csv))[1]["items"][0]["name"] == "孙九"
