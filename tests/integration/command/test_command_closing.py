"""The end of an incident: what it takes with it, and what stays."""

from typing import Any

import pytest

from core.errors import Conflict
from signaling.routes.command_shapes import IncidentBoard
from sms.polite import OVER


async def test_closing_ends_everything_and_keeps_the_record(county: Any) -> None:
    incident = await county.record()
    await county.activate(incident)
    await county.replies("消防队长", incident.id, "1", choice="1")
    async with county.database.write() as uow:
        await county.command.incidents.close(uow, county.officer, incident.id, "堵漏成功,无人伤亡")
    board = await county.board(incident.id)
    IncidentBoard.model_validate(board)
    assert (board["incident"]["state"], board["activation"]["state"]) == ("closed", "ended")
    assert board["incident"]["summary"] == "堵漏成功,无人伤亡"
    assert all(each["data"].get("code") for each in board["log"]), "said in any language"
    assert {each["state"] for each in board["tasks"]} == {"cancelled"}
    assert (await county.assignment(incident.id, "消防队长"))["state"] == "acknowledged"
    before = len(await county.outbox())
    await county.fast_forward(minutes=60)
    await county.replies("镇长", incident.id, "1", choice="1")
    await county.replies("消防队长", incident.id, "2", choice="2")
    assert len(await county.outbox()) == before
    async with county.database.write() as uow:
        with pytest.raises(Conflict):
            await county.command.incidents.close(uow, county.officer, incident.id, "再关一次")


async def test_closing_takes_open_questions_back(county: Any) -> None:
    """What waits is not sent, a bell not yet rung stays still, and a late 1 is told it is over."""
    incident = await county.record()
    await county.activate(incident)
    await county.fast_forward(minutes=3)
    number = await county.number_of("消防队长", incident.id)
    async with county.database.write() as uow:
        await county.command.incidents.close(uow, county.officer, incident.id, "已处置完毕")
    async with county.database.read() as uow:
        states = {
            each.name: each.state
            for m in await county.sms.messages(uow, ("",), limit=500)
            if "回1收到" in m.wire_text
            for each in await county.sms.recipients(uow, m.id)
        }
    assert set(states.values()) == {"cancelled"}
    assert {call.result for call in await county.calls()} == {"withdrawn"}
    await county.village_writes(number, "1")
    assert (await county.outbox())[-1].text.endswith(OVER)
    assert (await county.assignment(incident.id, "消防队长"))["state"] == "escalated"


async def test_closing_ends_the_meeting_unless_it_shall_go_on(county: Any) -> None:
    ended, goes_on = await county.record(), await county.record()
    for incident in (ended, goes_on):
        await county.activate(incident)
        async with county.database.write() as uow:
            await county.command.incidents.close(
                uow, county.officer, incident.id, "已处置完毕", is_meeting_ended=incident is ended
            )
    async with county.database.read() as uow:
        meetings = await county.meetings.meetings(uow, ("",), since=county.clock.now())
    states = {each.incident_id: each.state for each in meetings}
    assert states == {ended.id: "ended", goes_on.id: "open"}
    assert await county.audited("room.end") == 1
    said = [each["kind"] for each in (await county.board(ended.id))["log"]]
    assert said.count("meeting") == 2
