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


def free_code(taken: Collection[str] | None) -> str | None:
    """The first code nobody uses; None where no other question is open.

    After 600 open questions to one person the last code stands for several.
    """
    if taken is None:
        return None
    return next((code for code in QUESTION_CODES if code not in taken), QUESTION_CODES[-1])


@dataclass(frozen=True)
class Asked:
    """An open question. `code`: the letters its text asks for, None for the first one."""

    code: str | None
    choices: frozenset[str]
    is_answered: bool


class Unclear(enum.Enum):
    """Why no question was found."""

    NONE_OPEN = "none_open"
    WHICH = "which"  # several are open and nothing tells which is meant


def question_for(answer: Answer, asked: Sequence[Asked]) -> int | Unclear:
    """The index in `asked` (unanswered first, then newest first) that `answer` belongs to.

    A code decides. Without one: the only one open; else the only one that knows the choice; else
    the one that was asked without a code. Where all are answered the newest takes the new answer.
    """
    if not asked:
        return Unclear.NONE_OPEN
    if answer.code is not None:
        coded = [index for index, one in enumerate(asked) if one.code == answer.code]
        return coded[0] if coded else Unclear.WHICH
    waiting = [index for index, one in enumerate(asked) if not one.is_answered]
    if not waiting:
        return 0
    knowing = [index for index in waiting if answer.choice in asked[index].choices]
    for candidates in (waiting, knowing, [i for i in waiting if asked[i].code is None]):
        if len(candidates) == 1:
            return candidates[0]
    return Unclear.WHICH
