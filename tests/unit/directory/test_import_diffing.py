"""Which person a row means, and what it changes (pure)."""

import pytest

from core.ids import PersonId, UnitId
from directory.importing.diffing import Comparison, UnitNames, merged_phones
from directory.importing.model import Row, RowKind
from directory.model import Person, Phone, PhoneKind, Unit, UnitKind

MOBILE, LANDLINE, SHORT = PhoneKind.MOBILE, PhoneKind.LANDLINE, PhoneKind.SHORT


def _unit(id_: str, parent: str | None, name: str, path: str, code: str = "") -> Unit:
    parent_id = UnitId(parent) if parent else None
    return Unit(UnitId(id_), parent_id, path, UnitKind.STATION, name, code)


COUNTY = _unit("c", None, "青澜县", "c/")
TOWN = _unit("t1", "c", "烽台镇", "c/t1/", "990100001")
OTHER = _unit("t2", "c", "雁回镇", "c/t2/")
V1 = _unit("v1", "t1", "杏湾村", "c/t1/v1/")
V2 = _unit("v2", "t2", "杏湾村", "c/t2/v2/")
NAMES = UnitNames([COUNTY, TOWN, OTHER, V1, V2], COUNTY)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("", COUNTY),
        ("烽台镇", TOWN),
        ("青澜县烽台镇", TOWN),
        ("990100001", TOWN),
        ("烽台镇杏湾村", V1),
        ("烽台镇/杏湾村", V1),
        ("烽台镇 - 杏湾村", V1),
        ("青澜县·雁回镇·杏湾村", V2),
        ("青澜县/杏湾村", "unit_ambiguous"),
        ("杏湾村", "unit_ambiguous"),
        ("星渡镇", "unit_unknown"),
    ],
)
def test_units_are_found_as_people_write_them(written: str, found: Unit | str) -> None:
    assert NAMES.find(written) == found


def test_the_county_may_be_written_though_the_import_is_into_a_township() -> None:
    names = UnitNames([TOWN, V1], TOWN, above=[COUNTY])
    assert names.find("青澜县烽台镇杏湾村") == V1
    assert names.find("青澜县") == "unit_unknown"


def _phones(*numbers: tuple[str, PhoneKind]) -> tuple[Phone, ...]:
    return tuple(
        Phone(number, kind, is_primary=index == 0) for index, (number, kind) in enumerate(numbers)
    )


@pytest.mark.parametrize(
    ("before", "written", "after"),
    [
        ([("1", MOBILE), ("2", LANDLINE)], [], ["1", "2"]),
        ([("1", MOBILE), ("2", LANDLINE)], [("3", MOBILE)], ["3", "2"]),
        ([("2", LANDLINE), ("1", MOBILE)], [("3", MOBILE)], ["2", "3"]),
        ([("1", MOBILE)], [("2", LANDLINE), ("9", SHORT)], ["1", "2", "9"]),
        ([], [("1", MOBILE)], ["1"]),
    ],
)
def test_written_numbers_replace_those_of_their_kind_only(
    before: list[tuple[str, PhoneKind]], written: list[tuple[str, PhoneKind]], after: list[str]
) -> None:
    merged = merged_phones(_phones(*before), _phones(*written))
    assert [phone.number for phone in merged] == after
    assert [phone.is_primary for phone in merged] == [n == 0 for n in range(len(after))]


def _person(id_: str, name: str, unit: Unit, *numbers: str) -> Person:
    phones = _phones(*((number, MOBILE) for number in numbers))
    return Person(PersonId(id_), unit.id, unit.path, unit.name, name, "", phones=phones)


def test_everybody_no_row_was_about_is_missing_even_if_a_row_is_faulty() -> None:
    people = [
        _person("a", "王小明", TOWN, "1"),
        _person("b", "李玉", TOWN, "2"),
        _person("c", "周平", V1, "3"),
    ]
    comparison = Comparison(people, NAMES, "C")
    same = Row(2, (), name="王小明", unit="烽台镇")
    faulty = Row(3, ("x",), name="李玉", unit="无此处", phones=_phones(("2", MOBILE)))
    assert comparison.judge(same).kind is RowKind.UNCHANGED
    judged = comparison.judge(faulty)
    assert (judged.kind, judged.cells, judged.faults[0].cell) == (RowKind.FAULTY, ("x",), "C3")
    assert [one.person_id for one in comparison.missing()] == ["c"]


def test_a_second_row_about_one_person_is_a_duplicate() -> None:
    comparison = Comparison([_person("a", "王小明", TOWN, "1")], NAMES, "")
    first = Row(2, (), name="王小明", unit="烽台镇")
    second = Row(3, (), name="王小明", unit="雁回镇", phones=_phones(("1", MOBILE)))
    comparison.judge(first)
    assert [fault.code for fault in comparison.judge(second).faults] == ["duplicate"]


def test_a_row_without_a_unit_leaves_the_person_where_he_is() -> None:
    comparison = Comparison([_person("a", "王小明", TOWN, "1")], NAMES, "")
    judged = comparison.judge(Row(2, (), name="王小明", phones=_phones(("1", MOBILE))))
    assert judged.kind is RowKind.UNCHANGED
