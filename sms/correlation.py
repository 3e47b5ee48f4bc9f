"""Which of several open questions an answer means (pure)."""

import enum
import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sms.grammar import Answer

_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
QUESTION_CODES: tuple[str, ...] = (
    *_LETTERS, *(f"{one}{other}" for one, other in itertools.product(_LETTERS, repeat=2)),
)  # fmt: skip
"""Which of several open questions an answer means; I and O look like digits."""


def free_code(taken: Collection[str]) -> str:
    """The first code that no open question to this person has.

    After 600 open questions to one person the last code stands for several.
    """
    return next((code for code in QUESTION_CODES if code not in taken), QUESTION_CODES[-1])


@dataclass(frozen=True)
class Asked:
    """An open question. `code`: the letters that name it, in its text if others were open then.

    `subject`: what it is about; asked again about the same thing, the newer one stands for both.
    """

    code: str | None
    choices: frozenset[str]
    is_answered: bool
    subject: str


class Unclear(enum.Enum):
    """Why no question was found."""

    NONE_OPEN = "none_open"
    WHICH = "which"  # several are open and nothing tells which is meant


def question_for(answer: Answer, asked: Sequence[Asked]) -> int | Unclear:
    """The index in `asked` (newest first) that `answer` belongs to.

    A code decides. Without one: the only one open; else the only one that knows the choice. Two
    alarms to one person are two orders: a bare 1 confirms neither, not even the one whose text
    asks for no code. Where all are answered the newest takes the new answer.
    """
    if not asked:
        return Unclear.NONE_OPEN
    if answer.code is not None:
        coded = [one.subject for one in asked if one.code == answer.code]
        return latest(asked)[coded[0]] if coded else Unclear.WHICH
    waiting = waiting_in(asked)
    if not waiting:
        return 0
    knowing = [index for index in waiting if answer.choice in asked[index].choices]
    for candidates in (waiting, knowing):
        if len(candidates) == 1:
            return candidates[0]
    return Unclear.WHICH


def waiting_in(asked: Sequence[Asked]) -> list[int]:
    """The indices that wait for an answer, newest first, one for each subject."""
    return [index for index in latest(asked).values() if not asked[index].is_answered]


def latest(asked: Sequence[Asked]) -> dict[str, int]:
    """Subject → the index of its newest question."""
    found: dict[str, int] = {}
    for index, one in enumerate(asked):
        found.setdefault(one.subject, index)
    return found
