"""Queries on incoming PDUs and inbound texts."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, or_, select, update

from core.database import UnitOfWork
from sms.model import InboundKind, InboundState
from sms.reassembly import PartKey
from sms.store.rows import InboundRow, IncomingPduRow, MessageRow, RecipientRow

_MOST_QUESTIONS = 600

_LAST_DIGITS = 4
ECHO = "echo"
"""Kind of a part that had been shown when it came once more."""


async def is_known_pdu(uow: UnitOfWork, imsi: str, hex_pdu: str) -> bool:
    """Whether this SIM already handed us exactly this PDU (it carries its own time stamp)."""
    found = await uow.session.scalar(
        select(IncomingPduRow.id).where(IncomingPduRow.imsi == imsi, IncomingPduRow.hex == hex_pdu)
    )
    return found is not None


async def waiting_parts(uow: UnitOfWork, key: PartKey) -> list[IncomingPduRow]:
    """The unjoined parts of one long text, in order of arrival."""
    rows = await uow.session.scalars(
        select(IncomingPduRow)
        .where(
            IncomingPduRow.imsi == key.imsi,
            IncomingPduRow.sender == key.sender,
            IncomingPduRow.concat_reference == key.reference,
            IncomingPduRow.is_wide.is_(key.is_wide),
            IncomingPduRow.parts == key.count,
            IncomingPduRow.is_joined.is_(False),
        )
        .order_by(IncomingPduRow.received_at, IncomingPduRow.id)
    )
    return list(rows)


async def is_echo(uow: UnitOfWork, row: IncomingPduRow, since: datetime) -> bool:
    """Whether this part of a long text has been shown within another text since then."""
    await uow.session.flush()
    found = await uow.session.scalar(
        select(IncomingPduRow.id)
        .where(
            IncomingPduRow.id != row.id,
            IncomingPduRow.imsi == row.imsi,
            IncomingPduRow.sender == row.sender,
            IncomingPduRow.concat_reference == row.concat_reference,
            IncomingPduRow.is_wide.is_(row.is_wide),
            IncomingPduRow.parts == row.parts,
            IncomingPduRow.part == row.part,
            IncomingPduRow.text == row.text,
            IncomingPduRow.is_joined.is_(True),
            IncomingPduRow.received_at > since,
        )
        .limit(1)
    )
    return found is not None


async def stale_parts(uow: UnitOfWork, before: datetime, limit: int) -> list[IncomingPduRow]:
    """Parts whose other parts have not come in time."""
    rows = await uow.session.scalars(
        select(IncomingPduRow)
        .where(
            IncomingPduRow.kind.in_(("deliver", ECHO)),
            IncomingPduRow.is_joined.is_(False),
            IncomingPduRow.received_at <= before,
        )
        .order_by(IncomingPduRow.received_at, IncomingPduRow.id)
        .limit(limit)
    )
    return list(rows)


async def mark_joined(uow: UnitOfWork, ids: Sequence[str]) -> None:
    """These parts belong to a stored text now."""
    await uow.session.execute(
        update(IncomingPduRow).where(IncomingPduRow.id.in_(ids)).values(is_joined=True)
    )


async def open_questions(uow: UnitOfWork, number: str) -> list[tuple[RecipientRow, MessageRow]]:
    """Messages to `number` that still expect an answer, newest first.

    Of more than 600 those that are not answered.
    """
    rows = await uow.session.execute(
        select(RecipientRow, MessageRow)
        .join(MessageRow, MessageRow.id == RecipientRow.message_id)
        .where(
            RecipientRow.number == number,
            MessageRow.choices.is_not(None),
            MessageRow.answers_until > uow.now,
            MessageRow.cancelled_at.is_(None),
        )
        .order_by(
            RecipientRow.answered_at.is_not(None),
            MessageRow.created_at.desc(),
            MessageRow.id.desc(),
        )
        .limit(_MOST_QUESTIONS)
    )
    found = [(recipient, message) for recipient, message in rows]
    return sorted(found, key=lambda pair: (pair[1].created_at, pair[1].id), reverse=True)


async def closed_question(
    uow: UnitOfWork, number: str, since: datetime
) -> tuple[RecipientRow, MessageRow] | None:
    """The newest question to `number` that no longer takes answers, if asked after `since`."""
    found = await uow.session.execute(
        select(RecipientRow, MessageRow)
        .join(MessageRow, MessageRow.id == RecipientRow.message_id)
        .where(
            RecipientRow.number == number,
            MessageRow.choices.is_not(None),
            MessageRow.created_at >= since,
        )
        .order_by(MessageRow.created_at.desc())
        .limit(1)
    )
    row = found.first()
    return None if row is None else (row[0], row[1])


async def inbound_of(uow: UnitOfWork, number: str, limit: int) -> list[InboundRow]:
    """What came from one number, newest first."""
    rows = await uow.session.scalars(
        select(InboundRow)
        .where(InboundRow.number == number)
        .order_by(InboundRow.received_at.desc())
        .limit(limit)
    )
    return list(rows)


async def sent_to(
    uow: UnitOfWork, number: str, limit: int
) -> list[tuple[RecipientRow, MessageRow]]:
    """What went to one number, newest first."""
    rows = await uow.session.execute(
        select(RecipientRow, MessageRow)
        .join(MessageRow, MessageRow.id == RecipientRow.message_id)
        .where(RecipientRow.number == number)
        .order_by(MessageRow.created_at.desc())
        .limit(limit)
    )
    return [(recipient, message) for recipient, message in rows]


async def sent_by_itself(uow: UnitOfWork, number: str, sender: str, since: datetime) -> int:
    """How many automatic texts `number` got since then."""
    found = await uow.session.scalar(
        select(func.count())
        .select_from(RecipientRow)
        .join(MessageRow, MessageRow.id == RecipientRow.message_id)
        .where(
            RecipientRow.number == number,
            MessageRow.sender == sender,
            MessageRow.created_at >= since,
        )
    )
    return int(found or 0)


async def inbound(
    uow: UnitOfWork,
    *,
    state: InboundState | None,
    kind: InboundKind | None,
    q: str,
    before: str | None,
    limit: int,
) -> list[InboundRow]:
    """Received texts, newest first. `q`: in the text, or the last digits of the number."""
    statement = select(InboundRow).order_by(InboundRow.id.desc()).limit(limit)
    if state is not None:
        statement = statement.where(InboundRow.state == state)
    if kind is not None:
        statement = statement.where(InboundRow.kind == kind)
    if q:
        found = InboundRow.text.contains(q, autoescape=True)
        if q.isascii() and q.isdigit() and len(q) >= _LAST_DIGITS:
            found = or_(found, InboundRow.number.endswith(q, autoescape=True))
        statement = statement.where(found)
    if before is not None:
        statement = statement.where(InboundRow.id < before)
    return list(await uow.session.scalars(statement))


async def inbound_by_id(uow: UnitOfWork, inbound_id: str) -> InboundRow | None:
    """One received text."""
    return await uow.session.get(InboundRow, inbound_id)
