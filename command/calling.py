"""Calling people until a human has acknowledged: the acting side of command.escalation.

Every function works on a `Scene`, inside the caller's transaction: the message, the states, the
timer of the next step and the log line commit together or not at all.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from command import escalation
from command.assignment import (
    AnsweredBy,
    Assignment,
    AssignmentAction,
    AssignmentState,
    Callout,
    CalloutAction,
    CalloutState,
    callout_transition,
    transition,
)
from command.escalation import LINK_CODES, Contact, Position
from command.log import LogKind
from command.ports import (
    ACKNOWLEDGE,
    DECLINE,
    Addressee,
    Messenger,
    ReplyChoice,
    Submission,
)
from command.ringing import Ringing
from command.scene import Scene
from command.store import responses
from command.task import TaskState
from core import timers
from core.errors import InvalidInput
from core.ids import AssignmentId, new_id

ESCALATE = "command.escalate"
ACK_EXPIRES = "command.ack_expires"
VALID = timedelta(hours=6)
"""An alert that has not reached the phone by then no longer says what is true."""
CHOICES = (ReplyChoice(ACKNOWLEDGE, "收到"), ReplyChoice(DECLINE, "不能到位"))
WHYS = {
    "no_answer": "无人确认", "declined": "已回复不能到位", "undelivered": "短信未能送达",
    "not_sendable": "短信无法发出",
}  # fmt: skip
"""Why the next link of a chain is called."""
_SETTLED = (AssignmentState.FAILED, AssignmentState.DECLINED)


class Calling:
    """Begins, advances and ends call-outs."""

    def __init__(self, messenger: Messenger) -> None:
        self._messenger = messenger
        self.ringing = Ringing(messenger)

    async def hold(self, scene: Scene, callout: Callout) -> None:
        """Show whom `callout` will call first; they are called when the order is confirmed."""
        if not callout.chain:
            await self._exhaust(scene, callout)
            return
        for person in callout.chain[0].people:
            await scene.journal.insert(self._new(scene, callout, 0, person))

    async def begin(self, scene: Scene, callout: Callout) -> Callout:
        """Call the first link. Returns: the call-out as it now is."""
        if not callout.chain:
            return await self._exhaust(scene, callout)
        return await self._call(scene, callout, Position(0, scene.uow.now))

    async def advance(self, scene: Scene, callout: Callout) -> Callout:
        """Call every link whose time has come; the chain's end exhausts the call-out."""
        if callout.state is not CalloutState.CALLING:
            return callout
        now = scene.uow.now
        while callout.state is CalloutState.CALLING:
            # Asked anew each time: a link nobody can be sent to passes on to the next by itself.
            due = escalation.due(callout.chain, _position(callout), now)
            if not due:
                break
            callout = await self._escalate(scene, callout, due[0], "no_answer")
        if callout.state is CalloutState.CALLING and escalation.is_exhausted(
            callout.chain, _position(callout), now
        ):
            callout = await self._exhaust(scene, callout)
        return callout

    async def acknowledge(
        self,
        scene: Scene,
        callout: Callout,
        assignment: Assignment,
        how: AnsweredBy,
        by: str,
        answer: str,
        at: datetime,
    ) -> None:
        """A human has answered: the chain stops at once."""
        known = assignment.state is AssignmentState.ACKNOWLEDGED
        await self.ringing.spare(scene, assignment)
        assignment = replace(
            assignment,
            state=transition(assignment.state, AssignmentAction.ACKNOWLEDGE),
            acknowledged_at=assignment.acknowledged_at or at,
            acknowledged_how=assignment.acknowledged_how or how,
            acknowledged_by=assignment.acknowledged_by or by,
            declined_at=None,
            answer=answer[:500],
        )
        if scene.is_live(callout):
            callout = replace(
                callout,
                state=callout_transition(callout.state, CalloutAction.ACKNOWLEDGE),
                next_at=None,
                acknowledged_at=callout.acknowledged_at or at,
            )
            await timers.cancel(scene.uow, ESCALATE, callout.id)
            await self._watch(scene, callout)
        await scene.journal.change(callout, assignment)
        if not known:
            await scene.journal.note(
                LogKind.ACKNOWLEDGED,
                f"{assignment.name}({callout.role_name})已确认",
                code="acknowledged", name=assignment.name, role=callout.role_name,
                assignment_id=assignment.id,
                how=how.value,
                answer=answer[:500],
            )  # fmt: skip

    async def decline(
        self, scene: Scene, callout: Callout, assignment: Assignment, answer: str
    ) -> None:
        """The person cannot come: the next link is called at once, if this one still counted."""
        had_acknowledged = assignment.state is AssignmentState.ACKNOWLEDGED
        await self.ringing.spare(scene, assignment)
        assignment = replace(
            _unacknowledged(assignment),
            state=transition(assignment.state, AssignmentAction.DECLINE),
            declined_at=scene.uow.now,
            answer=answer[:500],
        )
        await scene.journal.change(assignment)
        await scene.journal.note(
            LogKind.DECLINED,
            f"{assignment.name}({callout.role_name})不能到位",
            code="declined", name=assignment.name, role=callout.role_name,
            assignment_id=assignment.id,
            answer=answer[:500],
        )  # fmt: skip
        if not scene.is_live(callout):
            return
        if had_acknowledged and callout.state is CalloutState.ACKNOWLEDGED:
            if await self._is_answered(scene, callout):
                return
            callout = _resumed(callout, scene.uow.now)
            await timers.cancel(scene.uow, ACK_EXPIRES, callout.id)
            await self._count_from_now(scene, callout)
        await self._skip_if_settled(scene, callout, "declined")

    async def delivered(self, scene: Scene, assignment: Assignment, at: datetime) -> None:
        """The handset has the message."""
        await scene.journal.change(
            replace(
                assignment,
                state=transition(assignment.state, AssignmentAction.DELIVER),
                delivered_at=assignment.delivered_at or at,
            )
        )
        await scene.journal.note(
            LogKind.DELIVERED, f"短信已送达{assignment.name}",
            code="delivered", name=assignment.name, assignment_id=assignment.id,
        )  # fmt: skip

    async def failed(
        self, scene: Scene, callout: Callout, assignment: Assignment, cause: str
    ) -> None:
        """The message surely did not arrive: the next link is called at once."""
        await self._mark_failed(scene, assignment, cause)
        await self._skip_if_settled(scene, callout, "undelivered")

    async def ask_again(self, scene: Scene, callout: Callout) -> None:
        """The acknowledgement has expired without any task begun: ask the same person again."""
        if callout.state is not CalloutState.ACKNOWLEDGED or not _is_idle(scene, callout):
            return
        answered = [
            each
            for each in await responses.called_for(scene.uow, callout.id)
            if each.state is AssignmentState.ACKNOWLEDGED
        ]
        if not answered:
            return
        last = max(answered, key=lambda each: each.step)
        callout = _resumed(callout, scene.uow.now)
        await self._count_from_now(scene, callout)
        again = replace(
            _unacknowledged(last), state=transition(last.state, AssignmentAction.ASK_AGAIN)
        )
        text = scene.reminder(callout, _contact(again))
        await self._send(scene, again, text, AssignmentAction.ASK_AGAIN)
        await scene.journal.note(
            LogKind.ASKED_AGAIN,
            f"{last.name}({callout.role_name})确认后尚未开展任务,再次提醒",
            code="asked_again", name=last.name, role=callout.role_name, assignment_id=last.id,
        )  # fmt: skip
        await self._skip_if_settled(scene, callout, "not_sendable")

    async def stop(self, scene: Scene, callout: Callout) -> None:
        """The response has ended: nobody is called any more; who has answered stays shown.

        What was asked and not yet sent is taken back, an answer that comes now is late.
        """
        await timers.cancel(scene.uow, ESCALATE, callout.id)
        await timers.cancel(scene.uow, ACK_EXPIRES, callout.id)
        called = await responses.called_for(scene.uow, callout.id)
        keys = [_asked_key(each.id, n) for each in called for n in range(1, each.asked + 1)]
        await self._messenger.close_questions(scene.uow, keys)
        for each in called:
            await self.ringing.spare(scene, each)
        if callout.state in (CalloutState.HELD, CalloutState.CALLING):
            state = callout_transition(callout.state, CalloutAction.STOP)
            await scene.journal.change(replace(callout, state=state, next_at=None))

    async def tell(self, scene: Scene, key: str, person: Contact, text: str) -> None:
        """Send `person` a text that asks for no answer; a number that cannot be is logged."""
        try:
            await self._messenger.submit(scene.uow, _submission(scene, key, person, text, ()))
        except InvalidInput as error:
            await scene.journal.note(
                LogKind.FAILED, f"不能发给{person.name}:{error.message}",
                code="not_sendable", name=person.name, cause=error.message,
            )  # fmt: skip

    async def _call(self, scene: Scene, callout: Callout, position: Position) -> Callout:
        """Call the link at `position`; if nobody there can be sent to, the next ones at once."""
        callout = _at(callout, position)
        await self._count_from_now(scene, callout)
        known = {
            (each.step, each.person_id): each
            for each in await responses.called_for(scene.uow, callout.id)
        }
        link = callout.chain[position.step]
        is_anybody_asked = False
        for person in link.people:
            assignment = known.get((position.step, person.person_id))
            if assignment is None:
                assignment = self._new(scene, callout, position.step, person)
                await scene.journal.insert(assignment)
            text = scene.alert(callout, link, person)
            sent = await self._send(scene, assignment, text, AssignmentAction.SUBMIT)
            is_anybody_asked |= sent.state is AssignmentState.SUBMITTED
            await scene.journal.note(
                LogKind.CALLED,
                f"短信呼叫{person.name}({callout.role_name},{link.name})",
                code="called", name=person.name, role=callout.role_name,
                link=LINK_CODES.get(link.name, link.name), assignment_id=assignment.id,
            )  # fmt: skip
        if is_anybody_asked:
            return callout
        return await self._skip_if_settled(scene, callout, "not_sendable")

    async def _count_from_now(self, scene: Scene, callout: Callout) -> None:
        """Store the call-out that is calling and set the clock of its next step."""
        await timers.schedule(scene.uow, ESCALATE, callout.id, _next_at(callout), _payload(callout))
        await scene.journal.change(callout)

    async def _escalate(
        self, scene: Scene, callout: Callout, position: Position, why: str
    ) -> Callout:
        """Give up those called so far and call the link at `position`."""
        await self._give_up(scene, callout)
        link = callout.chain[position.step]
        names = "、".join(person.name for person in link.people)
        await scene.journal.note(
            LogKind.ESCALATED,
            f"{callout.role_name}{WHYS[why]},升级到{link.name}{names}",
            code="escalated", role=callout.role_name, why=why, names=names,
            link=LINK_CODES.get(link.name, link.name), callout_id=callout.id, step=position.step,
        )  # fmt: skip
        return await self._call(scene, callout, position)

    async def _give_up(self, scene: Scene, callout: Callout) -> None:
        called = await responses.called_for(scene.uow, callout.id)
        for waiting in responses.unanswered(called):
            each = await self.ringing.wake(scene, waiting)
            await scene.journal.change(
                replace(
                    each,
                    state=transition(each.state, AssignmentAction.ESCALATE),
                    escalated_at=scene.uow.now,
                )
            )

    async def _skip_if_settled(self, scene: Scene, callout: Callout, why: str) -> Callout:
        """Where everybody of the present link has failed or declined, waiting is pointless."""
        if callout.state is not CalloutState.CALLING:
            return callout
        called = await responses.called_for(scene.uow, callout.id)
        of_link = [each for each in called if each.step == callout.step]
        if not all(each.state in _SETTLED for each in of_link):
            return callout
        position = escalation.following(callout.chain, _position(callout), scene.uow.now)
        if position is None:
            return await self._exhaust(scene, callout)
        return await self._escalate(scene, callout, position, why)

    async def _exhaust(self, scene: Scene, callout: Callout) -> Callout:
        await self._give_up(scene, callout)
        callout = replace(
            callout,
            state=callout_transition(callout.state, CalloutAction.EXHAUST),
            next_at=None,
        )
        await timers.cancel(scene.uow, ESCALATE, callout.id)
        await scene.journal.change(callout)
        await scene.journal.note(
            LogKind.EXHAUSTED,
            f"{callout.role_name}无人确认,呼叫链已走完,请立即打电话",
            code="exhausted", role=callout.role_name, callout_id=callout.id,
        )  # fmt: skip
        return callout

    def _new(self, scene: Scene, callout: Callout, step: int, person: Contact) -> Assignment:
        return Assignment(
            id=AssignmentId(new_id()),
            callout_id=callout.id,
            activation_id=callout.activation_id,
            incident_id=callout.incident_id,
            step=step,
            person_id=person.person_id,
            name=person.name,
            title=person.title,
            unit_id=person.unit_id,
            unit_name=person.unit_name,
            number=person.number,
            is_demo=person.is_demo,
            state=AssignmentState.PENDING,
            created_at=scene.uow.now,
        )

    async def _send(
        self, scene: Scene, assignment: Assignment, text: str, action: AssignmentAction
    ) -> Assignment:
        """Submit the message; a number that cannot be sent to is a failure, not an error."""
        asked = assignment.asked + 1
        key = _asked_key(assignment.id, asked)
        submission = replace(
            _submission(scene, key, _contact(assignment), text, CHOICES),
            subject=f"assignment:{assignment.id}",
        )
        try:
            message_id = await self._messenger.submit(scene.uow, submission)
        except InvalidInput as error:
            failed = replace(assignment, asked=asked)
            return await self._mark_failed(scene, failed, error.message)
        state = assignment.state
        if action is AssignmentAction.SUBMIT:
            state = transition(state, action)
        sent = replace(
            assignment,
            state=state,
            asked=asked,
            message_id=message_id,
            submitted_at=scene.uow.now,
            delivered_at=None,
        )
        await scene.journal.change(sent)
        return sent

    async def _mark_failed(self, scene: Scene, assignment: Assignment, cause: str) -> Assignment:
        failed = replace(
            assignment,
            state=transition(assignment.state, AssignmentAction.FAIL),
            failed_at=assignment.failed_at or scene.uow.now,
            failure=cause[:200],
        )
        await scene.journal.change(failed)
        await scene.journal.note(
            LogKind.FAILED,
            f"发给{assignment.name}的短信失败:{cause or '原因不明'}",
            code="failed", name=assignment.name, cause=cause, assignment_id=assignment.id,
        )  # fmt: skip
        return failed

    async def _watch(self, scene: Scene, callout: Callout) -> None:
        """Set the clock that asks again when nothing is begun."""
        minutes = scene.plan.escalation.ack_expires_min
        if minutes and _is_idle(scene, callout):
            due_at = scene.uow.now + timedelta(minutes=minutes)
            await timers.schedule(scene.uow, ACK_EXPIRES, callout.id, due_at, _payload(callout))

    async def _is_answered(self, scene: Scene, callout: Callout) -> bool:
        called = await responses.called_for(scene.uow, callout.id)
        return any(each.state is AssignmentState.ACKNOWLEDGED for each in called)


def _asked_key(assignment_id: AssignmentId, times: int) -> str:
    return f"assignment:{assignment_id}:{times}"


def _is_idle(scene: Scene, callout: Callout) -> bool:
    """Whether the role has tasks and none of them has been begun."""
    own = [task for task in scene.tasks if task.role == callout.role]
    return bool(own) and all(task.state is TaskState.OPEN for task in own)


def _position(callout: Callout) -> Position:
    assert callout.step_since is not None, "a call-out being called knows since when"
    return Position(callout.step, callout.step_since)


def _next_at(callout: Callout) -> datetime:
    return escalation.next_at(callout.chain, _position(callout))


def _at(callout: Callout, position: Position) -> Callout:
    """The call-out with the link at `position` being called."""
    state = callout.state
    if state is not CalloutState.CALLING:
        state = callout_transition(state, CalloutAction.CALL)
    return replace(
        callout,
        state=state,
        step=position.step,
        step_since=position.since,
        next_at=escalation.next_at(callout.chain, position),
    )


def _resumed(callout: Callout, now: datetime) -> Callout:
    """The call-out calling again, at the same link, counted from now."""
    position = Position(callout.step, now)
    return replace(
        callout,
        state=callout_transition(callout.state, CalloutAction.RESUME),
        step_since=now,
        next_at=escalation.next_at(callout.chain, position),
        acknowledged_at=None,
    )


def _unacknowledged(assignment: Assignment) -> Assignment:
    return replace(assignment, acknowledged_at=None, acknowledged_how=None, acknowledged_by="")


def _contact(assignment: Assignment) -> Contact:
    return Contact(
        assignment.person_id,
        assignment.name,
        assignment.title,
        assignment.unit_id,
        assignment.unit_name,
        assignment.number,
        assignment.is_demo,
    )


def _payload(callout: Callout) -> dict[str, str]:
    return {"incident_id": callout.incident_id}


def _submission(
    scene: Scene, key: str, person: Contact, text: str, choices: tuple[ReplyChoice, ...]
) -> Submission:
    return Submission(
        key=key,
        addressee=Addressee(person.person_id, person.name, person.number, person.is_demo),
        text=text,
        incident_id=scene.incident.id,
        unit_path=scene.incident.unit_path,
        is_drill=scene.incident.is_drill,
        expires_at=scene.uow.now + VALID,
        choices=choices,
    )
