"""sms.ports.People: who is meant by people, groups and numbers, out of the directory."""

from core.auth.model import is_within
from core.database import UnitOfWork
from core.errors import NotFound
from core.ids import PersonId
from directory.model import Person
from directory.service import Directory
from sms.audience import Audience, Listed, Meant, Member, known, merged
from sms.model import Recipient

_AT_A_TIME = 500


class DirectoryPeople:
    """Looks audiences up in the directory."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def meant(self, uow: UnitOfWork, audience: Audience) -> Meant:
        """See `sms.ports.People`."""
        people = await self._people(uow, audience)
        inside = [one for one in people if is_within(one.unit_path, audience.scopes)]
        members = [
            Member(
                Recipient(one.mobile.number, one.name, one.id),
                merged(_of(one), audience.values, audience.person_values.get(one.id, {})),
            )
            for one in inside
            if one.mobile is not None
        ]
        members += await self._listed(uow, audience)
        unique: dict[str, Member] = {}
        for member in members:
            unique.setdefault(member.recipient.number, member)
        return Meant(
            tuple(unique.values()),
            tuple(one.name for one in people if not is_within(one.unit_path, audience.scopes)),
            tuple(one.name for one in inside if one.mobile is None),
            len(members) - len(unique),
        )

    async def _people(self, uow: UnitOfWork, audience: Audience) -> list[Person]:
        people: list[Person] = []
        ids = audience.person_ids
        for start in range(0, len(ids), _AT_A_TIME):
            people += await self._directory.people(uow, ids[start : start + _AT_A_TIME])
        for group_id in audience.group_ids:
            try:
                people += await self._directory.resolve_group(uow, group_id)
            except NotFound:
                continue  # removed since the order was given; the others still get it
        unique: dict[PersonId, Person] = {}
        for one in people:
            unique.setdefault(one.id, one)
        return list(unique.values())

    async def _listed(self, uow: UnitOfWork, audience: Audience) -> list[Member]:
        """Numbers without a name get the one the directory has, where the sender may see it."""
        nameless = [one.number for one in audience.listed if not one.name]
        owners: dict[str, Person] = {}
        for start in range(0, len(nameless), _AT_A_TIME):
            found = await self._directory.owners_of(uow, nameless[start : start + _AT_A_TIME])
            owners |= {
                number: one
                for number, one in found.items()
                if is_within(one.unit_path, audience.scopes)
            }
        return [_member(one, owners.get(one.number), audience) for one in audience.listed]


def _member(listed: Listed, owner: Person | None, audience: Audience) -> Member:
    name = listed.name or (owner.name if owner else "")
    base = known(name) if owner is None else _of(owner)
    return Member(
        Recipient(listed.number, name, owner.id if owner else None),
        merged(base, audience.values, listed.values),
    )


def _of(person: Person) -> dict[str, str]:
    return known(person.name, person.unit_name, person.title)
