"""Templates, times, pasted lists, exports: what people put in, hostile things included."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from core.errors import InvalidInput
from sms.balance import balance_fen
from sms.export import as_csv, as_xlsx, safe
from sms.model import MessageClass
from sms.planning import needs_approval, next_due, pasted, sensitive_words
from sms.service import hidden
from sms.templates import at_worst, fill, variables

TEXT = "{姓名}请于{时间}到{地点}，{姓名}收到回复1"
MONDAY_8 = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)  # 08:00 in the county


def test_variables_are_filled_and_values_are_not_read_again() -> None:
    assert variables(TEXT) == ("姓名", "时间", "地点")
    values = {"姓名": "{时间}", "时间": "八点", "地点": "二楼"}
    assert fill(TEXT, values) == "{时间}请于八点到二楼，{时间}收到回复1"


@pytest.mark.parametrize(
    "hostile",
    ["{0.__class__}", "{a!r}", "{", "}", "{{a}}", "{a b}", "{}", "{" + "a" * 21 + "}",
     "".join(f"{{v{n}}}" for n in range(21))],
)  # fmt: skip
def test_what_is_no_plain_variable_is_refused(hostile: str) -> None:
    with pytest.raises(InvalidInput):
        variables(hostile)


def test_a_missing_or_huge_value_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput) as missing:
        fill(TEXT, {"姓名": "张三", "时间": " "})
    assert missing.value.field == "values.时间"
    with pytest.raises(InvalidInput):
        fill("{a}", {"a": "x" * 201})


def test_the_worst_case_is_measured_with_the_frame() -> None:
    text, cost = at_worst("{a}", {"a": "字" * 61}, frame="【县应急指挥】")
    assert (len(text), cost.segments) == (61, 1)
    assert at_worst("{a}", {"a": "字" * 63}, frame="【县应急指挥】")[1].segments == 1
    assert at_worst("{a}", {"a": "字" * 64}, frame="【县应急指挥】")[1].segments == 2


@pytest.mark.parametrize(
    ("repeat", "after_days", "expected_days"),
    [("daily", 0, 1), ("daily", 2.5, 3), ("weekly", 1, 7), ("workdays", 4, 7), ("monthly", 0, 30)],
)
def test_repetitions_come_at_the_same_time_of_day(
    repeat: str, after_days: float, expected_days: int
) -> None:
    found = next_due(MONDAY_8, repeat, MONDAY_8 + timedelta(days=after_days))
    assert found == MONDAY_8 + timedelta(days=expected_days)


def test_the_31st_becomes_the_last_of_a_short_month() -> None:
    last = datetime(2027, 1, 31, 0, 0, tzinfo=UTC)
    assert next_due(last, "monthly", last) == datetime(2027, 2, 28, 0, 0, tzinfo=UTC)
    after = datetime(2027, 3, 1, tzinfo=UTC)
    assert next_due(last, "monthly", after) == datetime(2027, 3, 31, 0, 0, tzinfo=UTC)


def test_only_what_is_not_urgent_waits_for_an_approval() -> None:
    assert needs_approval(MessageClass.NOTICE, 501, 500)
    assert not needs_approval(MessageClass.NOTICE, 500, 500)
    assert not needs_approval(MessageClass.ALERT, 20_000, 500)


def test_words_to_look_at_are_named() -> None:
    assert sensitive_words("请点击链接 HTTPS://x") == ("点击链接", "https://")
    assert sensitive_words("今晚八点开会") == ()


def test_pasted_lines_give_each_number_once_with_its_name() -> None:
    lines = (
        "序号\t姓名\t电话", "1\t张三\t13800138000", "2\t李四\t+86139-0013-9000",
        "李四,13900139000", "", "王五",
    )  # fmt: skip
    found, without = pasted("\n".join(lines))
    assert found == [("+8613800138000", "张三"), ("+8613900139000", "李四")]
    assert without == ["序号\t姓名\t电话", "王五"]


@pytest.mark.parametrize(
    ("line", "number", "name"),
    [
        ("１ 张三 １３８００１３８０００", "+8613800138000", "张三"),
        ("0571-88888888 13800138000 张三", "+8613800138000", "张三"),
        ("张² 13800138000", "+8613800138000", "张²"),
        ("² 13800138000", "+8613800138000", "²"),  # nobody's row number: shown, not dropped
        ("张三 1380013800²", "", ""),
        ("张三 ١٣٨٠٠١٣٨٠٠٠", "", ""),
    ],
)
def test_only_plain_and_full_width_figures_are_a_number(line: str, number: str, name: str) -> None:
    assert pasted(line) == ([(number, name)] if number else [], [] if number else [line])


@given(st.text(max_size=300))
def test_any_paste_is_read(text: str) -> None:
    found, _ = pasted(text)
    assert all(number.lstrip("+").isdigit() for number, _ in found)


FORMULAS = ["=1+1", "+cmd|' /C calc'!A0", "-2", "@SUM(A1)", "\t=1", "＝1"]


@pytest.mark.parametrize("cell", FORMULAS)
def test_no_cell_becomes_a_formula(cell: str) -> None:
    rows = list(csv.reader(io.StringIO(as_csv(("a",), [(cell,)]).decode("utf-8-sig"))))
    assert rows[1] == [f"'{cell}"]
    sheet = load_workbook(io.BytesIO(as_xlsx(("a",), [(cell,)], "t"))).active
    assert sheet is not None
    assert sheet["A2"].data_type == "s"
    assert sheet["A2"].value == cell
    assert safe("张三") == "张三"


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("您的余额为12.50元", 1250),
        ("Balance: 3 RMB", 300),
        ("欠费-1.2元", -120),
        ("请稍后", None),
        ("余额８６．５０元", 8650),
        ("余额1,234.50元", 123_450),
        ("余额１，２３４元", 123_400),
        ("余额12.345元", None),
        ("余额1,23元", None),
        ("余额٣元", None),
    ],
)
def test_money_is_read_from_a_balance(text: str, fen: int | None) -> None:
    assert balance_fen(text) == fen


def test_a_trace_shows_no_pdu() -> None:
    assert hidden("AT+CMGS=30") == "AT+CMGS=30"
    assert hidden("0011000D91683108108300F00008A7044F60597D") == "0011…(20 octets)"
