"""Reports that villages send by SMS: what they say, and what became of them (pure)."""

import enum
from dataclasses import dataclass
from datetime import datetime

from core.errors import Conflict
from core.events import Event
from core.ids import IncidentId, PersonId, UnitId, UserId

KIND_NAMES = {
    "water_level": "水情", "rainfall": "雨情", "disaster": "灾情", "danger": "险情", "road": "路况",
}  # fmt: skip
_UNITS = {"water_level": "米", "rainfall": "毫米"}
_INCIDENT_KINDS = {"water_level": "11A01", "rainfall": "11B03"}


class ReportState(enum.StrEnum):
    """`waiting`: on the duty desk. `attached`: in an incident's log. `dismissed`: looked at."""

    WAITING = "waiting"
    ATTACHED = "attached"
    DISMISSED = "dismissed"


@dataclass(frozen=True)
class Report:
    """One report. `number` is whole here and masked on the wire; person and unit: whose it is.

    A number nobody in the directory has: no person, and the county's own path.
    """

    id: str
    inbound_id: str
    received_at: datetime
    kind: str
    value: float | None
    note: str
    text: str
    number: str
    person_id: PersonId | None
    person_name: str
    unit_id: UnitId | None
    unit_path: str
    unit_name: str
    state: ReportState
    incident_id: IncidentId | None = None
    handled_by: UserId | None = None
    handled_by_name: str = ""
    handled_at: datetime | None = None
    reason: str = ""


@dataclass(frozen=True)
class ReportReceived(Event):
    """A village's report is on the duty desk."""

    report_id: str
    kind: str
    value: float | None
    unit_path: str
    at: datetime


def check_waiting(report: Report) -> None:
    """Raises: Conflict: somebody has dealt with it."""
    if report.state is not ReportState.WAITING:
        raise Conflict("somebody has dealt with this report", code="report_handled")


def said(report: Report) -> str:
    """The report in one line: 雁回镇张三报告水情3.2米，还在涨."""
    who = f"{report.unit_name}{report.person_name}" or "未登记号码"
    figure = f"{report.value:g}{_UNITS.get(report.kind, '')}" if report.value is not None else ""
    note = report.note if not figure or not report.note else f"，{report.note}"
    return f"{who}报告{KIND_NAMES.get(report.kind, report.kind)}{figure}{note}"


def incident_kind(report: Report) -> str:
    """The kind of incident a form begins with, empty where a person has to choose."""
    return _INCIDENT_KINDS.get(report.kind, "")
