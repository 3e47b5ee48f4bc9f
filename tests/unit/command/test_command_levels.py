"""The event level suggested from figures: any one criterion is enough, the worst wins."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command import figures, tables
from command.levels import suggest
from core.errors import InvalidInput
from plans import document

WORK_SAFETY = "生产安全事故"
EXAMPLES = json.loads(
    (Path(__file__).parents[2] / "vectors/command/worked_examples.json").read_text()
)
METRIC_NAMES = {"direct_loss_wan": "direct_loss", "potential_loss_wan": "potential_loss"}


def level(domain: str, **known: float) -> int | None:
    return suggest(tables.criteria(), domain, known).level


@pytest.mark.parametrize(
    "example", [each for each in EXAMPLES if each["algo"] == "event_level"], ids=lambda e: e["id"]
)
def test_worked_examples(example: dict[str, dict[str, float | str]]) -> None:
    given_figures = dict(example["in"])
    domain = str(given_figures.pop("domain"))
    known = {METRIC_NAMES.get(key, key): float(value) for key, value in given_figures.items()}
    assert level(domain, **known) == example["out"]["level"]


@pytest.mark.parametrize(
    ("deaths", "expected"), [(0, 4), (2, 4), (3, 3), (9, 3), (10, 2), (29, 2), (30, 1), (500, 1)]
)
def test_bounds_include_the_number(deaths: int, expected: int) -> None:
    assert level(WORK_SAFETY, deaths=deaths) == expected


def test_the_worst_criterion_wins_and_is_named() -> None:
    suggestion = suggest(tables.criteria(), WORK_SAFETY, {"deaths": 9, "serious_injuries": 50})
    assert suggestion.level == 2
    assert suggestion.deciding is not None
    assert suggestion.deciding.metric == "serious_injuries"
    assert suggestion.deciding.threshold == 50
    assert "493" in suggestion.deciding.source


def test_each_figure_says_what_the_next_level_lacks() -> None:
    suggestion = suggest(tables.criteria(), WORK_SAFETY, {"deaths": 2, "direct_loss": 999.99})
    ahead = {each.metric: each.next for each in suggestion.judgements}
    assert ahead["deaths"] is not None
    assert (ahead["deaths"].level, ahead["deaths"].distance) == (3, 1)
    assert ahead["direct_loss"] is not None
    assert ahead["direct_loss"].distance == 0.01


def test_the_gravest_level_has_no_next() -> None:
    only = suggest(tables.criteria(), WORK_SAFETY, {"deaths": 31}).judgements[0]
    assert only.next is None


def test_nothing_known_suggests_nothing() -> None:
    suggestion = suggest(tables.criteria(), WORK_SAFETY, {})
    assert (suggestion.level, suggestion.deciding) == (None, None)
    assert "尚无" in suggestion.note


def test_below_every_criterion_is_no_level_but_shows_the_distance() -> None:
    suggestion = suggest(tables.criteria(), "森林火灾", {"deaths": 0})
    assert suggestion.level is None
    assert suggestion.judgements[0].next is not None
    assert suggestion.judgements[0].next.distance == 1


def test_a_kind_without_national_figures_says_so() -> None:
    assert suggest(tables.criteria(), "", {"deaths": 3}).level is None


def test_figures_from_memory_are_marked() -> None:
    assert "未经原文核对" in suggest(tables.criteria(), "地震灾害", {"deaths": 60}).note


@given(
    st.dictionaries(
        st.sampled_from(["deaths", "serious_injuries", "direct_loss"]),
        st.floats(0, 1e6),
        min_size=1,
    ),
    st.floats(0, 1e5),
)
def test_worse_figures_never_suggest_a_milder_level(known: dict[str, float], more: float) -> None:
    before = level(WORK_SAFETY, **known)
    after = level(WORK_SAFETY, **{key: value + more for key, value in known.items()})
    assert before is not None
    assert after is not None
    assert after <= before


@given(st.integers(0, 200))
def test_reaching_the_distance_reaches_the_level(deaths: int) -> None:
    judgement = suggest(tables.criteria(), WORK_SAFETY, {"deaths": deaths}).judgements[0]
    if judgement.next is not None:
        reached = level(WORK_SAFETY, deaths=deaths + judgement.next.distance)
        assert reached == judgement.next.level


def test_every_metric_of_the_tables_and_plans_is_a_figure_that_can_be_typed_in() -> None:
    named = {criterion.metric for criterion in tables.criteria()}
    for plan in document.library():
        named |= {each.metric for one in plan.levels for each in one.any_of}
    assert named <= set(figures.METRICS)


def test_every_kind_names_a_known_domain() -> None:
    domains = {criterion.domain for criterion in tables.criteria()}
    assert {kind.criteria_domain for kind in tables.kinds().values()} - {""} <= domains


@pytest.mark.parametrize(
    ("known", "field"),
    [
        ({"deaths": 1.5}, "figures.deaths"),
        ({"deaths": -1}, "figures.deaths"),
        ({"deaths": float("nan")}, "figures.deaths"),
        ({"deaths": True}, "figures.deaths"),
        ({"mood": 1}, "figures.mood"),
        ({"magnitude_populated_area": 11}, "figures.magnitude_populated_area"),
    ],
)
def test_a_bad_figure_is_named(known: dict[str, float], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        figures.checked(known)
    assert refused.value.field == field


def test_figures_are_said_in_words() -> None:
    assert figures.say({"deaths": 2, "direct_loss": 12.5}) == "死亡2人、直接经济损失12.5万元"
    assert figures.say({"leak_is_small": 0, "dam_is_breaking": 1}) == (
        "大量泄漏(超过208升)、堤坝溃决或可能溃决"
    )
    assert figures.derived({"serious_injuries": 3})["poisoned_or_serious_injuries"] == 3
    assert figures.derived({"poisoned_or_serious_injuries": 5, "serious_injuries": 3}) == {
        "poisoned_or_serious_injuries": 5,
        "serious_injuries": 3,
    }


@pytest.mark.parametrize(
    ("said", "code"),
    [("泄漏", "92Z05"), ("液氨", "92Z05"), ("山火", "11G01"), ("决堤", "11A01"), ("车祸", "92Z08")],
)
def test_what_a_caller_says_finds_the_kind(said: str, code: str) -> None:
    assert said in tables.kind(code).keywords


def test_keywords_are_words() -> None:
    for kind in tables.kinds().values():
        assert all(len(word) <= 10 for word in kind.keywords)
        assert len(set(kind.keywords)) == len(kind.keywords), kind.name
