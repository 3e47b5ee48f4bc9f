"""What an activation will do, worked out before anything is stored (pure).

The preview shows this draft; the activation stores and sends exactly it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from command.activation import CONFIRMED_LEVELS, Order
from command.escalation import Contact, Link, chain_of
from command.incident import Incident
from command.ports import MeetingSite, SiteRole
from command.task import Owner, Task, tasks_of
from command.texts import About, mark, place_of
from core.ids import ActivationId, UnitId
from plans import placeholders
from plans.model import LEVEL_NAMES, Plan, PlanRole


@dataclass(frozen=True)
class RoleStaff:
    """Who holds a role. `unit_id` None: the unit the role names is not there (`problem` says)."""

    role: PlanRole
    unit_id: UnitId | None
    unit_name: str
    holders: tuple[Contact, ...]
    problem: str = ""


@dataclass(frozen=True)
class Staff:
    """The people and units of one response. `townships`: (id, name) invited to the meeting."""

    county_id: UnitId
    county_path: str
    county_name: str
    roles: tuple[RoleStaff, ...]
    townships: tuple[tuple[UnitId, str], ...]

    def role(self, key: str) -> RoleStaff | None:
        return next((staff for staff in self.roles if staff.role.key == key), None)


@dataclass(frozen=True)
class CalloutDraft:
    """One role to be called, with its chain."""

    role: PlanRole
    unit_id: UnitId | None
    unit_name: str
    chain: tuple[Link, ...]
    is_first_alert: bool
    problem: str


@dataclass(frozen=True)
class ResponseDraft:
    """The whole of a response."""

    plan: Plan
    level: int
    matter: str
    measures: tuple[str, ...]
    expected_hours: int
    callouts: tuple[CalloutDraft, ...]
    tasks: tuple[Task, ...]
    meeting_title: str
    meeting_path: str
    meeting_ends_at: datetime
    sites: tuple[MeetingSite, ...]
    problems: tuple[str, ...]

    @property
    def needs_confirmation(self) -> bool:
        return self.level in CONFIRMED_LEVELS


def draft_response(
    plan: Plan,
    order: Order,
    incident: Incident,
    staff: Staff,
    at: datetime,
    make_id: Callable[[], str],
) -> ResponseDraft:
    """The response to `incident` that `order` asks for.

    Raises: KeyError: the plan has no such level.
    """
    level = plan.level(order.level)
    callouts = tuple(_callout(plan, order.level, key, staff) for key in level.calls)
    owner = Owner(ActivationId(""), incident.id)
    return ResponseDraft(
        plan=plan,
        level=order.level,
        matter=order.matter or _matter(plan, order.level, incident),
        measures=order.measures or level.measures,
        expected_hours=order.expected_hours or level.expected_hours,
        callouts=callouts,
        tasks=tuple(tasks_of(plan, order.level, owner, at, make_id)),
        meeting_title=mark(
            placeholders.fill(plan.conference.title, {"incident": incident.title}),
            is_drill=incident.is_drill,
        ),
        meeting_path=staff.county_path,
        meeting_ends_at=at + timedelta(minutes=plan.conference.minutes),
        sites=_sites(plan, staff),
        problems=tuple(callout.problem for callout in callouts if callout.problem),
    )


def _matter(plan: Plan, level: int, incident: Incident) -> str:
    return f"{place_of(incident)}{incident.title},按《{plan.title}》启动{LEVEL_NAMES[level]}响应"


def _callout(plan: Plan, level: int, key: str, staff: Staff) -> CalloutDraft:
    of_role = staff.role(key)
    assert of_role is not None, "staff is found for every role of the plan"
    leader = staff.role(plan.escalation.leader_role)
    leaders: Sequence[Contact] = leader.holders if leader and leader is not of_role else ()
    # A role nobody holds is not passed to the leader as if it were his: the board says call.
    chain = chain_of(plan.escalation, of_role.holders, leaders) if of_role.holders else ()
    return CalloutDraft(
        role=of_role.role,
        unit_id=of_role.unit_id,
        unit_name=of_role.unit_name,
        chain=chain,
        is_first_alert=key in plan.level(level).first_alert,
        problem=_problem(of_role, chain),
    )


def _problem(staff: RoleStaff, chain: tuple[Link, ...]) -> str:
    if staff.problem:
        return staff.problem
    if not chain:
        return f"{staff.role.name}:{staff.unit_name}没有可用短信通知的人员"
    return ""


def _sites(plan: Plan, staff: Staff) -> tuple[MeetingSite, ...]:
    """The county chairs; then the roles' units and the townships, each once."""
    units: dict[UnitId, MeetingSite] = {
        staff.county_id: MeetingSite(staff.county_id, staff.county_name, SiteRole.CHAIR)
    }
    of_roles = (staff.role(key) for key in plan.conference.roles)
    invited = [(each.unit_id, each.unit_name) for each in of_roles if each and each.unit_id]
    for unit_id, name in (*invited, *staff.townships):
        if unit_id is not None:
            units.setdefault(unit_id, MeetingSite(unit_id, name, SiteRole.SITE))
    return tuple(units.values())


def first_task(tasks: Sequence[Task], role: str) -> Task | None:
    """The task of `role` that is due first and not finished."""
    own = [task for task in tasks if task.role == role and task.is_pending]
    return min(own, key=lambda task: (task.due_at, task.position), default=None)


def about(role_name: str, person: str, task: Task | None, link: str) -> About:
    """What an alert to `person` says."""
    return About(
        role=role_name,
        name=person,
        task=task.title if task else "",
        due_at=task.due_at if task else None,
        link=link,
    )
