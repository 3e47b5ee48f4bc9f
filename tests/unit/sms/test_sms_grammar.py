"""Answers are read as people type them; what names no choice is left to a person."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms.grammar import (
    Answer,
    Report,
    is_start_word,
    is_stop_word,
    read_answer,
    read_report,
)


@pytest.mark.parametrize(
    ("text", "choice", "note"),
    [
        ("1", "1", ""),
        ("１", "1", ""),
        (" 1 。", "1", ""),
        ("回复1", "1", ""),
        ("1，马上到", "1", "马上到"),
        ("2 在外地", "2", "在外地"),
        ("一", "1", ""),
        ("二。", "2", ""),
        ("收到", "1", ""),
        ("收到！", "1", ""),
        ("好的，十分钟到", "1", "十分钟到"),
        ("OK", "1", ""),
        ("参加", "1", ""),
        ("不参加", "2", ""),
        ("请假，发烧", "2", "发烧"),
        ("13点到", None, "13点到"),
        ("一会儿到", None, "一会儿到"),
        ("水情 3.2", None, "水情 3.2"),
        ("", None, ""),
    ],
)
def test_an_answer_is_read(text: str, choice: str | None, note: str) -> None:
    assert read_answer(text) == Answer(choice, note)


@given(st.text(max_size=200))
def test_any_text_is_read_without_an_error(text: str) -> None:
    answer = read_answer(text)
    assert answer.choice is None or answer.choice in "123456789"


@pytest.mark.parametrize(
    ("text", "code", "choice"),
    [
        ("A1", "A", "1"),
        ("ａｂ２", "AB", "2"),
        ("Zz: 收到", "ZZ", "1"),
        ("abc1", None, None),
        ("a 1", "A", "1"),
        ("Ａ１", "A", "1"),
        ("ａ　２", "A", "2"),
        ("B：收到", "B", "1"),
        ("c-2 在外地", "C", "2"),
        ("ok", None, "1"),
        ("no", None, "2"),
        ("A", None, None),
        ("B超做完了", None, None),
        ("I1", None, None),
    ],
)
def test_a_code_says_which_question_is_meant(
    text: str, code: str | None, choice: str | None
) -> None:
    answer = read_answer(text)
    assert (answer.code, answer.choice) == (code, choice)


@pytest.mark.parametrize(
    ("text", "report"),
    [
        ("水情 3.2", Report("water_level", 3.2, "")),
        ("水位３．２米", Report("water_level", 3.2, "")),
        ("水情：3.2米，还在涨", Report("water_level", 3.2, "还在涨")),
        ("雨量45毫米", Report("rainfall", 45.0, "")),
        ("雨情 12点开始", None),
        ("水情 ٣.٢", None),
        ("水情紧急", None),
        ("灾情 房屋倒塌3间", Report("disaster", None, "房屋倒塌3间")),
        ("灾情", None),
        ("险情，大坝渗水", Report("danger", None, "大坝渗水")),
        ("今天水情正常", None),
        ("1", None),
    ],
)
def test_village_report_forms_are_read(text: str, report: Report | None) -> None:
    assert read_report(text) == report


@pytest.mark.parametrize("text", ["TD", "td", "ＴＤ", "退订", " 退订。", "T"])
def test_stop_words(text: str) -> None:
    assert is_stop_word(text)
    assert not is_start_word(text)


@pytest.mark.parametrize("text", ["不退订", "TD-SCDMA", "退订了吗", "1"])
def test_what_only_contains_a_stop_word_is_none(text: str) -> None:
    assert not is_stop_word(text)


@given(st.text(max_size=100))
def test_any_text_is_read_as_a_form_without_an_error(text: str) -> None:
    report = read_report(text)
    assert report is None or report.value is None or report.value >= 0
