"""Queries on messages, recipients, segments and attempts."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, insert, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from core.database import UnitOfWork
from sms.model import AttemptState, BoardFilter, MessageClass, RecipientState, SegmentState
from sms.store import board
from sms.store.book import NumberRow
from sms.store.rows import (
    QUEUED_ONLY,
    AttemptRow,
    CounterRow,
    MessageRow,
    RecipientRow,
    SegmentRow,
)

_ROWS_PER_INSERT = 500
_NUMBERS_PER_QUERY = 500


async def message_by_key(uow: UnitOfWork, key: str) -> MessageRow | None:
    """The message submitted with this idempotency key."""
    found: MessageRow | None = await uow.session.scalar(
        select(MessageRow).where(MessageRow.idempotency_key == key)
    )
    return found


async def next_counter(uow: UnitOfWork, name: str, by: int = 1) -> int:
    """Take `by` numbers from a stored counter. Returns: the first of them."""
    dialect_insert = postgresql_insert if uow.is_postgresql else sqlite_insert
    statement = dialect_insert(CounterRow).values(name=name, value=by)
    statement = statement.on_conflict_do_update(
        index_elements=[CounterRow.name], set_={"value": CounterRow.value + by}
    )
    value = await uow.session.scalar(statement.returning(CounterRow.value))
    return int(value or by) - by


async def about_numbers(uow: UnitOfWork, numbers: Sequence[str]) -> list[NumberRow]:
    """What is stored about these numbers; most have no row."""
    found: list[NumberRow] = []
    for start in range(0, len(numbers), _NUMBERS_PER_QUERY):
        chunk = numbers[start : start + _NUMBERS_PER_QUERY]
        rows = await uow.session.scalars(select(NumberRow).where(NumberRow.number.in_(chunk)))
        found += rows
    return found


async def open_codes(uow: UnitOfWork, numbers: Sequence[str]) -> dict[str, set[str]]:
    """The codes of each number's unanswered open questions; "" for one that needed no code."""
    found: dict[str, set[str]] = {}
    for start in range(0, len(numbers), _NUMBERS_PER_QUERY):
        chunk = numbers[start : start + _NUMBERS_PER_QUERY]
        rows = await uow.session.execute(
            select(RecipientRow.number, RecipientRow.question_code)
            .join(MessageRow, MessageRow.id == RecipientRow.message_id)
            .where(
                RecipientRow.number.in_(chunk),
                RecipientRow.answered_at.is_(None),
                MessageRow.answers_until > uow.now,
                MessageRow.cancelled_at.is_(None),
            )
        )
        for number, code in rows:
            found.setdefault(number, set()).add(code or "")
    return found


async def fair_position(uow: UnitOfWork, lane: int, unit_path: str, count: int) -> int:
    """Where a unit's next `count` segments begin in a lane's queue (start-time fair queueing).

    A unit continues behind its own last segment, but never before what is being sent now: two
    units with thousands queued go out in turns, one that was quiet does not overtake everybody.
    """
    name = f"fair:{lane}:{unit_path}"
    now_at = await uow.session.scalar(
        select(func.min(SegmentRow.position)).where(
            text(f"sms_segment.{QUEUED_ONLY}"),
            SegmentRow.is_demo.in_((False, True)),
            SegmentRow.lane == lane,
        )
    )
    if now_at is None:  # an empty lane: begin behind everything there ever was
        now_at = await uow.session.scalar(
            select(func.max(CounterRow.value)).where(CounterRow.name.startswith(f"fair:{lane}:"))
        )
    own = await uow.session.scalar(select(CounterRow.value).where(CounterRow.name == name))
    start = max(int(now_at or 0), int(own or 0)) + 1
    dialect_insert = postgresql_insert if uow.is_postgresql else sqlite_insert
    statement = dialect_insert(CounterRow).values(name=name, value=start + count)
    await uow.session.execute(
        statement.on_conflict_do_update(
            index_elements=[CounterRow.name], set_={"value": start + count}
        )
    )
    return start


async def add_message(
    uow: UnitOfWork,
    message: MessageRow,
    recipients: Sequence[Mapping[str, Any]],
    segments: Sequence[Mapping[str, Any]],
) -> None:
    """Insert one message with its recipients and segments, in few statements."""
    uow.session.add(message)
    await uow.session.flush()
    connection = await uow.session.connection()
    for table, rows in ((RecipientRow, recipients), (SegmentRow, segments)):
        for start in range(0, len(rows), _ROWS_PER_INSERT):
            chunk = rows[start : start + _ROWS_PER_INSERT]
            await connection.execute(insert(table), chunk)


async def next_not_before(uow: UnitOfWork) -> datetime | None:
    """When the earliest queued segment becomes due."""
    found: datetime | None = await uow.session.scalar(
        select(func.min(SegmentRow.not_before)).where(SegmentRow.state == SegmentState.QUEUED)
    )
    return found


async def pin(uow: UnitOfWork, recipient_id: str, modem: str | None) -> None:
    """Let `modem` alone send what is left of a recipient's text; None: whichever comes first."""
    await uow.session.execute(
        update(SegmentRow)
        .where(SegmentRow.recipient_id == recipient_id, SegmentRow.parts > 1)
        .values(pinned_modem=modem)
    )


async def segment(uow: UnitOfWork, segment_id: str) -> SegmentRow | None:
    """One segment, locked for change."""
    return await uow.session.get(SegmentRow, segment_id, with_for_update=True)


async def attempt(uow: UnitOfWork, attempt_id: str) -> AttemptRow | None:
    """One attempt, locked for change."""
    return await uow.session.get(AttemptRow, attempt_id, with_for_update=True)


async def recipient(uow: UnitOfWork, recipient_id: str) -> RecipientRow | None:
    """One recipient."""
    return await uow.session.get(RecipientRow, recipient_id)


async def message(uow: UnitOfWork, message_id: str) -> MessageRow | None:
    """One message."""
    return await uow.session.get(MessageRow, message_id)


async def segments_of(uow: UnitOfWork, recipient_id: str) -> list[SegmentRow]:
    """All segments of one recipient, in order of parts."""
    rows = await uow.session.scalars(
        select(SegmentRow).where(SegmentRow.recipient_id == recipient_id).order_by(SegmentRow.part)
    )
    return list(rows)


async def open_attempts(uow: UnitOfWork, modem: str) -> list[AttemptRow]:
    """Attempts of this modem that were journaled and never ended: the process died meanwhile."""
    rows = await uow.session.scalars(
        select(AttemptRow).where(
            AttemptRow.state == AttemptState.STARTED, AttemptRow.modem == modem
        )
    )
    return list(rows)


async def attempt_for_report(
    uow: UnitOfWork, *, imsi: str, number: str, reference: int, since: datetime
) -> AttemptRow | None:
    """The attempt a status report speaks of (TS 23.040 §9.2.3.22: TP-MR wraps at 256).

    Newest unreported first among those of this SIM, reference and recipient. Else one whose
    reference is not known yet: the oldest that has not ended (its answer is still to be stored; a
    later one, journaled ahead, has not begun), or the newest whose answer was lost.
    """
    base = select(AttemptRow).where(
        AttemptRow.number == number, AttemptRow.imsi == imsi, AttemptRow.started_at >= since
    )
    newest = (AttemptRow.started_at.desc(), AttemptRow.id.desc())
    exact: AttemptRow | None = await uow.session.scalar(
        base.where(AttemptRow.reference == reference)
        .order_by(AttemptRow.reported_at.is_not(None), *newest)
        .limit(1)
    )
    if exact is not None and exact.reported_at is None:
        return exact
    base = base.where(AttemptRow.reference.is_(None), AttemptRow.reported_at.is_(None)).limit(1)
    running: AttemptRow | None = await uow.session.scalar(
        base.where(AttemptRow.state == AttemptState.STARTED).order_by(
            AttemptRow.started_at, AttemptRow.id
        )
    )
    lost: AttemptRow | None = running or await uow.session.scalar(
        base.where(AttemptRow.state == AttemptState.UNKNOWN).order_by(*newest)
    )
    return lost or exact


async def expired_segments(uow: UnitOfWork, limit: int) -> list[SegmentRow]:
    """Queued segments whose time to be sent is over."""
    rows = await uow.session.scalars(
        select(SegmentRow)
        .where(SegmentRow.state == SegmentState.QUEUED, SegmentRow.expires_at <= uow.now)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return list(rows)


async def stranded_recipients(
    uow: UnitOfWork, present: Sequence[str], before: datetime, limit: int
) -> list[str]:
    """Recipients of long texts that wait for a modem that is not present, since `before`."""
    rows = await uow.session.scalars(
        select(SegmentRow.recipient_id)
        .where(
            text(f"sms_segment.{QUEUED_ONLY}"),
            SegmentRow.pinned_modem.is_not(None),
            SegmentRow.pinned_modem.not_in(present),
            SegmentRow.expires_at > uow.now,
        )
        .distinct()
        .limit(limit)
    )
    candidates = list(rows)
    if not candidates:
        return []
    tried = await uow.session.scalars(
        select(SegmentRow.recipient_id)
        .join(AttemptRow, AttemptRow.segment_id == SegmentRow.id)
        .where(SegmentRow.recipient_id.in_(candidates))
        .group_by(SegmentRow.recipient_id)
        .having(func.max(AttemptRow.started_at) < before)
    )
    return list(tried)


async def unsettled_messages(uow: UnitOfWork, since: datetime) -> list[str]:
    """Messages since `since` with recipients whose state may still change; the newest 100."""
    still = (RecipientState.QUEUED, RecipientState.SENDING, RecipientState.SENT)
    rows = await uow.session.scalars(
        select(MessageRow.id)
        .where(
            MessageRow.created_at >= since,
            select(RecipientRow.id)
            .where(RecipientRow.message_id == MessageRow.id, RecipientRow.state.in_(still))
            .exists(),
        )
        .order_by(MessageRow.id.desc())
        .limit(100)
    )
    return list(rows)


_TOGETHER = {
    BoardFilter.WENT_OUT: (RecipientState.SENT, RecipientState.DELIVERED),
    BoardFilter.LOST: (RecipientState.FAILED, RecipientState.EXPIRED),
    BoardFilter.WAITING: (RecipientState.QUEUED, RecipientState.SENDING),
}


def _is_one_of(which: BoardFilter) -> ColumnElement[bool]:
    if which is BoardFilter.ANSWERED:
        return RecipientRow.answered_at.is_not(None)
    if which is BoardFilter.SILENT:
        return and_(
            RecipientRow.answered_at.is_(None), RecipientRow.state != RecipientState.CANCELLED
        )
    states = _TOGETHER.get(which) or (RecipientState(which.value),)
    return RecipientRow.state.in_(states)


async def recipients_of(
    uow: UnitOfWork,
    message_id: str,
    *,
    which: BoardFilter | None = None,
    after: int = -1,
    limit: int = 500,
) -> list[RecipientRow]:
    """Recipients of a message in their order, a page at a time."""
    statement = select(RecipientRow).where(
        RecipientRow.message_id == message_id, RecipientRow.position > after
    )
    if which is not None:
        statement = statement.where(_is_one_of(which))
    rows = await uow.session.scalars(statement.order_by(RecipientRow.position).limit(limit))
    return list(rows)


async def messages(
    uow: UnitOfWork,
    scopes: Iterable[str],
    *,
    class_: MessageClass | None,
    q: str,
    before: str | None,
    limit: int,
) -> list[MessageRow]:
    """Newest messages sent from within `scopes` (unit paths). `q`: in the text."""
    reach = or_(*[MessageRow.unit_path.startswith(scope, autoescape=True) for scope in scopes])
    statement = select(MessageRow).where(reach).order_by(MessageRow.id.desc()).limit(limit)
    if class_ is not None:
        statement = statement.where(MessageRow.class_ == class_)
    if q:
        statement = statement.where(MessageRow.text.contains(q, autoescape=True))
    if before is not None:
        statement = statement.where(MessageRow.id < before)
    return list(await uow.session.scalars(statement))


async def funnel(uow: UnitOfWork, message_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """Counts per message: each recipient state, and `answered`."""
    await uow.session.flush()
    connection = await uow.session.connection()
    return await connection.run_sync(board.funnel, message_ids)


async def attempts_of(uow: UnitOfWork, recipient_id: str) -> list[tuple[AttemptRow, int]]:
    """All attempts for one recipient with their part number, oldest first."""
    rows = await uow.session.execute(
        select(AttemptRow, SegmentRow.part)
        .join(SegmentRow, SegmentRow.id == AttemptRow.segment_id)
        .where(SegmentRow.recipient_id == recipient_id)
        .order_by(AttemptRow.started_at)
    )
    return [(row, part) for row, part in rows]


async def sent_today(uow: UnitOfWork, modem: str, since: datetime) -> int:
    """Attempts of this modem since `since` that count against its daily limit."""
    counted = (AttemptState.SENT, AttemptState.UNKNOWN, AttemptState.STARTED)
    found = await uow.session.scalar(
        select(func.count()).where(
            AttemptRow.modem == modem,
            AttemptRow.started_at >= since,
            AttemptRow.state.in_(counted),
        )
    )
    return int(found or 0)
