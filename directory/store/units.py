"""Statements on units: the tree, its moves and removals."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, update

from core.database import UnitOfWork
from core.ids import UnitId
from directory.model import Unit, UnitKind
from directory.store.tables import (
    AppointmentRow,
    GroupRow,
    PersonRow,
    UnitRow,
    chunks,
    write_versioned,
)


def _unit(row: UnitRow) -> Unit:
    return Unit(
        id=UnitId(row.id),
        parent_id=UnitId(row.parent_id) if row.parent_id is not None else None,
        path=row.path,
        kind=row.kind,
        name=row.name,
        code=row.code,
        longitude=row.longitude,
        latitude=row.latitude,
        note=row.note,
        position=row.position,
        version=row.version,
    )


def within(path: Any, scopes: Iterable[str]) -> ColumnElement[bool]:
    """`path` lies in one of the subtrees; no scope: nothing does."""
    return or_(False, *(path.startswith(scope, autoescape=True) for scope in scopes))


async def find(uow: UnitOfWork, unit_id: str) -> Unit | None:
    row = await uow.session.scalar(
        select(UnitRow).where(UnitRow.id == unit_id, UnitRow.removed_at.is_(None))
    )
    return _unit(row) if row is not None else None


async def with_code(uow: UnitOfWork, code: str) -> Unit | None:
    """The present unit with this code that is highest in the tree."""
    rows = await uow.session.scalars(
        select(UnitRow)
        .where(UnitRow.code == code, UnitRow.removed_at.is_(None))
        .order_by(func.length(UnitRow.path), UnitRow.path)
        .limit(1)
    )
    row = rows.first()
    return _unit(row) if row is not None else None


async def listed(
    uow: UnitOfWork,
    *,
    scopes: Iterable[str] = ("",),
    kinds: Collection[UnitKind] = (),
    ids: Collection[str] | None = None,
    paths: Collection[str] | None = None,
) -> list[Unit]:
    """Present units in the subtrees `scopes`, parents before children, siblings in their order."""
    query = select(UnitRow).where(UnitRow.removed_at.is_(None), within(UnitRow.path, scopes))
    if kinds:
        query = query.where(UnitRow.kind.in_(kinds))
    if ids is not None:
        query = query.where(UnitRow.id.in_(ids))
    if paths is not None:
        query = query.where(UnitRow.path.in_(paths))
    rows = await uow.session.scalars(query.order_by(UnitRow.position, UnitRow.path))
    return sorted((_unit(row) for row in rows), key=lambda unit: unit.depth)


async def is_known(uow: UnitOfWork, unit_id: str) -> bool:
    """Whether the id was ever used, by a removed unit too."""
    return await uow.session.get(UnitRow, unit_id) is not None


async def lock_tree(uow: UnitOfWork) -> None:
    """Make changes of the tree's shape wait for each other: a path is computed from another row."""
    await uow.session.execute(
        select(UnitRow.id).where(UnitRow.parent_id.is_(None)).with_for_update()
    )


async def lock(uow: UnitOfWork, unit_id: str) -> None:
    """Make those who set the posts of one unit wait for each other."""
    await uow.session.execute(select(UnitRow.id).where(UnitRow.id == unit_id).with_for_update())


async def has_sibling_named(
    uow: UnitOfWork, parent_id: str | None, name: str, *, besides: str
) -> bool:
    parent = UnitRow.parent_id == parent_id if parent_id else UnitRow.parent_id.is_(None)
    query = select(
        exists().where(
            parent, UnitRow.name == name, UnitRow.id != besides, UnitRow.removed_at.is_(None)
        )
    )
    return bool(await uow.session.scalar(query))


async def add(uow: UnitOfWork, added: Sequence[Unit]) -> None:
    """Insert units, parents first."""
    uow.session.add_all(
        UnitRow(**asdict(unit), created_at=uow.now, updated_at=uow.now, removed_at=None)
        for unit in added
    )
    await uow.session.flush()


async def save(uow: UnitOfWork, unit: Unit) -> None:
    """Write all but the path; `unit.version` is the one that was read.

    Raises: Conflict: somebody else wrote it since.
    """
    values = asdict(unit)
    for fixed in ("id", "path", "version"):
        del values[fixed]
    await write_versioned(uow, UnitRow, unit.id, unit.version, values)


async def move_subtree(uow: UnitOfWork, old_path: str, new_path: str) -> None:
    """Give the unit at `old_path` and all below it, removed ones too, their new paths."""
    await uow.session.execute(
        update(UnitRow)
        .where(UnitRow.path.startswith(old_path, autoescape=True))
        .values(path=new_path + func.substr(UnitRow.path, len(old_path) + 1))
        .execution_options(synchronize_session=False)
    )
    uow.session.expire_all()


async def count_below(uow: UnitOfWork, unit: Unit) -> tuple[int, int]:
    """Present units below `unit`, and present people in and below it."""
    below = and_(UnitRow.path.startswith(unit.path, autoescape=True), UnitRow.removed_at.is_(None))
    units_below = await uow.session.scalar(
        select(func.count()).select_from(UnitRow).where(below, UnitRow.id != unit.id)
    )
    people = await uow.session.scalar(
        select(func.count())
        .select_from(PersonRow)
        .join(UnitRow, UnitRow.id == PersonRow.unit_id)
        .where(below, PersonRow.removed_at.is_(None))
    )
    return units_below or 0, people or 0


async def remove(uow: UnitOfWork, unit_ids: Collection[str]) -> None:
    """Mark units removed, with the appointments in them and the groups they own."""
    for ids in chunks(unit_ids):
        await uow.session.execute(delete(AppointmentRow).where(AppointmentRow.unit_id.in_(ids)))
        await uow.session.execute(delete(GroupRow).where(GroupRow.unit_id.in_(ids)))
        await uow.session.execute(
            update(UnitRow)
            .where(UnitRow.id.in_(ids), UnitRow.removed_at.is_(None))
            .values(removed_at=uow.now, version=UnitRow.version + 1, updated_at=uow.now)
            .execution_options(synchronize_session=False)
        )
    uow.session.expire_all()
