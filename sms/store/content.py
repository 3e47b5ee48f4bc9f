"""Queries on templates, orders and statistics."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, func, or_, select, text

from core.database import UnitOfWork
from sms.model import AttemptState, OrderState, RecipientState
from sms.store.book import OrderRow, TemplateRow
from sms.store.rows import QUEUED_ONLY, AttemptRow, MessageRow, RecipientRow, SegmentRow


async def templates(uow: UnitOfWork, scopes: Sequence[str]) -> list[TemplateRow]:
    """Templates of the units in `scopes` and of every unit above one of them."""
    below = [TemplateRow.unit_path.startswith(scope, autoescape=True) for scope in scopes]
    paths = {
        "/".join(scope.split("/")[:depth]) + "/"
        for scope in scopes
        for depth in range(1, scope.count("/") + 1)
    }
    above = TemplateRow.unit_path.in_(paths)
    rows = await uow.session.scalars(
        select(TemplateRow).where(or_(above, *below)).order_by(TemplateRow.name)
    )
    return list(rows)


async def template(uow: UnitOfWork, template_id: str) -> TemplateRow | None:
    """One template."""
    return await uow.session.get(TemplateRow, template_id)


async def template_by_name(uow: UnitOfWork, unit_path: str, name: str) -> TemplateRow | None:
    """A unit's template of this name."""
    found: TemplateRow | None = await uow.session.scalar(
        select(TemplateRow).where(TemplateRow.unit_path == unit_path, TemplateRow.name == name)
    )
    return found


async def order(uow: UnitOfWork, order_id: str) -> OrderRow | None:
    """One order, locked for change."""
    return await uow.session.get(OrderRow, order_id, with_for_update=True)


async def order_by_key(uow: UnitOfWork, key: str) -> OrderRow | None:
    """The order given with this idempotency key."""
    found: OrderRow | None = await uow.session.scalar(
        select(OrderRow).where(OrderRow.idempotency_key == key)
    )
    return found


async def orders(
    uow: UnitOfWork, scopes: Sequence[str], state: OrderState | None, limit: int
) -> list[OrderRow]:
    """Orders from within `scopes`, newest first."""
    reach = or_(*[OrderRow.unit_path.startswith(scope, autoescape=True) for scope in scopes])
    statement = select(OrderRow).where(reach).order_by(OrderRow.id.desc()).limit(limit)
    if state is not None:
        statement = statement.where(OrderRow.state == state)
    return list(await uow.session.scalars(statement))


async def queued_count(uow: UnitOfWork, lane: int, *, is_demo: bool) -> int:
    """Segments to demo phones, or to real ones, that go out before a new one of this lane."""
    found = await uow.session.scalar(
        select(func.count())
        .select_from(SegmentRow)
        .where(
            text(f"sms_segment.{QUEUED_ONLY}"),
            SegmentRow.is_demo.is_(is_demo),
            SegmentRow.lane <= lane,
        )
    )
    return int(found or 0)


async def durations(uow: UnitOfWork, imsi: str, most: int = 50) -> list[timedelta]:
    """How long the last segments this SIM sent took, newest first."""
    rows = await uow.session.execute(
        select(AttemptRow.state, AttemptRow.started_at, AttemptRow.ended_at)
        .where(AttemptRow.imsi == imsi)
        .order_by(AttemptRow.started_at.desc())
        .limit(most)
    )
    return [
        ended - started
        for state, started, ended in rows
        if state is AttemptState.SENT and ended is not None
    ]


async def by_unit(
    uow: UnitOfWork, scopes: Sequence[str], since: datetime, until: datetime
) -> list[tuple[str, RecipientState, int, int]]:
    """(unit path, recipient state, recipients, answered) of messages made in [since, until)."""
    reach = or_(*[MessageRow.unit_path.startswith(scope, autoescape=True) for scope in scopes])
    rows = await uow.session.execute(
        select(
            MessageRow.unit_path,
            RecipientRow.state,
            func.count(),
            func.count(RecipientRow.answered_at),
        )
        .join(RecipientRow, RecipientRow.message_id == MessageRow.id)
        .where(and_(reach, MessageRow.created_at >= since, MessageRow.created_at < until))
        .group_by(MessageRow.unit_path, RecipientRow.state)
        .order_by(MessageRow.unit_path)
    )
    return [(path, state, total, answered) for path, state, total, answered in rows]


async def segments_by_unit(
    uow: UnitOfWork, scopes: Sequence[str], since: datetime, until: datetime
) -> list[tuple[str, int, int]]:
    """(unit path, messages, segments) of messages made in [since, until)."""
    reach = or_(*[MessageRow.unit_path.startswith(scope, autoescape=True) for scope in scopes])
    rows = await uow.session.execute(
        select(MessageRow.unit_path, func.count(), func.sum(MessageRow.segment_count))
        .where(and_(reach, MessageRow.created_at >= since, MessageRow.created_at < until))
        .group_by(MessageRow.unit_path)
    )
    return [(path, messages, int(segments or 0)) for path, messages, segments in rows]
