"""A plan's file is checked as a whole before anybody can be called by it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput
from plans import document, placeholders
from plans.model import Plan

TEXT = (document.LIBRARY / "hazardous_chemical_leak.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("plan", document.library(), ids=lambda plan: plan.id)
def test_a_plan_survives_the_way_through_json(plan: Plan) -> None:
    assert document.from_json(document.to_json(plan)) == plan


@pytest.mark.parametrize("plan", document.library(), ids=lambda plan: plan.id)
def test_delivered_plans_cover_all_four_levels(plan: Plan) -> None:
    assert sorted(level.level for level in plan.levels) == [1, 2, 3, 4]
    for level in plan.levels:
        assert plan.steps_at(level.level)
        assert level.measures
        assert level.expected_hours > 0


def test_the_library_has_three_plans() -> None:
    assert sorted(plan.id for plan in document.library()) == ["flood", "forest-fire", "hazchem"]
    assert len(list(Path(document.LIBRARY).glob("*.toml"))) == 3


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('role = "site"', 'role = "nobody"', "steps.0.role"),
        ("version = 1", 'version = "one"', "version"),
        ("version = 1", "version = 1\nspeed = 3", "speed"),
        ('key = "site"', 'key = "site"\nmood = "x"', "roles.9.mood"),
        ('key = "governor"', 'key = "commander"', "roles"),
        ('id = "s2"', 'id = "s1"', "steps"),
        ('depends_on = ["s3"]', 'depends_on = ["s11"]', "steps.8.depends_on"),
        ("limit_min = 10", "limit_min = 0", "steps.0.limit_min"),
        ("{place}发生", "{plaec}发生", "notices.alert"),
        ('leader_role = "duty_leader"', 'leader_role = "boss"', "escalation.leader_role"),
        ("rounds = 1", "rounds = 9", "escalation.rounds"),
        ("wait_min = 3 }", "wait_min = 0 }", "escalation.links"),
        ("level = 4", "level = 7", "levels.0.level"),
        ('"site", "duty_leader"]\nfirst_alert = []', '"duty_leader"]\nfirst_alert = []',
         "levels.0.calls"),
        ('on_overdue = "coordination"', 'on_overdue = "nobody"', "steps.0.on_overdue"),
        ('["governor", "commander", "coordination", "rescue", "evacuation", "site"]', "[]",
         "levels.2.first_alert"),
    ],
)  # fmt: skip
def test_a_fault_is_named_by_its_field(old: str, new: str, field: str) -> None:
    assert old in TEXT
    with pytest.raises(InvalidInput) as refused:
        document.parse(TEXT.replace(old, new, 1))
    assert refused.value.field == field


def test_what_is_not_toml_is_refused() -> None:
    with pytest.raises(InvalidInput, match="not TOML"):
        document.parse("id = ")


@pytest.mark.parametrize(
    ("template", "values", "expected"),
    [
        ("{place}有{incident}", {"place": "东镇", "incident": "洪水"}, "东镇有洪水"),
        ("[[会商 {link} ]]回1", {"link": "https://a/j/x"}, "会商 https://a/j/x 回1"),
        ("[[会商 {link} ]]回1", {"link": ""}, "回1"),
        ("[[会商 {link} ]]回1", {}, "回1"),
        ("{place}", {"place": "{link}[[x]]"}, "{link}[[x]]"),
        ("{place}!", {}, "!"),
    ],
)
def test_placeholders_are_filled(template: str, values: dict[str, str], expected: str) -> None:
    assert placeholders.fill(template, values) == expected


@given(st.text(), st.text())
def test_filling_never_fails_and_leaves_no_known_name(before: str, value: str) -> None:
    filled = placeholders.fill(before + "{place}", {"place": value})
    assert filled.endswith(value)
