"""Queries on templates, orders and what an estimate needs."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, or_, select, text

from core.database import UnitOfWork
from sms.model import AttemptState, OrderState
from sms.store.book import OrderRow, TemplateRow
from sms.store.rows import QUEUED_ONLY, AttemptRow, SegmentRow


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
    return await uow.session.get(TemplateRow, template_id, with_for_update=uow.writes or None)


async def template_by_name(uow: UnitOfWork, unit_path: str, name: str) -> TemplateRow | None:
    """A unit's template of this name, locked for change."""
    found: TemplateRow | None = await uow.session.scalar(
        select(TemplateRow)
        .where(TemplateRow.unit_path == unit_path, TemplateRow.name == name)
        .with_for_update()
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


async def queued_by_carrier(uow: UnitOfWork, lane: int, *, is_demo: bool) -> dict[str, int]:
    """Segments to demo phones, or to real ones, that go out before a new one of this lane."""
    rows = await uow.session.execute(
        select(SegmentRow.carrier, func.count())
        .where(
            text(f"sms_segment.{QUEUED_ONLY}"),
            SegmentRow.is_demo.is_(is_demo),
            SegmentRow.lane <= lane,
        )
        .group_by(SegmentRow.carrier)
    )
    return {row[0]: row[1] for row in rows}


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
