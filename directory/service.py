"""The directory's face: `Directory` answers other packages, `Register` and `Groups` serve people.

`Directory` sees everything and shows full numbers: whoever calls it has checked the permission and
never passes a number to a browser. They have no way to an object but through `access_…`.
"""

from collections.abc import Collection, Sequence

from core.database import UnitOfWork
from core.errors import NotFound
from core.ids import GroupId, PersonId, UnitId
from directory.founding import Foundation, Founder
from directory.groups import Groups
from directory.model import (
    Appointment,
    Group,
    GroupRule,
    Person,
    Unit,
    UnitKind,
)
from directory.register import Register
from directory.store import appointments, groups, people, units

__all__ = ["Directory", "Foundation", "Founder", "Groups", "Register"]


class Directory:
    """Look-ups for other packages, each in the caller's unit of work."""

    async def unit(self, uow: UnitOfWork, unit_id: UnitId) -> Unit:
        """Raises: NotFound."""
        found = await units.find(uow, unit_id)
        if found is None:
            raise NotFound("no such unit", field="unit_id")
        return found

    async def unit_at(self, uow: UnitOfWork, path: str) -> Unit:
        """The unit whose path is `path`.

        Raises: NotFound.
        """
        found = await units.listed(uow, paths=[path])
        if not found:
            raise NotFound("no such unit", field="unit_path")
        return found[0]

    async def unit_called(self, uow: UnitOfWork, id_or_code: str) -> Unit:
        """The unit with this id, else the first with this code: how plans name units.

        Raises: NotFound.
        """
        found = await units.find(uow, id_or_code)
        if found is None and id_or_code:
            found = await units.with_code(uow, id_or_code)
        if found is None:
            raise NotFound(f"no unit is called {id_or_code}", field="unit")
        return found

    async def units(self, uow: UnitOfWork, ids: Collection[UnitId]) -> list[Unit]:
        """The present units among `ids`, parents before children."""
        return await units.listed(uow, ids=ids)

    async def subtree(
        self, uow: UnitOfWork, path: str, kinds: Collection[UnitKind] = ()
    ) -> list[Unit]:
        """The unit at `path` and all below it (of these kinds), parents first; `""`: the county."""
        return await units.listed(uow, scopes=[path], kinds=kinds)

    async def units_below(self, uow: UnitOfWork, paths: Sequence[str]) -> list[Unit]:
        """The units at `paths` and all below them, parents first."""
        return await units.listed(uow, scopes=paths)

    async def person(self, uow: UnitOfWork, person_id: PersonId) -> Person:
        """Raises: NotFound."""
        found = await people.by_ids(uow, [person_id])
        if not found:
            raise NotFound("no such person", field="person_id")
        return found[0]

    async def people(self, uow: UnitOfWork, ids: Collection[PersonId]) -> list[Person]:
        """The present people among `ids`, in that order; those who left are missing."""
        return await people.by_ids(uow, ids)

    async def people_below(self, uow: UnitOfWork, path: str) -> list[Person]:
        """Everybody in the unit at `path` and below it."""
        return await people.below(uow, [path])

    async def people_with_number(self, uow: UnitOfWork, number: str) -> list[Person]:
        """Who has the number `number` (E.164); families share one, so there may be several."""
        return await people.with_number(uow, number)

    async def owners_of(self, uow: UnitOfWork, numbers: Collection[str]) -> dict[str, Person]:
        """Whose each of `numbers` (E.164) is; the first by id where several share one."""
        wanted = set(numbers)
        owners: dict[str, Person] = {}
        for person in await people.with_numbers(uow, wanted):
            for phone in person.phones:
                if phone.number in wanted:
                    owners.setdefault(phone.number, person)
        return owners

    async def holders(
        self,
        uow: UnitOfWork,
        post: str,
        unit_path: str,
        *,
        below: bool = False,
        kinds: Collection[UnitKind] = (),
    ) -> list[Person]:
        """Who holds `post` in the unit at `unit_path`: the principal first, then the deputies.

        `below`: in the units below it as well, unit by unit; `kinds` narrows to such units.
        Empty where nobody holds it.
        """
        return await people.holders(uow, post, unit_path, below=below, kinds=kinds)

    async def appointments_of(
        self, uow: UnitOfWork, person_ids: Collection[PersonId]
    ) -> list[Appointment]:
        """Which posts these people hold."""
        return await appointments.listed(uow, person_ids=person_ids)

    async def search(
        self, uow: UnitOfWork, q: str, scopes: Sequence[str] = ("",), *, limit: int = 50
    ) -> list[Person]:
        """People found by name, pinyin, initials, title, unit or number within `scopes`."""
        found, _ = await people.search(uow, q.split(), scopes, offset=0, limit=limit)
        return found

    async def groups(self, uow: UnitOfWork, path: str = "") -> list[Group]:
        """The groups owned by the unit at `path` and those below it."""
        return await groups.listed(uow, [path])

    async def resolve_group(self, uow: UnitOfWork, group_id: GroupId) -> list[Person]:
        """Everybody the group means now, each once: static members, then by rule.

        Raises: NotFound.
        """
        group = await groups.find(uow, group_id)
        if group is None:
            raise NotFound("no such group", field="group_id")
        return await self.resolve(uow, group.member_ids, group.rules)

    async def resolve(
        self, uow: UnitOfWork, member_ids: Sequence[PersonId], rules: Sequence[GroupRule]
    ) -> list[Person]:
        """The people `member_ids` and those who meet one of `rules`, each once, in this order."""
        return await people.meant_by(uow, member_ids, rules)
