"""Hazard register, duty roster, changes of an incident: what is refused and what is kept."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from command.model import HazardDraft, Holding, Question, ShiftDraft, SpillSize, TimeOfDay
from command.service import IncidentChange, grade_shown, isolation_shown, reference, suggest
from core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from core.ids import HazardId, UnitId
from signaling.routes.command import Kinds
from signaling.routes.command_shapes import Suggestion
from signaling.routes.hazards import Grading, HazardList, ShiftItem, Zone

TANK = HazardDraft(
    kind="major_hazard",
    name="液氨储罐",
    unit_id=UnitId("works"),
    longitude=118.2,
    latitude=30.1,
    holdings=(Holding("氨", 50.0),),
    exposed_500m=60,
)


async def test_a_hazard_is_entered_graded_changed_and_removed(county: Any) -> None:
    hazards = county.command.hazards
    async with county.database.write() as uow:
        tank = await hazards.add(uow, county.officer, TANK)
    async with county.database.read() as uow:
        shown = await hazards.shown(uow, county.officer, tank.id)
    assert (shown["grade"], shown["grading"]["r"]) == (3, 15.0)
    async with county.database.write() as uow:
        bigger = replace(TANK, holdings=(Holding("氨", 500.0),))
        await hazards.change(uow, county.officer, tank.id, bigger, version=1)
    async with county.database.write() as uow:
        with pytest.raises(Conflict):
            await hazards.change(uow, county.officer, tank.id, TANK, version=1)
    async with county.database.read() as uow:
        items = await hazards.listed(uow, county.officer, q="液氨")
    HazardList.model_validate({"items": items})
    assert [item["grade"] for item in items] == [1]
    async with county.database.write() as uow:
        await hazards.remove(uow, county.officer, tank.id, version=2)
    async with county.database.read() as uow:
        with pytest.raises(NotFound):
            await hazards.shown(uow, county.officer, tank.id)


async def test_a_township_sees_and_changes_only_its_own_hazards(county: Any) -> None:
    hazards = county.command.hazards
    async with county.database.read() as uow:
        assert await hazards.listed(uow, county.stranger) == []
        with pytest.raises(NotFound):
            await hazards.shown(uow, county.stranger, HazardId("hz01"))
    async with county.database.write() as uow:
        with pytest.raises(NotAllowed):
            await hazards.add(uow, county.stranger, TANK)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "volcano"}, "kind"),
        ({"name": " "}, "name"),
        ({"longitude": 20.0}, "longitude"),
        ({"latitude": 80.0}, "latitude"),
        ({"exposed_500m": -1}, "exposed_500m"),
        ({"holdings": (Holding("氨", 0.0),)}, "holdings.0.amount_t"),
        ({"address": "x" * 121}, "address"),
    ],
)
async def test_a_bad_hazard_names_its_field(
    county: Any, change: dict[str, Any], field: str
) -> None:
    async with county.database.write() as uow:
        with pytest.raises(InvalidInput) as refused:
            await county.command.hazards.add(uow, county.officer, replace(TANK, **change))
    assert refused.value.field == field


async def test_the_roster_knows_who_is_on_duty(county: Any) -> None:
    roster, now = county.command.roster, county.clock.now()
    async with county.database.read() as uow:
        shift = await roster.current(uow, county.officer)
    ShiftItem.model_validate(shift)
    assert shift["leader"]["person"] == "副县长"
    assert shift["leader"]["number"].startswith("100****")
    draft = ShiftDraft(
        UnitId("county"), now, now + timedelta(hours=12), county.people["县长"],
        (county.people["应急办主任"],),
    )  # fmt: skip
    async with county.database.write() as uow:
        with pytest.raises(Conflict):
            await roster.add(uow, county.officer, draft)
    next_one = replace(
        draft, starts_at=now + timedelta(hours=18), ends_at=now + timedelta(hours=42)
    )
    async with county.database.write() as uow:
        await roster.add(uow, county.officer, next_one)
    await county.fast_forward(hours=20)
    async with county.database.read() as uow:
        assert (await roster.current(uow, county.officer))["leader"]["person"] == "县长"
        whole = await roster.between(uow, county.officer, now, now + timedelta(days=2))
    assert len(whole) == 2
    await county.fast_forward(hours=30)
    async with county.database.read() as uow:
        assert await roster.current(uow, county.officer) is None


async def test_a_shift_is_swapped_and_taken_off_the_roster(county: Any) -> None:
    roster, now = county.command.roster, county.clock.now()
    async with county.database.read() as uow:
        shift = await roster.current(uow, county.officer)
    swapped = ShiftDraft(
        UnitId("county"), now - timedelta(hours=6), now + timedelta(hours=20),
        county.people["县长"], (county.people["应急局长"],),
    )  # fmt: skip
    async with county.database.write() as uow:  # it may overlap itself, nobody else
        await roster.change(uow, county.officer, shift["id"], swapped, shift["version"])
    async with county.database.read() as uow:
        now_on = await roster.current(uow, county.officer)
    assert (now_on["id"], now_on["leader"]["person"]) == (shift["id"], "县长")
    later = replace(swapped, starts_at=now + timedelta(hours=20), ends_at=now + timedelta(hours=30))
    async with county.database.write() as uow:
        other = await roster.add(uow, county.officer, later)
    async with county.database.write() as uow:
        with pytest.raises(Conflict):
            await roster.change(uow, county.officer, other.id, swapped, 1)
    for act in (
        lambda uow: roster.remove(uow, county.stranger, other.id, 1),
        lambda uow: roster.change(uow, county.stranger, other.id, later, 1),
    ):
        async with county.database.write() as uow:
            with pytest.raises(NotAllowed):
                await act(uow)
    async with county.database.write() as uow:
        await roster.remove(uow, county.officer, shift["id"], now_on["version"])
        with pytest.raises(NotFound):
            await roster.remove(uow, county.officer, shift["id"], now_on["version"])
    async with county.database.read() as uow:
        assert await roster.current(uow, county.officer) is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": "x"}, "title"),
        ({"place": ""}, "place"),
        ({"kind_code": "99X99"}, "kind_code"),
        ({"longitude": 118.0}, "longitude"),
        ({"longitude": 200.0, "latitude": 30.0}, "longitude"),
        ({"longitude": 118.0, "latitude": 70.0}, "latitude"),
        ({"reporter_number": "打不通"}, "reporter_number"),
        ({"figures": {"deaths": -1}}, "figures.deaths"),
        ({"event_level": 5}, "event_level"),
        ({"key": "short"}, "key"),
        ({"hazard_id": HazardId("hz99")}, "hazard_id"),
        ({"unit_id": UnitId("nowhere")}, "unit_id"),
    ],
)
async def test_every_field_of_a_report_is_checked(
    county: Any, change: dict[str, Any], field: str
) -> None:
    with pytest.raises((InvalidInput, NotFound)) as refused:
        await county.record(**change)
    assert refused.value.field == field


async def test_nothing_happens_in_the_future_or_long_ago(county: Any) -> None:
    for span in (timedelta(minutes=6), timedelta(days=-400)):
        with pytest.raises(InvalidInput) as refused:
            await county.record(occurred_at=county.clock.now() + span)
        assert refused.value.field == "occurred_at"


async def test_newer_figures_change_the_suggestion_and_are_logged(county: Any) -> None:
    incident = await county.record()
    desk = county.command.incidents
    async with county.database.write() as uow:
        change = IncidentChange(version=1, figures={"deaths": 3.0}, event_level=3)
        await desk.change(uow, county.officer, incident.id, change)
    board = await county.board(incident.id)
    assert board["suggestion"]["level"] == 3
    assert board["incident"]["event_level"] == 3
    assert board["log"][-1]["text"] == "最新情况:死亡3人;事件等级定为较大"
    async with county.database.write() as uow:
        with pytest.raises(Conflict):
            await desk.change(uow, county.officer, incident.id, IncidentChange(version=1))
        bad = IncidentChange(version=2, figures={"deaths": 0.5})
        with pytest.raises(InvalidInput):
            await desk.change(uow, county.officer, incident.id, bad)
        assert (
            await desk.change(uow, county.officer, incident.id, IncidentChange(version=2))
        ).version == 2


async def test_notes_and_the_reporters_number(county: Any) -> None:
    incident = await county.record()
    desk = county.command.incidents
    async with county.database.write() as uow:
        await desk.note(uow, county.officer, incident.id, "已通知水厂停泵")
        number = await desk.reporter_number(uow, county.officer, incident.id)
        with pytest.raises(InvalidInput):
            await desk.note(uow, county.officer, incident.id, "  ")
    assert number == "13800138000"
    assert (await county.board(incident.id))["log"][-1]["text"] == "已通知水厂停泵"


async def test_the_database_itself_refuses_states_without_their_time(county: Any) -> None:
    incident = await county.record()
    await county.activate(incident)
    for statement in (
        "UPDATE assignment SET state = 'acknowledged'",
        "UPDATE assignment SET state = 'declined'",
        "UPDATE callout SET state = 'acknowledged'",
        "UPDATE callout SET next_at = NULL",
        "UPDATE task SET state = 'done'",
        "UPDATE activation SET level = 2",
        "UPDATE activation SET state = 'ended'",
        "UPDATE incident SET state = 'closed'",
    ):
        with pytest.raises(IntegrityError):
            await _execute(county, statement)


async def _execute(county: Any, statement: str) -> None:
    async with county.database.write() as uow:
        await uow.session.execute(text(statement))


async def test_an_activation_of_a_missing_level_or_plan_names_the_field(county: Any) -> None:
    incident = await county.record()
    with pytest.raises(InvalidInput) as refused:
        await county.activate(incident, level=5)
    assert refused.value.field == "level"
    with pytest.raises(InvalidInput):
        await county.activate(incident, key="x")


def test_what_is_looked_up_has_the_shape_that_is_stated() -> None:
    Kinds.model_validate(reference())
    Suggestion.model_validate(suggest("11G01", {"burned_forest_area": 99.0}))
    Grading.model_validate(grade_shown((Holding("氯", 50.0),), 100))
    zone = isolation_shown(Question("氯", SpillSize.SMALL, TimeOfDay.NIGHT))
    assert Zone.model_validate(zone).isolate_m == 60
