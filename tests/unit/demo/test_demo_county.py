"""The demo county is whole, fictional, always the same, and fit for the demonstration."""

import itertools
from collections import Counter

import pytest

from command import tables as command_tables
from command.grading import Holding, grade
from command.hazard import KINDS
from core.auth.model import Role
from core.ids import is_id
from directory.model import Post, UnitKind, is_demo_number
from directory.phones import parse_phone
from plans import document
from signaling.demo import names, roster
from signaling.demo.county import COUNTY_ID, LEAK_HAZARD_ID, LEAK_TOWNSHIP_ID, build
from signaling.demo.geography import distance_km
from signaling.demo.shapes import County, Position, Ring


@pytest.fixture(scope="module")
def county() -> County:
    return build()


def test_two_builds_are_equal(county: County) -> None:
    assert build() == county


def test_the_county_has_the_size_that_was_promised(county: County) -> None:
    kinds = Counter(unit.kind for unit in county.units)
    assert kinds[UnitKind.COUNTY] == 1
    assert kinds[UnitKind.TOWNSHIP] == 20
    assert kinds[UnitKind.VILLAGE] == 300
    assert 580 <= len(county.people) <= 620
    assert len(county.hazards) == 40
    assert len(county.stores) >= 8
    assert len(county.teams) >= 30
    assert len(county.shelters) >= 20


def test_ids_are_short_unique_and_refer_to_what_is_there(county: County) -> None:
    units = {unit.id: unit for unit in county.units}
    people = {person.id for person in county.people}
    assert len(units) == len(county.units)
    assert len(people) == len(county.people)
    assert all(is_id(one) for one in [*units, *people])
    seen: set[str] = set()
    for unit in county.units:
        assert unit.parent_id is None or unit.parent_id in seen, "parents come first"
        seen.add(unit.id)
    assert {person.unit_id for person in county.people} <= set(units)
    for held in county.appointments:
        assert held.unit_id in units
        assert held.person_ids
        assert set(held.person_ids) <= people
        assert len(set(held.person_ids)) == len(held.person_ids)
    for hazard in county.hazards:
        assert hazard.unit_id in units
        assert units[hazard.township_id].kind is UnitKind.TOWNSHIP or hazard.kind == "gas_facility"


def test_names_are_unique_where_they_stand_side_by_side(county: County) -> None:
    siblings = Counter((unit.parent_id, unit.name) for unit in county.units)
    assert max(siblings.values()) == 1
    assert len({person.name for person in county.people}) == len(county.people)
    villages = [unit.name for unit in county.units if unit.kind is UnitKind.VILLAGE]
    assert len(set(villages)) == 300


def test_every_number_is_a_demo_number(county: County) -> None:
    numbers = [person.number for person in county.people]
    assert len(set(numbers)) == len(numbers)
    for number in numbers:
        assert is_demo_number(number)
        assert parse_phone(number).is_demo


def test_every_unit_has_a_head_and_every_village_a_reporter(county: County) -> None:
    held = {(one.unit_id, one.post) for one in county.appointments}
    for unit in county.units:
        assert (unit.id, Post.HEAD) in held, unit.name
        if unit.kind is UnitKind.VILLAGE:
            assert (unit.id, Post.REPORTER) in held
        if unit.kind in (UnitKind.TOWNSHIP, UnitKind.DEPARTMENT, UnitKind.COUNTY):
            assert (unit.id, Post.DUTY) in held


def test_every_role_of_every_plan_has_a_principal_and_a_deputy(county: County) -> None:
    """In the demonstration the silent one is escalated: there must be somebody to escalate to."""
    held = {(one.unit_id, one.post): one.person_ids for one in county.appointments}
    places = {"@county": COUNTY_ID, "@township": LEAK_TOWNSHIP_ID, "@company": "waterworks"}
    for plan in document.library():
        for role in plan.roles:
            unit = places.get(role.unit, role.unit)
            assert len(held.get((unit, role.post), ())) >= 2, (plan.id, role.key)


def test_the_leak_is_a_chlorine_store_that_is_a_major_hazard(county: County) -> None:
    leak = next(one for one in county.hazards if one.id == LEAK_HAZARD_ID)
    assert (leak.unit_id, leak.township_id) == ("waterworks", LEAK_TOWNSHIP_ID)
    assert [substance.name for substance in leak.substances] == ["氯"]
    holdings = [Holding(one.name, one.quantity_t) for one in leak.substances]
    graded = grade(command_tables.grading(), holdings, leak.exposed_people)
    assert graded.grade is not None


def test_every_substance_is_one_the_standard_names(county: County) -> None:
    for hazard in county.hazards:
        assert hazard.kind in KINDS
        holdings = [Holding(one.name, one.quantity_t) for one in hazard.substances]
        if holdings:
            grade(command_tables.grading(), holdings, hazard.exposed_people)


def test_there_is_one_account_a_role(county: County) -> None:
    assert {user.role for user in county.users} == set(Role)
    assert [user.login for user in county.users] == [
        "admin", "auditor", "chair", "staff", "duty", "leader", "township", "reporter",
    ]  # fmt: skip
    people = {person.id: person for person in county.people}
    assert len({user.person_id for user in county.users}) == len(Role)
    assert all(user.person_id in people for user in county.users)


# Geography.


def _area(ring: Ring) -> float:
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in itertools.pairwise(ring)) / 2


def _turn(a: Position, b: Position, c: Position) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _crosses(a: Position, b: Position, c: Position, d: Position) -> bool:
    return _turn(a, b, c) * _turn(a, b, d) < 0 and _turn(c, d, a) * _turn(c, d, b) < 0


def _is_inside(point: Position, ring: Ring) -> bool:
    inside = False
    for (ax, ay), (bx, by) in itertools.pairwise(ring):
        if (ay > point[1]) != (by > point[1]):
            inside ^= point[0] < (bx - ax) * (point[1] - ay) / (by - ay) + ax
    return inside


@pytest.mark.parametrize("seed", [7, 1, 2, 3])
def test_outlines_are_closed_simple_and_counter_clockwise(seed: int) -> None:
    for boundary in build(seed).boundaries:
        ring = boundary.ring
        assert ring[0] == ring[-1]
        assert len(set(ring)) == len(ring) - 1, "no point twice"
        assert _area(ring) > 0
        edges = list(itertools.pairwise(ring))
        for (i, first), (j, second) in itertools.combinations(enumerate(edges), 2):
            if j - i > 1 and not (i == 0 and j == len(edges) - 1):
                assert not _crosses(*first, *second), boundary.name


def test_townships_fill_the_county_without_gap_or_overlap(county: County) -> None:
    """Every inner edge belongs to two townships, walked in opposite directions."""
    whole, *townships = county.boundaries
    assert sum(_area(one.ring) for one in townships) == pytest.approx(_area(whole.ring), rel=1e-9)
    edges = Counter(edge for one in townships for edge in itertools.pairwise(one.ring))
    assert max(edges.values()) == 1
    outer = {edge for edge in edges if (edge[1], edge[0]) not in edges}
    assert outer == set(itertools.pairwise(whole.ring))


def test_villages_lie_in_their_townships(county: County) -> None:
    rings = {one.unit_id: one.ring for one in county.boundaries}
    for unit in county.units:
        if unit.kind is UnitKind.VILLAGE:
            assert unit.parent_id is not None
            assert _is_inside(unit.position, rings[unit.parent_id]), unit.name
    assert all(_is_inside(one.position, rings[COUNTY_ID]) for one in county.hazards)


def test_the_county_is_as_large_as_a_county(county: County) -> None:
    ring = county.boundaries[0].ring
    widest = max(distance_km(a, b) for a, b in itertools.combinations(ring, 2))
    assert 40 < widest < 90


def test_names_are_drawn_once() -> None:
    assert len(set(itertools.islice(names.villages(), 400))) == 400


# Roster.


@pytest.mark.parametrize(("year", "month"), [(2026, 2), (2028, 2), (2026, 12), (2027, 1)])
def test_a_month_of_shifts_has_no_gap_and_nobody_twice(
    county: County, year: int, month: int
) -> None:
    shifts = roster.month(county, year, month)
    for before, after in itertools.pairwise(shifts):
        assert before.ends_at == after.starts_at
    for shift in shifts:
        assert shift.starts_at.utcoffset() == roster.BEIJING.utcoffset(None)
        assert len({shift.leader_id, *shift.officer_ids}) == 3
    first = shifts[1].starts_at
    assert (first.day, first.hour) == (1, 8)


def test_the_shift_between_two_months_is_the_same_in_both(county: County) -> None:
    assert roster.month(county, 2026, 11)[-1] == roster.month(county, 2026, 12)[0]
