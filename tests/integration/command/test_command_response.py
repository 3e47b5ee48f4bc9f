"""From the report to the last acknowledgement, on both databases, with the real outbox."""

import asyncio
from typing import Any

import pytest

from command.model import Order, TaskAction
from core import changes
from core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from core.ids import AssignmentId, IncidentId, PlanId, UnitId
from signaling.routes.command_shapes import IncidentBoard, IncidentSummary, Preview

CALLED_AT_III = [
    "commander", "coordination", "rescue", "cordon", "medical", "monitoring", "evacuation", "site",
    "duty_leader",
]  # fmt: skip


async def test_a_report_suggests_level_and_plan(county: Any) -> None:
    """What the officer typed in decides: 2 seriously hurt is 一般, a large leak is Ⅲ级 response."""
    incident = await county.record()
    board = await county.board(incident.id)
    IncidentBoard.model_validate(board)
    assert incident.number == "2026-0001"
    assert board["suggestion"]["level"] == 4
    assert board["suggestion"]["deciding"]["metric"] == "serious_injuries"
    assert board["suggestion"]["criteria"][0]["next"]["distance"] == 8
    best = board["proposals"][0]
    assert (best["plan_id"], best["response_level"]) == ("hazchem", 3)
    assert [reason["points"] for reason in best["reasons"]] == [4, 2, 2, 1, 1]
    assert board["incident"]["reporter_number"] == "138****8000"
    assert [entry["kind"] for entry in board["log"]] == ["reported"]


async def test_the_preview_shows_everything_and_sends_nothing(county: Any) -> None:
    incident = await county.record()
    async with county.database.read() as uow:
        shown = await county.command.preview(
            uow, county.officer, incident.id, Order(PlanId("hazchem"), 3)
        )
    Preview.model_validate(shown)
    assert [each["role"] for each in shown["callouts"]] == CALLED_AT_III
    assert shown["problems"] == []
    rescue = next(each for each in shown["callouts"] if each["role"] == "rescue")
    assert [link["name"] for link in rescue["steps"]] == ["主责", "副职", "领导"]
    assert rescue["steps"][2]["people"][0]["person"] == "副县长", "the leader on duty"
    assert "侦检、堵漏、稀释" in rescue["text"]
    assert rescue["is_unicode"]
    assert rescue["segments"] <= 3
    assert await county.outbox() == []
    assert (await county.board(incident.id))["activation"] is None


async def test_the_activation_is_whole(county: Any) -> None:
    """Tasks, messages with the seat's link, meeting, art. 72 fields and frozen plan at once."""
    incident = await county.record()
    await county.activate(incident)
    board = await county.board(incident.id)
    IncidentBoard.model_validate(board)
    activation = board["activation"]
    assert (activation["state"], activation["level"]) == ("active", 3)
    assert "启动Ⅲ级响应" in activation["matter"]
    assert activation["expected_hours"] == 12
    assert len(activation["measures"]) == 5
    assert {each["state"] for each in board["callouts"]} == {"calling"}
    assert {each["state"] for each in board["assignments"]} == {"submitted"}
    assert len(board["tasks"]) == 10
    sites = [site["unit_id"] for site in board["meeting"]["sites"]]
    assert sites[0] == "county"
    assert set(sites) == {"county", "emergency", "fire", "police", "health", "environment",
                          "works", "publicity", "t1"}  # fmt: skip
    [text] = await county.texts_to("消防队长")
    assert "http://127.0.0.1:8080/j/" in text
    assert "PIN" not in text
    assert text.endswith("回1收到,回2不能到位。")
    links = [each.text.partition("/j/")[2][:17] for each in await county.outbox()]
    assert len(links) == len(CALLED_AT_III)
    assert links[1] != links[2], "each unit has its own seat"


async def test_a_double_click_activates_once(county: Any) -> None:
    incident = await county.record()
    first = await county.activate(incident, key="dialogue-1")
    again = await county.activate(incident, key="dialogue-1")
    assert first.id == again.id
    assert (await county.activate(incident)).id == first.id, "the same order without a key"
    assert len(await county.outbox()) == len(CALLED_AT_III)
    with pytest.raises(Conflict):
        await county.activate(incident, level=4)
    with pytest.raises(Conflict):
        await county.activate(incident, key="dialogue-2")


async def test_two_clicks_at_the_same_moment_activate_once(county: Any) -> None:
    incident = await county.record()
    made = await asyncio.gather(*(county.activate(incident, key="dialogue-1") for _ in range(4)))
    assert len({each.id for each in made}) == 1
    assert len(await county.outbox()) == len(CALLED_AT_III)


async def test_a_double_click_records_once(county: Any) -> None:
    first = await county.record(key="form-0001")
    assert (await county.record(key="form-0001")).id == first.id


async def test_nothing_of_a_failed_activation_remains(county: Any) -> None:
    """The process dies before the commit: no message, no task, no timer, no meeting."""
    incident = await county.record()
    with pytest.raises(RuntimeError, match="power cut"):
        await _activate_and_die(county, incident.id)
    board = await county.board(incident.id)
    assert (board["activation"], board["meeting"], board["tasks"]) == (None, None, [])
    assert board["incident"]["state"] == "reported"
    assert await county.outbox() == []
    assert await county.timers.fire_due() == 0


async def _activate_and_die(county: Any, incident_id: IncidentId) -> None:
    async with county.database.write() as uow:
        await county.command.activate(uow, county.officer, incident_id, Order(PlanId("hazchem"), 3))
        raise RuntimeError("power cut")


async def test_an_answer_by_sms_stops_the_chain_at_once(county: Any) -> None:
    incident = await county.record()
    await county.activate(incident)
    await county.delivered_to("消防队长", incident.id)
    assert (await county.assignment(incident.id, "消防队长"))["state"] == "delivered"
    await county.replies("消防队长", incident.id, "１", choice="1")
    shown = await county.assignment(incident.id, "消防队长")
    assert (shown["state"], shown["acknowledged_how"]) == ("acknowledged", "sms")
    assert (shown["acknowledged_by"], shown["answer"]) == ("消防队长", "１")
    assert shown["next_escalation_at"] is None
    assert (await county.callout(incident.id, "rescue"))["state"] == "acknowledged"
    await county.fast_forward(minutes=20)
    assert await county.texts_to("消防副队长") == []


async def test_silence_escalates_to_deputy_then_leader_then_says_so(county: Any) -> None:
    incident = await county.record()
    await county.activate(incident)
    await county.fast_forward(minutes=2.5)
    assert await county.texts_to("消防副队长") == []
    await county.fast_forward(minutes=0.5)
    assert len(await county.texts_to("消防副队长")) == 1
    assert (await county.assignment(incident.id, "消防队长"))["state"] == "escalated"
    assert (await county.assignment(incident.id, "消防副队长"))["step_name"] == "副职"
    await county.fast_forward(minutes=3)
    assert (await county.callout(incident.id, "rescue"))["step"] == 2
    assert "抢险救援组组长至今无人确认" in str(await county.texts_to("副县长"))
    await county.fast_forward(minutes=5)
    assert (await county.callout(incident.id, "rescue"))["state"] == "exhausted"
    kinds = [entry["kind"] for entry in (await county.board(incident.id))["log"]]
    assert "escalated" in kinds
    assert "exhausted" in kinds
    assert len(await county.texts_to("消防副队长")) == 1


async def test_who_does_not_answer_the_text_is_rung_awake(county: Any) -> None:
    """When the wait is over the deputy gets the text and the silent one's telephone rings."""
    incident = await county.record()
    await county.activate(incident)
    assert await county.calls() == []
    await county.fast_forward(minutes=3)
    rung = await county.calls()
    assert "消防队长" in [call.name for call in rung]
    (call,) = [call for call in rung if call.name == "消防队长"]
    await county.ring_ends(call, "no_answer")
    board = await county.board(incident.id)
    IncidentBoard.model_validate(board)
    shown = {each["person"]: each for each in board["assignments"]}
    assert shown["消防队长"]["ring_result"] == "no_answer"
    assert shown["消防队长"]["rung_at"] is not None
    assert shown["消防副队长"]["rung_at"] is None
    said = [entry["text"] for entry in board["log"] if entry["kind"] == "rung"]
    assert "短信无人确认,电话振铃消防队长" in said
    assert said[-1] == "电话振铃消防队长:无人接听"
    assert await county.audited("sms.ring") == len(rung)


async def test_who_answers_meanwhile_is_not_rung(county: Any) -> None:
    incident = await county.record()
    await county.activate(incident)
    await county.fast_forward(minutes=3)
    await county.replies("消防队长", incident.id, "1", choice="1")
    results = {call.name: call.result for call in await county.calls()}
    assert results.pop("消防队长") == "withdrawn"
    assert set(results.values()) == {None}


async def test_a_late_answer_still_counts(county: Any) -> None:
    incident = await county.record()
    await county.activate(incident)
    await county.fast_forward(minutes=4)
    await county.replies("消防队长", incident.id, "收到")
    assert (await county.assignment(incident.id, "消防队长"))["state"] == "acknowledged"
    assert (await county.callout(incident.id, "rescue"))["state"] == "acknowledged"


async def test_a_decline_calls_the_next_one_at_once(county: Any) -> None:
    incident = await county.record()
    await county.activate(incident)
    await county.replies("消防队长", incident.id, "2", choice="2")
    assert (await county.assignment(incident.id, "消防队长"))["state"] == "declined"
    assert len(await county.texts_to("消防副队长")) == 1


async def test_taking_an_acknowledgement_back_calls_on(county: Any) -> None:
    incident = await county.record()
    await county.activate(incident)
    await county.replies("消防队长", incident.id, "1", choice="1")
    await county.replies("消防队长", incident.id, "2", choice="2")
    assert len(await county.texts_to("消防副队长")) == 1
    assert (await county.callout(incident.id, "rescue"))["state"] == "calling"


async def test_a_failed_message_calls_the_next_one_at_once(county: Any) -> None:
    incident = await county.record()
    await county.activate(incident)
    await county.failed_to("消防队长", incident.id)
    shown = await county.assignment(incident.id, "消防队长")
    assert shown["failure"] == "空号"
    assert len(await county.texts_to("消防副队长")) == 1


async def test_free_text_is_logged_and_stops_nothing(county: Any) -> None:
    incident = await county.record()
    await county.activate(incident)
    await county.replies("消防队长", incident.id, "正在路上")
    assert (await county.callout(incident.id, "rescue"))["state"] == "calling"
    log = (await county.board(incident.id))["log"]
    assert log[-1]["text"] == "消防队长短信回复:正在路上"


async def test_a_bare_answer_to_two_alarms_confirms_neither_and_both_boards_say_so(
    county: Any,
) -> None:
    incidents = [await county.record(), await county.record(title="液氨泄漏")]
    for incident in incidents:
        await county.activate(incident)
    number = await county.number_of("消防队长", incidents[0].id)
    await county.village_writes(number, "1")
    for incident in incidents:
        assert (await county.assignment(incident.id, "消防队长"))["state"] == "submitted"
        said = (await county.board(incident.id))["log"][-1]["text"]
        assert said == "消防队长短信回复:1(有多条待回复,未说明是哪一条,已请其带编号重发)"
    await county.village_writes(number, "A1")
    states = [(await county.assignment(one.id, "消防队长"))["state"] for one in incidents]
    assert states == ["acknowledged", "submitted"]
    county.clock.advance(60)  # else it is the first text once more
    await county.village_writes(number, "1")
    assert (await county.assignment(incidents[1].id, "消防队长"))["state"] == "acknowledged"


async def test_a_bare_answer_to_several_roles_of_one_alarm_is_one_line_of_its_log(
    county: Any,
) -> None:
    incident = await county.record()
    await county.activate(incident)
    await county.fast_forward(minutes=6)  # the leader is called for whoever has not answered
    called = (await county.board(incident.id))["assignments"]
    assert len([one for one in called if one["person"] == "副县长"]) > 1
    await county.village_writes(await county.number_of("副县长", incident.id), "1")
    log = (await county.board(incident.id))["log"]
    assert len([line for line in log if "未说明是哪一条" in line["text"]]) == 1


async def test_an_acknowledgement_without_work_is_asked_for_again(county: Any) -> None:
    incident = await county.record()
    await county.activate(incident)
    await county.replies("消防队长", incident.id, "1", choice="1")
    await county.fast_forward(minutes=30)
    assert len([t for t in await county.texts_to("消防队长") if "请再次确认" in t]) == 1
    assert (await county.assignment(incident.id, "消防队长"))["state"] == "submitted"
    await county.fast_forward(minutes=3)
    assert len([t for t in await county.texts_to("消防副队长") if "任抢险" in t]) == 1


async def test_work_begun_needs_no_second_question(county: Any) -> None:
    incident = await county.record()
    await county.activate(incident)
    await county.replies("消防队长", incident.id, "1", choice="1")
    board = await county.board(incident.id)
    task = next(each for each in board["tasks"] if each["role"] == "rescue")
    async with county.database.write() as uow:
        await county.command.responses.move_task(uow, county.officer, task["id"], TaskAction.START)
    await county.fast_forward(minutes=31)
    assert not [t for t in await county.texts_to("消防队长") if "请再次确认" in t]


async def test_confirmed_by_phone_with_a_note(county: Any) -> None:
    incident = await county.record()
    await county.activate(incident)
    known = await county.assignment(incident.id, "镇长")
    async with county.database.write() as uow:
        with pytest.raises(InvalidInput):
            await county.command.acknowledge(uow, county.officer, known["id"], "")
    async with county.database.write() as uow:
        await county.command.acknowledge(
            uow, county.officer, AssignmentId(known["id"]), "电话联系,已出发"
        )
    shown = await county.assignment(incident.id, "镇长")
    assert (shown["acknowledged_how"], shown["acknowledged_by"]) == ("phone", "officer")
    assert shown["answer"] == "电话联系,已出发"
    await county.fast_forward(minutes=10)
    assert await county.texts_to("副镇长") == []


async def test_a_late_task_tells_the_role_it_names(county: Any) -> None:
    incident = await county.record()
    await county.activate(incident)
    await county.fast_forward(minutes=10)
    board = await county.board(incident.id)
    late = [each["step"] for each in board["tasks"] if each["is_overdue"]]
    assert late == ["s1"]
    assert [text for text in await county.texts_to("应急局长") if "未完成,请督办" in text]


async def test_finishing_needs_the_evidence_the_step_asks_for(county: Any) -> None:
    incident = await county.record()
    await county.activate(incident)
    board = await county.board(incident.id)
    steps = {each["step"]: each["id"] for each in board["tasks"]}
    move = county.command.responses.move_task
    async with county.database.write() as uow:
        with pytest.raises(InvalidInput):
            await move(uow, county.officer, steps["s6"], TaskAction.FINISH, "都走了")
    async with county.database.write() as uow:
        await move(uow, county.officer, steps["s6"], TaskAction.FINISH, "已疏散312人")
    done = (await county.board(incident.id))["tasks"]
    assert [each["result"] for each in done if each["state"] == "done"] == ["已疏散312人"]
    async with county.database.write() as uow:
        with pytest.raises(Conflict):
            await move(uow, county.officer, steps["s6"], TaskAction.START)


async def test_level_two_alerts_the_first_and_waits_for_a_second_person(county: Any) -> None:
    incident = await county.record(figures={"deaths": 10.0})
    await county.activate(incident, level=2)
    board = await county.board(incident.id)
    assert board["activation"]["state"] == "unconfirmed"
    states = {each["role"]: each["state"] for each in board["callouts"]}
    assert states["governor"] == states["rescue"] == "calling"
    assert states["medical"] == states["publicity"] == "held"
    assert await county.texts_to("卫健局长") == []
    assert (await county.assignment(incident.id, "卫健局长"))["state"] == "pending"
    async with county.database.write() as uow:
        with pytest.raises(NotAllowed):
            await county.command.responses.confirm(uow, county.officer, incident.id)
    await county.fast_forward(minutes=5)
    assert "尚未经第二人确认" in str((await county.board(incident.id))["log"])
    async with county.database.write() as uow:
        await county.command.responses.confirm(uow, county.leader, incident.id)
    board = await county.board(incident.id)
    assert board["activation"]["state"] == "active"
    assert board["activation"]["confirmed_by"] == "leader"
    assert len(await county.texts_to("卫健局长")) == 1
    states = {each["role"]: each["state"] for each in board["callouts"]}
    assert states["medical"] == states["publicity"] == "calling"


async def test_an_unconfirmed_order_can_be_taken_back(county: Any) -> None:
    incident = await county.record(figures={"deaths": 10.0})
    await county.activate(incident, level=2)
    async with county.database.write() as uow:
        await county.command.responses.revoke(uow, county.leader, incident.id, "误报,企业演练")
    board = await county.board(incident.id)
    assert (board["activation"]["state"], board["incident"]["state"]) == ("revoked", "reported")
    assert "已结束" in (await county.texts_to("消防队长"))[-1]
    assert "已结束" not in str(await county.texts_to("卫健局长"))
    await county.fast_forward(minutes=30)
    assert len(await county.texts_to("消防副队长")) == 0
    await county.replies("消防队长", incident.id, "1", choice="1")
    await county.activate(incident, level=4)
    assert (await county.board(incident.id))["activation"]["level"] == 4


async def test_every_text_of_a_drill_says_so(county: Any) -> None:
    incident = await county.record(is_drill=True)
    assert incident.number == "演2026-0001"
    await county.activate(incident)
    await county.fast_forward(minutes=12)
    async with county.database.write() as uow:
        await county.command.incidents.close(uow, county.officer, incident.id, "演练结束")
    texts = [each.text for each in await county.outbox()]
    assert len(texts) > 15
    assert all(text.startswith("【演练】") and text.count("【演练】") == 1 for text in texts)
    board = await county.board(incident.id)
    assert board["meeting"]["title"].startswith("【演练】")


async def test_without_hazard_or_township_the_board_says_who_is_missing(county: Any) -> None:
    incident = await county.record(unit_id=UnitId("county"), hazard_id=None)
    await county.activate(incident)
    site = await county.callout(incident.id, "site")
    assert (site["state"], site["steps"]) == ("exhausted", [])
    async with county.database.read() as uow:
        summary = (await county.command.incidents.listed(uow, county.officer))[0]
    IncidentSummary.model_validate(summary)
    assert (summary["called"], summary["unreached"]) == (9, 2)


async def test_another_township_does_not_learn_of_it(county: Any) -> None:
    incident = await county.record()
    async with county.database.read() as uow:
        with pytest.raises(NotFound):
            await county.command.incidents.snapshot(uow, county.stranger, incident.id)
        assert await county.command.incidents.listed(uow, county.stranger) == []
    async with county.database.write() as uow:
        with pytest.raises(NotFound):
            await county.command.activate(
                uow, county.stranger, incident.id, Order(PlanId("hazchem"), 4)
            )


async def test_a_township_follows_its_own_list(county: Any) -> None:
    desk, official = county.command.incidents, county.stranger
    await county.record()
    own = await county.record(unit_id=UnitId("t2"), hazard_id=None)
    async with county.database.read() as uow:
        with pytest.raises(NotAllowed):
            await desk.access_list(uow, official, "")
        with pytest.raises(NotAllowed):
            await desk.access_list(uow, official, "t1")
        assert await desk.access_list(uow, county.officer, "") == ""
        within = await desk.access_list(uow, official, "t2")
        listed = await desk.listed(uow, official, within=within)
        seen = await changes.head(uow, "incidents:t2")
    assert [item["id"] for item in listed] == [own.id]
    assert seen.seq == 1


async def test_changes_are_numbered_and_the_audit_chain_holds(county: Any) -> None:
    incident = await county.record()
    topic = f"incident:{incident.id}"
    async with county.database.read() as uow:
        head = await changes.head(uow, topic)
    await county.activate(incident)
    await county.replies("消防队长", incident.id, "1", choice="1")
    async with county.database.read() as uow:
        seen = await changes.since(uow, topic, head.epoch, head.seq)
        verdict = await county.audit.verify(uow)
    assert seen is not None
    kinds = [change.kind for change in seen]
    assert kinds[0] == "snapshot.replaced"
    IncidentBoard.model_validate(seen[0].data)
    assert {"assignment.changed", "callout.changed", "log.added"} <= set(kinds[1:])
    acknowledged = next(change for change in seen if change.kind == "assignment.changed")
    assert acknowledged.data["state"] == "acknowledged"
    assert verdict.fault is None
    assert verdict.count >= 3


async def test_a_standstill_of_the_server_loses_no_step(county: Any) -> None:
    """Down for ten minutes: on return every link whose time had come is called, in order."""
    incident = await county.record()
    await county.activate(incident)
    county.clock.advance(600)
    await county.settle()
    assert len(await county.texts_to("消防副队长")) == 1
    assert (await county.callout(incident.id, "rescue"))["step"] == 2
    assert (await county.callout(incident.id, "rescue"))["state"] == "calling"
