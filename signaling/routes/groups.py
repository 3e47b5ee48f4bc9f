"""Groups of recipients over REST."""

from typing import Self

from pydantic import Field

from core.auth.model import Permission
from core.ids import GroupId, PersonId, UnitId
from directory.model import Group, GroupDraft, GroupRule, UnitKind
from directory.service import Groups
from signaling.api import ApiModel
from signaling.http import AnyRequest, Request, Route
from signaling.routes.directory import PersonList, PersonOut, VersionQuery

READ, WRITE = Permission.DIRECTORY_READ, Permission.DIRECTORY_WRITE
_ID = r"^[A-Za-z0-9_-]{1,26}$"


def _groups(request: AnyRequest) -> Groups:
    groups: Groups = request.app.part("groups")
    return groups


class RuleSpec(ApiModel):
    """Holders of `post` (empty: everybody) in units of `unit_kind` at or below `unit_path`."""

    unit_path: str = Field(pattern=r"^([A-Za-z0-9_-]+/)+$", max_length=300)
    post: str = ""
    unit_kind: UnitKind | None = None


class GroupOut(ApiModel):
    """A group of recipients."""

    id: str
    unit_id: str
    unit_path: str
    name: str
    member_ids: list[str]
    rules: list[RuleSpec]
    version: int

    @classmethod
    def of(cls, group: Group) -> Self:
        rules = [
            RuleSpec(unit_path=rule.unit_path, post=rule.post, unit_kind=rule.unit_kind)
            for rule in group.rules
        ]
        return cls(
            id=group.id,
            unit_id=group.unit_id,
            unit_path=group.unit_path,
            name=group.name,
            member_ids=list(group.member_ids),
            rules=rules,
            version=group.version,
        )


class GroupList(ApiModel):
    """By unit and name."""

    items: list[GroupOut]


class GroupIn(ApiModel):
    """A group to be made."""

    name: str
    unit_id: str = Field(pattern=_ID)
    member_ids: list[str] = Field(default_factory=list, max_length=5000)
    rules: list[RuleSpec] = Field(default_factory=list, max_length=50)

    def draft(self) -> GroupDraft:
        return GroupDraft(
            name=self.name,
            unit_id=UnitId(self.unit_id),
            member_ids=tuple(PersonId(one) for one in self.member_ids),
            rules=tuple(
                GroupRule(rule.unit_path, rule.post, rule.unit_kind) for rule in self.rules
            ),
        )


class GroupChange(GroupIn):
    """The whole group as it shall be."""

    version: int = Field(ge=1)


async def list_groups(request: Request[None, None]) -> GroupList:
    """The groups of the units the user may see."""
    async with request.read() as uow:
        found = await _groups(request).listed(uow, request.principal)
    return GroupList(items=[GroupOut.of(group) for group in found])


async def create_group(request: Request[None, GroupIn]) -> GroupOut:
    """Add a group."""
    async with request.write() as uow:
        draft = request.body.draft()
        return GroupOut.of(await _groups(request).create(uow, request.principal, draft))


async def change_group(request: Request[None, GroupChange]) -> GroupOut:
    """Change a group."""
    body = request.body
    async with request.write() as uow:
        group = await _groups(request).update(
            uow, request.principal, GroupId(request.path["group_id"]), body.version, body.draft()
        )
    return GroupOut.of(group)


async def remove_group(request: Request[VersionQuery, None]) -> None:
    """Delete a group."""
    async with request.write() as uow:
        group_id = GroupId(request.path["group_id"])
        await _groups(request).remove(uow, request.principal, group_id, request.query.version)


async def list_group_people(request: Request[None, None]) -> PersonList:
    """Everybody the group means now, each once."""
    async with request.read() as uow:
        group_id = GroupId(request.path["group_id"])
        people = await _groups(request).people(uow, request.principal, group_id)
    return PersonList(items=[PersonOut.of(one) for one in people], total=len(people))


_GROUPS = "/api/v1/directory/groups"
_GROUP = f"{_GROUPS}/{{group_id}}"

ROUTES = [
    Route("GET", _GROUPS, list_groups, READ, response=GroupList, summary="Groups in reach"),
    Route("POST", _GROUPS, create_group, WRITE, body=GroupIn, response=GroupOut, status=201,
          summary="Add a group"),
    Route("PUT", _GROUP, change_group, WRITE, body=GroupChange, response=GroupOut,
          summary="Change a group"),
    Route("DELETE", _GROUP, remove_group, WRITE, query=VersionQuery, summary="Delete a group"),
    Route("GET", f"{_GROUP}/people", list_group_people, READ, response=PersonList,
          summary="Everybody a group means now"),
]  # fmt: skip
