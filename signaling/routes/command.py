"""Incidents and responses over REST; the topics `incidents` and `incident:ID`."""

from datetime import datetime
from typing import Any

from pydantic import Field

from command.model import IncidentDraft, IncidentState, Order, Source, TaskAction
from command.service import IncidentChange, access_incident, reference, suggest
from core.auth.model import Permission, Principal
from core.database import UnitOfWork
from core.errors import NotAllowed
from core.ids import AssignmentId, HazardId, IncidentId, PlanId, TaskId, UnitId
from signaling.api import ApiModel
from signaling.context import AppContext
from signaling.http import Request, Route
from signaling.routes.command_shapes import (
    Incident,
    IncidentBoard,
    IncidentList,
    KindItem,
    Preview,
    Suggestion,
)
from signaling.topics import Topics, Visitor


class IncidentQuery(ApiModel):
    """`state`: only these."""

    state: IncidentState | None = None
    limit: int = Field(100, ge=1, le=500)


class NewIncident(ApiModel):
    """A report as it comes in. `key`: one per form on the screen. Degrees CGCS2000."""

    key: str = Field(min_length=8, max_length=64)
    title: str = Field(min_length=2, max_length=80)
    kind_code: str = Field(pattern=r"^\d{2}[A-Z]\d{2}$")
    unit_id: str = Field(min_length=1, max_length=26)
    place: str = Field(min_length=2, max_length=120)
    occurred_at: datetime
    source: Source
    longitude: float | None = None
    latitude: float | None = None
    reporter: str = Field("", max_length=40)
    reporter_number: str = Field("", max_length=30)
    description: str = Field("", max_length=2000)
    hazard_id: str | None = Field(None, max_length=26)
    figures: dict[str, float] = Field(default_factory=dict)
    event_level: int | None = Field(None, ge=1, le=4)
    is_drill: bool = False
    report_id: str = Field("", max_length=26)


class IncidentPatch(ApiModel):
    """What is known better now; what is left out stays. `version`: the one the caller saw."""

    version: int
    title: str | None = None
    description: str | None = None
    place: str | None = None
    longitude: float | None = None
    latitude: float | None = None
    hazard_id: str | None = None
    event_level: int | None = Field(None, ge=1, le=4)
    figures: dict[str, float] = Field(default_factory=dict)


class ActivationOrder(ApiModel):
    """Which plan at which level. Left out, matter, measures and hours are the plan's."""

    plan_id: str
    level: int = Field(ge=1, le=4)
    version: int | None = Field(None, ge=1)
    key: str = Field("", max_length=64)
    matter: str = Field("", max_length=200)
    measures: tuple[str, ...] = ()
    expected_hours: int | None = Field(None, ge=1, le=720)


class Text(ApiModel):
    """A line for the log."""

    text: str = Field(min_length=1, max_length=1000)


class Note(ApiModel):
    """How the person was reached, and what was said."""

    note: str = Field(min_length=2, max_length=500)


class Result(ApiModel):
    """What was done: the evidence the step asks for; why, where a task is cancelled."""

    result: str = Field("", max_length=1000)


class Reason(ApiModel):
    """Why."""

    reason: str = Field(min_length=2, max_length=500)


class Closing(ApiModel):
    """`is_told`: those who were called get the message that it is over.

    `is_meeting_ended`: the emergency meeting ends as well; else it goes on by itself.
    """

    summary: str = Field(min_length=2, max_length=4000)
    is_told: bool = True
    is_meeting_ended: bool = True


class FigureQuestion(ApiModel):
    """Figures as they are being typed in."""

    kind_code: str = Field(pattern=r"^\d{2}[A-Z]\d{2}$")
    figures: dict[str, float] = Field(default_factory=dict)


class Metric(ApiModel):
    """A figure an incident may have. `denial`: set where it is a yes or no, and what no means."""

    key: str
    name: str
    unit: str
    is_whole: bool
    at_least: float
    at_most: float
    denial: str


class Kinds(ApiModel):
    """Kinds of incident, and the figures there are."""

    items: tuple[KindItem, ...]
    metrics: tuple[Metric, ...]


class ReporterNumber(ApiModel):
    """The whole number, to call back."""

    number: str


def _incident_id(request: Request[Any, Any]) -> IncidentId:
    return IncidentId(request.path["incident_id"])


async def _board(request: Request[Any, Any]) -> IncidentBoard:
    async with request.read() as uow:
        snapshot = await request.app.command.incidents.snapshot(
            uow, request.principal, _incident_id(request)
        )
    return IncidentBoard.model_validate(snapshot)


def _order(body: ActivationOrder) -> Order:
    return Order(
        plan_id=PlanId(body.plan_id),
        level=body.level,
        key=body.key,
        plan_version=body.version,
        matter=body.matter,
        measures=body.measures,
        expected_hours=body.expected_hours,
    )


async def list_incidents(request: Request[IncidentQuery, None]) -> IncidentList:
    states = () if request.query.state is None else (request.query.state,)
    async with request.read() as uow:
        found = await request.app.command.incidents.listed(
            uow, request.principal, states, request.query.limit
        )
    return IncidentList.model_validate({"items": found})


async def list_kinds(request: Request[None, None]) -> Kinds:
    return Kinds.model_validate(reference())


async def suggest_level(request: Request[None, FigureQuestion]) -> Suggestion:
    return Suggestion.model_validate(suggest(request.body.kind_code, request.body.figures))


async def record_incident(request: Request[None, NewIncident]) -> Incident:
    body = request.body
    draft = IncidentDraft(
        **body.model_dump(exclude={"unit_id", "hazard_id", "report_id"}),
        unit_id=UnitId(body.unit_id),
        hazard_id=HazardId(body.hazard_id) if body.hazard_id else None,
    )
    command = request.app.command
    async with request.write() as uow:
        recorded = await command.record(uow, request.principal, draft, body.report_id)
        snapshot = await command.incidents.snapshot(uow, request.principal, recorded.id)
    return Incident.model_validate(snapshot["incident"])


async def read_incident(request: Request[None, None]) -> IncidentBoard:
    return await _board(request)


async def change_incident(request: Request[None, IncidentPatch]) -> IncidentBoard:
    change = IncidentChange(**request.body.model_dump())
    async with request.write() as uow:
        await request.app.command.incidents.change(
            uow, request.principal, _incident_id(request), change
        )
    return await _board(request)


async def reveal_reporter(request: Request[None, None]) -> ReporterNumber:
    async with request.write() as uow:
        number = await request.app.command.incidents.reporter_number(
            uow, request.principal, _incident_id(request)
        )
    return ReporterNumber(number=number)


async def add_note(request: Request[None, Text]) -> None:
    async with request.write() as uow:
        await request.app.command.incidents.note(
            uow, request.principal, _incident_id(request), request.body.text
        )


async def preview(request: Request[None, ActivationOrder]) -> Preview:
    async with request.read() as uow:
        shown = await request.app.command.preview(
            uow, request.principal, _incident_id(request), _order(request.body)
        )
    return Preview.model_validate(shown)


async def activate(request: Request[None, ActivationOrder]) -> IncidentBoard:
    async with request.write() as uow:
        await request.app.command.activate(
            uow, request.principal, _incident_id(request), _order(request.body)
        )
    return await _board(request)


async def confirm(request: Request[None, None]) -> IncidentBoard:
    async with request.write() as uow:
        await request.app.command.responses.confirm(uow, request.principal, _incident_id(request))
    return await _board(request)


async def revoke(request: Request[None, Reason]) -> IncidentBoard:
    async with request.write() as uow:
        await request.app.command.responses.revoke(
            uow, request.principal, _incident_id(request), request.body.reason
        )
    return await _board(request)


async def close_incident(request: Request[None, Closing]) -> IncidentBoard:
    async with request.write() as uow:
        await request.app.command.incidents.close(
            uow,
            request.principal,
            _incident_id(request),
            request.body.summary,
            is_told=request.body.is_told,
            is_meeting_ended=request.body.is_meeting_ended,
        )
    return await _board(request)


async def acknowledge(request: Request[None, Note]) -> IncidentBoard:
    assignment_id = AssignmentId(request.path["assignment_id"])
    async with request.write() as uow:
        await request.app.command.acknowledge(
            uow, request.principal, assignment_id, request.body.note
        )
    return await _board(request)


async def decline(request: Request[None, Note]) -> IncidentBoard:
    assignment_id = AssignmentId(request.path["assignment_id"])
    async with request.write() as uow:
        await request.app.command.decline(uow, request.principal, assignment_id, request.body.note)
    return await _board(request)


async def _move_task(request: Request[Any, Any], action: TaskAction, result: str) -> IncidentBoard:
    task_id = TaskId(request.path["task_id"])
    async with request.write() as uow:
        await request.app.command.responses.move_task(
            uow, request.principal, task_id, action, result
        )
    return await _board(request)


async def start_task(request: Request[None, None]) -> IncidentBoard:
    return await _move_task(request, TaskAction.START, "")


async def finish_task(request: Request[None, Result]) -> IncidentBoard:
    return await _move_task(request, TaskAction.FINISH, request.body.result)


async def cancel_task(request: Request[None, Result]) -> IncidentBoard:
    return await _move_task(request, TaskAction.CANCEL, request.body.result)


def _signed_in(visitor: Visitor) -> Principal:
    if not isinstance(visitor, Principal):
        raise NotAllowed("a meeting link does not open this")
    return visitor


def register_topics(app: AppContext, topics: Topics) -> None:
    """Topics `incidents` (the county's list), `incidents:UNIT` and `incident:ID` (board)."""

    async def may_see(uow: UnitOfWork, visitor: Visitor, key: str) -> None:
        await access_incident(uow, _signed_in(visitor), IncidentId(key))

    async def board(uow: UnitOfWork, visitor: Visitor, key: str) -> dict[str, Any]:
        found: dict[str, Any] = await app.command.incidents.snapshot(
            uow, _signed_in(visitor), IncidentId(key)
        )
        return found

    async def may_list(uow: UnitOfWork, visitor: Visitor, key: str) -> None:
        # The list's changes name every incident in it, so all of it must be within reach.
        await app.command.incidents.access_list(uow, _signed_in(visitor), key)

    async def listed(uow: UnitOfWork, visitor: Visitor, key: str) -> dict[str, Any]:
        desk, principal = app.command.incidents, _signed_in(visitor)
        within = await desk.access_list(uow, principal, key)
        return {"items": await desk.listed(uow, principal, within=within)}

    read = Permission.INCIDENT_READ
    topics.register("incident", permission=read, access=may_see, snapshot=board)
    topics.register("incidents", permission=read, access=may_list, snapshot=listed)


_ONE = "/api/v1/incidents/{incident_id}"
_ASSIGNMENT = f"{_ONE}/assignments/{{assignment_id}}"
_TASK = f"{_ONE}/tasks/{{task_id}}"
_READ, _WRITE = Permission.INCIDENT_READ, Permission.INCIDENT_WRITE
_ACTIVATE = Permission.INCIDENT_ACTIVATE

ROUTES = [
    Route("GET", "/api/v1/incident-kinds", list_kinds, permission=_READ, response=Kinds,
          summary="Kinds of incident and the figures there are"),
    Route("POST", "/api/v1/levels/suggest", suggest_level, permission=_READ, body=FigureQuestion,
          response=Suggestion, summary="The event level these figures suggest"),
    Route("GET", "/api/v1/incidents", list_incidents, permission=_READ, query=IncidentQuery,
          response=IncidentList, summary="Incidents within reach, newest first"),
    Route("POST", "/api/v1/incidents", record_incident, permission=_WRITE, body=NewIncident,
          response=Incident, status=201, summary="Record an incident"),
    Route("GET", _ONE, read_incident, permission=_READ, response=IncidentBoard,
          summary="The whole of one incident"),
    Route("PATCH", _ONE, change_incident, permission=_WRITE, body=IncidentPatch,
          response=IncidentBoard, summary="Put in what is known better now"),
    Route("POST", f"{_ONE}/reveal-reporter", reveal_reporter, permission=_READ,
          response=ReporterNumber, summary="The reporter's whole number; audited"),
    Route("POST", f"{_ONE}/log", add_note, permission=_WRITE, body=Text, status=204,
          summary="Add a line to the log"),
    Route("POST", f"{_ONE}/preview", preview, permission=_ACTIVATE, body=ActivationOrder,
          response=Preview, summary="What an activation would do; nothing is sent"),
    Route("POST", f"{_ONE}/activate", activate, permission=_ACTIVATE, body=ActivationOrder,
          response=IncidentBoard, summary="Put a plan into force"),
    Route("POST", f"{_ONE}/confirm", confirm, permission=_ACTIVATE, response=IncidentBoard,
          summary="Confirm an order of level Ⅰ or Ⅱ as the second person"),
    Route("POST", f"{_ONE}/revoke", revoke, permission=_ACTIVATE, body=Reason,
          response=IncidentBoard, summary="Take back an order not yet confirmed"),
    Route("POST", f"{_ONE}/close", close_incident, permission=_WRITE, body=Closing,
          response=IncidentBoard, summary="Close with a summary"),
    Route("POST", f"{_ASSIGNMENT}/acknowledge", acknowledge, permission=_WRITE, body=Note,
          response=IncidentBoard, summary="Confirmed by phone: note how"),
    Route("POST", f"{_ASSIGNMENT}/decline", decline, permission=_WRITE, body=Note,
          response=IncidentBoard, summary="Cannot come: the next one is called at once"),
    Route("POST", f"{_TASK}/start", start_task, permission=_WRITE, response=IncidentBoard,
          summary="Begin a task"),
    Route("POST", f"{_TASK}/finish", finish_task, permission=_WRITE, body=Result,
          response=IncidentBoard, summary="Finish a task with its evidence"),
    Route("POST", f"{_TASK}/cancel", cancel_task, permission=_WRITE, body=Result,
          response=IncidentBoard, summary="Cancel a task, saying why"),
]  # fmt: skip
