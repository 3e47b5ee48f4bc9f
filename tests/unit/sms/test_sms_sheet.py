"""Which column of a table is what, and which rows cannot be used."""

import pytest

from sms.numbers import demo_number
from sms.sheet import recognise

ONE, TWO = "13800138000", "13900139000"


def test_titles_say_what_columns_are_and_the_rest_are_variables() -> None:
    found = recognise(
        ["序号", "姓 名", "手机号", "座位（排）"],
        [(2, ["1", "张三", ONE, "一"]), (3, ["2", "李四", TWO, ""])],
    )
    assert [column.role for column in found.columns] == ["value", "name", "number", "value"]
    assert [(one.number, one.name) for one in found.listed] == [
        ("+86" + ONE, "张三"), ("+86" + TWO, "李四"),
    ]  # fmt: skip
    assert found.listed[0].values["座位排"] == "一"
    assert "座位排" not in found.listed[1].values


def test_without_titles_the_column_of_numbers_is_found() -> None:
    found = recognise([], [(1, ["张三", f" {ONE} "]), (2, ["李四", "１３９００１３９０００"])])
    assert [one.number for one in found.listed] == ["+86" + ONE, "+86" + TWO]


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("", "empty"),
        ("1.38E+10", "scientific"),
        ("0571-88888888", "number"),
        (ONE, "double"),
        ("1370013700¹", "number"),
        ("1370013700①", "number"),
        ("١٣٧٠٠١٣٧٠٠٠", "number"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(cell: str, code: str) -> None:
    found = recognise(["手机"], [(2, [ONE]), (3, [TWO]), (9, [cell])])
    assert [(one.row, one.code) for one in found.faults] == [(9, code)]
    assert len(found.listed) == 2


def test_a_column_chosen_by_hand_wins() -> None:
    rows = [(2, [ONE, demo_number(1), "张三"])]
    found = recognise(["手机", "备用", "谁"], rows, number=1, name=2)
    assert [(one.number, one.name) for one in found.listed] == [(demo_number(1), "张三")]


def test_a_table_without_numbers_has_only_faults() -> None:
    assert recognise(["说明"], [(2, ["开会"])]).listed == []
    assert recognise([], []).columns == ()
