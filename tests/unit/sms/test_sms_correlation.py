"""Which question an answer belongs to, as a table."""

import pytest

from sms.correlation import Asked, Unclear, free_code, question_for
from sms.grammar import Answer

YES_NO, YES = frozenset({"1", "2"}), frozenset({"1"})
FIRST = Asked("A", YES_NO, is_answered=False, subject="one")
SECOND = Asked("B", YES, is_answered=False, subject="two")
AGAIN = Asked("C", YES_NO, is_answered=False, subject="one")
AGAIN_DONE = Asked("C", YES_NO, is_answered=True, subject="one")
DONE = Asked("A", YES_NO, is_answered=True, subject="zero")


@pytest.mark.parametrize(
    ("answer", "asked", "found"),
    [
        (Answer("1", ""), [], Unclear.NONE_OPEN),
        (Answer("1", ""), [FIRST], 0),
        (Answer(None, "马上"), [FIRST], 0),
        (Answer("1", "", "A"), [SECOND, FIRST], 1),
        (Answer("1", "", "B"), [SECOND, FIRST], 0),
        (Answer("1", "", "D"), [SECOND, FIRST], Unclear.WHICH),
        (Answer("1", ""), [SECOND, FIRST], Unclear.WHICH),  # two orders: neither is confirmed
        (Answer("2", ""), [SECOND, FIRST], 1),  # only one knows 2
        (Answer(None, "什么事"), [SECOND, FIRST], Unclear.WHICH),
        (Answer("1", ""), [SECOND, DONE], 0),  # only one waits
        (Answer("1", ""), [DONE, SECOND], 1),
        (Answer("2", ""), [DONE], 0),  # changed their mind
        (Answer("1", "", "A"), [FIRST, DONE], 0),  # a code is used again: the newest
        (Answer("1", ""), [AGAIN, FIRST], 0),  # asked again about the same: the newer stands
        (Answer("1", "", "A"), [AGAIN, FIRST], 0),
        (Answer("2", ""), [AGAIN_DONE, FIRST], 0),  # and its answer counts for both
        (Answer("1", ""), [AGAIN_DONE, SECOND, FIRST], 1),
        (Answer("1", ""), [AGAIN, SECOND, FIRST], Unclear.WHICH),
    ],
)
def test_an_answer_finds_its_question(
    answer: Answer, asked: list[Asked], found: int | Unclear
) -> None:
    assert question_for(answer, asked) == found


def test_every_question_has_a_code() -> None:
    """Also the first: when a second one comes, both must have a name."""
    assert [free_code(taken) for taken in ((), {"A"}, {"B"}, {"A", "B"})] == ["A", "B", "A", "C"]
