"""Responses: preview, activate, confirm, revoke, tasks. One order is one transaction."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from command import activation as activation_of
from command import incident as incident_of
from command import task as task_of
from command.access import access_incident
from command.activation import Activation, ActivationAction, ActivationState, Order
from command.assignment import Callout, CalloutState
from command.calling import Calling
from command.drafting import ResponseDraft, draft_response
from command.escalation import Contact
from command.incident import Incident, IncidentAction
from command.journal import Journal
from command.levels import response_name
from command.log import LogKind
from command.ports import MeetingOpener, MeetingOrder
from command.scene import Scene, scene, scene_of
from command.staffing import Staffing
from command.store import responses
from command.task import Task, TaskAction
from command.texts import About
from command.views import Views
from core import timers
from core.audit import SYSTEM, Audit
from core.auth.model import Permission, Principal
from core.database import UnitOfWork
from core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from core.ids import ActivationId, IncidentId, TaskId, new_id
from plans import service as plans
from plans.model import Plan
from plans.service import Plans

TASK_DUE = "command.task_due"
UNCONFIRMED = "command.unconfirmed"
REMIND_UNCONFIRMED = timedelta(minutes=5)


@dataclass(frozen=True)
class Parts:
    """What responses are made with."""

    plans: Plans
    staffing: Staffing
    calling: Calling
    meetings: MeetingOpener
    audit: Audit
    views: Views
    after_order: Callable[[], Awaitable[None]]
    """Called after an order has been committed: the head of the audit log goes to its file."""


class ResponseDesk:
    """Puts plans into force and follows what they ask for."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def draft(
        self, uow: UnitOfWork, principal: Principal, incident_id: IncidentId, order: Order
    ) -> tuple[Incident, ResponseDraft]:
        """What `order` would do; nothing is stored or sent.

        Raises: NotFound, NotAllowed, InvalidInput, Conflict: as `activate`.
        """
        incident = await access_incident(uow, principal, incident_id, Permission.INCIDENT_ACTIVATE)
        return incident, await self._draft(uow, incident, activation_of.checked(order))

    async def activate(
        self, uow: UnitOfWork, principal: Principal, incident_id: IncidentId, order: Order
    ) -> Activation:
        """Put a plan into force: activation, tasks, meeting and messages in this transaction.

        Levels Ⅰ and Ⅱ: the first alerts go out, the rest is held until a second person confirms.
        The same `order.key` again returns what the first made and does nothing.
        Raises: NotFound: incident or plan; NotAllowed; InvalidInput: the level is not in the plan;
        Conflict: closed, or another response is running.
        """
        order = activation_of.checked(order)
        incident = await access_incident(uow, principal, incident_id, Permission.INCIDENT_ACTIVATE)
        latest = await responses.latest(uow, incident_id)
        for known in (latest, await responses.by_key(uow, incident_id, order.key)):
            if known is not None and known.answers(order):
                return known
        if latest is not None and latest.is_running:
            raise Conflict("a response to this incident is running", code="already_active")
        draft = await self._draft(uow, incident, order)
        activation = _new_activation(principal, incident, order, draft, uow)
        await self._audit_order(uow, principal, activation)
        journal = Journal(uow, incident, principal.actor, self._parts.views)
        await journal.change_incident(_moved(incident, IncidentAction.RESPOND))
        await self._note_order(journal, activation)
        await journal.insert(activation)
        activation = await self._open_meeting(journal, principal, activation, draft)
        await self._start(journal, activation, draft)
        await journal.publish_whole()
        uow.after_commit(self._parts.after_order)
        return activation

    async def confirm(
        self, uow: UnitOfWork, principal: Principal, incident_id: IncidentId
    ) -> Activation:
        """The second person confirms an order of level Ⅰ or Ⅱ: everybody held is called.

        Raises: NotFound; NotAllowed: not permitted, or the one who gave the order; Conflict.
        """
        found = await self._running(uow, principal, incident_id)
        activation = found.activation
        if principal.user_id == activation.ordered_by:
            raise NotAllowed("another person must confirm", code="second_person_needed")
        state = activation_of.transition(activation.state, ActivationAction.CONFIRM)
        await self._audit(uow, principal, "incident.confirm", activation)
        found.activation = replace(
            activation,
            state=state,
            confirmed_by=principal.user_id,
            confirmed_by_name=principal.name,
            confirmed_at=uow.now,
        )
        await found.journal.change(found.activation)
        await timers.cancel(uow, UNCONFIRMED, activation.id)
        await found.journal.note(
            LogKind.CONFIRMED, f"{principal.name}确认启动{response_name(activation.level)}响应",
            code="confirmed", by=principal.name, level=activation.level,
        )  # fmt: skip
        for callout in await responses.callouts(uow, activation.id):
            if callout.state is CalloutState.HELD:
                await self._parts.calling.begin(found, callout)
        await found.journal.publish_whole()
        uow.after_commit(self._parts.after_order)
        return found.activation

    async def revoke(
        self, uow: UnitOfWork, principal: Principal, incident_id: IncidentId, reason: str
    ) -> Activation:
        """Take back an order nobody has confirmed yet; those already called are told.

        Raises: NotFound, NotAllowed, InvalidInput: no reason; Conflict: it is confirmed.
        """
        _check_reason(reason)
        found = await self._running(uow, principal, incident_id)
        state = activation_of.transition(found.activation.state, ActivationAction.REVOKE)
        await self._audit(uow, principal, "incident.revoke", found.activation, reason)
        await found.journal.note(
            LogKind.REVOKED, f"{principal.name}撤销启动:{reason}",
            code="revoked", by=principal.name, reason=reason,
        )  # fmt: skip
        await self.end(found, state, is_told=True)
        await self.end_meeting(found, principal)
        moved = incident_of.transition(found.incident.state, IncidentAction.REVOKE)
        await found.journal.change_incident(
            replace(found.incident, state=moved, version=found.incident.version + 1)
        )
        await found.journal.publish_whole()
        return found.activation

    async def move_task(
        self,
        uow: UnitOfWork,
        principal: Principal,
        task_id: TaskId,
        action: TaskAction,
        result: str = "",
    ) -> Task:
        """Begin, finish or cancel a task; finishing needs the evidence its step asks for.

        Raises: NotFound, NotAllowed, InvalidInput, Conflict.
        """
        incident_id = await responses.incident_of(uow, Task, task_id)
        if incident_id is None:
            raise NotFound("no such task", field="task_id")
        incident = await access_incident(uow, principal, incident_id, Permission.INCIDENT_WRITE)
        task = await responses.task(uow, task_id)
        assert task is not None, "a task is never removed"
        moved = _move(task, action, result, principal, uow)
        await self._parts.audit.append(
            uow,
            actor=principal.actor,
            action=f"task.{action.value}",
            target=f"task:{task_id}",
            detail={"incident_id": incident_id, "step": task.step},
        )
        journal = Journal(uow, incident, principal.actor, self._parts.views)
        if not moved.is_pending:
            await timers.cancel(uow, TASK_DUE, task_id)
        await journal.change(moved)
        verb = {"start": "开始", "finish": "完成", "cancel": "取消"}[action.value]
        said = f":{result.strip()}" if result.strip() else ""
        await journal.note(
            LogKind.TASK, f"{verb}任务“{task.title}”{said}",
            code=f"task_{action.value}", task=task.title, result=result.strip(), task_id=task_id,
        )  # fmt: skip
        await journal.publish()
        return moved

    async def on_task_due(self, uow: UnitOfWork, incident_id: IncidentId, task_id: TaskId) -> None:
        """A deadline has passed: the task is late, and the role its step names is told."""
        found = await scene_of(uow, incident_id, SYSTEM, self._parts.views)
        task = await responses.task(uow, task_id)
        if found is None or task is None or not task.is_pending or task.is_overdue:
            return
        await found.journal.change(replace(task, is_overdue=True))
        await found.journal.note(
            LogKind.OVERDUE, f"任务“{task.title}”({task.role_name})超时未完成",
            code="overdue", task=task.title, role=task.role_name, task_id=task.id,
        )  # fmt: skip
        person = await self._answering(uow, found.activation, task.on_overdue)
        if person is not None:
            text = found.voice.overdue(About(task=task.title, due_at=task.due_at))
            await self._parts.calling.tell(found, f"overdue:{task.id}", person, text)
        await found.journal.publish()

    async def on_unconfirmed(self, uow: UnitOfWork, incident_id: IncidentId) -> None:
        """Nobody has confirmed a grave order for minutes: the board says so, again and again."""
        found = await scene_of(uow, incident_id, SYSTEM, self._parts.views)
        if found is None or found.activation.state is not ActivationState.UNCONFIRMED:
            return
        waited = int((uow.now - found.activation.ordered_at).total_seconds() // 60)
        level = found.activation.level
        await found.journal.note(
            LogKind.HELD,
            f"{response_name(level)}响应已下令{waited}分钟,尚未经第二人确认,其余人员未通知",
            code="held", level=level, minutes=waited,
        )  # fmt: skip
        await self._remind(uow, found.activation)
        await found.journal.publish()

    async def end(self, found: Scene, state: ActivationState, *, is_told: bool) -> None:
        """End the response: nobody is called any more. `is_told`: those who were asked hear it."""
        uow, journal = found.uow, found.journal
        await timers.cancel(uow, UNCONFIRMED, found.activation.id)
        for task in found.tasks:
            await timers.cancel(uow, TASK_DUE, task.id)
            if task.is_pending:
                cancelled = task_of.transition(task.state, TaskAction.CANCEL)
                await journal.change(replace(task, state=cancelled))
        for callout in await responses.callouts(uow, found.activation.id):
            await self._parts.calling.stop(found, callout)
        found.activation = replace(found.activation, state=state, ended_at=uow.now, links={})
        await journal.change(found.activation)
        if is_told:
            await self._stand_down(found)

    async def end_meeting(self, found: Scene, principal: Principal) -> None:
        """End the response's meeting, if it is still open; who ended it is in log and audit."""
        meeting_id = found.activation.meeting_id
        if meeting_id is None or not await self._parts.meetings.end(found.uow, meeting_id):
            return
        await self._parts.audit.append(
            found.uow,
            actor=principal.actor,
            action="room.end",
            target=f"meeting:{meeting_id}",
            detail={"incident_id": found.incident.id},
        )
        await found.journal.note(
            LogKind.MEETING, "已结束应急会商", code="meeting_ended", meeting_id=meeting_id
        )

    async def _stand_down(self, found: Scene) -> None:
        told: set[str] = set()
        for each in await responses.assignments(found.uow, found.activation.id):
            if each.message_id is None or each.person_id in told:
                continue
            told.add(each.person_id)
            person = Contact(
                each.person_id, each.name, each.title, each.unit_id, each.unit_name,
                each.number, each.is_demo,
            )  # fmt: skip
            key = f"stood-down:{found.activation.id}:{each.person_id}"
            await self._parts.calling.tell(found, key, person, found.voice.stood_down())

    async def _draft(self, uow: UnitOfWork, incident: Incident, order: Order) -> ResponseDraft:
        incident_of.transition(incident.state, IncidentAction.RESPOND)
        plan: Plan = await self._parts.plans.plan(uow, order.plan_id, order.plan_version)
        if all(level.level != order.level for level in plan.levels):
            raise InvalidInput("the plan has no such level", field="level")
        hazard = await self._parts.views.hazard_of(uow, incident)
        staff = await self._parts.staffing.staff(uow, plan, incident, hazard)
        return draft_response(plan, order, incident, staff, uow.now, new_id)

    async def _open_meeting(
        self, journal: Journal, principal: Principal, activation: Activation, draft: ResponseDraft
    ) -> Activation:
        opened = await self._parts.meetings.open(
            journal.uow,
            MeetingOrder(
                key=f"activation:{activation.id}",
                incident_id=activation.incident_id,
                unit_path=draft.meeting_path,
                title=draft.meeting_title,
                starts_at=journal.uow.now,
                ends_at=draft.meeting_ends_at,
                sites=draft.sites,
                opened_by=principal,
                is_recorded=draft.plan.conference.is_recorded,
                is_drill=journal.incident.is_drill,
            ),
        )
        activation = replace(
            activation,
            meeting_id=opened.meeting_id,
            meeting_title=draft.meeting_title,
            meeting_ends_at=draft.meeting_ends_at,
            meeting_sites=draft.sites,
            links=dict(opened.links),
        )
        await journal.change(activation)
        await journal.note(
            LogKind.MEETING,
            f"已开应急会商,{len(draft.sites)}个会场",
            code="meeting_opened", n=len(draft.sites), meeting_id=opened.meeting_id,
        )  # fmt: skip
        return activation

    async def _start(self, journal: Journal, activation: Activation, draft: ResponseDraft) -> None:
        """Tasks with their deadlines, call-outs with their first messages."""
        uow = journal.uow
        tasks = [replace(task, activation_id=activation.id) for task in draft.tasks]
        await journal.insert(*tasks)
        for task in tasks:
            payload = {"incident_id": activation.incident_id}
            await timers.schedule(uow, TASK_DUE, task.id, task.due_at, payload)
        found = scene(uow, journal, activation, tasks)
        callouts = _callouts(activation, draft)
        await journal.insert(*callouts)
        is_active = activation.state is ActivationState.ACTIVE
        for callout in callouts:
            if is_active or callout.is_first_alert:
                await self._parts.calling.begin(found, callout)
            else:
                await self._parts.calling.hold(found, callout)
        if not is_active:
            await self._remind(uow, activation)

    async def _remind(self, uow: UnitOfWork, activation: Activation) -> None:
        payload = {"incident_id": activation.incident_id}
        due_at = uow.now + REMIND_UNCONFIRMED
        await timers.schedule(uow, UNCONFIRMED, activation.id, due_at, payload)

    async def _running(
        self, uow: UnitOfWork, principal: Principal, incident_id: IncidentId
    ) -> Scene:
        await access_incident(uow, principal, incident_id, Permission.INCIDENT_ACTIVATE)
        found = await scene_of(uow, incident_id, principal.actor, self._parts.views)
        if found is None or not found.activation.is_running:
            raise Conflict("no response to this incident is running", code="not_active")
        return found

    async def _answering(
        self, uow: UnitOfWork, activation: Activation, role: str
    ) -> Contact | None:
        """Who answers for `role`: whoever acknowledged, else the first of its chain."""
        callouts = await responses.callouts(uow, activation.id)
        callout = next((each for each in callouts if each.role == role), None)
        if callout is None or not callout.chain:
            return None
        called = await responses.called_for(uow, callout.id)
        answered = [each.step for each in called if each.acknowledged_at is not None]
        return callout.chain[answered[0] if answered else 0].people[0]

    async def _note_order(self, journal: Journal, activation: Activation) -> None:
        is_held = activation.state is ActivationState.UNCONFIRMED
        wait = "(首批人员已通知,其余待第二人确认)" if is_held else ""
        await journal.note(
            LogKind.ACTIVATED,
            f"{activation.ordered_by_name}下令:{activation.matter}{wait}",
            code="activated_held" if is_held else "activated",
            by=activation.ordered_by_name,
            matter=activation.matter,
            level=activation.level,
            plan_id=activation.plan_id,
            plan_version=activation.plan_version,
            measures=list(activation.measures),
            expected_hours=activation.expected_hours,
        )

    async def _audit_order(
        self, uow: UnitOfWork, principal: Principal, activation: Activation
    ) -> None:
        await self._audit(uow, principal, "incident.activate", activation)

    async def _audit(
        self,
        uow: UnitOfWork,
        principal: Principal,
        action: str,
        activation: Activation,
        reason: str | None = None,
    ) -> None:
        await self._parts.audit.append(
            uow,
            actor=principal.actor,
            action=action,
            target=f"incident:{activation.incident_id}",
            detail={
                "activation_id": activation.id,
                "plan_id": activation.plan_id,
                "plan_version": activation.plan_version,
                "level": activation.level,
                "matter": activation.matter,
            },
            reason=reason,
        )


def _new_activation(
    principal: Principal, incident: Incident, order: Order, draft: ResponseDraft, uow: UnitOfWork
) -> Activation:
    return Activation(
        id=ActivationId(new_id()),
        incident_id=incident.id,
        key=order.key or new_id(),
        plan_id=draft.plan.id,
        plan_version=draft.plan.version,
        plan=plans.as_json(draft.plan),
        level=draft.level,
        state=activation_of.first_state(draft.level),
        matter=draft.matter,
        measures=draft.measures,
        expected_hours=draft.expected_hours,
        ordered_by=principal.user_id,
        ordered_by_name=principal.name,
        ordered_at=uow.now,
    )


def _callouts(activation: Activation, draft: ResponseDraft) -> list[Callout]:
    return [
        Callout(
            id=new_id(),
            activation_id=activation.id,
            incident_id=activation.incident_id,
            position=position,
            role=each.role.key,
            role_name=each.role.name,
            unit_id=each.unit_id,
            unit_name=each.unit_name,
            is_first_alert=each.is_first_alert,
            chain=each.chain,
            state=CalloutState.HELD,
        )
        for position, each in enumerate(draft.callouts)
    ]


def _moved(incident: Incident, action: IncidentAction) -> Incident:
    state = incident_of.transition(incident.state, action)
    return replace(incident, state=state, version=incident.version + 1)


def _move(
    task: Task, action: TaskAction, result: str, principal: Principal, uow: UnitOfWork
) -> Task:
    state = task_of.transition(task.state, action)
    match action:
        case TaskAction.START:
            return replace(task, state=state, started_at=uow.now)
        case TaskAction.FINISH:
            task_of.check_result(task, result)
            return replace(
                task,
                state=state,
                done_at=uow.now,
                done_by_name=principal.name,
                result=result.strip(),
            )
        case TaskAction.CANCEL:
            _check_reason(result)
            return replace(task, state=state, result=result.strip())


def _check_reason(reason: str) -> None:
    if not 2 <= len(reason.strip()) <= 500:
        raise InvalidInput("say why, in 2 to 500 characters", field="reason")
