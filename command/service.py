"""The face of command: incidents, responses, hazards, roster; and what the browser is shown.

Wire shapes (JSON; times ISO 8601 with offset, UTC; levels 1..4 = Ⅰ..Ⅳ, 1 the gravest; ids strings;
full phone numbers never leave, `number` is masked like 138****5678).

Snapshot of topic `incident:ID`, also `GET /api/v1/incidents/{id}`::

    {incident, suggestion, proposals, activation, tasks, callouts, assignments, log, meeting}

    incident    {id, number "2026-0007", title, description, state "reported|responding|closed",
                 is_drill, kind {code, name, category}, unit_id, unit, place, longitude, latitude,
                 occurred_at, reported_at, reporter, reporter_number, source,
                 hazard {id, name}|null, figures {deaths: 0, …}, event_level 1..4|null,
                 recorded_by, recorded_at, closed_at, closed_by, summary, version}
    suggestion  {domain|null, level 1..4|null, level_name, note, note_code,
                 deciding {metric, name, value, unit, threshold, source, is_verified}|null,
                 criteria: [{metric, name, value, unit, level, level_name, threshold, source,
                             next: {level, level_name, threshold, distance}|null}]}
    proposals   [{plan_id, version, title, score, reasons: [{points, text, code, detail}],
                  response_level 1..4|null, response_reason, levels: [{level, name, authority,
                  measures, expected_hours, needs_confirmation}]}]            at most 3, best first
    activation  null | {id, state "unconfirmed|active|ended|revoked", plan {id, version, title},
                 level, level_name, matter, expected_hours, ends_expected_at, measures [str],
                 needs_confirmation, ordered_by, ordered_at, confirmed_by, confirmed_at, ended_at}
    tasks       [{id, step "s1", title, role, role_name, state "open|started|done|cancelled",
                  evidence "none|text|photo|ack|headcount", opens_at, due_at, is_overdue,
                  started_at, done_at, done_by, result}]                      by opens_at
    callouts    [{id, role, role_name, unit_id, unit, state "held|calling|acknowledged|exhausted|
                  stopped", step, steps: [{name, wait_s, people: [{person_id, person, title}]}],
                  next_escalation_at|null, acknowledged_at}]  one row of the board each
    assignments [{id, callout_id, role, role_name, person_id, person, title, unit_id, unit, number,
                  step 0.., step_name "主责|副职|领导", step_code
                  "principal|deputy|leader|", state "pending|submitted|delivered|
                  acknowledged|declined|escalated|failed", state_name "未发|已提交|已送达|已确认|
                  已拒绝|已升级|失败", message_id, submitted_at, delivered_at, acknowledged_at,
                  acknowledged_how "sms|phone|console"|null, acknowledged_by, answer, failure,
                  rung_at, ring_result "answered|no_answer|busy|rejected|failed|…" (empty: rings),
                  next_escalation_at|null}]       one for each person called, in order of calling
    log         [{id, at, kind, actor, text, data {code, …}}]                 oldest first;
                 `data.code` and the rest say the same as `text`; no code: a person's words
    meeting     null | {meeting_id, title, ends_at, sites: [{unit_id, name, role "chair|site"}]}

Changes of `incident:ID` (`change {topic, epoch, seq, kind, data, at}`); `data` is one whole object
as above, replace it by `id`: `incident.changed` {incident, suggestion, proposals},
`activation.changed` activation, `task.changed` task, `callout.changed` callout,
`assignment.changed` assignment, `log.added` log entry.

Topic `incidents` for those who see the whole county, `incidents:UNIT` (id of a unit) for a
township's own; `GET /api/v1/incidents` → {items: […]} gives everybody what is within reach.
Snapshot {items: [summary]}, changes `incident.added` and `incident.changed` with a summary: {id,
number, title, state, is_drill, kind {code, name, category}, unit_id, unit, place, longitude,
latitude, occurred_at, event_level, response_level|null, called, acknowledged, unreached,
recorded_at, closed_at}.

Preview `POST /api/v1/incidents/{id}/preview` (nothing is stored or sent) → {plan {id, version,
title}, level, level_name, needs_confirmation, matter, measures, expected_hours, is_drill,
callouts: [{role, role_name, unit_id, unit, is_first_alert, problem|null,
  steps: [{name, wait_s, people: [{person_id, person, title, number}]}], tasks: [title],
  text, segments, units, is_unicode}],
tasks: [{step, title, role, role_name, opens_at, due_at, evidence}], meeting {title, ends_at,
sites}, problems: [str], people, segments}. A link in `text` is as long as a real one and opens
nothing; `text` shows the drill mark and the signature as the handset will.

After an activation, a confirmation, a revocation and closing nearly everything has changed: then
one change `snapshot.replaced` carries the whole snapshot.

Hazard: {id, kind, kind_name, name, unit_id, unit, township_id, longitude, latitude, address,
holdings [{substance, amount_t, symbol}], exposed_500m, responsible_ids, attributes,
grade 1..4|null, grading_problem, grading null | {s, is_major, alpha, r, grade, grade_name, exposed,
terms, arithmetic, remarks}, version}. Shift: {id, unit_id, starts_at, ends_at, leader, officers,
version} with people {person_id, person, title, number}.
"""

import dataclasses
from typing import Any

import structlog

from command import figures, levels, tables, wire
from command.access import access_incident
from command.activation import Activation, Order
from command.assignment import Answer, AnsweredBy, Assignment, read_answer
from command.calling import ACK_EXPIRES, ESCALATE, Calling
from command.desk import IncidentChange, IncidentDesk
from command.grading import Holding
from command.incident import Incident, IncidentDraft
from command.isolation import Question
from command.log import LogKind
from command.ports import (
    Delivery,
    DeliveryOutcome,
    MeetingOpener,
    Messenger,
    Reply,
    RingEnded,
    UnclearReply,
)
from command.preview import preview
from command.registers import DutyRoster, HazardRegister, grade, isolate
from command.reports import ReportDesk
from command.response import TASK_DUE, UNCONFIRMED, Parts, ResponseDesk
from command.scene import Scene, scene_of
from command.staffing import Staffing
from command.store import responses
from command.views import Views
from core.audit import SYSTEM, Actor, Audit
from core.auth.model import Permission, Principal
from core.database import Database, UnitOfWork
from core.errors import Conflict, InvalidInput, NotFound, Unavailable
from core.ids import AssignmentId, IncidentId, TaskId
from core.timers import Timer, TimerRunner
from directory.service import Directory
from plans.service import Plans

__all__ = [
    "CommandService",
    "IncidentChange",
    "access_incident",
    "grade_shown",
    "isolation_shown",
    "reference",
    "suggest",
]

log = structlog.get_logger(__name__)


class CommandService:
    """Built once by signaling.app; every method acts in the caller's unit of work.

    `incidents`: record, change, note, close, listed, snapshot. `responses`: activate, confirm,
    revoke, move_task. `reports`: what villages send by SMS. `hazards` and `roster`: the registers.
    """

    def __init__(
        self,
        database: Database,
        directory: Directory,
        plans: Plans,
        messenger: Messenger,
        meetings: MeetingOpener,
        audit: Audit,
    ) -> None:
        self._database = database
        self._messenger = messenger
        self._meetings = meetings
        self._audit = audit
        self._views = Views(plans)
        self._calling = Calling(messenger)
        self.responses = ResponseDesk(
            Parts(
                plans=plans,
                staffing=Staffing(directory),
                calling=self._calling,
                meetings=meetings,
                audit=audit,
                views=self._views,
                after_order=self._write_audit_head,
            )
        )
        self.incidents = IncidentDesk(directory, audit, self._views, self.responses)
        self.reports = ReportDesk(directory, audit, self._views)
        self.hazards = HazardRegister(directory, audit)
        self.roster = DutyRoster(directory, audit)

    def register_timers(self, runner: TimerRunner) -> None:
        """Called once before the runner starts."""
        runner.register(ESCALATE, self._on_escalate)
        runner.register(ACK_EXPIRES, self._on_ack_expired)
        runner.register(TASK_DUE, self._on_task_due)
        runner.register(UNCONFIRMED, self._on_unconfirmed)

    async def record(
        self, uow: UnitOfWork, principal: Principal, draft: IncidentDraft, report_id: str = ""
    ) -> Incident:
        """See IncidentDesk.record. `report_id`: the village's report it is recorded from."""
        incident = await self.incidents.record(uow, principal, draft)
        if report_id:
            await self.reports.begin(uow, principal, report_id, incident)
        return incident

    async def preview(
        self, uow: UnitOfWork, principal: Principal, incident_id: IncidentId, order: Order
    ) -> dict[str, Any]:
        """What `activate` with this order would do, for the page; nothing is stored or sent.

        Raises: as ResponseDesk.activate.
        """
        incident, draft = await self.responses.draft(uow, principal, incident_id, order)
        return preview(self._messenger, self._meetings, incident, draft)

    async def activate(
        self, uow: UnitOfWork, principal: Principal, incident_id: IncidentId, order: Order
    ) -> Activation:
        """See ResponseDesk.activate."""
        return await self.responses.activate(uow, principal, incident_id, order)

    async def on_reply(self, uow: UnitOfWork, reply: Reply) -> bool:
        """Somebody answered by SMS. Returns: whether the message was one of ours."""
        known = await responses.by_message(uow, reply.message_id)
        if known is None:
            return False
        found, assignment = await self._assigned(uow, *known)
        actor = Actor(f"person:{assignment.person_id}", assignment.name)
        found.journal.actor = actor
        callout = await responses.callout(uow, assignment.callout_id)
        assert callout is not None, "an assignment belongs to a call-out"
        answer = read_answer(reply.choice, reply.text)
        await self._audit_answer(uow, actor, assignment, answer.value, reply.text)
        match answer:
            case Answer.ACKNOWLEDGE:
                await self._calling.acknowledge(
                    found, callout, assignment, AnsweredBy.SMS, assignment.name, reply.text,
                    reply.at,
                )  # fmt: skip
            case Answer.DECLINE:
                await self._calling.decline(found, callout, assignment, reply.text)
            case Answer.FREE_TEXT:
                await found.journal.note(
                    LogKind.REPLIED,
                    f"{assignment.name}短信回复:{reply.text[:500]}",
                    code="replied", name=assignment.name, said=reply.text[:500],
                    assignment_id=assignment.id,
                )  # fmt: skip
        await found.journal.publish()
        return True

    async def on_unclear_reply(self, uow: UnitOfWork, reply: UnclearReply) -> None:
        """Somebody's answer names none of several questions: each incident's log says so."""
        told = "已请其带编号重发" if reply.is_asked_back else "请打电话核实"
        asked = [await responses.by_message(uow, each) for each in reply.message_ids]
        first_of: dict[IncidentId, AssignmentId] = {}
        for incident_id, assignment_id in sorted(each for each in asked if each):
            first_of.setdefault(incident_id, assignment_id)  # one answer is one line of a log
        for incident_id, assignment_id in first_of.items():  # locked in one order everywhere
            found, assignment = await self._assigned(uow, incident_id, assignment_id)
            found.journal.actor = Actor(f"person:{assignment.person_id}", assignment.name)
            await found.journal.note(
                LogKind.REPLIED,
                f"{assignment.name}短信回复:{reply.text[:500]}(有多条待回复,未说明是哪一条,{told})",
                code="unclear_asked_back" if reply.is_asked_back else "unclear",
                name=assignment.name, said=reply.text[:500], assignment_id=assignment.id,
            )  # fmt: skip
            await found.journal.publish()

    async def on_delivery(self, uow: UnitOfWork, delivery: Delivery) -> bool:
        """What became of a message. Returns: whether it was one of ours."""
        known = await responses.by_message(uow, delivery.message_id)
        if known is None:
            return False
        found, assignment = await self._assigned(uow, *known)
        callout = await responses.callout(uow, assignment.callout_id)
        assert callout is not None, "an assignment belongs to a call-out"
        match delivery.outcome:
            case DeliveryOutcome.DELIVERED:
                await self._calling.delivered(found, assignment, delivery.at)
            case DeliveryOutcome.FAILED:
                await self._calling.failed(found, callout, assignment, delivery.cause)
            case DeliveryOutcome.UNKNOWN:
                await found.journal.note(
                    LogKind.FAILED,
                    f"发给{assignment.name}的短信结果不明",
                    code="outcome_unknown", name=assignment.name, assignment_id=assignment.id,
                )  # fmt: skip
            case DeliveryOutcome.SENT:
                return True
        await found.journal.publish()
        return True

    async def on_ring_ended(self, uow: UnitOfWork, ring: RingEnded) -> bool:
        """How ringing somebody awake ended. Returns: whether we had ordered it."""
        incident_id = await responses.incident_of(uow, Assignment, ring.assignment_id)
        if incident_id is None:
            return False
        found, assignment = await self._assigned(uow, incident_id, ring.assignment_id)
        await self._calling.ringing.ended(found, assignment, ring)
        await found.journal.publish()
        return True

    async def acknowledge(
        self,
        uow: UnitOfWork,
        principal: Principal,
        assignment_id: AssignmentId,
        note: str,
        how: AnsweredBy = AnsweredBy.PHONE,
    ) -> Assignment:
        """The officer reached the person by phone, or stands before them: confirmed by hand.

        Raises: InvalidInput: no note; NotFound, NotAllowed.
        """
        _check_note(note)
        found, assignment = await self._by_hand(uow, principal, assignment_id, "acknowledge", note)
        callout = await responses.callout(uow, assignment.callout_id)
        assert callout is not None, "an assignment belongs to a call-out"
        await self._calling.acknowledge(
            found, callout, assignment, how, principal.name, note.strip(), uow.now
        )
        return await self._settled(uow, found, assignment_id)

    async def decline(
        self, uow: UnitOfWork, principal: Principal, assignment_id: AssignmentId, note: str
    ) -> Assignment:
        """The person said by phone that they cannot come; the next one is called at once.

        Raises: InvalidInput: no note; NotFound, NotAllowed.
        """
        _check_note(note)
        found, assignment = await self._by_hand(uow, principal, assignment_id, "decline", note)
        callout = await responses.callout(uow, assignment.callout_id)
        assert callout is not None, "an assignment belongs to a call-out"
        await self._calling.decline(found, callout, assignment, note.strip())
        return await self._settled(uow, found, assignment_id)

    async def _settled(
        self, uow: UnitOfWork, found: Scene, assignment_id: AssignmentId
    ) -> Assignment:
        await found.journal.publish()
        settled = await responses.assignment(uow, assignment_id)
        assert settled is not None, "an assignment is never removed"
        return settled

    async def _by_hand(
        self,
        uow: UnitOfWork,
        principal: Principal,
        assignment_id: AssignmentId,
        verb: str,
        note: str,
    ) -> tuple[Scene, Assignment]:
        incident_id = await responses.incident_of(uow, Assignment, assignment_id)
        if incident_id is None:
            raise NotFound("no such assignment", field="assignment_id")
        await access_incident(uow, principal, incident_id, Permission.INCIDENT_WRITE)
        found, assignment = await self._assigned(uow, incident_id, assignment_id)
        if not found.activation.is_running:
            raise Conflict("the response has ended", code="not_active")
        found.journal.actor = principal.actor
        await self._audit_answer(uow, principal.actor, assignment, verb, note)
        return found, assignment

    async def _assigned(
        self, uow: UnitOfWork, incident_id: IncidentId, assignment_id: AssignmentId
    ) -> tuple[Scene, Assignment]:
        """The scene under the incident's lock, then the assignment as it is now."""
        found = await scene_of(uow, incident_id, SYSTEM, self._views)
        assignment = await responses.assignment(uow, assignment_id)
        assert found is not None, "who is assigned has been activated"
        assert assignment is not None, "an assignment is never removed"
        return found, assignment

    async def _audit_answer(
        self, uow: UnitOfWork, actor: Actor, assignment: Assignment, verb: str, text: str
    ) -> None:
        await self._audit.append(
            uow,
            actor=actor,
            action=f"assignment.{verb}",
            target=f"assignment:{assignment.id}",
            detail={
                "incident_id": assignment.incident_id,
                "person_id": assignment.person_id,
                "text": text[:200],
            },
        )

    async def _on_escalate(self, uow: UnitOfWork, timer: Timer) -> None:
        found = await self._timed(uow, timer)
        callout = await responses.callout(uow, timer.key)
        if found is None or callout is None:
            return
        await self._calling.advance(found, callout)
        await found.journal.publish()

    async def _on_ack_expired(self, uow: UnitOfWork, timer: Timer) -> None:
        found = await self._timed(uow, timer)
        callout = await responses.callout(uow, timer.key)
        if found is None or callout is None:
            return
        await self._calling.ask_again(found, callout)
        await found.journal.publish()

    async def _timed(self, uow: UnitOfWork, timer: Timer) -> Scene | None:
        incident_id = IncidentId(timer.payload["incident_id"])
        found = await scene_of(uow, incident_id, SYSTEM, self._views)
        return found if found is not None and found.activation.is_running else None

    async def _on_task_due(self, uow: UnitOfWork, timer: Timer) -> None:
        incident_id = IncidentId(timer.payload["incident_id"])
        await self.responses.on_task_due(uow, incident_id, TaskId(timer.key))

    async def _on_unconfirmed(self, uow: UnitOfWork, timer: Timer) -> None:
        await self.responses.on_unconfirmed(uow, IncidentId(timer.payload["incident_id"]))

    async def _write_audit_head(self) -> None:
        """After the order is stored: a full disk must not make it look as if it had failed."""
        try:
            async with self._database.read() as uow:
                await self._audit.write_head_file(uow)
        except (Unavailable, OSError) as error:  # housekeeping writes it within the hour
            log.error("audit_head_not_written", cause=str(error))


def reference() -> dict[str, Any]:
    """Kinds of incident and the figures there are, for forms."""
    return {
        "items": [
            {**wire.kind(each), "keywords": each.keywords} for each in tables.kinds().values()
        ],
        "metrics": [dataclasses.asdict(each) for each in figures.METRICS.values()],
    }


def suggest(kind_code: str, known: dict[str, float]) -> dict[str, Any]:
    """The level these figures suggest for an incident of this kind, before it is recorded.

    Raises: InvalidInput.
    """
    domain = tables.kind(kind_code).criteria_domain
    checked = figures.derived(figures.checked(known))
    return wire.suggestion(levels.suggest(tables.criteria(), domain, checked))


def grade_shown(holdings: tuple[Holding, ...], exposed: int) -> dict[str, Any]:
    """GB 18218-2018 for these holdings.

    Raises: InvalidInput.
    """
    return wire.grade(grade(holdings, exposed))


def isolation_shown(question: Question) -> dict[str, Any]:
    """ERG 2024 distances.

    Raises: InvalidInput: not listed, or the container is needed.
    """
    return wire.zone(isolate(question))


def _check_note(note: str) -> None:
    if not 2 <= len(note.strip()) <= 500:
        raise InvalidInput("say how, in 2 to 500 characters", field="note")
