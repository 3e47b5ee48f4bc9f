"""Answers are read as people type them; what names no choice is left to a person."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms.grammar import Answer, read_answer


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
