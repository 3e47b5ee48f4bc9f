"""Writes on many people at once, in portions that let the event loop breathe."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update

from core.database import UnitOfWork
from core.ids import PersonId
from directory.importing.model import Content, Released
from directory.importing.store.batches import AT_ONCE
from directory.store import appointments, people
from directory.store.tables import (
    AppointmentRow,
    GroupMemberRow,
    GroupRow,
    PersonRow,
    PhoneRow,
    chunks,
)


@dataclass(frozen=True)
class Standing:
    """How a person stands now. `ties`: posts and memberships held."""

    version: int
    is_removed: bool
    ties: int


async def standings(uow: UnitOfWork, ids: Sequence[str]) -> dict[str, Standing]:
    """How these people stand; their rows stay locked until the end of the transaction."""
    found: dict[str, Standing] = {}
    for some in chunks(ids):
        ties: dict[str, int] = {}
        for table in (AppointmentRow, GroupMemberRow):
            for person_id in await uow.session.scalars(
                select(table.person_id).where(table.person_id.in_(some))
            ):
                ties[person_id] = ties.get(person_id, 0) + 1
        rows = await uow.session.execute(
            select(PersonRow.id, PersonRow.version, PersonRow.removed_at)
            .where(PersonRow.id.in_(some))
            .order_by(PersonRow.id)
            .with_for_update()
        )
        for id_, version, removed_at in rows:
            found[id_] = Standing(version, removed_at is not None, ties.get(id_, 0))
        await asyncio.sleep(0)
    return found


async def insert_people(uow: UnitOfWork, added: Mapping[PersonId, Content]) -> None:
    """Add people with version 1."""
    listed = list(added.items())
    for start in range(0, len(listed), AT_ONCE):
        some = dict(listed[start : start + AT_ONCE])
        await uow.session.execute(
            insert(PersonRow),
            [
                {
                    "id": id_,
                    **_columns(content),
                    "version": 1,
                    "created_at": uow.now,
                    "updated_at": uow.now,
                }
                for id_, content in some.items()
            ],
        )
        await _insert_phones(uow, some)
        await asyncio.sleep(0)


async def overwrite_people(
    uow: UnitOfWork, changed: Mapping[PersonId, tuple[int, Content]], *, revive: bool = False
) -> None:
    """Write content; the number given is the version that was read, which goes up by one.

    `revive`: the people are removed and come back.
    """
    listed = list(changed.items())
    for start in range(0, len(listed), AT_ONCE):
        some = listed[start : start + AT_ONCE]
        back = {"removed_at": None} if revive else {}
        await uow.session.execute(
            update(PersonRow),
            [
                {
                    "id": id_,
                    **_columns(content),
                    **back,
                    "version": version + 1,
                    "updated_at": uow.now,
                }
                for id_, (version, content) in some
            ],
        )
        ids = [id_ for id_, _ in some]
        await uow.session.execute(
            delete(PhoneRow)
            .where(PhoneRow.person_id.in_(ids))
            .execution_options(synchronize_session=False)
        )
        await _insert_phones(uow, {id_: content for id_, (_, content) in some})
        await asyncio.sleep(0)
    uow.session.expire_all()


async def withdraw_people(uow: UnitOfWork, ids: Sequence[PersonId]) -> None:
    """Remove people who hold nothing: those an undone import had added."""
    for some in chunks(ids):
        await uow.session.execute(
            delete(PhoneRow)
            .where(PhoneRow.person_id.in_(some))
            .execution_options(synchronize_session=False)
        )
        await uow.session.execute(
            update(PersonRow)
            .where(PersonRow.id.in_(some))
            .values(removed_at=uow.now, updated_at=uow.now, version=PersonRow.version + 1)
            .execution_options(synchronize_session=False)
        )
        await asyncio.sleep(0)
    uow.session.expire_all()


async def release(uow: UnitOfWork, person_id: PersonId, version: int) -> Released:
    """Remove one person. Returns: what ended with that, to be given to `restore_ties`.

    Raises: Conflict: somebody else wrote the person since `version`.
    """
    held = await appointments.listed(uow, person_ids=[person_id])
    groups = await uow.session.execute(
        select(GroupMemberRow.group_id, GroupMemberRow.position).where(
            GroupMemberRow.person_id == person_id
        )
    )
    memberships = tuple((group_id, position) for group_id, position in groups)
    await people.remove(uow, person_id, version)
    return Released(tuple((one.unit_id, one.post, one.rank) for one in held), memberships)


async def restore_ties(uow: UnitOfWork, person_id: PersonId, released: Released) -> None:
    """Give a person who came back the posts, at their ranks, and groups as far as these exist."""
    for unit_id, post, rank in released.posts:
        now = [one.person_id for one in await appointments.post_list(uow, unit_id, post)]
        if person_id not in now:
            now.insert(rank, person_id)
            await appointments.set_post_list(uow, unit_id, post, now)
    for group_id, position in released.groups:
        if await uow.session.get(GroupRow, group_id) is not None:
            uow.session.add(
                GroupMemberRow(group_id=group_id, person_id=person_id, position=position)
            )
    await uow.session.flush()


async def _insert_phones(uow: UnitOfWork, contents: Mapping[PersonId, Content]) -> None:
    rows = [
        {
            "person_id": id_,
            "position": position,
            "number": phone.number,
            "kind": phone.kind,
            "extension": phone.extension,
            "is_demo": phone.is_demo,
        }
        for id_, content in contents.items()
        for position, phone in enumerate(content.phones)
    ]
    if rows:
        await uow.session.execute(insert(PhoneRow), rows)


def _columns(content: Content) -> dict[str, object]:
    return {
        "unit_id": content.unit_id,
        "name": content.name,
        "pinyin": content.pinyin,
        "title": content.title,
        "note": content.note,
    }
