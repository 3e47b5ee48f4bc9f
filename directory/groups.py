"""Groups of recipients on behalf of a signed-in person."""

from dataclasses import replace
from typing import Any

from core.auth.model import Permission, Principal, allows, is_within, reach, require
from core.database import UnitOfWork
from core.errors import Conflict, NotFound, check_unchanged
from core.ids import GroupId, new_id
from directory import validation
from directory.model import Group, GroupDraft, Person
from directory.register import Register
from directory.store import groups, people

_READ, _WRITE = Permission.DIRECTORY_READ, Permission.DIRECTORY_WRITE


class Groups:
    """Reads and writes of groups; every write is audited."""

    def __init__(self, register: Register) -> None:
        self._register = register

    async def access(
        self,
        uow: UnitOfWork,
        principal: Principal,
        group_id: GroupId,
        permission: Permission = _READ,
    ) -> Group:
        """The group, if the principal may do `permission` in the unit that owns it.

        Raises: NotFound: none the principal may see; NotAllowed: seen, but not for this.
        """
        require(principal, _READ)
        found = await groups.find(uow, group_id)
        if found is None or not allows(principal, _READ, found.unit_path):
            raise NotFound("no such group", field="group_id")
        require(principal, permission, found.unit_path)
        return found

    async def listed(self, uow: UnitOfWork, principal: Principal) -> list[Group]:
        """The groups of the units the principal may see."""
        require(principal, _READ)
        return await groups.listed(uow, reach(principal, _READ))

    async def people(
        self, uow: UnitOfWork, principal: Principal, group_id: GroupId
    ) -> list[Person]:
        """Everybody the group means now whom the principal may see, each once."""
        group = await self.access(uow, principal, group_id)
        scopes = reach(principal, _READ)
        meant = await people.meant_by(uow, group.member_ids, group.rules)
        return [person for person in meant if is_within(person.unit_path, scopes)]

    async def create(self, uow: UnitOfWork, principal: Principal, draft: GroupDraft) -> Group:
        """Add a group to a unit.

        Raises: InvalidInput, NotFound, NotAllowed; Conflict: the id is taken.
        """
        group_id = GroupId(validation.given_id(draft.id) if draft.id else new_id())
        if await groups.find(uow, group_id) is not None:
            raise Conflict("this id is taken", field="id")
        group = await self._checked(uow, principal, draft, group_id)
        await groups.add(uow, group)
        await self._note(uow, principal, "create", group, _detail(group))
        return group

    async def update(
        self,
        uow: UnitOfWork,
        principal: Principal,
        group_id: GroupId,
        version: int,
        draft: GroupDraft,
    ) -> Group:
        """Change a group.

        Raises: InvalidInput, NotFound, NotAllowed; Conflict: changed since `version`.
        """
        before = await self.access(uow, principal, group_id, _WRITE)
        group = await self._checked(uow, principal, draft, before.id)
        await groups.save(uow, replace(group, version=version))
        detail = {"before": _detail(before), "after": _detail(group)}
        await self._note(uow, principal, "update", group, detail)
        return replace(group, version=version + 1)

    async def remove(
        self, uow: UnitOfWork, principal: Principal, group_id: GroupId, version: int
    ) -> None:
        """Delete a group.

        Raises: NotFound, NotAllowed; Stale: changed since `version`.
        """
        group = await self.access(uow, principal, group_id, _WRITE)
        check_unchanged(f"group:{group.id}", version, group.version)
        await groups.remove(uow, group.id)
        await self._note(uow, principal, "remove", group, _detail(group))

    async def _note(
        self, uow: UnitOfWork, principal: Principal, verb: str, group: Group, detail: dict[str, Any]
    ) -> None:
        await self._register.note(uow, principal, f"group.{verb}", f"group:{group.id}", detail)

    async def _checked(
        self, uow: UnitOfWork, principal: Principal, draft: GroupDraft, group_id: GroupId
    ) -> Group:
        unit = await self._register.access_unit(uow, principal, draft.unit_id, _WRITE)
        await self._register.check_present(uow, principal, draft.member_ids, "member_ids")
        scopes = reach(principal, _READ)
        for index, rule in enumerate(draft.rules):
            if not is_within(rule.unit_path, scopes):
                raise NotFound("no such unit", field=f"rules.{index}.unit_path")
            if rule.post:
                validation.post(rule.post)
        return Group(
            id=group_id,
            unit_id=unit.id,
            unit_path=unit.path,
            name=validation.name(draft.name),
            member_ids=tuple(draft.member_ids),
            rules=tuple(draft.rules),
        )


def _detail(group: Group) -> dict[str, Any]:
    return {
        "name": group.name,
        "unit": group.unit_path,
        "members": list(group.member_ids),
        "rules": [[rule.unit_path, rule.post, rule.unit_kind] for rule in group.rules],
    }
