"""A response plan as plain values; the same shape in plans/library/*.toml and in the database.

Levels are 1..4 = Ⅰ..Ⅳ (1 the gravest), as response levels of 突发事件应对法 art. 71.
"""

import enum
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import ClassVar

from pydantic import ConfigDict

from core.ids import HazardId, PlanId

LEVEL_NAMES = {1: "Ⅰ级", 2: "Ⅱ级", 3: "Ⅲ级", 4: "Ⅳ级"}

COUNTY = "@county"
"""Unit of a role: the root of the tree."""
TOWNSHIP = "@township"
"""Unit of a role: the township the incident lies in."""
COMPANY = "@company"
"""Unit of a role: the unit that answers for the incident's hazard source."""


class Document:
    """Base of what is read from a plan's file: an unknown key there is an error."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


class Comparison(enum.StrEnum):
    """How a figure is compared; 以上 includes the number, 以下 does not."""

    AT_LEAST = ">="
    ABOVE = ">"
    BELOW = "<"
    EQUALS = "=="


@dataclass(frozen=True)
class Condition(Document):
    """One trigger of a level: figure `metric` compared with `value`; `text` says it to people."""

    metric: str
    comparison: Comparison
    value: float
    text: str


@dataclass(frozen=True)
class PlanLevel(Document):
    """What a response level of the plan means. Any one condition of `any_of` suggests it.

    `calls`: keys of the roles called; `first_alert`: those called before a second person has
    confirmed, where that is needed. `measures`, `expected_hours`: proposed content of the order
    (art. 72).
    """

    level: int
    authority: str
    any_of: tuple[Condition, ...]
    calls: tuple[str, ...]
    first_alert: tuple[str, ...]
    measures: tuple[str, ...]
    expected_hours: int


@dataclass(frozen=True)
class PlanRole(Document):
    """A duty somebody takes: the holders of `post` in `unit`, principal first, then deputies.

    `unit`: a unit's id, or @county, @township, @company.
    `is_on_duty`: whoever leads the county's present shift comes before the holders of the post.
    """

    key: str
    name: str
    post: str
    unit: str
    is_on_duty: bool = False


class Evidence(enum.StrEnum):
    """What must be given when a step is reported done."""

    NONE = "none"
    TEXT = "text"
    PHOTO = "photo"
    ACK = "ack"
    HEADCOUNT = "headcount"


@dataclass(frozen=True)
class Step(Document):
    """One task of the plan, due `offset_min + limit_min` after the activation (T+, minutes).

    Valid at response levels `level_from` and graver (4: always). `on_overdue`: the role then told.
    """

    id: str
    title: str
    role: str
    offset_min: int
    limit_min: int
    level_from: int = 4
    evidence: Evidence = Evidence.NONE
    on_overdue: str = ""
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True)
class Notices(Document):
    """SMS texts with placeholders of `plans.placeholders`; the drill mark is added by command.

    `alert`: to a person called; `escalated`: to the leader above a role that nobody answers for;
    `reminder`: the same person asked again; `overdue`: to the role a late step names;
    `stood_down`: when the response ends.
    """

    alert: str
    escalated: str
    reminder: str
    overdue: str
    stood_down: str


class Townships(enum.StrEnum):
    """Which townships join the emergency meeting."""

    NONE = "none"
    AFFECTED = "affected"
    ALL = "all"


@dataclass(frozen=True)
class Conference(Document):
    """The emergency meeting opened with the response; the county's site chairs it."""

    title: str
    roles: tuple[str, ...]
    townships: Townships
    minutes: int
    is_recorded: bool = True


class LinkTo(enum.StrEnum):
    """Whom a link of the escalation chain calls."""

    PRINCIPAL = "principal"
    DEPUTY = "deputy"
    LEADER = "leader"


@dataclass(frozen=True)
class EscalationLink(Document):
    """One link: whom to call, and how long to wait for an answer before the next (minutes)."""

    to: LinkTo
    wait_min: int


@dataclass(frozen=True)
class EscalationPolicy(Document):
    """Principal, each deputy in turn, then the principal holder of `leader_role`.

    `rounds`: how often the chain is walked. `ack_expires_min`: an acknowledgement without any task
    begun is asked again after this; 0: never. `ring_s`: how long the telephone of somebody who has
    not answered the SMS in time is rung; 0: never.
    """

    links: tuple[EscalationLink, ...]
    leader_role: str
    rounds: int
    ack_expires_min: int
    ring_s: int = 0


@dataclass(frozen=True)
class ResourceNeed(Document):
    """What must be on the spot. `quantity` as the plan says it (`6`, `每45人1辆`)."""

    kind: str
    quantity: str
    unit: str
    must_arrive_min: int


@dataclass(frozen=True)
class Plan(Document):
    """One version of a plan.

    `kind_codes`: prefixes of incident kind codes it is made for. `area`: path of the units it
    covers. `review_due_on`: law wants a fresh look within three years.
    """

    id: PlanId
    version: int
    title: str
    category: str
    issuer: str
    issued_on: date
    review_due_on: date
    kind_codes: tuple[str, ...]
    hazard_kinds: tuple[str, ...]
    area: str
    levels: tuple[PlanLevel, ...]
    roles: tuple[PlanRole, ...]
    steps: tuple[Step, ...]
    notices: Notices
    conference: Conference
    escalation: EscalationPolicy
    hazard_ids: tuple[HazardId, ...] = ()
    resources: tuple[ResourceNeed, ...] = ()
    drilled_on: date | None = None
    basis: tuple[str, ...] = ()

    def level(self, level: int) -> PlanLevel:
        """Raises: KeyError: the plan has no such level."""
        for candidate in self.levels:
            if candidate.level == level:
                return candidate
        raise KeyError(level)

    def role(self, key: str) -> PlanRole:
        """Raises: KeyError: the plan has no such role."""
        for candidate in self.roles:
            if candidate.key == key:
                return candidate
        raise KeyError(key)

    def steps_at(self, level: int) -> tuple[Step, ...]:
        """The steps valid at response level `level`, in the plan's order."""
        return tuple(step for step in self.steps if level <= step.level_from)


@dataclass(frozen=True)
class Case:
    """What matching looks at: the incident as far as it is known.

    `event_level` 1..4 or None; `figures`: known figures only.
    """

    kind_code: str
    unit_path: str
    hazard_id: HazardId | None
    hazard_kind: str | None
    event_level: int | None
    figures: dict[str, float]
    on: date


@dataclass(frozen=True)
class Reason:
    """Why a plan fits, and the points that gives; 0 points is a remark.

    `code` and `detail` say the same as `text` for readers of other languages.
    """

    points: int
    text: str
    code: str
    detail: dict[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Proposal:
    """A plan that fits a case. `response_level`: the gravest level one of whose triggers is met."""

    plan: Plan
    score: int
    reasons: tuple[Reason, ...]
    response_level: int | None
    response_reason: str


@dataclass(frozen=True)
class PlanVersion:
    """A version of a plan that was put into force at `installed_at`."""

    version: int
    title: str
    issued_on: date
    installed_at: datetime
    is_current: bool
