"""Values as the browser is shown them; the shapes are listed in command.service (pure)."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from command.activation import CONFIRMED_LEVELS, Activation
from command.assignment import STATE_NAMES, Assignment, Callout, CalloutState
from command.escalation import LINK_CODES, Link
from command.figures import METRICS
from command.grading import GRADE_NAMES, Grading
from command.hazard import KINDS, Hazard
from command.incident import Incident
from command.isolation import Zone
from command.levels import LEVEL_NAMES, Judgement, Next, Suggestion, response_name
from command.log import LogEntry
from command.tables import Kind
from command.task import Task
from core.ids import IncidentId
from directory.model import mask
from plans.model import PlanLevel, Proposal

Wire = dict[str, Any]


def moment(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def kind(value: Kind) -> Wire:
    return {"code": value.code, "name": value.name, "category": value.category}


def incident(value: Incident, of_kind: Kind, hazard_name: str | None) -> Wire:
    hazard_of = {"id": value.hazard_id, "name": hazard_name} if value.hazard_id else None
    return {
        "id": value.id,
        "number": value.number,
        "title": value.title,
        "description": value.description,
        "state": value.state.value,
        "is_drill": value.is_drill,
        "kind": kind(of_kind),
        "unit_id": value.unit_id,
        "unit": value.unit_name,
        "place": value.place,
        "longitude": value.longitude,
        "latitude": value.latitude,
        "occurred_at": moment(value.occurred_at),
        "reported_at": moment(value.reported_at),
        "reporter": value.reporter,
        "reporter_number": mask(value.reporter_number) if value.reporter_number else "",
        "source": value.source.value,
        "hazard": hazard_of,
        "figures": value.figures,
        "event_level": value.event_level,
        "recorded_by": value.recorded_by_name,
        "recorded_at": moment(value.reported_at),
        "closed_at": moment(value.closed_at),
        "closed_by": value.closed_by_name,
        "summary": value.summary,
        "version": value.version,
    }


def summary(value: Incident, of_kind: Kind, tally: tuple[int, int, int, int] | None) -> Wire:
    level, called, acknowledged, unreached = tally or (None, 0, 0, 0)
    return {
        "id": value.id,
        "number": value.number,
        "title": value.title,
        "state": value.state.value,
        "is_drill": value.is_drill,
        "kind": kind(of_kind),
        "unit_id": value.unit_id,
        "unit": value.unit_name,
        "place": value.place,
        "longitude": value.longitude,
        "latitude": value.latitude,
        "occurred_at": moment(value.occurred_at),
        "event_level": value.event_level,
        "response_level": level,
        "called": called,
        "acknowledged": acknowledged,
        "unreached": unreached,
        "recorded_at": moment(value.reported_at),
        "closed_at": moment(value.closed_at),
    }


def suggestion(value: Suggestion) -> Wire:
    return {
        "domain": value.domain or None,
        "level": value.level,
        "level_name": LEVEL_NAMES[value.level] if value.level else "",
        "note": value.note,
        "note_code": value.note_code,
        "deciding": _judgement(value.deciding) if value.deciding else None,
        "criteria": [_judgement(each) for each in value.judgements],
    }


def _judgement(value: Judgement) -> Wire:
    return {
        "metric": value.metric,
        "name": METRICS[value.metric].name,
        "value": value.value,
        "unit": value.unit,
        "level": value.level,
        "level_name": LEVEL_NAMES[value.level] if value.level else "",
        "threshold": value.threshold,
        "source": value.source,
        "is_verified": value.is_verified,
        "next": _next(value.next),
    }


def _next(value: Next | None) -> Wire | None:
    if value is None:
        return None
    return {
        "level": value.level,
        "level_name": LEVEL_NAMES[value.level],
        "threshold": value.threshold,
        "distance": value.distance,
    }


def proposal(value: Proposal) -> Wire:
    return {
        "plan_id": value.plan.id,
        "version": value.plan.version,
        "title": value.plan.title,
        "score": value.score,
        "reasons": [
            {
                "points": each.points,
                "text": each.text,
                "code": each.code,
                "detail": each.detail,
            }
            for each in value.reasons
        ],
        "response_level": value.response_level,
        "response_reason": value.response_reason,
        "levels": [_plan_level(each) for each in value.plan.levels],
    }


def _plan_level(value: PlanLevel) -> Wire:
    return {
        "level": value.level,
        "name": response_name(value.level),
        "authority": value.authority,
        "measures": list(value.measures),
        "expected_hours": value.expected_hours,
        "needs_confirmation": value.level in CONFIRMED_LEVELS,
    }


def activation(value: Activation) -> Wire:
    return {
        "id": value.id,
        "state": value.state.value,
        "plan": {
            "id": value.plan_id,
            "version": value.plan_version,
            "title": value.plan.get("title", ""),
        },
        "level": value.level,
        "level_name": response_name(value.level),
        "matter": value.matter,
        "expected_hours": value.expected_hours,
        "ends_expected_at": moment(value.ends_expected_at),
        "measures": list(value.measures),
        "needs_confirmation": value.level in CONFIRMED_LEVELS,
        "ordered_by": value.ordered_by_name,
        "ordered_at": moment(value.ordered_at),
        "confirmed_by": value.confirmed_by_name,
        "confirmed_at": moment(value.confirmed_at),
        "ended_at": moment(value.ended_at),
    }


def meeting(value: Activation | None) -> Wire | None:
    if value is None or value.meeting_id is None:
        return None
    return {
        "meeting_id": value.meeting_id,
        "title": value.meeting_title,
        "ends_at": moment(value.meeting_ends_at),
        "sites": [
            {"unit_id": site.unit_id, "name": site.name, "role": site.role.value}
            for site in value.meeting_sites
        ],
    }


def task(value: Task) -> Wire:
    return {
        "id": value.id,
        "step": value.step,
        "title": value.title,
        "role": value.role,
        "role_name": value.role_name,
        "state": value.state.value,
        "evidence": value.evidence.value,
        "opens_at": moment(value.opens_at),
        "due_at": moment(value.due_at),
        "is_overdue": value.is_overdue,
        "started_at": moment(value.started_at),
        "done_at": moment(value.done_at),
        "done_by": value.done_by_name,
        "result": value.result,
    }


def chain(links: Sequence[Link], *, with_numbers: bool = False) -> list[Wire]:
    return [
        {
            "name": link.name,
            "wait_s": link.wait_s,
            "people": [
                {"person_id": each.person_id, "person": each.name, "title": each.title}
                | ({"number": mask(each.number)} if with_numbers else {})
                for each in link.people
            ],
        }
        for link in links
    ]


def callout(value: Callout) -> Wire:
    return {
        "id": value.id,
        "role": value.role,
        "role_name": value.role_name,
        "unit_id": value.unit_id,
        "unit": value.unit_name,
        "state": value.state.value,
        "step": value.step,
        "steps": chain(value.chain),
        "next_escalation_at": moment(value.next_at),
        "acknowledged_at": moment(value.acknowledged_at),
    }


def assignment(value: Assignment, of_callout: Callout) -> Wire:
    is_being_called = of_callout.state is CalloutState.CALLING and of_callout.step == value.step
    return {
        "id": value.id,
        "callout_id": value.callout_id,
        "role": of_callout.role,
        "role_name": of_callout.role_name,
        "person_id": value.person_id,
        "person": value.name,
        "title": value.title,
        "unit_id": value.unit_id,
        "unit": value.unit_name,
        "number": mask(value.number),
        "step": value.step,
        "step_name": of_callout.chain[value.step].name,
        "step_code": LINK_CODES.get(of_callout.chain[value.step].name, ""),
        "state": value.state.value,
        "state_name": STATE_NAMES[value.state],
        "message_id": value.message_id,
        "submitted_at": moment(value.submitted_at),
        "delivered_at": moment(value.delivered_at),
        "acknowledged_at": moment(value.acknowledged_at),
        "acknowledged_how": value.acknowledged_how.value if value.acknowledged_how else None,
        "acknowledged_by": value.acknowledged_by,
        "answer": value.answer,
        "failure": value.failure,
        "rung_at": moment(value.rung_at),
        "ring_result": value.ring_result,
        "next_escalation_at": moment(of_callout.next_at) if is_being_called else None,
    }


def assignments(values: Iterable[Assignment], callouts: Iterable[Callout]) -> list[Wire]:
    by_id = {each.id: each for each in callouts}
    return [assignment(each, by_id[each.callout_id]) for each in values]


def log_entry(value: LogEntry) -> Wire:
    return {
        "id": value.id,
        "at": moment(value.at),
        "kind": value.kind.value,
        "actor": value.actor_name,
        "text": value.text,
        "data": value.data,
    }


def hazard(value: Hazard, grading: Grading | None, grading_problem: str = "") -> Wire:
    return {
        "id": value.id,
        "kind": value.kind,
        "kind_name": KINDS[value.kind],
        "name": value.name,
        "unit_id": value.unit_id,
        "unit": value.unit_name,
        "township_id": value.township_id,
        "longitude": value.longitude,
        "latitude": value.latitude,
        "address": value.address,
        "holdings": [
            {"substance": each.name, "amount_t": each.amount_t, "symbol": each.symbol}
            for each in value.holdings
        ],
        "exposed_500m": value.exposed_500m,
        "responsible_ids": list(value.responsible_ids),
        "attributes": value.attributes,
        "grade": grading.grade if grading else None,
        "grading": grade(grading) if grading else None,
        "grading_problem": grading_problem,
        "version": value.version,
    }


def grade(value: Grading) -> Wire:
    return {
        "s": value.s,
        "is_major": value.is_major,
        "alpha": value.alpha,
        "r": value.r,
        "grade": value.grade,
        "grade_name": GRADE_NAMES[value.grade] if value.grade else "",
        "exposed": value.exposed,
        "terms": [
            {
                "name": each.name,
                "amount_t": each.amount_t,
                "critical_t": each.critical_t,
                "beta": each.beta,
                "ratio": each.ratio,
                "source": each.source,
            }
            for each in value.terms
        ],
        "arithmetic": list(value.arithmetic),
        "remarks": list(value.remarks),
    }


def zone(value: Zone) -> Wire:
    return {
        "un": value.un,
        "name": value.name,
        "isolate_m": value.isolate_m,
        "protect_km": value.protect_km,
        "is_open_ended": value.is_open_ended,
        "fire_tank_m": value.fire_tank_m,
        "guide": value.guide,
        "container": value.container,
        "source": value.source,
    }


def topic(incident_id: IncidentId) -> str:
    """The topic of one incident."""
    return f"incident:{incident_id}"


INCIDENTS = "incidents"
"""The topic of all incidents of the county."""


def lists(unit_path: str) -> list[str]:
    """The topics of lists an incident at `unit_path` is in: the county's, and each unit's below."""
    below = [part for part in unit_path.split("/") if part][1:]
    return [INCIDENTS, *(f"{INCIDENTS}:{unit_id}" for unit_id in below)]
