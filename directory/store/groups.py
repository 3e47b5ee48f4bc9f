"""Statements on groups and their static members."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, delete, select

from core.database import UnitOfWork
from core.ids import GroupId, PersonId, UnitId
from directory.model import Group, GroupRule, UnitKind
from directory.store.tables import (
    GroupMemberRow,
    GroupRow,
    UnitRow,
    write_versioned,
)
from directory.store.units import within


async def find(uow: UnitOfWork, group_id: str) -> Group | None:
    found = await _read(uow, GroupRow.id == group_id)
    return found[0] if found else None


async def listed(uow: UnitOfWork, scopes: Iterable[str]) -> list[Group]:
    """Groups owned by units in the subtrees `scopes`, by unit and name."""
    return await _read(uow, within(UnitRow.path, scopes))


async def _read(uow: UnitOfWork, condition: ColumnElement[bool]) -> list[Group]:
    rows = await uow.session.execute(
        select(GroupRow, UnitRow.path)
        .join(UnitRow, UnitRow.id == GroupRow.unit_id)
        .where(condition)
        .order_by(UnitRow.path, GroupRow.name)
    )
    found = [(row, path) for row, path in rows]
    members: dict[str, list[PersonId]] = {}
    for group_id, person_id in await uow.session.execute(
        select(GroupMemberRow.group_id, GroupMemberRow.person_id)
        .where(GroupMemberRow.group_id.in_([row.id for row, _ in found]))
        .order_by(GroupMemberRow.group_id, GroupMemberRow.position)
    ):
        members.setdefault(group_id, []).append(PersonId(person_id))
    return [
        Group(
            id=GroupId(row.id),
            unit_id=UnitId(row.unit_id),
            unit_path=path,
            name=row.name,
            member_ids=tuple(members.get(row.id, ())),
            rules=tuple(_rule(rule) for rule in row.rules),
            version=row.version,
        )
        for row, path in found
    ]


def _rule(stored: dict[str, str | None]) -> GroupRule:
    kind = stored.get("unit_kind")
    return GroupRule(
        stored["unit_path"] or "", stored.get("post") or "", UnitKind(kind) if kind else None
    )


def _stored(rule: GroupRule) -> dict[str, str | None]:
    return {"unit_path": rule.unit_path, "post": rule.post, "unit_kind": rule.unit_kind}


async def add(uow: UnitOfWork, group: Group) -> None:
    """Insert a group with its members."""
    uow.session.add(
        GroupRow(
            id=group.id,
            unit_id=group.unit_id,
            name=group.name,
            rules=[_stored(rule) for rule in group.rules],
            version=group.version,
            updated_at=uow.now,
        )
    )
    await uow.session.flush()
    await _set_members(uow, group)


async def save(uow: UnitOfWork, group: Group) -> None:
    """Write a group; `group.version` is the one that was read.

    Raises: Conflict: somebody else wrote it since.
    """
    values = {
        "unit_id": group.unit_id,
        "name": group.name,
        "rules": [_stored(rule) for rule in group.rules],
    }
    await write_versioned(uow, GroupRow, group.id, group.version, values)
    await _set_members(uow, group)


async def _set_members(uow: UnitOfWork, group: Group) -> None:
    await uow.session.execute(delete(GroupMemberRow).where(GroupMemberRow.group_id == group.id))
    uow.session.add_all(
        GroupMemberRow(group_id=group.id, person_id=person_id, position=position)
        for position, person_id in enumerate(group.member_ids)
    )
    await uow.session.flush()


async def remove(uow: UnitOfWork, group_id: str) -> None:
    """Delete a group; history keeps the people it was resolved to, not the group."""
    await uow.session.execute(delete(GroupRow).where(GroupRow.id == group_id))


async def follow_move(uow: UnitOfWork, old_path: str, new_path: str) -> None:
    """Rewrite rules that name a moved unit or one below it."""
    for row in await uow.session.scalars(select(GroupRow)):
        moved = [
            {**rule, "unit_path": new_path + rule["unit_path"].removeprefix(old_path)}
            if rule["unit_path"].startswith(old_path)
            else rule
            for rule in row.rules
        ]
        if moved != row.rules:
            row.rules = moved
    await uow.session.flush()
