"""Units, people, phones, appointments and groups: plain values without a database.

Numbers follow ITU-T E.164; the demo county's numbers come from one block no network assigns.
"""

import enum
from dataclasses import dataclass, field
from datetime import datetime

from core.events import Event
from core.ids import GroupId, PersonId, UnitId

DEMO_NUMBER_PREFIX = "+86100555"
"""Demo phones are this and five digits; 100 is no assigned mobile prefix (MIIT numbering plan)."""
_DEMO_NUMBER_LENGTH = len(DEMO_NUMBER_PREFIX) + 5


def demo_number(index: int) -> str:
    """The demo phone `index`, 0..99999."""
    if not 0 <= index <= 99_999:
        raise ValueError(f"the demo block has no number {index}")
    return f"{DEMO_NUMBER_PREFIX}{index:05d}"


def is_demo_number(number: str) -> bool:
    """Whether `number` (E.164) lies in the demo block: it must never reach a real modem."""
    return number.startswith(DEMO_NUMBER_PREFIX) and len(number) == _DEMO_NUMBER_LENGTH


class UnitKind(enum.StrEnum):
    """What a unit is; a station is part of a department or township (消防站, 派出所)."""

    COUNTY = "county"
    TOWNSHIP = "township"
    VILLAGE = "village"
    DEPARTMENT = "department"
    COMPANY = "company"
    STATION = "station"


class PhoneKind(enum.StrEnum):
    """Only a mobile receives SMS; `short` is a code dialled as it is (119)."""

    MOBILE = "mobile"
    LANDLINE = "landline"
    SHORT = "short"


class Post:
    """Keys of the posts every county has; a plan's roles name them together with a unit.

    Further posts are data: any key of lower-case letters, digits and `_` is admitted.
    """

    HEAD = "head"
    """主要负责人: 县长, 局长, 镇长, 村主任, 企业主要负责人; deputies follow by rank."""
    EMERGENCY_LEAD = "emergency_lead"
    """分管应急负责人: 分管副县长, 副局长, 分管副镇长."""
    DUTY = "duty"
    """值班: the desk that answers round the clock."""
    EMERGENCY_OFFICE = "emergency_office"
    """应急办 (主任, then staff)."""
    REPORTER = "reporter"
    """灾害信息员 of a village or township."""
    SAFETY = "safety"
    """安全管理负责人 of a company."""
    TECHNICAL = "technical"
    """技术负责人, expert."""


POST_NAMES: dict[str, str] = {
    Post.HEAD: "主要负责人",
    Post.EMERGENCY_LEAD: "分管应急负责人",
    Post.DUTY: "值班员",
    Post.EMERGENCY_OFFICE: "应急办",
    Post.REPORTER: "灾害信息员",
    Post.SAFETY: "安全管理负责人",
    Post.TECHNICAL: "技术负责人",
}
"""Chinese names of the standard posts, for lists and exports."""


@dataclass(frozen=True)
class Unit:
    """A node of the tree. `path`: ids from the root, each followed by `/` (`county/t03/v12/`)."""

    id: UnitId
    parent_id: UnitId | None
    path: str
    kind: UnitKind
    name: str
    code: str = ""
    """Administrative division code (GB/T 2260) or the unit's own; may be empty."""
    longitude: float | None = None
    latitude: float | None = None
    """Degrees, CGCS2000 (WGS 84 within a metre)."""
    note: str = ""
    position: int = 0
    """Order among siblings."""
    version: int = 1

    @property
    def depth(self) -> int:
        """0 for the root."""
        return self.path.count("/") - 1


@dataclass(frozen=True)
class Phone:
    """One number of a person; `number` is E.164, or the bare digits of a short code."""

    number: str
    kind: PhoneKind
    is_primary: bool = False
    is_demo: bool = False
    extension: str = ""

    @property
    def masked(self) -> str:
        """The number as lists show it: 138****5678."""
        return mask(self.number)


def mask(number: str) -> str:
    """Hide the middle: `+8613812345678` → `138****5678`, a landline `571******88`.

    Short codes of up to six digits are public and stay.
    """
    digits = number.removeprefix("+86") if number.startswith("+86") else number.removeprefix("+")
    if len(digits) <= 6:
        return digits
    if len(digits) == 11 and digits.startswith("1"):
        return f"{digits[:3]}****{digits[-4:]}"
    return f"{digits[:3]}{'*' * (len(digits) - 5)}{digits[-2:]}"


@dataclass(frozen=True)
class Person:
    """Somebody in a unit. `phones` is ordered, the primary one first."""

    id: PersonId
    unit_id: UnitId
    unit_path: str
    unit_name: str
    name: str
    pinyin: str
    """Readings without tones for search: full, then initials (`wangxiaoming wxm`)."""
    title: str = ""
    """职务, as printed: 镇长, 应急办主任."""
    note: str = ""
    phones: tuple[Phone, ...] = ()
    version: int = 1

    @property
    def mobile(self) -> Phone | None:
        """The phone that SMS go to: the first mobile; None if there is none."""
        return next((phone for phone in self.phones if phone.kind is PhoneKind.MOBILE), None)


@dataclass(frozen=True)
class Appointment:
    """A person holds a post in a unit; rank 0 is the principal, 1.. the deputies in their order."""

    unit_id: UnitId
    unit_path: str
    post: str
    person_id: PersonId
    rank: int


@dataclass(frozen=True)
class GroupRule:
    """Who belongs by rule: holders of `post` (empty: everybody) in and below `unit_path`.

    `unit_kind` narrows to units of one kind: the reporters of all villages of a township.
    """

    unit_path: str
    post: str = ""
    unit_kind: UnitKind | None = None


@dataclass(frozen=True)
class Group:
    """A list of recipients: static members, and whoever meets one of the rules when it is used."""

    id: GroupId
    unit_id: UnitId
    unit_path: str
    name: str
    member_ids: tuple[PersonId, ...] = ()
    rules: tuple[GroupRule, ...] = ()
    version: int = 1


@dataclass(frozen=True)
class UnitDraft:
    """What a caller gives to make or change a unit. `id`: only when made; empty: a new one."""

    name: str
    kind: UnitKind
    parent_id: UnitId | None
    id: str = ""
    code: str = ""
    longitude: float | None = None
    latitude: float | None = None
    note: str = ""
    position: int = 0


@dataclass(frozen=True)
class PersonDraft:
    """What a caller gives to make or change a person. `phones`: as written, primary first;

    None: unchanged, or none for a new person.
    """

    name: str
    unit_id: UnitId
    id: str = ""
    title: str = ""
    note: str = ""
    phones: tuple[str, ...] | None = None


@dataclass(frozen=True)
class GroupDraft:
    """What a caller gives to make or change a group."""

    name: str
    unit_id: UnitId
    id: str = ""
    member_ids: tuple[PersonId, ...] = ()
    rules: tuple[GroupRule, ...] = ()


@dataclass(frozen=True)
class SearchHit:
    """One person found, with nothing but what a list may show."""

    person: Person
    posts: tuple[str, ...] = ()


@dataclass(frozen=True)
class UnitMoved(Event):
    """A unit and everything below it has another path; whoever stored paths follows."""

    unit_id: str
    old_path: str
    new_path: str
    at: datetime


@dataclass(frozen=True)
class PersonRemoved(Event):
    """A person left the directory; history keeps the row, lists no longer show it."""

    person_id: str
    unit_path: str
    at: datetime


@dataclass(frozen=True)
class Page:
    """A slice of people. `total`: how many the query has in all."""

    people: tuple[Person, ...] = field(default_factory=tuple)
    total: int = 0
