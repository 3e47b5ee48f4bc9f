"""Matching: the right plan first, with its reasons; and the response level its triggers suggest."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ids import HazardId, PlanId
from plans import document
from plans.matching import SHOWN, meets, rank, response_level
from plans.model import Case, Comparison, Condition, Plan

ON = date(2026, 11, 21)
LIBRARY = {plan.id: plan for plan in document.library()}
CHEMICAL, FLOOD, FIRE = (LIBRARY[PlanId(key)] for key in ("hazchem", "flood", "forest-fire"))


def case(kind_code: str, **changes: object) -> Case:
    known = Case(kind_code, "county/t03/", None, None, None, {}, ON)
    return replace(known, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind_code", "expected"),
    [("92Z05", "hazchem"), ("11A01", "flood"), ("11A77", "flood"), ("11G01", "forest-fire")],
)
def test_the_kind_finds_its_plan(kind_code: str, expected: str) -> None:
    assert [proposal.plan.id for proposal in rank(LIBRARY.values(), case(kind_code))] == [expected]


def test_no_plan_for_a_kind_nobody_planned_for() -> None:
    assert rank(LIBRARY.values(), case("94Z03")) == []


def test_a_plan_of_another_county_is_no_candidate() -> None:
    assert rank([replace(CHEMICAL, area="elsewhere/")], case("92Z05")) == []


def test_each_reason_brings_its_points() -> None:
    tank = HazardId("hz01")
    plan = replace(CHEMICAL, hazard_ids=(tank,))
    best = rank([plan], case("92Z05", hazard_id=tank, hazard_kind="major_hazard", event_level=3))[0]
    assert [reason.points for reason in best.reasons] == [4, 3, 2, 2, 1, 1]
    assert best.score == 13


def test_a_prefix_counts_less_than_the_exact_kind() -> None:
    exact = rank([FLOOD], case("11A01"))[0].score
    assert rank([FLOOD], case("11A99"))[0].score == exact - 4


def test_a_plan_past_its_review_says_so() -> None:
    old = replace(CHEMICAL, review_due_on=date(2020, 1, 1), drilled_on=date(2019, 1, 1))
    reasons = rank([old], case("92Z05"))[0].reasons
    assert "已过期" in reasons[-1].text
    assert reasons[-1].points == 0
    assert (reasons[-1].code, reasons[-1].detail) == ("review_overdue", {"on": "2020-01-01"})


def test_equal_scores_put_the_newer_plan_first() -> None:
    older = replace(CHEMICAL, id=PlanId("older"), issued_on=date(2020, 1, 1))
    assert [p.plan.id for p in rank([older, CHEMICAL], case("92Z05"))] == ["hazchem", "older"]


def test_at_most_three_are_shown() -> None:
    many = [replace(CHEMICAL, id=PlanId(f"p{index}")) for index in range(7)]
    assert len(rank(many, case("92Z05"))) == SHOWN


@pytest.mark.parametrize(
    ("plan", "figures", "level"),
    [
        (CHEMICAL, {}, None),
        (CHEMICAL, {"leak_is_small": 1}, 4),
        (CHEMICAL, {"leak_is_small": 0}, 3),
        (CHEMICAL, {"serious_injuries": 9}, 4),
        (CHEMICAL, {"serious_injuries": 10}, 3),
        (CHEMICAL, {"leak_is_small": 1, "deaths": 10}, 2),
        (CHEMICAL, {"deaths": 30}, 1),
        (FLOOD, {"stage_above_warning_m": 0.4}, 3),
        (FLOOD, {"stage_above_warning_m": 1.5, "stage_above_guarantee_m": 0.0}, 2),
        (FLOOD, {"dam_is_breaking": 1}, 1),
        (FIRE, {"burned_forest_area": 0.3}, 4),
        (FIRE, {"burned_forest_area": 1.0}, 3),
        (FIRE, {"burned_forest_area": 99.99, "open_fire_hours": 24}, 2),
    ],
)
def test_triggers_suggest_the_gravest_level(
    plan: Plan, figures: dict[str, float], level: int | None
) -> None:
    assert response_level(plan, figures)[0] == level


@pytest.mark.parametrize(
    ("comparison", "below", "at", "above"),
    [
        (Comparison.AT_LEAST, False, True, True),
        (Comparison.ABOVE, False, False, True),
        (Comparison.BELOW, True, False, False),
        (Comparison.EQUALS, False, True, False),
    ],
)
def test_comparisons_at_their_bound(
    comparison: Comparison, below: bool, at: bool, above: bool
) -> None:
    condition = Condition("deaths", comparison, 3, "")
    assert [meets(condition, {"deaths": value}) for value in (2, 3, 4)] == [below, at, above]


@given(
    st.dictionaries(
        st.sampled_from(["deaths", "serious_injuries", "people_to_relocate"]),
        st.integers(0, 20_000),
        min_size=1,
    ),
    st.integers(0, 20_000),
)
def test_worse_figures_never_suggest_a_milder_level(figures: dict[str, int], more: int) -> None:
    known = {metric: float(value) for metric, value in figures.items()}
    worse = {metric: value + more for metric, value in known.items()}
    before, after = (response_level(CHEMICAL, each)[0] or 5 for each in (known, worse))
    assert after <= before
