"""Activations: a plan put into force at a level, with the fields of 应对法 art. 72 (pure)."""

import enum
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from command.ports import MeetingSite
from core.errors import Conflict, InvalidInput
from core.ids import ActivationId, IncidentId, MeetingId, PlanId, UnitId, UserId

CONFIRMED_LEVELS = frozenset({1, 2})
"""Levels whose order a second person must confirm."""


class ActivationState(enum.StrEnum):
    """`unconfirmed`: the first alerts are out, the second person has not answered yet."""

    UNCONFIRMED = "unconfirmed"
    ACTIVE = "active"
    ENDED = "ended"
    REVOKED = "revoked"


class ActivationAction(enum.StrEnum):
    """What moves an activation."""

    CONFIRM = "confirm"
    REVOKE = "revoke"
    END = "end"


_MOVES = {
    (ActivationState.UNCONFIRMED, ActivationAction.CONFIRM): ActivationState.ACTIVE,
    (ActivationState.UNCONFIRMED, ActivationAction.REVOKE): ActivationState.REVOKED,
    (ActivationState.ACTIVE, ActivationAction.END): ActivationState.ENDED,
    (ActivationState.UNCONFIRMED, ActivationAction.END): ActivationState.ENDED,
}


def transition(state: ActivationState, action: ActivationAction) -> ActivationState:
    """Raises: Conflict: this state does not admit `action`."""
    try:
        return _MOVES[state, action]
    except KeyError:
        raise Conflict(f"a response that is {state} cannot {action}") from None


def first_state(level: int) -> ActivationState:
    """The state an order of `level` begins in."""
    needs_second = level in CONFIRMED_LEVELS
    return ActivationState.UNCONFIRMED if needs_second else ActivationState.ACTIVE


@dataclass(frozen=True)
class Order:
    """What a human orders. Empty `matter` or `measures`: as the plan proposes.

    `key`: one per dialogue, so that a double click activates once; without one, the same order
    again while its response runs is the same click. `plan_version` None: current.
    """

    plan_id: PlanId
    level: int
    key: str = ""
    plan_version: int | None = None
    matter: str = ""
    measures: tuple[str, ...] = ()
    expected_hours: int | None = None


@dataclass(frozen=True)
class Activation:
    """A response in force. `plan` is the frozen plan; a later version changes nothing here.

    `links`: address of each unit's seat in the meeting; forgotten when the response ends.
    """

    id: ActivationId
    incident_id: IncidentId
    key: str
    plan_id: PlanId
    plan_version: int
    plan: dict[str, Any]
    level: int
    state: ActivationState
    matter: str
    measures: tuple[str, ...]
    expected_hours: int
    ordered_by: UserId
    ordered_by_name: str
    ordered_at: datetime
    confirmed_by: UserId | None = None
    confirmed_by_name: str = ""
    confirmed_at: datetime | None = None
    ended_at: datetime | None = None
    meeting_id: MeetingId | None = None
    meeting_title: str = ""
    meeting_ends_at: datetime | None = None
    meeting_sites: tuple[MeetingSite, ...] = ()
    links: dict[UnitId, str] = field(default_factory=dict)

    def answers(self, order: Order) -> bool:
        """Whether this is what `order`, given once more, asked for."""
        if order.key:
            return self.key == order.key
        return self.is_running and (self.plan_id, self.level) == (order.plan_id, order.level)

    @property
    def is_running(self) -> bool:
        return self.state in (ActivationState.UNCONFIRMED, ActivationState.ACTIVE)

    @property
    def ends_expected_at(self) -> datetime:
        return self.ordered_at + timedelta(hours=self.expected_hours)


def checked(order: Order) -> Order:
    """`order` trimmed and valid.

    Raises: InvalidInput: names the field.
    """
    if order.level not in (1, 2, 3, 4):
        raise InvalidInput("a level is 1, 2, 3 or 4", field="level")
    if order.key and not 8 <= len(order.key) <= 64:
        raise InvalidInput("from 8 to 64 characters", field="key")
    if len(order.matter) > 200:
        raise InvalidInput("at most 200 characters", field="matter")
    if len(order.measures) > 20 or any(len(each) > 200 for each in order.measures):
        raise InvalidInput("at most 20 measures of 200 characters", field="measures")
    if order.expected_hours is not None and not 1 <= order.expected_hours <= 720:
        raise InvalidInput("from 1 to 720 hours", field="expected_hours")
    measures = tuple(each.strip() for each in order.measures if each.strip())
    return replace(order, matter=order.matter.strip(), measures=measures)
