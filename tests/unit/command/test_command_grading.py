"""GB 18218-2018 grading: the worked examples, the bounds, and arithmetic a person can follow."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command import tables
from command.grading import Holding, find, grade, grade_of
from core.errors import InvalidInput

TABLES = tables.grading()
EXAMPLES = json.loads(
    (Path(__file__).parents[2] / "vectors/command/worked_examples.json").read_text()
)


@pytest.mark.parametrize(
    "example", [each for each in EXAMPLES if each["algo"] == "gb18218"], ids=lambda e: e["id"]
)
def test_worked_examples(example: dict[str, dict[str, object]]) -> None:
    items = example["in"]["items"]
    assert isinstance(items, list)
    holdings = [Holding(item[0], item[1], *item[2:]) for item in items]
    exposed = example["in"]["exposed"]
    assert isinstance(exposed, int)
    result = grade(TABLES, holdings, exposed)
    expected = example["out"]
    assert result.s == expected["S"]
    assert result.grade == expected["grade"]
    assert result.is_major == expected.get("major", True)
    if "R" in expected:
        assert (result.alpha, result.r) == (expected["alpha"], expected["R"])


def test_bounds_of_the_grades() -> None:
    example = next(each for each in EXAMPLES if each["algo"] == "gb18218_grade_bounds")
    assert [grade_of(TABLES, r) for r in example["in"]["R"]] == example["out"]["grade"]


@pytest.mark.parametrize(
    ("exposed", "alpha"),
    [(0, 0.5), (1, 1.0), (29, 1.0), (30, 1.2), (49, 1.2), (50, 1.5), (99, 1.5), (100, 2.0)],
)
def test_alpha_by_residents(exposed: int, alpha: float) -> None:
    assert grade(TABLES, [Holding("氯", 5)], exposed).alpha == alpha


@pytest.mark.parametrize(
    ("amount", "exposed", "r", "expected"), [(1.5, 50, 150.0, 1), (0.3, 0, 10.0, 3)]
)
def test_phosgene(amount: float, exposed: int, r: float, expected: int) -> None:
    result = grade(TABLES, [Holding("光气", amount)], exposed)
    assert (result.r, result.grade) == (r, expected)


def test_several_substances_add_up() -> None:
    mixed = [Holding("氨", 8), Holding("液化石油气", 20), Holding("汽油", 60)]
    result = grade(TABLES, mixed, 0)
    assert (result.s, result.r, result.grade) == (1.5, 1.25, 4)
    assert result.arithmetic[0] == "S = Σq/Q = 8/10 + 20/50 + 60/200 = 1.5"
    assert "0.5×(2×8/10 + 1.5×20/50 + 1×60/200) = 1.25" in result.arithmetic[3]
    assert len(result.remarks) == 2, "the derived classes are to be confirmed"


@pytest.mark.parametrize("name", ["氯", "液氯", "氯气", "7782-50-5", " 氯 "])
def test_a_substance_is_found_by_name_alias_and_cas(name: str) -> None:
    found = find(TABLES, name)
    assert found is not None
    assert found.number == 12


def test_tables_are_whole() -> None:
    assert len(TABLES.substances) == 85
    assert len(TABLES.classes) == 24
    assert sum(row.beta is not None for row in TABLES.substances) == 14


def test_a_class_serves_what_table_1_does_not_name() -> None:
    result = grade(TABLES, [Holding("柴油", 6000, "W5.4")], 10)
    assert (result.s, result.grade) == (1.2, 4)
    assert result.terms[0].source == "GB 18218-2018 表2、表4"


@pytest.mark.parametrize(
    ("holdings", "exposed", "field"),
    [
        ([], 0, "substances"),
        ([Holding("氯", 0)], 0, "substances.0.amount_t"),
        ([Holding("氯", float("inf"))], 0, "substances.0.amount_t"),
        ([Holding("氯", 5), Holding("清水", 5)], 0, "substances.1.symbol"),
        ([Holding("氟", 5)], 0, "substances.0.symbol"),
        ([Holding("氟", 5, "Z9")], 0, "substances.0.symbol"),
        ([Holding("氯", 5)], -1, "exposed"),
    ],
)
def test_what_cannot_be_graded_names_the_field(
    holdings: list[Holding], exposed: int, field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        grade(TABLES, holdings, exposed)
    assert refused.value.field == field


@given(st.floats(0.01, 1e5), st.floats(0, 1e5), st.integers(0, 1000), st.integers(0, 1000))
def test_more_of_it_or_more_people_never_make_it_milder(
    amount: float, more: float, exposed: int, people: int
) -> None:
    before = grade(TABLES, [Holding("氯", amount)], exposed)
    after = grade(TABLES, [Holding("氯", amount + more)], exposed + people)
    assert after.s >= before.s
    assert (after.grade or 5) <= (before.grade or 5)
    assert before.is_major == (before.s >= 1) == (before.grade is not None)
