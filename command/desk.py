"""The duty desk: taking a report in, changing it, notes, closing, and what is shown of it all."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from command import figures as figures_of
from command import incident as incident_of
from command import tables
from command.access import access_incident
from command.activation import ActivationAction, ActivationState
from command.activation import transition as activation_transition
from command.incident import Incident, IncidentAction, IncidentDraft, IncidentState
from command.journal import Journal
from command.levels import LEVEL_NAMES
from command.log import LogKind
from command.response import ResponseDesk
from command.scene import scene_of
from command.store import incidents, registers
from command.texts import LOCAL_TIME, place_of
from command.views import Views
from core.audit import Audit
from core.auth.model import Permission, Principal, is_within, reach, require
from core.database import UnitOfWork
from core.errors import Conflict, InvalidInput, NotAllowed, NotFound, check_unchanged
from core.ids import HazardId, IncidentId, UnitId, new_id
from directory.model import Unit
from directory.service import Directory

_FIELDS = ("title", "description", "place", "longitude", "latitude", "hazard_id")


@dataclass(frozen=True)
class IncidentChange:
    """What is known better now; None leaves a field as it is. `figures` are merged in.

    `version`: the version the caller saw; a change made meanwhile is not overwritten.
    """

    version: int
    title: str | None = None
    description: str | None = None
    place: str | None = None
    longitude: float | None = None
    latitude: float | None = None
    hazard_id: HazardId | None = None
    event_level: int | None = None
    figures: dict[str, float] = field(default_factory=dict)


class IncidentDesk:
    """Incidents from the report to the summary."""

    def __init__(
        self, directory: Directory, audit: Audit, views: Views, responses: ResponseDesk
    ) -> None:
        self._directory = directory
        self._audit = audit
        self._views = views
        self._responses = responses

    async def record(self, uow: UnitOfWork, principal: Principal, draft: IncidentDraft) -> Incident:
        """Record an incident; the same `draft.key` again returns what the first made.

        Raises: InvalidInput: names the field; NotFound: unit or hazard; NotAllowed.
        """
        draft = incident_of.checked(draft, uow.now)
        tables.kind(draft.kind_code)
        unit = await self._directory.unit(uow, draft.unit_id)
        require(principal, Permission.INCIDENT_WRITE, unit.path)
        known = await incidents.find_by_key(uow, draft.key)
        if known is not None:
            return await access_incident(uow, principal, known.id)
        await self._check_hazard(uow, principal, draft.hazard_id)
        incident = _new(draft, unit, principal, uow, await self._number(uow, draft))
        await self._audit.append(
            uow,
            actor=principal.actor,
            action="incident.record",
            target=f"incident:{incident.id}",
            detail={"number": incident.number, "kind": incident.kind_code, "unit": unit.path},
        )
        await incidents.insert(uow, incident)
        journal = Journal(uow, incident, principal.actor, self._views)
        known_figures = figures_of.say(incident.figures)
        await journal.note(
            LogKind.REPORTED,
            f"接报:{place_of(incident)}{incident.title}"
            + (f",{known_figures}" if known_figures else "")
            + (f";报告人{incident.reporter}" if incident.reporter else ""),
            code="reported", what=f"{place_of(incident)}{incident.title}",
            figures=incident.figures, reporter=incident.reporter, source=incident.source.value,
        )  # fmt: skip
        await journal.publish(is_new=True)
        return incident

    async def change(
        self,
        uow: UnitOfWork,
        principal: Principal,
        incident_id: IncidentId,
        change: IncidentChange,
    ) -> Incident:
        """Put in what is known better; the log keeps what was changed.

        Raises: InvalidInput, NotFound, NotAllowed; Conflict: closed, or changed meanwhile.
        """
        incident = await access_incident(uow, principal, incident_id, Permission.INCIDENT_WRITE)
        _check_open(incident)
        check_unchanged(f"incident:{incident_id}", change.version, incident.version)
        await self._check_hazard(uow, principal, change.hazard_id)
        changed, said = _changed(incident, change, uow)
        if not said:
            return incident
        await self._audit.append(
            uow,
            actor=principal.actor,
            action="incident.change",
            target=f"incident:{incident_id}",
            detail={"said": said},
        )
        journal = Journal(uow, incident, principal.actor, self._views)
        await journal.change_incident(changed)
        await journal.note(LogKind.CHANGED, ";".join(said), **_change_data(incident, changed))
        await journal.publish()
        return changed

    async def note(
        self, uow: UnitOfWork, principal: Principal, incident_id: IncidentId, text: str
    ) -> None:
        """Add a line in the officer's own words; a closed incident still takes notes.

        Raises: InvalidInput, NotFound, NotAllowed.
        """
        if not 1 <= len(text.strip()) <= 1000:
            raise InvalidInput("from 1 to 1000 characters", field="text")
        incident = await access_incident(uow, principal, incident_id, Permission.INCIDENT_WRITE)
        journal = Journal(uow, incident, principal.actor, self._views)
        await journal.note(LogKind.NOTE, text.strip())
        await journal.publish()

    async def close(
        self,
        uow: UnitOfWork,
        principal: Principal,
        incident_id: IncidentId,
        summary: str,
        *,
        is_told: bool = True,
        is_meeting_ended: bool = True,
    ) -> Incident:
        """End the response, if any, and close with a summary. `is_told`: those called hear it.

        `is_meeting_ended`: the response's meeting ends with it; else it goes on by itself.

        Raises: InvalidInput, NotFound, NotAllowed; Conflict: closed already.
        """
        if not 2 <= len(summary.strip()) <= 4000:
            raise InvalidInput("from 2 to 4000 characters", field="summary")
        incident = await access_incident(uow, principal, incident_id, Permission.INCIDENT_WRITE)
        state = incident_of.transition(incident.state, IncidentAction.CLOSE)
        if incident.state is IncidentState.RESPONDING:
            require(principal, Permission.INCIDENT_ACTIVATE, incident.unit_path)
        await self._audit.append(
            uow,
            actor=principal.actor,
            action="incident.close",
            target=f"incident:{incident_id}",
            detail={"number": incident.number},
        )
        found = await scene_of(uow, incident_id, principal.actor, self._views)
        if found is not None and found.activation.is_running:
            ended = activation_transition(found.activation.state, ActivationAction.END)
            assert ended is ActivationState.ENDED
            await self._responses.end(found, ended, is_told=is_told)
        if found is not None and is_meeting_ended:
            await self._responses.end_meeting(found, principal)
        journal = found.journal if found else Journal(uow, incident, principal.actor, self._views)
        closed = replace(
            incident,
            state=state,
            closed_at=uow.now,
            closed_by_name=principal.name,
            summary=summary.strip(),
            version=incident.version + 1,
        )
        await journal.change_incident(closed)
        await journal.note(
            LogKind.CLOSED, f"{principal.name}结束处置:{summary.strip()}",
            code="closed", by=principal.name, summary=summary.strip(),
        )  # fmt: skip
        await journal.publish_whole()
        return closed

    async def listed(
        self,
        uow: UnitOfWork,
        principal: Principal,
        states: Collection[IncidentState] = (),
        limit: int = 100,
        within: str = "",
    ) -> list[dict[str, Any]]:
        """Summaries of the incidents within the principal's reach, newest first.

        `within`: only those in the unit at this path, which `access_list` has given.
        Raises: NotAllowed: no reach at all.
        """
        scopes = (within,) if within else reach(principal, Permission.INCIDENT_READ)
        require(principal, Permission.INCIDENT_READ, within or None)
        found = await incidents.listed(uow, scopes, states, limit)
        return await self._views.summaries(uow, found)

    async def access_list(self, uow: UnitOfWork, principal: Principal, unit_id: str) -> str:
        """The path of the unit whose list is asked for; empty `unit_id`: the whole county's.

        Raises: NotFound: no such unit; NotAllowed: not all of its incidents are within reach.
        """
        if unit_id:
            path = (await self._directory.unit(uow, UnitId(unit_id))).path
            require(principal, Permission.INCIDENT_READ, path)
            return path
        scopes = reach(principal, Permission.INCIDENT_READ)
        if not any(scope.count("/") <= 1 for scope in scopes):
            raise NotAllowed("only for those who see the whole county")
        return ""

    async def snapshot(
        self, uow: UnitOfWork, principal: Principal, incident_id: IncidentId
    ) -> dict[str, Any]:
        """The whole of one incident.

        Raises: NotFound.
        """
        incident = await access_incident(uow, principal, incident_id)
        return await self._views.snapshot(uow, incident)

    async def reporter_number(
        self, uow: UnitOfWork, principal: Principal, incident_id: IncidentId
    ) -> str:
        """The reporter's whole number, to call back; that it was asked for is audited.

        Raises: NotFound, NotAllowed.
        """
        incident = await access_incident(uow, principal, incident_id)
        require(principal, Permission.DIRECTORY_REVEAL, incident.unit_path)
        await self._audit.append(
            uow,
            actor=principal.actor,
            action="incident.reveal_reporter",
            target=f"incident:{incident_id}",
        )
        return incident.reporter_number

    async def _check_hazard(
        self, uow: UnitOfWork, principal: Principal, hazard_id: HazardId | None
    ) -> None:
        if hazard_id is None:
            return
        hazard = await registers.hazard(uow, hazard_id)
        scopes = reach(principal, Permission.HAZARD_READ)
        if hazard is None or hazard.is_removed or not is_within(hazard.unit_path, scopes):
            raise NotFound("no such hazard source", field="hazard_id")

    async def _number(self, uow: UnitOfWork, draft: IncidentDraft) -> str:
        year = uow.now.astimezone(LOCAL_TIME).year
        series = f"演{year}" if draft.is_drill else str(year)
        return f"{series}-{await incidents.next_number(uow, series):04d}"


def _new(
    draft: IncidentDraft, unit: Unit, principal: Principal, uow: UnitOfWork, number: str
) -> Incident:
    return Incident(
        id=IncidentId(new_id()),
        number=number,
        key=draft.key,
        title=draft.title,
        description=draft.description,
        kind_code=draft.kind_code,
        unit_id=unit.id,
        unit_path=unit.path,
        unit_name=unit.name,
        place=draft.place,
        longitude=draft.longitude,
        latitude=draft.latitude,
        occurred_at=draft.occurred_at,
        reported_at=uow.now,
        reporter=draft.reporter,
        reporter_number=draft.reporter_number,
        source=draft.source,
        hazard_id=draft.hazard_id,
        figures=draft.figures,
        event_level=draft.event_level,
        is_drill=draft.is_drill,
        state=IncidentState.REPORTED,
        recorded_by=principal.user_id,
        recorded_by_name=principal.name,
    )


def _check_open(incident: Incident) -> None:
    if incident.state is IncidentState.CLOSED:
        raise Conflict("the incident is closed", code="incident_closed")


def _changed(
    incident: Incident, change: IncidentChange, uow: UnitOfWork
) -> tuple[Incident, list[str]]:
    """The incident after `change`, and what changed in words."""
    fields = {name: value for name in _FIELDS if (value := getattr(change, name)) is not None}
    known = {**incident.figures, **change.figures}
    changed = replace(
        incident,
        **fields,
        figures=known,
        event_level=change.event_level or incident.event_level,
        version=incident.version + 1,
    )
    incident_of.checked(_as_draft(changed), uow.now)
    said = [
        f"{key}由“{getattr(incident, key) or '空'}”改为“{value}”"
        for key, value in fields.items()
        if getattr(incident, key) != value
    ]
    newer = {key: value for key, value in known.items() if incident.figures.get(key) != value}
    if newer:
        said.append(f"最新情况:{figures_of.say(newer)}")
    if changed.event_level != incident.event_level and changed.event_level:
        said.append(f"事件等级定为{LEVEL_NAMES[changed.event_level]}")
    return changed, said


def _change_data(before: Incident, after: Incident) -> dict[str, Any]:
    """The same for readers of other languages: fields as [before, after], figures, level."""
    fields = {key: [getattr(before, key), getattr(after, key)] for key in _FIELDS}
    newer = {key: value for key, value in after.figures.items() if before.figures.get(key) != value}
    level = after.event_level if after.event_level != before.event_level else None
    return {
        "code": "changed",
        "fields": {key: pair for key, pair in fields.items() if pair[0] != pair[1]},
        "figures": newer,
        "level": level,
    }


def _as_draft(incident: Incident) -> IncidentDraft:
    return IncidentDraft(
        title=incident.title,
        kind_code=incident.kind_code,
        unit_id=incident.unit_id,
        place=incident.place,
        occurred_at=incident.occurred_at,
        source=incident.source,
        key=incident.key,
        longitude=incident.longitude,
        latitude=incident.latitude,
        description=incident.description,
        figures=incident.figures,
        event_level=incident.event_level,
    )
