"""A table becomes rows with the faults of each cell, whatever program wrote it."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput
from directory.importing.headers import columns_of, find_header, meaning
from directory.importing.model import FAULT_TEXTS, Field, Limits, Row, Table
from directory.importing.rows import parse_rows
from directory.importing.sheets import cell_text, read
from support import tables

LIMITS = Limits(max_bytes=20 << 20, max_rows=1000, max_unpacked_bytes=20 << 20, timeout_s=10)
ROWS = [
    tables.HEADER,
    [1, "王小明", 13800138001, "0571-88888888", "烽台镇", "镇长", ""],
    [2, "李玉", "138 0013 8002", "", "烽台镇", "应急办主任", "新任"],
]


def _rows(content: bytes, area_code: str = "") -> list[Row]:
    for sheet in read(content, LIMITS):
        found = find_header(sheet.rows)
        if found is not None:
            number, columns = found
            header = tuple(sheet.rows[number - 1])
            table = Table(sheet.name, sheet.encoding, header, number, columns)
            return list(parse_rows(table, sheet.rows, area_code))
    raise AssertionError("no header")


@pytest.mark.parametrize(
    "content",
    [
        tables.xlsx(ROWS),
        tables.xlsx(ROWS, title="烽台镇值班人员通讯录"),
        tables.xls(ROWS),
        tables.comma_separated(ROWS),
        tables.comma_separated(ROWS, "utf-8-sig"),
        tables.comma_separated(ROWS, "gb18030"),
        tables.comma_separated(ROWS, "utf-16"),
        tables.comma_separated(ROWS, delimiter="\t"),
        tables.comma_separated(ROWS, delimiter=";"),
    ],
    ids=["xlsx", "titled", "xls", "utf-8", "mark", "gb18030", "utf-16", "tabs", "semicolons"],
)
def test_every_format_says_the_same(content: bytes) -> None:
    rows = _rows(content)
    assert [(row.name, row.unit, row.title, row.note) for row in rows] == [
        ("王小明", "烽台镇", "镇长", ""),
        ("李玉", "烽台镇", "应急办主任", "新任"),
    ]
    assert [[phone.number for phone in row.phones] for row in rows] == [
        ["+8613800138001", "+8657188888888"],
        ["+8613800138002"],
    ]
    assert not any(row.faults for row in rows)


def test_rare_characters_of_gb18030_survive() -> None:
    """㛃 and 𠅤 are outside GBK; a village's family names are not to be lost."""
    rows = _rows(tables.comma_separated([["姓名", "手机"], ["𠅤㛃", "13800138001"]], "gb18030"))
    assert rows[0].name == "𠅤㛃"


@pytest.mark.parametrize(
    ("title", "field"),
    [
        ("姓名", Field.NAME),
        ("姓 名", Field.NAME),
        ("*姓名（必填）", Field.NAME),
        ("手机号码", Field.MOBILE),
        ("手机号码(必填)", Field.MOBILE),
        ("联系电话", Field.PHONE),
        ("办公电话：", Field.PHONE),
        ("单位/部门", None),
        ("所属单位", Field.UNIT),
        ("职务", Field.TITLE),
        ("Name", Field.NAME),
        ("乡镇（街道）", Field.TOWNSHIP),
        ("序号", None),
        ("", None),
    ],
)
def test_titles_are_understood(title: str, field: Field | None) -> None:
    assert meaning(title) is field


def test_only_phones_may_fill_several_columns() -> None:
    titles = ["姓名", "手机", "手机2", "电话", "单位", "工作单位"]
    assert [field for _, field in columns_of(titles)] == [
        Field.NAME, Field.MOBILE, Field.MOBILE, Field.PHONE, Field.UNIT,
    ]  # fmt: skip


def test_a_table_without_a_header_has_none() -> None:
    assert find_header([["王小明", "13800138001"], ["李玉", "13800138002"]]) is None
    assert find_header([["姓名"], ["王小明"]]) is None
    assert find_header([]) is None


@pytest.mark.parametrize(
    ("values", "cell", "code"),
    [
        ({"姓名": ""}, "B2", "empty"),
        ({"姓名": "名" * 61}, "B2", "too_long"),
        ({"手机号码": "1380013800"}, "C2", "phone_length"),
        ({"手机号码": "1.38E+10"}, "C2", "phone_scientific"),
        ({"手机号码": "0571-88888888"}, "C2", "phone_not_mobile"),
        ({"手机号码": "#N/A"}, "C2", "formula_error"),
        ({"手机号码": "无"}, "C2", "phone_characters"),
        ({"办公电话": "88888888"}, "D2", "phone_area_code"),
        ({"办公电话": "、".join(str(n) for n in range(110, 120))}, "D2", "phones_many"),
        ({"职务": "长" * 81}, "F2", "too_long"),
        ({"备注": "#REF!"}, "G2", "formula_error"),
    ],
)
def test_a_fault_names_its_cell_and_reason(values: dict[str, str], cell: str, code: str) -> None:
    row = ["1", "王小明", "13800138001", "", "烽台镇", "", ""]
    for title, value in values.items():
        row[tables.HEADER.index(title)] = value
    (read_row,) = _rows(tables.comma_separated([tables.HEADER, row]))
    assert [(fault.cell, fault.code) for fault in read_row.faults] == [(cell, code)]
    assert read_row.faults[0].text == FAULT_TEXTS[code]


def test_the_second_of_two_equal_rows_is_a_duplicate() -> None:
    person = ["1", "王小明", "13800138001", "", "烽台镇", "", ""]
    again = ["2", "王小明", "138-0013-8001", "", "雁回镇", "", ""]
    namesake = ["3", "王小明", "13800138009", "", "雁回镇", "", ""]
    rows = _rows(tables.comma_separated([tables.HEADER, person, again, namesake]))
    assert [[fault.code for fault in row.faults] for row in rows] == [[], ["duplicate"], []]
    assert "第 2 行" in rows[1].faults[0].text


def test_merged_unit_cells_count_for_every_row_they_span() -> None:
    rows = [
        ["单位", "姓名", "手机"],
        ["烽台镇", "王小明", "13800138001"],
        [None, "李玉", "13800138002"],
        [None, "周平", "13800138003"],
    ]
    assert [row.unit for row in _rows(tables.xlsx(rows, merged=["A2:A3"]))] == [
        "烽台镇", "烽台镇", "",
    ]  # fmt: skip


def test_numbers_that_a_spreadsheet_made_floats_are_whole_again() -> None:
    assert cell_text(13800138000.0) == "13800138000"
    assert cell_text(1.5) == "1.5"
    assert cell_text(None) == ""
    assert cell_text(True) == "True"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"PK\x03\x04" + b"\0" * 100, "import_unreadable"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "import_unreadable"),
        (tables.damaged_xlsx(), "import_unreadable"),
        (b"\x89PNG\r\n\x1a\n\0\0", "import_unreadable"),
        (b"name,\xff\xff\n", "import_encoding"),
        (b"a\0b,c\n", "import_unreadable"),
        (b'"' + b"a" * 200_000 + b'"\n', "import_unreadable"),
        (tables.zip_bomb(64 << 20), "import_zip_bomb"),
        (tables.zip_bomb(64 << 20, tells_the_truth=False), "import_zip_bomb"),
        (b"a" * ((20 << 20) + 1), "import_too_large"),
        (b"a\n" * 1100, "import_too_many_rows"),
        (tables.xlsx([["a"]] * 1100), "import_too_many_rows"),
    ],
    ids=[
        "zip",
        "ole",
        "garbage",
        "png",
        "code",
        "nul",
        "cell",
        "bomb",
        "liar",
        "large",
        "rows",
        "xlsx",
    ],
)
def test_a_bad_file_is_refused_as_a_whole(content: bytes, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        list(read(content, LIMITS))
    assert (refused.value.field, refused.value.wire_code) == ("file", code)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_table_or_refused(content: bytes) -> None:
    try:
        list(read(content, LIMITS))
    except InvalidInput as refused:
        assert refused.field == "file"  # noqa: PT017 - either way is right


@given(st.lists(st.text(max_size=40), min_size=7, max_size=7))
def test_any_row_is_read_and_fits_its_columns(cells: list[str]) -> None:
    table = Table("", "", tuple(tables.HEADER), 1, columns_of(tables.HEADER))
    for row in parse_rows(table, [tables.HEADER, cells], "0571"):
        assert len(row.name) <= 60
        assert len(row.phones) <= 8 or any(f.code == "phones_many" for f in row.faults)
        assert row.name or row.faults
        assert dataclasses.asdict(row)
