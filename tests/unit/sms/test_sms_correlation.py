"""Which question an answer belongs to, as a table."""

import pytest

from sms.correlation import Asked, Unclear, question_for
from sms.grammar import Answer

YES_NO, YES = frozenset({"1", "2"}), frozenset({"1"})
PLAIN = Asked(None, YES_NO, is_answered=False)
CODED = Asked("A", YES_NO, is_answered=False)
SECOND = Asked("B", YES, is_answered=False)
DONE = Asked(None, YES_NO, is_answered=True)


@pytest.mark.parametrize(
    ("answer", "asked", "found"),
    [
        (Answer("1", ""), [], Unclear.NONE_OPEN),
        (Answer("1", ""), [PLAIN], 0),
        (Answer(None, "马上"), [PLAIN], 0),
        (Answer("1", "", "A"), [CODED, PLAIN], 0),
        (Answer("1", "", "A"), [PLAIN, SECOND, CODED], 2),
        (Answer("1", "", "C"), [CODED, PLAIN], Unclear.WHICH),
        (Answer("1", ""), [CODED, PLAIN], 1),  # the one asked without a code
        (Answer("1", ""), [CODED, SECOND], Unclear.WHICH),
        (Answer("2", ""), [CODED, SECOND], 0),  # only one knows 2
        (Answer("1", ""), [CODED, DONE], 0),  # only one waits
        (Answer("2", ""), [DONE], 0),  # changed their mind
        (Answer(None, "什么事"), [CODED, SECOND], Unclear.WHICH),
    ],
)
def test_an_answer_finds_its_question(
    answer: Answer, asked: list[Asked], found: int | Unclear
) -> None:
    assert question_for(answer, asked) == found
