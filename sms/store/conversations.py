"""Queries on what went to and came from numbers, one thread a number."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import func, select, union_all

from core.database import UnitOfWork
from sms.model import InboundState
from sms.store.rows import InboundRow, MessageRow, RecipientRow

_FIRST_LOOK = (timedelta(days=1), timedelta(days=7))


async def heads(
    uow: UnitOfWork,
    since: datetime,
    numbers: Collection[str] | None,
    *,
    offset: int,
    limit: int,
) -> list[tuple[str, datetime]]:
    """(number, time of its newest text), newest first. `numbers`: only these.

    A page full of the last days' texts needs no look at the months before.
    """
    for window in _FIRST_LOOK if numbers is None else ():
        recent = max(since, uow.now - window)
        found = await _heads(uow, recent, numbers, offset=offset, limit=limit)
        if len(found) == limit:
            return found
    return await _heads(uow, since, numbers, offset=offset, limit=limit)


async def _heads(
    uow: UnitOfWork,
    since: datetime,
    numbers: Collection[str] | None,
    *,
    offset: int,
    limit: int,
) -> list[tuple[str, datetime]]:
    # Grouped once, below: grouped here, SQLite walks every recipient in order of the numbers.
    came = select(InboundRow.number.label("number"), InboundRow.received_at.label("at"))
    came = came.where(InboundRow.received_at >= since)
    went = select(RecipientRow.number.label("number"), MessageRow.created_at.label("at"))
    went = went.join(MessageRow, MessageRow.id == RecipientRow.message_id)
    went = went.where(MessageRow.created_at >= since)
    if numbers is not None:
        came = came.where(InboundRow.number.in_(numbers))
        went = went.where(RecipientRow.number.in_(numbers))
    both = union_all(came, went).subquery()
    newest = func.max(both.c.at)
    rows = await uow.session.execute(
        select(both.c.number, newest.label("at"))
        .group_by(both.c.number)
        .order_by(newest.desc(), both.c.number)
        .offset(offset)
        .limit(limit)
    )
    return [(number, at) for number, at in rows]


async def came_at(
    uow: UnitOfWork, numbers: Collection[str], moments: Collection[datetime]
) -> list[InboundRow]:
    """Texts from these numbers at one of these moments, in order of their ids."""
    rows = await uow.session.scalars(
        select(InboundRow)
        .where(InboundRow.number.in_(numbers), InboundRow.received_at.in_(moments))
        .order_by(InboundRow.id)
    )
    return list(rows)


async def went_at(
    uow: UnitOfWork, numbers: Collection[str], moments: Collection[datetime]
) -> list[tuple[RecipientRow, MessageRow]]:
    """Texts to these numbers made at one of these moments, in order of their ids."""
    rows = await uow.session.execute(
        select(RecipientRow, MessageRow)
        .join(MessageRow, MessageRow.id == RecipientRow.message_id)
        .where(RecipientRow.number.in_(numbers), MessageRow.created_at.in_(moments))
        .order_by(MessageRow.id)
    )
    return [(recipient, message) for recipient, message in rows]


async def waiting(uow: UnitOfWork, numbers: Collection[str]) -> dict[str, int]:
    """How many texts of each number wait for a person; those without any are missing."""
    rows = await uow.session.execute(
        select(InboundRow.number, func.count())
        .where(InboundRow.number.in_(numbers), InboundRow.state == InboundState.UNMATCHED)
        .group_by(InboundRow.number)
    )
    return {row[0]: row[1] for row in rows}


async def last_inbound(uow: UnitOfWork, number: str) -> InboundRow | None:
    """The newest text from a number."""
    found: InboundRow | None = await uow.session.scalar(
        select(InboundRow)
        .where(InboundRow.number == number)
        .order_by(InboundRow.received_at.desc())
        .limit(1)
    )
    return found
