"""What a signed-in person may see and change of the directory: scope, validation, audit."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from core.audit import Audit
from core.auth.model import Permission, Principal, allows, is_within, reach, require
from core.database import UnitOfWork
from core.errors import Conflict, InvalidInput, NotFound, check_unchanged
from core.events import record
from core.ids import PersonId, UnitId, new_id
from directory import validation
from directory.model import (
    Appointment,
    Page,
    Person,
    PersonDraft,
    PersonRemoved,
    Phone,
    Unit,
    UnitDraft,
    UnitMoved,
)
from directory.phones import checked, parse_phone
from directory.pinyin import readings
from directory.store import appointments, groups, people, units

_READ, _WRITE = Permission.DIRECTORY_READ, Permission.DIRECTORY_WRITE
_PAGE_LARGEST = 200


class Register:
    """Reads and writes of the directory on behalf of a principal; every write is audited."""

    def __init__(self, audit: Audit, *, area_code: str = "") -> None:
        """`area_code` (`0571`) completes landlines written without one."""
        self._audit = audit
        self._area_code = area_code

    # The only ways to an object.

    async def access_unit(
        self,
        uow: UnitOfWork,
        principal: Principal,
        unit_id: UnitId,
        permission: Permission = _READ,
        field: str = "unit_id",
    ) -> Unit:
        """The unit, if the principal may do `permission` there.

        Raises: NotFound: none the principal may see; NotAllowed: seen, but not for this.
        """
        require(principal, _READ)
        found = await units.find(uow, unit_id)
        if found is None or not allows(principal, _READ, found.path):
            raise NotFound("no such unit", field=field)
        require(principal, permission, found.path)
        return found

    async def access_person(
        self,
        uow: UnitOfWork,
        principal: Principal,
        person_id: PersonId,
        permission: Permission = _READ,
    ) -> Person:
        """The person, if the principal may do `permission` in the person's unit.

        Raises: NotFound: none the principal may see; NotAllowed: seen, but not for this.
        """
        require(principal, _READ)
        found = await people.by_ids(uow, [person_id])
        if not found or not allows(principal, _READ, found[0].unit_path):
            raise NotFound("no such person", field="person_id")
        require(principal, permission, found[0].unit_path)
        return found[0]

    # Reading.

    async def units(self, uow: UnitOfWork, principal: Principal) -> list[Unit]:
        """Every unit the principal may see, parents before children."""
        require(principal, _READ)
        return await units.listed(uow, scopes=reach(principal, _READ))

    async def search(
        self,
        uow: UnitOfWork,
        principal: Principal,
        q: str,
        *,
        unit_path: str = "",
        offset: int = 0,
        limit: int = 50,
    ) -> Page:
        """People in reach, in and below `unit_path`, for whom every word of `q` fits."""
        require(principal, _READ)
        scopes = _narrowed(reach(principal, _READ), unit_path)
        limit = min(max(limit, 1), _PAGE_LARGEST)
        found, total = await people.search(uow, q.split(), scopes, offset=offset, limit=limit)
        return Page(tuple(found), total)

    async def appointments(
        self, uow: UnitOfWork, principal: Principal, unit_id: UnitId
    ) -> list[Appointment]:
        """Who holds which post in the unit."""
        unit = await self.access_unit(uow, principal, unit_id)
        return await appointments.listed(uow, unit_ids=[unit.id])

    async def posts_of(
        self, uow: UnitOfWork, principal: Principal, person_ids: Sequence[PersonId]
    ) -> list[Appointment]:
        """The posts these people hold in units the principal may see."""
        scopes = reach(principal, _READ)
        held = await appointments.listed(uow, person_ids=person_ids)
        return [one for one in held if is_within(one.unit_path, scopes)]

    async def reveal(
        self, uow: UnitOfWork, principal: Principal, person_id: PersonId, reason: str
    ) -> Person:
        """The person with full numbers; that they were shown, and why, is audited.

        Raises: NotFound, NotAllowed; InvalidInput: no reason given.
        """
        person = await self.access_person(uow, principal, person_id, Permission.DIRECTORY_REVEAL)
        why = validation.text(reason, "reason", 200, required=True)
        await self.note(uow, principal, "person.reveal", f"person:{person.id}", {}, why)
        return person

    # Units.

    async def create_unit(self, uow: UnitOfWork, principal: Principal, draft: UnitDraft) -> Unit:
        """Add a unit under its parent.

        Raises: InvalidInput, NotFound, NotAllowed; Conflict: id or sibling's name taken.
        """
        await units.lock_tree(uow)
        parent = await self._parent(uow, principal, draft)
        unit_id = UnitId(validation.given_id(draft.id) if draft.id else new_id())
        path = f"{parent.path if parent else ''}{unit_id}/"
        require(principal, _WRITE, path)
        if parent is None and await units.listed(uow):
            raise Conflict("there is a county already", field="parent_id")
        if await units.is_known(uow, unit_id):
            raise Conflict("this id is taken", field="id")
        unit = await self._checked_unit(uow, draft, unit_id, parent)
        await units.add(uow, [unit])
        await self.note(uow, principal, "unit.create", f"unit:{unit.id}", _unit_detail(unit))
        return unit

    async def update_unit(
        self,
        uow: UnitOfWork,
        principal: Principal,
        unit_id: UnitId,
        version: int,
        draft: UnitDraft,
    ) -> Unit:
        """Change a unit; another parent moves it with everything below it.

        Raises: InvalidInput, NotFound, NotAllowed; Conflict: changed since `version`, name taken,
        or the new parent lies below the unit.
        """
        await units.lock_tree(uow)
        before = await self.access_unit(uow, principal, unit_id, _WRITE)
        parent = await self._parent(uow, principal, draft)
        if parent is not None and parent.path.startswith(before.path):
            raise Conflict("a unit cannot lie below itself", field="parent_id")
        if draft.kind is not before.kind:
            raise InvalidInput("the kind of a unit stays", field="kind", code="fixed")
        path = f"{parent.path if parent else ''}{before.id}/"
        unit = await self._checked_unit(uow, draft, before.id, parent)
        await units.save(uow, replace(unit, version=version))
        if path != before.path:
            await self._move(uow, before, path)
        await self.note(
            uow,
            principal,
            "unit.update",
            f"unit:{unit.id}",
            {"before": _unit_detail(before), "after": _unit_detail(unit)},
        )
        return replace(unit, version=version + 1)

    async def _move(self, uow: UnitOfWork, unit: Unit, new_path: str) -> None:
        deepest = max(len(below.path) for below in await units.listed(uow, scopes=[unit.path]))
        if deepest - len(unit.path) + len(new_path) > validation.PATH_LONGEST:
            raise InvalidInput("the tree gets too deep", field="parent_id", code="nesting")
        await units.move_subtree(uow, unit.path, new_path)
        await groups.follow_move(uow, unit.path, new_path)
        await record(uow, UnitMoved(unit.id, unit.path, new_path, uow.now))

    async def remove_unit(
        self, uow: UnitOfWork, principal: Principal, unit_id: UnitId, version: int
    ) -> None:
        """Take an empty unit off the tree.

        Raises: NotFound, NotAllowed; Conflict: not empty, or changed since `version`.
        """
        await units.lock_tree(uow)
        unit = await self.access_unit(uow, principal, unit_id, _WRITE)
        check_unchanged(f"unit:{unit.id}", version, unit.version, "directory.unit.")
        units_below, people_in = await units.count_below(uow, unit)
        if units_below or people_in:
            raise Conflict(
                f"{units_below} units and {people_in} people are still in it", code="not_empty"
            )
        await units.remove(uow, [unit.id])
        await self.note(uow, principal, "unit.remove", f"unit:{unit.id}", _unit_detail(unit))

    async def _parent(self, uow: UnitOfWork, principal: Principal, draft: UnitDraft) -> Unit | None:
        if draft.parent_id is None:
            return None
        return await self.access_unit(uow, principal, draft.parent_id, _WRITE, "parent_id")

    async def _checked_unit(
        self, uow: UnitOfWork, draft: UnitDraft, unit_id: UnitId, parent: Unit | None
    ) -> Unit:
        unit = unit_of(draft, unit_id, parent)
        if await units.has_sibling_named(uow, unit.parent_id, unit.name, besides=unit_id):
            raise Conflict("a unit beside it has this name", field="name", code="name_taken")
        return unit

    # People.

    async def create_person(
        self, uow: UnitOfWork, principal: Principal, draft: PersonDraft
    ) -> Person:
        """Add a person to a unit.

        Raises: InvalidInput, NotFound, NotAllowed; Conflict: the id is taken.
        """
        unit = await self.access_unit(uow, principal, draft.unit_id, _WRITE)
        person_id = PersonId(validation.given_id(draft.id) if draft.id else new_id())
        if await people.is_known(uow, person_id):
            raise Conflict("this id is taken", field="id")
        person = person_of(draft, person_id, unit, self.read_phones(draft.phones or ()))
        await people.add(uow, [person])
        detail = person_detail(person)
        await self.note(uow, principal, "person.create", f"person:{person.id}", detail)
        return person

    async def update_person(
        self,
        uow: UnitOfWork,
        principal: Principal,
        person_id: PersonId,
        version: int,
        draft: PersonDraft,
    ) -> Person:
        """Change a person; `draft.phones` None leaves the numbers, another unit moves the person.

        Raises: InvalidInput, NotFound, NotAllowed; Conflict: changed since `version`.
        """
        before = await self.access_person(uow, principal, person_id, _WRITE)
        unit = await self.access_unit(uow, principal, draft.unit_id, _WRITE)
        phones = before.phones if draft.phones is None else self.read_phones(draft.phones)
        person = person_of(draft, before.id, unit, phones)
        await people.save(uow, replace(person, version=version))
        await self.note(
            uow,
            principal,
            "person.update",
            f"person:{person.id}",
            {"before": person_detail(before), "after": person_detail(person)},
        )
        return replace(person, version=version + 1)

    async def remove_person(
        self, uow: UnitOfWork, principal: Principal, person_id: PersonId, version: int
    ) -> None:
        """Take a person out of the directory; posts and memberships end.

        Raises: NotFound, NotAllowed; Conflict: changed since `version`.
        """
        person = await self.access_person(uow, principal, person_id, _WRITE)
        await people.remove(uow, person.id, version)
        await record(uow, PersonRemoved(person.id, person.unit_path, uow.now))
        detail = person_detail(person)
        await self.note(uow, principal, "person.remove", f"person:{person.id}", detail)

    def read_phones(self, written: Sequence[str]) -> tuple[Phone, ...]:
        """The numbers as written, parsed, the first primary, each once.

        Raises: InvalidInput with field `phones.N`.
        """
        if len(written) > validation.PHONES_MOST:
            raise InvalidInput(f"at most {validation.PHONES_MOST} numbers", field="phones")
        found: dict[tuple[str, str], Phone] = {}
        for index, one in enumerate(written):
            try:
                phone = parse_phone(one, self._area_code)
            except InvalidInput as error:
                raise InvalidInput(
                    error.message, field=f"phones.{index}", code=error.wire_code
                ) from error
            key = (phone.number, phone.extension)
            found.setdefault(key, checked(phone, is_primary=not found))
        return tuple(found.values())

    # Appointments.

    async def appoint(
        self,
        uow: UnitOfWork,
        principal: Principal,
        unit_id: UnitId,
        post: str,
        person_ids: Sequence[PersonId],
        seen_ids: Sequence[PersonId] | None = None,
    ) -> list[Appointment]:
        """Set who holds `post` in the unit: the first is the principal, then the deputies.

        `seen_ids`: the holders the caller read, in their order; None: whoever they are.

        Raises: InvalidInput: somebody unknown or named twice; NotFound, NotAllowed; Stale: others
        hold it by now.
        """
        await units.lock(uow, unit_id)
        unit = await self.access_unit(uow, principal, unit_id, _WRITE)
        validation.post(post)
        await self.check_present(uow, principal, person_ids, "person_ids")
        before = await appointments.post_list(uow, unit.id, post)
        target = f"unit:{unit.id}/{post}"
        if seen_ids is not None:
            present = [held.person_id for held in before]
            check_unchanged(target, list(seen_ids), present)
        await appointments.set_post_list(uow, unit.id, post, person_ids)
        detail = {
            "post": post,
            "before": [held.person_id for held in before],
            "after": list(person_ids),
        }
        await self.note(uow, principal, "unit.appoint", target, detail)
        return await appointments.post_list(uow, unit.id, post)

    async def check_present(
        self, uow: UnitOfWork, principal: Principal, ids: Sequence[PersonId], field: str
    ) -> None:
        """Everybody named is here, in reach, and named once.

        Raises: InvalidInput: names the place in `field`.
        """
        if len(set(ids)) != len(ids):
            raise InvalidInput("somebody is named twice", field=field, code="twice")
        scopes = reach(principal, _READ)
        known = {person.id: person for person in await people.by_ids(uow, ids)}
        for index, id_ in enumerate(ids):
            if id_ not in known or not is_within(known[id_].unit_path, scopes):
                raise InvalidInput("no such person", field=f"{field}.{index}", code="unknown")

    async def note(
        self,
        uow: UnitOfWork,
        principal: Principal,
        action: str,
        target: str,
        detail: dict[str, Any],
        reason: str | None = None,
    ) -> None:
        """Append `directory.ACTION` to the audit log."""
        await self._audit.append(
            uow,
            actor=principal.actor,
            action=f"directory.{action}",
            target=target,
            detail=detail,
            reason=reason,
        )


def _narrowed(scopes: Sequence[str], unit_path: str) -> list[str]:
    """The parts of `scopes` in the subtree `unit_path`."""
    return [
        scope if scope.startswith(unit_path) else unit_path
        for scope in scopes
        if scope.startswith(unit_path) or unit_path.startswith(scope)
    ]


def _unit_detail(unit: Unit) -> dict[str, Any]:
    return {"name": unit.name, "path": unit.path, "code": unit.code}


def person_detail(person: Person) -> dict[str, Any]:
    """A person as the audit log shows it: numbers masked."""
    return {
        "name": person.name,
        "unit": person.unit_path,
        "title": person.title,
        "phones": [phone.masked for phone in person.phones],
    }


def unit_of(draft: UnitDraft, unit_id: UnitId, parent: Unit | None) -> Unit:
    """The unit a draft describes, as it lies under `parent`.

    Raises: InvalidInput.
    """
    path = f"{parent.path if parent else ''}{unit_id}/"
    validation.nesting(draft.kind, parent.kind if parent else None)
    validation.place(draft.longitude, draft.latitude)
    if len(path) > validation.PATH_LONGEST:
        raise InvalidInput("the tree gets too deep", field="parent_id", code="nesting")
    return Unit(
        id=unit_id,
        parent_id=parent.id if parent else None,
        path=path,
        kind=draft.kind,
        name=validation.name(draft.name),
        code=validation.code(draft.code),
        longitude=draft.longitude,
        latitude=draft.latitude,
        note=validation.text(draft.note, "note", validation.NOTE_LONGEST),
        position=draft.position,
    )


def person_of(
    draft: PersonDraft, person_id: PersonId, unit: Unit, phones: tuple[Phone, ...]
) -> Person:
    """The person a draft describes, with these numbers.

    Raises: InvalidInput.
    """
    name = validation.name(draft.name)
    return Person(
        id=person_id,
        unit_id=unit.id,
        unit_path=unit.path,
        unit_name=unit.name,
        name=name,
        pinyin=readings(name),
        title=validation.text(draft.title, "title", validation.TITLE_LONGEST),
        note=validation.text(draft.note, "note", validation.NOTE_LONGEST),
        phones=phones,
    )
