"""Reports of villages on the duty desk; changes come on `incidents` and `incidents:UNIT`."""

from typing import Literal

from pydantic import Field

from command.model import ReportState
from core.auth.model import Permission
from core.ids import IncidentId
from signaling.api import ApiModel
from signaling.http import Request, Route


class ReportQuery(ApiModel):
    """`state`: only these."""

    state: ReportState | None = None
    limit: int = Field(50, ge=1, le=200)


class Intake(ApiModel):
    """What the form of a new incident begins with; `kind_code` empty: a person has to choose."""

    title: str
    kind_code: str
    unit_id: str | None
    place: str
    occurred_at: str
    source: Literal["sms"]
    reporter: str
    description: str


class ReportItem(ApiModel):
    """One report; `said`: in one line. The number is masked."""

    id: str
    received_at: str
    kind: str
    value: float | None
    note: str
    text: str
    number: str
    person_id: str | None
    person: str
    unit_id: str | None
    unit: str
    state: ReportState
    incident_id: str | None
    handled_by: str
    handled_at: str | None
    reason: str
    said: str
    intake: Intake


class ReportList(ApiModel):
    """Newest first."""

    items: tuple[ReportItem, ...]


class Attach(ApiModel):
    """To which incident; it must be open."""

    incident_id: str = Field(min_length=1, max_length=26)


class Dismissal(ApiModel):
    """Why it needs no incident."""

    reason: str = Field(min_length=2, max_length=200)


async def list_reports(request: Request[ReportQuery, None]) -> ReportList:
    """Reports within reach."""
    query = request.query
    async with request.read() as uow:
        found = await request.app.command.reports.listed(
            uow, request.principal, query.state, query.limit
        )
    return ReportList.model_validate({"items": found})


async def attach_report(request: Request[None, Attach]) -> ReportItem:
    """Put a report into an incident's log."""
    async with request.write() as uow:
        report = await request.app.command.reports.attach(
            uow, request.principal, request.path["report_id"],
            IncidentId(request.body.incident_id),
        )  # fmt: skip
    return ReportItem.model_validate(report)


async def dismiss_report(request: Request[None, Dismissal]) -> ReportItem:
    """It has been looked at and needs no incident."""
    async with request.write() as uow:
        report = await request.app.command.reports.dismiss(
            uow, request.principal, request.path["report_id"], request.body.reason
        )
    return ReportItem.model_validate(report)


_ONE = "/api/v1/reports/{report_id}"
_READ, _WRITE = Permission.INCIDENT_READ, Permission.INCIDENT_WRITE
ROUTES = [
    Route("GET", "/api/v1/reports", list_reports, _READ, query=ReportQuery, response=ReportList,
          summary="Reports of villages within reach, newest first"),
    Route("POST", f"{_ONE}/attach", attach_report, _WRITE, body=Attach, response=ReportItem,
          summary="Put a report into an incident's log"),
    Route("POST", f"{_ONE}/dismiss", dismiss_report, _WRITE, body=Dismissal, response=ReportItem,
          summary="Put a report away, saying why"),
]  # fmt: skip
