"""Statements on people and their phones."""

import asyncio
from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import ColumnElement, Select, case, delete, exists, func, or_, select

from core.database import UnitOfWork
from core.ids import PersonId, UnitId
from directory.model import GroupRule, Person, Phone, UnitKind
from directory.store import appointments
from directory.store.tables import (
    AppointmentRow,
    GroupMemberRow,
    PersonRow,
    PhoneRow,
    UnitRow,
    chunks,
    write_versioned,
)
from directory.store.units import within

_BREATHE_EVERY = 500

_PEOPLE: Select[str, str, str, str, str, str, int, str, str] = select(
    PersonRow.id,
    PersonRow.unit_id,
    PersonRow.name,
    PersonRow.pinyin,
    PersonRow.title,
    PersonRow.note,
    PersonRow.version,
    UnitRow.path,
    UnitRow.name,
).join(UnitRow, UnitRow.id == PersonRow.unit_id)
"""Columns, not rows: thousands of people are read without holding up the event loop."""


async def _read(
    uow: UnitOfWork, query: Select[str, str, str, str, str, str, int, str, str]
) -> list[Person]:
    rows = (await uow.session.execute(query)).all()
    phones = await _phones(uow, [row[0] for row in rows])
    found: list[Person] = []
    for id_, unit_id, name, pinyin, title, note, version, path, unit_name in rows:
        found.append(
            Person(
                id=PersonId(id_),
                unit_id=UnitId(unit_id),
                unit_path=path,
                unit_name=unit_name,
                name=name,
                pinyin=pinyin,
                title=title,
                note=note,
                phones=tuple(phones.get(id_, ())),
                version=version,
            )
        )
        if len(found) % _BREATHE_EVERY == 0:
            await asyncio.sleep(0)
    return found


async def _phones(uow: UnitOfWork, person_ids: Collection[str]) -> dict[str, list[Phone]]:
    found: dict[str, list[Phone]] = {}
    for ids in chunks(person_ids, _BREATHE_EVERY):
        rows = await uow.session.execute(
            select(
                PhoneRow.person_id,
                PhoneRow.number,
                PhoneRow.kind,
                PhoneRow.position,
                PhoneRow.is_demo,
                PhoneRow.extension,
            )
            .where(PhoneRow.person_id.in_(ids))
            .order_by(PhoneRow.person_id, PhoneRow.position)
        )
        for person_id, number, kind, position, is_demo, extension in rows:
            phone = Phone(number, kind, position == 0, is_demo, extension)
            found.setdefault(person_id, []).append(phone)
    return found


async def by_ids(uow: UnitOfWork, ids: Collection[str]) -> list[Person]:
    """Present people among `ids`, in the order of `ids`."""
    found: dict[str, Person] = {}
    for some in chunks(ids):
        query = _PEOPLE.where(PersonRow.id.in_(some), PersonRow.removed_at.is_(None))
        found.update((person.id, person) for person in await _read(uow, query))
    return [found[id_] for id_ in dict.fromkeys(ids) if id_ in found]


async def below(uow: UnitOfWork, scopes: Iterable[str]) -> list[Person]:
    """Present people in the subtrees `scopes`, by unit and name."""
    query = _PEOPLE.where(PersonRow.removed_at.is_(None), within(UnitRow.path, scopes))
    return await _read(uow, query.order_by(UnitRow.path, PersonRow.name, PersonRow.id))


async def with_number(uow: UnitOfWork, number: str) -> list[Person]:
    """Present people who have `number` (E.164)."""
    query = _PEOPLE.join(PhoneRow, PhoneRow.person_id == PersonRow.id).where(
        PhoneRow.number == number, PersonRow.removed_at.is_(None)
    )
    return await _read(uow, query.order_by(PersonRow.id))


async def with_numbers(uow: UnitOfWork, numbers: Collection[str]) -> list[Person]:
    """Present people who have one of `numbers` (E.164)."""
    query = _PEOPLE.join(PhoneRow, PhoneRow.person_id == PersonRow.id).where(
        PhoneRow.number.in_(numbers), PersonRow.removed_at.is_(None)
    )
    return await _read(uow, query.order_by(PersonRow.id))


async def holders(
    uow: UnitOfWork, post: str, unit_path: str, *, below: bool, kinds: Collection[UnitKind] = ()
) -> list[Person]:
    """Who holds `post` in the unit at `unit_path` (and `below` it), by unit, then rank."""
    place = (
        UnitRow.path.startswith(unit_path, autoescape=True) if below else UnitRow.path == unit_path
    )
    query = (
        select(AppointmentRow.person_id)
        .join(UnitRow, UnitRow.id == AppointmentRow.unit_id)
        .where(AppointmentRow.post == post, place, UnitRow.removed_at.is_(None))
        .order_by(UnitRow.path, AppointmentRow.rank, AppointmentRow.person_id)
    )
    if kinds:
        query = query.where(UnitRow.kind.in_(kinds))
    return await by_ids(uow, list(await uow.session.scalars(query)))


async def by_rule(uow: UnitOfWork, rule: GroupRule) -> list[Person]:
    """Who meets a group's rule, by unit."""
    kinds = [rule.unit_kind] if rule.unit_kind else []
    if rule.post:
        return await holders(uow, rule.post, rule.unit_path, below=True, kinds=kinds)
    query = _PEOPLE.where(PersonRow.removed_at.is_(None), within(UnitRow.path, [rule.unit_path]))
    if kinds:
        query = query.where(UnitRow.kind.in_(kinds))
    return await _read(uow, query.order_by(UnitRow.path, PersonRow.name, PersonRow.id))


async def meant_by(
    uow: UnitOfWork, member_ids: Sequence[str], rules: Sequence[GroupRule]
) -> list[Person]:
    """The people `member_ids` and those who meet one of `rules`, each once, in this order."""
    found = {person.id: person for person in await by_ids(uow, member_ids)}
    for rule in rules:
        for person in await by_rule(uow, rule):
            found.setdefault(person.id, person)
    return list(found.values())


async def is_known(uow: UnitOfWork, person_id: str) -> bool:
    """Whether the id was ever used, by a removed person too."""
    return await uow.session.get(PersonRow, person_id) is not None


async def search(
    uow: UnitOfWork, words: Sequence[str], scopes: Iterable[str], *, offset: int, limit: int
) -> tuple[list[Person], int]:
    """People for whom every word is found in name, pinyin, title, unit or number; and how many."""
    conditions = [PersonRow.removed_at.is_(None), within(UnitRow.path, scopes)]
    conditions += [_matches(word) for word in words]
    total = await uow.session.scalar(
        select(func.count())
        .select_from(PersonRow)
        .join(UnitRow, UnitRow.id == PersonRow.unit_id)
        .where(*conditions)
    )
    query = _PEOPLE.where(*conditions)
    if words:  # who is named so comes before who works in a unit named so
        is_named = PersonRow.name.contains(words[0], autoescape=True)
        query = query.order_by(case((is_named, 0), else_=1))
    query = query.order_by(UnitRow.path, PersonRow.pinyin, PersonRow.id)
    return await _read(uow, query.offset(offset).limit(limit)), total or 0


def _matches(word: str) -> ColumnElement[bool]:
    ways = [
        PersonRow.name.contains(word, autoescape=True),
        PersonRow.title.contains(word, autoescape=True),
        UnitRow.name.contains(word, autoescape=True),
    ]
    if word.isascii():
        ways.append(PersonRow.pinyin.contains(word.lower(), autoescape=True))
    digits = word.lstrip("+")
    if digits.isdigit() and digits.isascii():
        ways.append(
            exists().where(
                PhoneRow.person_id == PersonRow.id,
                PhoneRow.number.contains(digits, autoescape=True),
            )
        )
    return or_(*ways)


async def add(uow: UnitOfWork, added: Sequence[Person]) -> None:
    """Insert people with their phones."""
    uow.session.add_all(
        PersonRow(
            id=person.id,
            unit_id=person.unit_id,
            name=person.name,
            pinyin=person.pinyin,
            title=person.title,
            note=person.note,
            version=person.version,
            created_at=uow.now,
            updated_at=uow.now,
            removed_at=None,
        )
        for person in added
    )
    await uow.session.flush()
    for person in added:
        _add_phones(uow, person)
    await uow.session.flush()


async def save(uow: UnitOfWork, person: Person) -> None:
    """Write a person and the phones; `person.version` is the one that was read.

    Raises: Conflict: somebody else wrote it since.
    """
    values = {
        "unit_id": person.unit_id,
        "name": person.name,
        "pinyin": person.pinyin,
        "title": person.title,
        "note": person.note,
    }
    await write_versioned(uow, PersonRow, person.id, person.version, values)
    await uow.session.execute(delete(PhoneRow).where(PhoneRow.person_id == person.id))
    _add_phones(uow, person)
    await uow.session.flush()


def _add_phones(uow: UnitOfWork, person: Person) -> None:
    uow.session.add_all(
        PhoneRow(
            person_id=person.id,
            position=position,
            number=phone.number,
            kind=phone.kind,
            extension=phone.extension,
            is_demo=phone.is_demo,
        )
        for position, phone in enumerate(person.phones)
    )


async def remove(uow: UnitOfWork, person_id: str, version: int) -> None:
    """Mark a person removed; posts and memberships end, the numbers are forgotten.

    Raises: Conflict: somebody else wrote the person since `version`.
    """
    await write_versioned(uow, PersonRow, person_id, version, {"removed_at": uow.now})
    for held in await appointments.listed(uow, person_ids=[person_id]):
        holders_now = await appointments.post_list(uow, held.unit_id, held.post)
        left = [other.person_id for other in holders_now if other.person_id != person_id]
        await appointments.set_post_list(uow, held.unit_id, held.post, left)
    for table in (GroupMemberRow, PhoneRow):
        await uow.session.execute(delete(table).where(table.person_id == person_id))
