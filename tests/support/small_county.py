"""A small county in a real database: two townships, four villages, an office, six people."""

from dataclasses import dataclass
from pathlib import Path

from core.audit import Audit
from core.auth.model import Grant, Principal, Role
from core.database import Database
from core.ids import PersonId, UnitId, UserId
from directory.model import PersonDraft, Post, UnitDraft, UnitKind
from directory.service import Directory, Groups, Register


def principal(role: Role, path: str, user_id: str = "u1") -> Principal:
    return Principal(UserId(user_id), f"{role.value} of {path}", None, (Grant(role, path),))


@dataclass
class Place:
    """Two townships, four villages, an office; a handful of people."""

    database: Database
    register: Register
    groups: Groups
    directory: Directory
    audit: Audit
    admin: Principal
    official: Principal
    """Reads township t1 only."""

    async def add_person(self, name: str, unit: str, *phones: str, title: str = "") -> PersonId:
        async with self.database.write() as uow:
            draft = PersonDraft(name, UnitId(unit), title=title, phones=phones)
            return (await self.register.create_person(uow, self.admin, draft)).id


UNITS = [
    ("county", None, UnitKind.COUNTY, "青澜县", "990100"),
    ("t1", "county", UnitKind.TOWNSHIP, "烽台镇", "990100001"),
    ("t2", "county", UnitKind.TOWNSHIP, "雁回镇", "990100002"),
    ("v1", "t1", UnitKind.VILLAGE, "杏湾村", ""),
    ("v2", "t1", UnitKind.VILLAGE, "柳坝村", ""),
    ("v3", "t2", UnitKind.VILLAGE, "杏湾村", ""),
    ("v4", "t2", UnitKind.VILLAGE, "竹溪村", ""),
    ("office", "county", UnitKind.DEPARTMENT, "应急管理局", "emergency"),
]
PEOPLE = [
    ("wang", "t1", "王小明", "镇长", ("13800138001", "0571-88888888")),
    ("li", "t1", "李玉", "应急办主任", ("13800138002",)),
    ("xie", "v1", "解晓东", "村主任", ("13800138003",)),
    ("zhao", "v3", "赵兰", "村主任", ("13800138004",)),
    ("qian", "office", "钱海", "局长", ("13800138005",)),
    ("sun", "office", "孙涛", "副局长", ("13800138006",)),
]


async def found_county(database: Database, folder: Path) -> Place:
    """Write the county; `folder` takes the audit log's head."""
    audit = Audit(b"k" * 32, folder / "head")
    admin = principal(Role.ADMIN, "")
    register = Register(audit)
    async with database.write() as uow:
        for position, (id_, parent, kind, name, code) in enumerate(UNITS):
            parent_id = UnitId(parent) if parent else None
            draft = UnitDraft(name, kind, parent_id, id=id_, code=code, position=position)
            await register.create_unit(uow, admin, draft)
        for id_, unit, name, title, phones in PEOPLE:
            person = PersonDraft(name, UnitId(unit), id=id_, title=title, phones=phones)
            await register.create_person(uow, admin, person)
        for unit, post, holders in (
            ("t1", Post.HEAD, ["wang", "li"]),
            ("office", Post.HEAD, ["qian", "sun"]),
            ("v1", Post.REPORTER, ["xie"]),
            ("v3", Post.REPORTER, ["zhao"]),
        ):
            ids = [PersonId(one) for one in holders]
            await register.appoint(uow, admin, UnitId(unit), post, ids)
    official = principal(Role.TOWNSHIP_OFFICIAL, "county/t1/", "u2")
    return Place(database, register, Groups(register), Directory(), audit, admin, official)
