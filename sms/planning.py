"""When a message goes out, how long it takes, what to look at before, what is sent (pure)."""

import calendar
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from core.errors import InvalidInput
from sms import segments
from sms.meter import COUNTY_TIME
from sms.model import MessageClass, Outgoing
from sms.numbers import is_number, is_sendable, to_e164
from sms.pdu.submit import SubmitPdu

REPEATS = ("daily", "workdays", "weekly", "monthly")
_NEVER_WAITS = (MessageClass.ALERT, MessageClass.COMMAND, MessageClass.REPLY)
_FRIDAY = 4
SENSITIVE = (
    "验证码", "中奖", "贷款", "汇款", "转账", "银行卡号", "身份证号", "密码", "点击链接",
    "免费领取", "http://", "https://", "绝密", "机密", "秘密",
)  # fmt: skip
"""What carriers filter, frauds write, or may not go over an open network: only a hint."""


def needs_approval(class_: MessageClass, recipients: int, above: int) -> bool:
    """Whether a second person has to agree; what is urgent never waits."""
    return class_ not in _NEVER_WAITS and recipients > above


def next_due(due_at: datetime, repeat: str, after: datetime) -> datetime:
    """The first repetition of `due_at` later than `after`, at the same county time of day.

    Raises: InvalidInput: an unknown rule.
    """
    if repeat not in REPEATS:
        raise InvalidInput(f"one of {', '.join(REPEATS)}", field="repeat")
    first = due_at.astimezone(COUNTY_TIME)
    moment, step = first, 0
    while moment <= after:
        step += 1
        moment = _step(first, repeat, step)
    while repeat == "workdays" and moment.weekday() > _FRIDAY:
        moment += timedelta(days=1)
    return moment.astimezone(due_at.tzinfo)


def _step(first: datetime, repeat: str, step: int) -> datetime:
    if repeat == "weekly":
        return first + timedelta(weeks=step)
    if repeat != "monthly":
        return first + timedelta(days=step)
    month = first.month - 1 + step
    year, month = first.year + month // 12, month % 12 + 1
    last = calendar.monthrange(year, month)[1]  # the 31st becomes the 30th, not the 1st
    return first.replace(year=year, month=month, day=min(first.day, last))


def sensitive_words(text: str, words: Iterable[str] = SENSITIVE) -> tuple[str, ...]:
    """Words in `text` a person should look at before it goes out."""
    folded = text.casefold()
    return tuple(word for word in words if word.casefold() in folded)


_CELLS = re.compile(r"[\t,，;；|\s]+")
_LOOKS_LIKE_NUMBER = re.compile(r"\+?[0-9０-９()\-－（）]{3,20}")


def pasted(text: str, most: int = 20_000) -> tuple[list[tuple[str, str]], list[str]]:
    """Numbers with names out of what was pasted from Excel, Word or a chat.

    One person a line, in any order of cells. Returns: (number, name) each number once, and the
    lines without a number. Raises: InvalidInput: more than `most` lines.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > most:
        raise InvalidInput(f"at most {most} lines", field="text")
    found: dict[str, str] = {}
    without: list[str] = []
    for line in lines:
        number, name = _person(_CELLS.split(line.strip()))
        if number:
            found.setdefault(number, name)
        else:
            without.append(line[:60])
    return list(found.items()), without


def _person(cells: Sequence[str]) -> tuple[str, str]:
    number, words = "", []
    for cell in cells:
        as_number = to_e164(cell)
        if not number and _LOOKS_LIKE_NUMBER.fullmatch(cell) and is_sendable(as_number):
            number = as_number
        elif cell and not is_number(as_number):  # else the number of a row
            words.append(cell)
    return number, words[0][:40] if words else ""


def pdu_of(outgoing: Outgoing, left: timedelta) -> SubmitPdu:
    """The PDU of one attempt. `left`: until its text expires."""
    parts = segments.split(outgoing.text, outgoing.concat_reference)
    return segments.to_pdu(
        parts[outgoing.part - 1],
        outgoing.number,
        validity=max(left, timedelta(minutes=5)),
        is_flash=outgoing.is_flash,
        rejects_duplicates=outgoing.is_extra_copy,
    )
