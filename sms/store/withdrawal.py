"""Statements that take queued segments back, some at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, text, update

from core.database import UnitOfWork
from sms.lifecycle import SegmentFact, summarise, transition
from sms.model import IS_OVER, RecipientState, SegmentState
from sms.store.rows import QUEUED_ONLY, MessageRow, RecipientRow, SegmentRow

CAUSE = "cancelled"
_QUEUED = SegmentRow.state == SegmentState.QUEUED


@dataclass(frozen=True)
class _Queued:
    """A segment to be taken back. `is_copy`: the first one may be on the air."""

    id: str
    recipient_id: str
    is_copy: bool


async def mark_cancelled(uow: UnitOfWork, message_id: str) -> int:
    """Note that a person withdrew the message: from the commit on no modem takes a segment of it.

    Returns: how many segments wait.
    """
    await uow.session.execute(
        update(MessageRow)
        .where(MessageRow.id == message_id, MessageRow.cancelled_at.is_(None))
        .values(cancelled_at=uow.now)
    )
    counted = select(func.count()).where(SegmentRow.message_id == message_id, _QUEUED)
    return int(await uow.session.scalar(counted) or 0)


async def close_questions(uow: UnitOfWork, keys: Sequence[str]) -> list[str]:
    """The messages submitted with `keys` take no answer any more. Returns: which wait in part."""
    messages = await uow.session.scalars(
        select(MessageRow)
        .where(MessageRow.idempotency_key.in_(keys), MessageRow.answers_until > uow.now)
        .order_by(MessageRow.id)
    )
    closed = list(messages)
    for message in closed:
        message.answers_until = uow.now
        message.context = {**message.context, IS_OVER: True}
    waiting = await uow.session.scalars(
        select(SegmentRow.message_id)
        .where(SegmentRow.message_id.in_([message.id for message in closed]), _QUEUED)
        .distinct()
    )
    return list(waiting)


async def unfinished(uow: UnitOfWork) -> list[str]:
    """Messages withdrawn of which segments are still queued."""
    rows = await uow.session.scalars(
        select(SegmentRow.message_id)
        .join(MessageRow, MessageRow.id == SegmentRow.message_id)
        .where(text(f"sms_segment.{QUEUED_ONLY}"), MessageRow.cancelled_at.is_not(None))
        .distinct()
        .limit(20)
    )
    return list(rows)


async def take_back(uow: UnitOfWork, message_id: str, limit: int) -> int:
    """Take back up to `limit` queued segments and let their recipients follow. Returns: how many.

    A copy of what may be on the air goes back to unknown: a late report can still settle it.
    """
    rows = await uow.session.execute(
        select(SegmentRow.id, SegmentRow.recipient_id, SegmentRow.copies)
        .where(SegmentRow.message_id == message_id, _QUEUED)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    queued = [_Queued(key, recipient_id, copies > 0) for key, recipient_id, copies in rows]
    for fact in (SegmentFact.WITHDRAWN, SegmentFact.COPY_WITHDRAWN):
        is_copy = fact is SegmentFact.COPY_WITHDRAWN
        await _move(uow, [one.id for one in queued if one.is_copy is is_copy], fact)
    await _follow(uow, list({one.recipient_id for one in queued}))
    return len(queued)


async def _move(uow: UnitOfWork, ids: Sequence[str], fact: SegmentFact) -> None:
    if ids:
        becomes = transition(SegmentState.QUEUED, fact)
        await uow.session.execute(
            update(SegmentRow)
            .where(SegmentRow.id.in_(ids), _QUEUED)
            .values(state=becomes, cause=CAUSE),
            execution_options={"synchronize_session": False},
        )


async def _follow(uow: UnitOfWork, recipient_ids: Sequence[str]) -> None:
    rows = await uow.session.execute(
        select(SegmentRow.recipient_id, SegmentRow.state).where(
            SegmentRow.recipient_id.in_(recipient_ids)
        )
    )
    states: dict[str, list[SegmentState]] = {}
    for recipient_id, state in rows:
        states.setdefault(recipient_id, []).append(state)
    by_state: dict[RecipientState, list[str]] = {}
    for recipient_id, of_one in states.items():
        by_state.setdefault(summarise(of_one), []).append(recipient_id)
    for becomes, ids in by_state.items():
        await uow.session.execute(
            update(RecipientRow).where(RecipientRow.id.in_(ids)).values(state=becomes, cause=CAUSE),
            execution_options={"synchronize_session": False},
        )
