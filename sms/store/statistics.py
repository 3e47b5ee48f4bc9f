"""What became of a period's messages, by unit, class, modem or carrier."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, distinct, func, or_, select

from core.database import UnitOfWork
from sms.model import RecipientState, StatisticsBy
from sms.store.rows import MessageRow, RecipientRow, SegmentRow

_KEYS: dict[StatisticsBy, Any] = {
    StatisticsBy.UNIT: MessageRow.unit_path,
    StatisticsBy.CLASS: MessageRow.class_,
    StatisticsBy.MODEM: func.coalesce(RecipientRow.modem, ""),
    StatisticsBy.CARRIER: SegmentRow.carrier,
}
"""A carrier stands with the segments; all of one recipient have the same. A modem is empty until
one has sent to the recipient."""


async def outcomes(
    uow: UnitOfWork, by: StatisticsBy, scopes: Sequence[str], since: datetime, until: datetime
) -> list[tuple[str, RecipientState, int, int]]:
    """(key, recipient state, recipients, answered) of messages made in [since, until)."""
    key = _KEYS[by]
    statement = (
        select(
            key.label("key"), RecipientRow.state, func.count(), func.count(RecipientRow.answered_at)
        )
        .select_from(MessageRow)
        .join(RecipientRow, RecipientRow.message_id == MessageRow.id)
    )
    if by is StatisticsBy.CARRIER:
        first = and_(SegmentRow.recipient_id == RecipientRow.id, SegmentRow.part == 1)
        statement = statement.join(SegmentRow, first)
    rows = await uow.session.execute(
        statement.where(_in(scopes, since, until)).group_by(key, RecipientRow.state)
    )
    return [(str(name), state, total, answered) for name, state, total, answered in rows]


async def volume(
    uow: UnitOfWork, by: StatisticsBy, scopes: Sequence[str], since: datetime, until: datetime
) -> list[tuple[str, int, int]]:
    """(key, messages, segments) of messages made in [since, until)."""
    key = _KEYS[by]
    if by in (StatisticsBy.UNIT, StatisticsBy.CLASS):
        statement = select(key, func.count(), func.sum(MessageRow.segment_count))
    else:
        statement = (
            select(key, func.count(distinct(MessageRow.id)), func.count(SegmentRow.id))
            .select_from(MessageRow)
            .join(RecipientRow, RecipientRow.message_id == MessageRow.id)
            .join(SegmentRow, SegmentRow.recipient_id == RecipientRow.id)
        )
    rows = await uow.session.execute(statement.where(_in(scopes, since, until)).group_by(key))
    return [(str(name), messages, int(segments or 0)) for name, messages, segments in rows]


def _in(scopes: Sequence[str], since: datetime, until: datetime) -> ColumnElement[bool]:
    reach = or_(*[MessageRow.unit_path.startswith(scope, autoescape=True) for scope in scopes])
    return and_(reach, MessageRow.created_at >= since, MessageRow.created_at < until)
