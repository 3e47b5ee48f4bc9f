"""Which of several open questions an answer means (pure)."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from sms.grammar import Answer


@dataclass(frozen=True)
class Asked:
    """An open question. `code`: the letter its text asks for, None for the first one."""

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
