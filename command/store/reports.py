"""Reports of villages in the database."""

from collections.abc import Collection

from sqlalchemy import or_, select

from command.report import Report, ReportState
from command.store.rows import add, save, value_of
from command.store.tables import ReportRow
from core.database import UnitOfWork


async def insert(uow: UnitOfWork, report: Report) -> None:
    add(uow, ReportRow, report)
    await uow.session.flush()


async def update(uow: UnitOfWork, report: Report) -> None:
    await save(uow, ReportRow, report)


async def find(uow: UnitOfWork, report_id: str) -> Report | None:
    """One report, locked for change where the unit of work writes."""
    lock = True if uow.writes else None
    row = await uow.session.get(
        ReportRow, report_id, with_for_update=lock, populate_existing=uow.writes
    )
    return None if row is None else value_of(Report, row)


async def of_inbound(uow: UnitOfWork, inbound_id: str) -> Report | None:
    """The report a received text made."""
    row = await uow.session.scalar(select(ReportRow).where(ReportRow.inbound_id == inbound_id))
    return None if row is None else value_of(Report, row)


async def listed(
    uow: UnitOfWork, scopes: Collection[str], state: ReportState | None, limit: int
) -> list[Report]:
    """Reports within `scopes` (unit paths), newest first."""
    query = select(ReportRow).where(
        or_(*(ReportRow.unit_path.startswith(scope, autoescape=True) for scope in scopes))
    )
    if state is not None:
        query = query.where(ReportRow.state == state)
    rows = await uow.session.scalars(
        query.order_by(ReportRow.received_at.desc(), ReportRow.id.desc()).limit(limit)
    )
    return [value_of(Report, row) for row in rows]
