"""From a villager's handset to the duty desk: 水情 3.2 is a report somebody deals with."""

from typing import Any

import pytest

from command.model import IncidentDraft, ReportReceived, ReportState, Source
from core.errors import Conflict, NotAllowed, NotFound
from core.ids import UnitId
from directory.model import demo_number
from signaling.routes.reports import ReportItem

TOWNSHIP_HEAD = demo_number(4)  # 镇长 of 烽台镇
NOBODY = demo_number(999)


async def test_a_text_from_a_handset_is_on_the_duty_desk_with_whose_it_is(county: Any) -> None:
    facts: list[ReportReceived] = []

    async def heard(uow: Any, fact: ReportReceived) -> None:
        facts.append(fact)

    county.events.subscribe(ReportReceived, "test", heard)
    await county.village_writes(TOWNSHIP_HEAD, "水情 ３.2 还在涨")
    (report,) = await county.reports(county.officer)
    ReportItem.model_validate(report)
    assert (report["kind"], report["value"], report["note"]) == ("water_level", 3.2, "还在涨")
    assert (report["person"], report["unit"], report["state"]) == ("镇长", "烽台镇", "waiting")
    assert report["said"] == "烽台镇镇长报告水情3.2米，还在涨"
    assert report["intake"]["kind_code"] == "11A01"
    assert TOWNSHIP_HEAD not in str(report)
    assert [(fact.kind, fact.value, fact.unit_path) for fact in facts] == [
        ("water_level", 3.2, "county/t1/")
    ]
    assert await county.reports(county.stranger) == [], "another township's"


async def test_a_report_goes_into_the_log_of_an_open_incident(county: Any) -> None:
    incident = await county.record()
    await county.village_writes(TOWNSHIP_HEAD, "灾情 房屋倒塌一间")
    (report,) = await county.reports(county.officer, ReportState.WAITING)
    async with county.database.write() as uow:
        await county.command.reports.attach(uow, county.officer, report["id"], incident.id)
    board = await county.board(incident.id)
    assert board["log"][-1]["kind"] == "village"
    assert board["log"][-1]["text"] == "烽台镇镇长报告灾情房屋倒塌一间"
    assert await county.reports(county.officer, ReportState.WAITING) == []
    assert await county.audited("report.attach") == 1
    with pytest.raises(Conflict):
        async with county.database.write() as uow:
            await county.command.reports.dismiss(uow, county.officer, report["id"], "误报")


async def test_an_incident_is_recorded_from_a_report_in_one_go(county: Any) -> None:
    """The form begins with what the village wrote; sent twice it is one incident."""
    await county.village_writes(TOWNSHIP_HEAD, "雨量 45")
    (report,) = await county.reports(county.officer)
    begins = report["intake"]
    draft = IncidentDraft(
        begins["title"], begins["kind_code"], UnitId(begins["unit_id"]), begins["place"],
        county.clock.now(), Source(begins["source"]), "form-0001", reporter=begins["reporter"],
        description=begins["description"],
    )  # fmt: skip
    for _ in range(2):
        async with county.database.write() as uow:
            incident = await county.command.record(uow, county.officer, draft, report["id"])
    (report,) = await county.reports(county.officer)
    assert (report["state"], report["incident_id"]) == ("attached", incident.id)
    kinds = [entry["kind"] for entry in (await county.board(incident.id))["log"]]
    assert kinds == ["reported", "village"]


async def test_an_unknown_number_is_the_countys_and_a_report_may_be_put_away(county: Any) -> None:
    await county.village_writes(NOBODY, "路况 县道塌方")
    (report,) = await county.reports(county.officer)
    assert (report["person"], report["unit"]) == ("", "")
    assert report["said"] == "未登记号码报告路况县道塌方"
    with pytest.raises((NotFound, NotAllowed)):
        async with county.database.write() as uow:
            await county.command.reports.dismiss(uow, county.stranger, report["id"], "误报")
    async with county.database.write() as uow:
        await county.command.reports.dismiss(uow, county.officer, report["id"], "已电话核实")
    (report,) = await county.reports(county.officer)
    assert (report["state"], report["reason"]) == ("dismissed", "已电话核实")
