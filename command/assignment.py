"""Call-outs and assignments: a role to be answered for, and each person called for it (pure).

A call-out walks its frozen chain until a human has acknowledged; every person it calls is an
assignment with the state of the SMS and of the answer.
"""

import enum
from dataclasses import dataclass
from datetime import datetime

from command.escalation import Link
from core.errors import Conflict
from core.ids import ActivationId, AssignmentId, IncidentId, MessageId, PersonId, UnitId


class CalloutState(enum.StrEnum):
    """`held`: waits for the second person's confirmation. `exhausted`: nobody left to call."""

    HELD = "held"
    CALLING = "calling"
    ACKNOWLEDGED = "acknowledged"
    EXHAUSTED = "exhausted"
    STOPPED = "stopped"


class CalloutAction(enum.StrEnum):
    """What moves a call-out. `resume`: the one who had acknowledged declined or did nothing."""

    CALL = "call"
    ACKNOWLEDGE = "acknowledge"
    EXHAUST = "exhaust"
    RESUME = "resume"
    STOP = "stop"


_CALLOUT_MOVES = {
    (CalloutState.HELD, CalloutAction.CALL): CalloutState.CALLING,
    (CalloutState.HELD, CalloutAction.EXHAUST): CalloutState.EXHAUSTED,
    (CalloutState.HELD, CalloutAction.ACKNOWLEDGE): CalloutState.ACKNOWLEDGED,
    (CalloutState.CALLING, CalloutAction.ACKNOWLEDGE): CalloutState.ACKNOWLEDGED,
    (CalloutState.EXHAUSTED, CalloutAction.ACKNOWLEDGE): CalloutState.ACKNOWLEDGED,
    (CalloutState.ACKNOWLEDGED, CalloutAction.ACKNOWLEDGE): CalloutState.ACKNOWLEDGED,
    (CalloutState.CALLING, CalloutAction.EXHAUST): CalloutState.EXHAUSTED,
    (CalloutState.ACKNOWLEDGED, CalloutAction.RESUME): CalloutState.CALLING,
    (CalloutState.HELD, CalloutAction.STOP): CalloutState.STOPPED,
    (CalloutState.CALLING, CalloutAction.STOP): CalloutState.STOPPED,
}


def callout_transition(state: CalloutState, action: CalloutAction) -> CalloutState:
    """Raises: Conflict: this state does not admit `action`."""
    try:
        return _CALLOUT_MOVES[state, action]
    except KeyError:
        raise Conflict(f"a call-out that is {state} cannot {action}") from None


class AssignmentState(enum.StrEnum):
    """未发, 已提交, 已送达, 已确认, 已拒绝, 已升级, 失败."""

    PENDING = "pending"
    SUBMITTED = "submitted"
    DELIVERED = "delivered"
    ACKNOWLEDGED = "acknowledged"
    DECLINED = "declined"
    ESCALATED = "escalated"
    FAILED = "failed"


STATE_NAMES = {
    AssignmentState.PENDING: "未发",
    AssignmentState.SUBMITTED: "已提交",
    AssignmentState.DELIVERED: "已送达",
    AssignmentState.ACKNOWLEDGED: "已确认",
    AssignmentState.DECLINED: "已拒绝",
    AssignmentState.ESCALATED: "已升级",
    AssignmentState.FAILED: "失败",
}


class AssignmentAction(enum.StrEnum):
    """What moves an assignment."""

    SUBMIT = "submit"
    DELIVER = "deliver"
    FAIL = "fail"
    ACKNOWLEDGE = "acknowledge"
    DECLINE = "decline"
    ESCALATE = "escalate"
    ASK_AGAIN = "ask_again"


def _assignment_moves() -> dict[tuple[AssignmentState, AssignmentAction], AssignmentState]:
    state, action = AssignmentState, AssignmentAction
    # A late report changes nothing for somebody who has answered or was given up already.
    moves = {(each, action.DELIVER): each for each in state}
    moves |= {(each, action.FAIL): each for each in state}
    moves |= {(each, action.ESCALATE): state.ESCALATED for each in state}
    moves |= {(each, action.ACKNOWLEDGE): state.ACKNOWLEDGED for each in state}
    moves |= {(each, action.DECLINE): state.DECLINED for each in state}
    moves |= {
        (state.PENDING, action.SUBMIT): state.SUBMITTED,
        (state.ACKNOWLEDGED, action.ASK_AGAIN): state.SUBMITTED,
        (state.SUBMITTED, action.DELIVER): state.DELIVERED,
        (state.FAILED, action.DELIVER): state.DELIVERED,
        (state.PENDING, action.FAIL): state.FAILED,
        (state.SUBMITTED, action.FAIL): state.FAILED,
        # An answer outlives the escalation: it says more than "no answer".
        (state.ACKNOWLEDGED, action.ESCALATE): state.ACKNOWLEDGED,
        (state.DECLINED, action.ESCALATE): state.DECLINED,
    }
    return moves


_ASSIGNMENT_MOVES = _assignment_moves()


def transition(state: AssignmentState, action: AssignmentAction) -> AssignmentState:
    """Raises: Conflict: this state does not admit `action`."""
    try:
        return _ASSIGNMENT_MOVES[state, action]
    except KeyError:
        raise Conflict(f"an assignment that is {state} cannot {action}") from None


class AnsweredBy(enum.StrEnum):
    """How an acknowledgement reached us."""

    SMS = "sms"
    PHONE = "phone"
    CONSOLE = "console"


@dataclass(frozen=True)
class Callout:
    """A role in a unit that somebody must answer for. `chain` is frozen at activation.

    `step`: index of the link being called; `step_since`: since when; `next_at`: when the next link
    is called, or the chain is exhausted.
    """

    id: str
    activation_id: ActivationId
    incident_id: IncidentId
    position: int
    role: str
    role_name: str
    unit_id: UnitId | None
    unit_name: str
    is_first_alert: bool
    chain: tuple[Link, ...]
    state: CalloutState
    step: int = 0
    step_since: datetime | None = None
    next_at: datetime | None = None
    acknowledged_at: datetime | None = None


@dataclass(frozen=True)
class Assignment:
    """One person called for one call-out. `number` is whole here and masked on the wire.

    `asked`: how often this person was asked; the message of the last time is `message_id`.
    `rung_at`: when ringing them awake was ordered; `ring_result`: what came of it, if it is over.
    """

    id: AssignmentId
    callout_id: str
    activation_id: ActivationId
    incident_id: IncidentId
    step: int
    person_id: PersonId
    name: str
    title: str
    unit_id: UnitId
    unit_name: str
    number: str
    is_demo: bool
    state: AssignmentState
    created_at: datetime
    asked: int = 0
    message_id: MessageId | None = None
    submitted_at: datetime | None = None
    delivered_at: datetime | None = None
    failed_at: datetime | None = None
    failure: str = ""
    escalated_at: datetime | None = None
    declined_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_how: AnsweredBy | None = None
    acknowledged_by: str = ""
    answer: str = ""
    rung_at: datetime | None = None
    ring_result: str = ""


_ACKNOWLEDGING = frozenset({"1", "收到", "已收到", "确认", "明白", "好的", "是"})
_DECLINING = frozenset({"2", "不能", "不能到位", "无法到位", "去不了"})


class Answer(enum.StrEnum):
    """What a reply means."""

    ACKNOWLEDGE = "acknowledge"
    DECLINE = "decline"
    FREE_TEXT = "free_text"


def read_answer(choice: str | None, text: str) -> Answer:
    """What a reply means: the choice the SMS platform read, else a few plain words."""
    word = (choice or text).strip().rstrip("。.!\uff01")
    if word in _ACKNOWLEDGING:
        return Answer.ACKNOWLEDGE
    if word in _DECLINING:
        return Answer.DECLINE
    return Answer.FREE_TEXT
