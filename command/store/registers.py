"""Hazard sources and duty shifts in the database."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, or_, select

from command.hazard import Hazard
from command.roster import Shift
from command.store.rows import add, save, value_of
from command.store.tables import HazardRow, ShiftRow
from core.database import UnitOfWork
from core.ids import HazardId


async def insert_hazard(uow: UnitOfWork, hazard: Hazard) -> None:
    add(uow, HazardRow, hazard)
    await uow.session.flush()  # incidents refer to it


async def update_hazard(uow: UnitOfWork, hazard: Hazard) -> None:
    await save(uow, HazardRow, hazard)


async def hazard(uow: UnitOfWork, hazard_id: HazardId) -> Hazard | None:
    row = await uow.session.get(HazardRow, hazard_id, with_for_update=uow.writes or None)
    return None if row is None else value_of(Hazard, row)


async def hazards(
    uow: UnitOfWork, scopes: Collection[str], kind: str | None = None, q: str = ""
) -> list[Hazard]:
    """Present hazards within `scopes` (unit paths), by name."""
    query = select(HazardRow).where(
        HazardRow.is_removed.is_(False),
        or_(*(HazardRow.unit_path.startswith(scope, autoescape=True) for scope in scopes)),
    )
    if kind:
        query = query.where(HazardRow.kind == kind)
    if q:
        query = query.where(HazardRow.name.contains(q, autoescape=True))
    rows = await uow.session.scalars(query.order_by(HazardRow.name, HazardRow.id))
    return [value_of(Hazard, row) for row in rows]


async def insert_shift(uow: UnitOfWork, shift: Shift) -> None:
    add(uow, ShiftRow, shift)


async def shift(uow: UnitOfWork, shift_id: str) -> Shift | None:
    row = await uow.session.get(ShiftRow, shift_id, with_for_update=uow.writes or None)
    return None if row is None else value_of(Shift, row)


async def update_shift(uow: UnitOfWork, changed: Shift) -> None:
    await save(uow, ShiftRow, changed)


async def delete_shift(uow: UnitOfWork, shift_id: str) -> None:
    await uow.session.execute(delete(ShiftRow).where(ShiftRow.id == shift_id))


async def shifts(uow: UnitOfWork, unit_path: str, begin: datetime, end: datetime) -> list[Shift]:
    """Shifts of the desk at `unit_path` that touch the span, by start."""
    rows = await uow.session.scalars(
        select(ShiftRow)
        .where(ShiftRow.unit_path == unit_path, ShiftRow.starts_at < end, ShiftRow.ends_at > begin)
        .order_by(ShiftRow.starts_at, ShiftRow.id)
    )
    return [value_of(Shift, row) for row in rows]
