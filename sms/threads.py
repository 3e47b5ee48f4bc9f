"""Conversations: everything exchanged with one number, whoever wrote first."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.database import UnitOfWork
from core.errors import NotFound
from sms.store import conversations as store
from sms.store import inbox, outbox
from sms.store.rows import InboundRow, MessageRow, RecipientRow

_LISTED = timedelta(days=90)


@dataclass(frozen=True)
class Line:
    """One text of a conversation. `is_ours`: we sent it."""

    id: str
    is_ours: bool
    text: str
    at: datetime
    state: str
    message_id: str | None


@dataclass(frozen=True)
class Thread:
    """A conversation in a list. `waiting`: texts a person has not dealt with."""

    number: str
    last: Line
    waiting: int


async def lines(uow: UnitOfWork, number: str, *, limit: int = 100) -> list[Line]:
    """What went to and came from one number, oldest first."""
    went = [_ours(*pair) for pair in await inbox.sent_to(uow, number, limit)]
    came = [_theirs(row) for row in await inbox.inbound_of(uow, number, limit)]
    return sorted(went + came, key=lambda line: (line.at, line.is_ours))[-limit:]


def _ours(row: RecipientRow, message: MessageRow) -> Line:
    text, at = row.text or message.wire_text, message.created_at
    return Line(row.id, True, text, at, row.state.value, message.id)


def _theirs(row: InboundRow) -> Line:
    return Line(row.id, False, row.text, row.received_at, row.state.value, row.message_id)


async def threads(
    uow: UnitOfWork, numbers: Collection[str] | None = None, *, offset: int = 0, limit: int = 50
) -> list[Thread]:
    """Conversations of the last 90 days, the one with the newest text first."""
    heads = await store.heads(uow, uow.now - _LISTED, numbers, offset=offset, limit=limit)
    listed, moments = [number for number, _ in heads], {at for _, at in heads}
    waiting = await store.waiting(uow, listed)
    last = {(row.number, row.received_at): _theirs(row)
            for row in await store.came_at(uow, listed, moments)}  # fmt: skip
    last |= {(row.number, message.created_at): _ours(row, message)
             for row, message in await store.went_at(uow, listed, moments)}  # fmt: skip
    return [Thread(head[0], last[head], waiting.get(head[0], 0)) for head in heads]


async def last_inbound(uow: UnitOfWork, number: str) -> InboundRow | None:
    """The newest text from a number; an answer goes through the SIM it came to."""
    return await store.last_inbound(uow, number)


async def number_of(uow: UnitOfWork, line_id: str, *, is_ours: bool) -> str:
    """Whose conversation a line belongs to. Raises: NotFound."""
    row = await (outbox.recipient if is_ours else inbox.inbound_by_id)(uow, line_id)
    if row is None:
        raise NotFound("there is no such text")
    return row.number
