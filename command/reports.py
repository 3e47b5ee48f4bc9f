"""The duty desk's reports from villages: taken in, put to an incident, or put away."""

from dataclasses import replace
from typing import Any

from command import wire
from command.access import access_incident
from command.incident import Incident, IncidentState
from command.journal import Journal
from command.log import LogKind
from command.ports import VillageText
from command.report import (
    Report,
    ReportReceived,
    ReportState,
    check_waiting,
    incident_kind,
    said,
)
from command.store import reports
from command.views import Views
from core import changes, events
from core.audit import Audit
from core.auth.model import Permission, Principal, allows, reach, require
from core.database import UnitOfWork
from core.errors import Conflict, NotFound
from core.ids import IncidentId, new_id
from directory.model import mask
from directory.service import Directory


class ReportDesk:
    """Reports from their arrival to an incident's log."""

    def __init__(self, directory: Directory, audit: Audit, views: Views) -> None:
        self._directory = directory
        self._audit = audit
        self._views = views

    async def take(self, uow: UnitOfWork, text: VillageText) -> Report:
        """A village has written; the same text again changes nothing."""
        known = await reports.of_inbound(uow, text.inbound_id)
        if known is not None:
            return known
        owners = await self._directory.owners_of(uow, [text.number])
        person = owners.get(text.number)
        report = Report(
            id=new_id(), inbound_id=text.inbound_id, received_at=text.at, kind=text.kind,
            value=text.value, note=text.note[:300], text=text.text[:500], number=text.number,
            person_id=person.id if person else None, person_name=person.name if person else "",
            unit_id=person.unit_id if person else None,
            unit_path=person.unit_path if person else await self._county(uow),
            unit_name=person.unit_name if person else "", state=ReportState.WAITING,
        )  # fmt: skip
        await reports.insert(uow, report)
        await events.record(
            uow,
            ReportReceived(report.id, report.kind, report.value, report.unit_path, at=uow.now),
            key=f"report:{report.id}",
        )
        await self._show(uow, report, "report.added")
        return report

    async def listed(
        self, uow: UnitOfWork, principal: Principal, state: ReportState | None, limit: int
    ) -> list[dict[str, Any]]:
        """Reports within reach, newest first."""
        scopes = reach(principal, Permission.INCIDENT_READ)
        return [shown(each) for each in await reports.listed(uow, scopes, state, limit)]

    async def attach(
        self, uow: UnitOfWork, principal: Principal, report_id: str, incident_id: IncidentId
    ) -> dict[str, Any]:
        """Put a report into the log of an incident that is open.

        Raises: NotFound, NotAllowed; Conflict: dealt with already, or the incident is closed.
        """
        incident = await access_incident(uow, principal, incident_id, Permission.INCIDENT_WRITE)
        report = await self._access(uow, principal, report_id)
        check_waiting(report)
        if incident.state is IncidentState.CLOSED:
            raise Conflict("the incident is closed", code="incident_closed")
        return await self._put_to(uow, principal, report, incident)

    async def begin(
        self, uow: UnitOfWork, principal: Principal, report_id: str, incident: Incident
    ) -> None:
        """`incident` was recorded from this report; the same form twice does it once.

        Raises: NotFound, NotAllowed; Conflict: the report belongs to another incident.
        """
        report = await self._access(uow, principal, report_id)
        if report.incident_id == incident.id:
            return
        check_waiting(report)
        await self._put_to(uow, principal, report, incident)

    async def dismiss(
        self, uow: UnitOfWork, principal: Principal, report_id: str, reason: str
    ) -> dict[str, Any]:
        """A person has looked at it and it needs no incident. Raises: as `attach`."""
        report = await self._access(uow, principal, report_id)
        check_waiting(report)
        handled = replace(_handled(uow, principal, report, ReportState.DISMISSED), reason=reason)
        await self._keep(uow, principal, handled, "report.dismiss", reason)
        return shown(handled)

    async def _put_to(
        self, uow: UnitOfWork, principal: Principal, report: Report, incident: Incident
    ) -> dict[str, Any]:
        handled = _handled(uow, principal, report, ReportState.ATTACHED)
        handled = replace(handled, incident_id=incident.id)
        await self._keep(uow, principal, handled, "report.attach", None)
        journal = Journal(uow, incident, principal.actor, self._views)
        await journal.note(
            LogKind.VILLAGE, said(report), code="village", report_id=report.id,
            who=f"{report.unit_name}{report.person_name}", note=report.note, figure=report.kind,
            value=report.value, received_at=report.received_at.isoformat(),
        )  # fmt: skip
        await journal.publish()
        return shown(handled)

    async def _keep(
        self, uow: UnitOfWork, principal: Principal, report: Report, action: str, why: str | None
    ) -> None:
        await reports.update(uow, report)
        await self._audit.append(
            uow, actor=principal.actor, action=action, target=f"report:{report.id}",
            detail={"incident_id": report.incident_id}, reason=why,
        )  # fmt: skip
        await self._show(uow, report, "report.changed")

    async def _access(self, uow: UnitOfWork, principal: Principal, report_id: str) -> Report:
        report = await reports.find(uow, report_id)
        if report is None or not allows(principal, Permission.INCIDENT_READ, report.unit_path):
            raise NotFound("no such report", field="report_id")
        require(principal, Permission.INCIDENT_WRITE, report.unit_path)
        return report

    async def _county(self, uow: UnitOfWork) -> str:
        roots = [
            unit for unit in await self._directory.units_below(uow, [""]) if not unit.parent_id
        ]
        return roots[0].path if roots else ""

    async def _show(self, uow: UnitOfWork, report: Report, kind: str) -> None:
        for topic in wire.lists(report.unit_path):
            await changes.publish(uow, topic, kind, shown(report))


def _handled(uow: UnitOfWork, principal: Principal, report: Report, state: ReportState) -> Report:
    return replace(
        report, state=state, handled_by=principal.user_id, handled_by_name=principal.name,
        handled_at=uow.now,
    )  # fmt: skip


def shown(report: Report) -> dict[str, Any]:
    """As the browser is shown it. `intake`: what the form of a new incident begins with."""
    return {
        "id": report.id,
        "received_at": wire.moment(report.received_at),
        "kind": report.kind,
        "value": report.value,
        "note": report.note,
        "text": report.text,
        "number": mask(report.number),
        "person_id": report.person_id,
        "person": report.person_name,
        "unit_id": report.unit_id,
        "unit": report.unit_name,
        "state": report.state.value,
        "incident_id": report.incident_id,
        "handled_by": report.handled_by_name,
        "handled_at": wire.moment(report.handled_at),
        "reason": report.reason,
        "said": said(report),
        "intake": {
            "title": said(report)[:80],
            "kind_code": incident_kind(report),
            "unit_id": report.unit_id,
            "place": report.unit_name,
            "occurred_at": wire.moment(report.received_at),
            "source": "sms",
            "reporter": report.person_name,
            "description": report.text,
        },
    }
