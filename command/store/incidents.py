"""Incidents and their logs in the database."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from command.incident import Incident, IncidentState
from command.log import LogEntry
from command.store.rows import add, save, value_of
from command.store.tables import IncidentRow, LogRow, SeriesRow
from core.database import UnitOfWork
from core.ids import IncidentId


async def insert(uow: UnitOfWork, incident: Incident) -> None:
    add(uow, IncidentRow, incident)
    await uow.session.flush()  # its log refers to it


async def update(uow: UnitOfWork, incident: Incident) -> None:
    await save(uow, IncidentRow, incident)


async def find(
    uow: UnitOfWork, incident_id: IncidentId, *, locked: bool = False
) -> Incident | None:
    """One incident; `locked`: nobody else changes it or its response until the end."""
    row = await uow.session.get(
        IncidentRow, incident_id, with_for_update=True if locked else None, populate_existing=locked
    )
    return None if row is None else value_of(Incident, row)


async def find_by_key(uow: UnitOfWork, key: str) -> Incident | None:
    row = await uow.session.scalar(select(IncidentRow).where(IncidentRow.key == key))
    return None if row is None else value_of(Incident, row)


async def listed(
    uow: UnitOfWork,
    scopes: Collection[str],
    states: Collection[IncidentState],
    limit: int,
) -> list[Incident]:
    """Incidents within `scopes` (unit paths), newest first; all states where none is named."""
    query = select(IncidentRow).where(
        or_(*(IncidentRow.unit_path.startswith(scope, autoescape=True) for scope in scopes))
    )
    if states:
        query = query.where(IncidentRow.state.in_(states))
    rows = await uow.session.scalars(
        query.order_by(IncidentRow.reported_at.desc(), IncidentRow.id.desc()).limit(limit)
    )
    return [value_of(Incident, row) for row in rows]


async def next_number(uow: UnitOfWork, series: str) -> int:
    """The next number of `series`; its row is locked until the end of the unit of work."""
    insert_into: Any = postgresql_insert if uow.is_postgresql else sqlite_insert
    statement = insert_into(SeriesRow).values(series=series, last=1)
    statement = statement.on_conflict_do_update(
        index_elements=[SeriesRow.series], set_={"last": SeriesRow.last + 1}
    )
    number = await uow.session.scalar(statement.returning(SeriesRow.last))
    return int(number)


async def append(uow: UnitOfWork, entry: LogEntry) -> None:
    add(uow, LogRow, entry)


async def next_entry(uow: UnitOfWork, incident_id: IncidentId) -> int:
    """The number of the next log entry; the caller holds the incident's lock."""
    last = await uow.session.scalar(
        select(func.max(LogRow.number)).where(LogRow.incident_id == incident_id)
    )
    return (last or 0) + 1


async def log_of(uow: UnitOfWork, incident_id: IncidentId) -> list[LogEntry]:
    """The log, oldest first."""
    rows = await uow.session.scalars(
        select(LogRow).where(LogRow.incident_id == incident_id).order_by(LogRow.number)
    )
    return [value_of(LogEntry, row) for row in rows]
