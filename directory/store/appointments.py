"""Statements on appointments: who holds which post in a unit."""

from collections.abc import Collection, Sequence

from sqlalchemy import delete, select

from core.database import UnitOfWork
from core.ids import PersonId, UnitId
from directory.model import Appointment
from directory.store.tables import AppointmentRow, UnitRow, chunks


async def listed(
    uow: UnitOfWork,
    *,
    unit_ids: Collection[str] | None = None,
    person_ids: Collection[str] | None = None,
) -> list[Appointment]:
    """Appointments in these units or of these people, by unit, post and rank."""
    column = AppointmentRow.unit_id if unit_ids is not None else AppointmentRow.person_id
    found: list[Appointment] = []
    for ids in chunks(unit_ids if unit_ids is not None else person_ids or ()):
        rows = await uow.session.execute(
            select(
                AppointmentRow.unit_id,
                UnitRow.path,
                AppointmentRow.post,
                AppointmentRow.person_id,
                AppointmentRow.rank,
            )
            .join(UnitRow, UnitRow.id == AppointmentRow.unit_id)
            .where(column.in_(ids))
            .order_by(UnitRow.path, AppointmentRow.post, AppointmentRow.rank)
        )
        found += [
            Appointment(UnitId(unit_id), path, post, PersonId(person_id), rank)
            for unit_id, path, post, person_id, rank in rows
        ]
    return found


async def post_list(uow: UnitOfWork, unit_id: str, post: str) -> list[Appointment]:
    """Who holds `post` in this unit, by rank."""
    return [held for held in await listed(uow, unit_ids=[unit_id]) if held.post == post]


async def add(uow: UnitOfWork, held: Sequence[Appointment]) -> None:
    """Insert appointments to posts that nobody holds yet."""
    uow.session.add_all(
        AppointmentRow(unit_id=one.unit_id, post=one.post, person_id=one.person_id, rank=one.rank)
        for one in held
    )
    await uow.session.flush()


async def set_post_list(
    uow: UnitOfWork, unit_id: str, post: str, person_ids: Sequence[str]
) -> None:
    """Replace the holders of `post` in a unit: the first is the principal."""
    await uow.session.execute(
        delete(AppointmentRow)
        .where(AppointmentRow.unit_id == unit_id, AppointmentRow.post == post)
        .execution_options(synchronize_session=False)
    )
    uow.session.expunge_all()
    uow.session.add_all(
        AppointmentRow(unit_id=unit_id, post=post, person_id=person_id, rank=rank)
        for rank, person_id in enumerate(person_ids)
    )
    await uow.session.flush()
