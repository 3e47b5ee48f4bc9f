"""Roles, permissions and the one question: may this principal do this on this unit?"""

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from core.audit import Actor
from core.errors import NotAllowed
from core.ids import PersonId, UserId


class Role(enum.StrEnum):
    """What a person is to the system; a grant joins a role to a unit's subtree."""

    ADMIN = "admin"
    AUDITOR = "auditor"
    CHAIR = "chair"
    MEETING_STAFF = "meeting_staff"
    DUTY_OFFICER = "duty_officer"
    LEADER = "leader"
    TOWNSHIP_OFFICIAL = "township_official"
    VILLAGE_REPORTER = "village_reporter"


class Permission(enum.StrEnum):
    """One thing a route or an event needs. PUBLIC and SIGNED_IN need no role."""

    PUBLIC = "public"
    SIGNED_IN = "signed_in"
    DIRECTORY_READ = "directory.read"
    DIRECTORY_WRITE = "directory.write"
    DIRECTORY_REVEAL = "directory.reveal"
    USER_MANAGE = "user.manage"
    PLAN_READ = "plan.read"
    PLAN_WRITE = "plan.write"
    HAZARD_READ = "hazard.read"
    HAZARD_WRITE = "hazard.write"
    INCIDENT_READ = "incident.read"
    INCIDENT_WRITE = "incident.write"
    INCIDENT_ACTIVATE = "incident.activate"
    SMS_READ = "sms.read"
    SMS_SEND = "sms.send"
    SMS_APPROVE = "sms.approve"
    MODEM_MANAGE = "modem.manage"
    MEETING_READ = "meeting.read"
    MEETING_JOIN = "meeting.join"
    MEETING_MANAGE = "meeting.manage"
    MEETING_CHAIR = "meeting.chair"
    LINE_MANAGE = "line.manage"
    AUDIT_READ = "audit.read"
    SYSTEM_READ = "system.read"
    SYSTEM_MANAGE = "system.manage"
    DEMO = "demo"


_P = Permission
_READ_COMMAND = {_P.PLAN_READ, _P.HAZARD_READ, _P.INCIDENT_READ, _P.DIRECTORY_READ}
_MEET = {_P.MEETING_READ, _P.MEETING_JOIN}

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.ADMIN: frozenset(
        {
            _P.DIRECTORY_READ, _P.DIRECTORY_WRITE, _P.DIRECTORY_REVEAL, _P.USER_MANAGE,
            _P.PLAN_READ, _P.PLAN_WRITE, _P.HAZARD_READ, _P.HAZARD_WRITE, _P.SMS_READ,
            _P.MODEM_MANAGE, _P.MEETING_READ, _P.LINE_MANAGE, _P.SYSTEM_READ, _P.SYSTEM_MANAGE,
            _P.DEMO,
        }
    ),
    Role.AUDITOR: frozenset({_P.AUDIT_READ, _P.SYSTEM_READ}),
    Role.CHAIR: frozenset({*_MEET, _P.MEETING_CHAIR, _P.DIRECTORY_READ, _P.DEMO}),
    Role.MEETING_STAFF: frozenset(
        {
            *_MEET, _P.MEETING_MANAGE, _P.MEETING_CHAIR, _P.LINE_MANAGE, _P.DIRECTORY_READ,
            _P.SMS_READ, _P.SMS_SEND, _P.DEMO,
        }
    ),
    Role.DUTY_OFFICER: frozenset(
        {
            *_READ_COMMAND, *_MEET, _P.INCIDENT_WRITE, _P.INCIDENT_ACTIVATE, _P.SMS_READ,
            _P.SMS_SEND, _P.DIRECTORY_REVEAL, _P.MEETING_MANAGE, _P.MEETING_CHAIR,
            _P.LINE_MANAGE, _P.HAZARD_WRITE, _P.SYSTEM_READ, _P.DEMO,
        }
    ),
    Role.LEADER: frozenset(
        {
            *_READ_COMMAND, *_MEET, _P.INCIDENT_WRITE, _P.INCIDENT_ACTIVATE, _P.SMS_READ,
            _P.SMS_APPROVE, _P.MEETING_CHAIR, _P.DEMO,
        }
    ),
    Role.TOWNSHIP_OFFICIAL: frozenset({*_READ_COMMAND, *_MEET, _P.INCIDENT_WRITE}),
    Role.VILLAGE_REPORTER: frozenset({*_MEET}),
}  # fmt: skip


@dataclass(frozen=True)
class Grant:
    """A role, reaching `unit_path` (materialised, with trailing slash) and everything below it."""

    role: Role
    unit_path: str


@dataclass(frozen=True)
class Principal:
    """A signed-in person, with everything needed to decide what they may do."""

    user_id: UserId
    name: str
    person_id: PersonId | None
    grants: tuple[Grant, ...]

    @property
    def actor(self) -> Actor:
        return Actor(self.user_id, self.name)


def permissions(principal: Principal) -> frozenset[Permission]:
    """Everything the principal may do somewhere."""
    held = (ROLE_PERMISSIONS[grant.role] for grant in principal.grants)
    return frozenset({Permission.PUBLIC, Permission.SIGNED_IN}.union(*held))


def reach(principal: Principal, permission: Permission) -> tuple[str, ...]:
    """The unit paths within which the principal holds `permission`; empty if nowhere."""
    return tuple(
        grant.unit_path for grant in principal.grants if permission in ROLE_PERMISSIONS[grant.role]
    )


def allows(principal: Principal, permission: Permission, unit_path: str) -> bool:
    """Whether the principal holds `permission` on the unit at `unit_path`."""
    return is_within(unit_path, reach(principal, permission))


def is_within(unit_path: str, scopes: Iterable[str]) -> bool:
    """Whether `unit_path` lies in one of the subtrees `scopes`."""
    return any(unit_path.startswith(scope) for scope in scopes)


def require(principal: Principal, permission: Permission, unit_path: str | None = None) -> None:
    """Raise NotAllowed unless `allows`; without `unit_path`: unless held somewhere."""
    held = reach(principal, permission)
    if not held or (unit_path is not None and not is_within(unit_path, held)):
        raise NotAllowed(f"this needs the permission {permission.value} here")


def require_everywhere(principal: Principal, permission: Permission) -> None:
    """Raise NotAllowed unless `permission` is held on the whole county.

    For what belongs to no unit (audit log, plans, modems, inbox): a township's administrator holds
    the permission too, but only in the township.
    """
    if not any(scope.count("/") <= 1 for scope in reach(principal, permission)):
        raise NotAllowed(f"this needs the permission {permission.value} on the whole county")


@dataclass(frozen=True)
class Session:
    """A resolved session: who, and what the edge must know about it."""

    id: str
    principal: Principal
    must_change_password: bool
    login: str


@dataclass(frozen=True)
class User:
    """A user as administrators see it."""

    id: UserId
    login: str
    name: str
    person_id: PersonId | None
    grants: tuple[Grant, ...]
    must_change_password: bool
    has_totp: bool
    locked_until: datetime | None
    disabled_at: datetime | None
    last_sign_in_at: datetime | None
    created_at: datetime
    version: int


@dataclass(frozen=True)
class SignedIn:
    """A fresh session and the cookie value that names it."""

    session: Session
    cookie: str
