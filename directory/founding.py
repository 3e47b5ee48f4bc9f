"""Fills an empty directory in one go: one check of everything, one entry in the audit log."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from core.audit import Audit
from core.auth.model import Permission, Principal, require
from core.database import UnitOfWork
from core.errors import Conflict, InvalidInput
from core.ids import PersonId, UnitId, new_id
from directory import validation
from directory.model import Appointment, Person, PersonDraft, Unit, UnitDraft
from directory.register import Register, person_of, unit_of
from directory.store import appointments, people, units

_AT_ONCE = 200


@dataclass(frozen=True)
class Foundation:
    """A whole directory. Parents come before their units; `posts`: (unit, post, people by rank)."""

    units: Sequence[UnitDraft]
    people: Sequence[PersonDraft]
    posts: Sequence[tuple[UnitId, str, Sequence[PersonId]]]


class Founder:
    """Lays the foundation of a county."""

    def __init__(self, audit: Audit, register: Register) -> None:
        self._audit = audit
        self._register = register

    async def lay(self, uow: UnitOfWork, principal: Principal, foundation: Foundation) -> None:
        """Write everything in the caller's transaction.

        Raises: Conflict: the directory is not empty; InvalidInput: names the offender in `field`;
        NotAllowed.
        """
        require(principal, Permission.DIRECTORY_WRITE, "")
        await units.lock_tree(uow)
        if await units.listed(uow):
            raise Conflict("the directory is not empty", code="not_empty")
        tree = _tree(foundation.units)
        persons = self._people(foundation.people, tree)
        held = list(_appointments(foundation, tree, persons))
        await units.add(uow, list(tree.values()))
        listed = list(persons.values())
        for start in range(0, len(listed), _AT_ONCE):
            await people.add(uow, listed[start : start + _AT_ONCE])
            await asyncio.sleep(0)
        await appointments.add(uow, held)
        await self._audit.append(
            uow,
            actor=principal.actor,
            action="directory.found",
            target=f"unit:{next(iter(tree), '')}",
            detail={"units": len(tree), "people": len(persons), "appointments": len(held)},
        )

    def _people(
        self, drafts: Sequence[PersonDraft], tree: dict[UnitId, Unit]
    ) -> dict[PersonId, Person]:
        persons: dict[PersonId, Person] = {}
        for index, draft in enumerate(drafts):
            person_id = PersonId(validation.given_id(draft.id) if draft.id else new_id())
            if draft.unit_id not in tree or person_id in persons:
                raise InvalidInput("no such unit, or the id twice", field=f"people.{index}")
            phones = self._register.read_phones(draft.phones or ())
            persons[person_id] = person_of(draft, person_id, tree[draft.unit_id], phones)
        return persons


def _tree(drafts: Sequence[UnitDraft]) -> dict[UnitId, Unit]:
    tree: dict[UnitId, Unit] = {}
    names: set[tuple[UnitId | None, str]] = set()
    for index, draft in enumerate(drafts):
        unit_id = UnitId(validation.given_id(draft.id) if draft.id else new_id())
        parent = tree.get(draft.parent_id) if draft.parent_id is not None else None
        if unit_id in tree or (parent is None and tree):
            raise InvalidInput("the id twice, or no such parent", field=f"units.{index}")
        unit = unit_of(draft, unit_id, parent)
        if (unit.parent_id, unit.name) in names:
            raise InvalidInput("a unit beside it has this name", field=f"units.{index}")
        names.add((unit.parent_id, unit.name))
        tree[unit_id] = unit
    return tree


def _appointments(
    foundation: Foundation, tree: dict[UnitId, Unit], persons: dict[PersonId, Person]
) -> Sequence[Appointment]:
    held: list[Appointment] = []
    for index, (unit_id, post, ids) in enumerate(foundation.posts):
        if unit_id not in tree or len(set(ids)) < len(ids) or not set(ids) <= set(persons):
            raise InvalidInput("no such unit or person, or one twice", field=f"posts.{index}")
        validation.post(post)
        path = tree[unit_id].path
        held += [Appointment(unit_id, path, post, one, rank) for rank, one in enumerate(ids)]
    return held
