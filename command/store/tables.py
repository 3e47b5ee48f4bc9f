"""Tables of command. Columns are named as the fields of the values they hold.

CHECK constraints tie every state to its time: a row that says `acknowledged` knows when.
"""

from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import (
    CheckConstraint,
    Dialect,
    Float,
    ForeignKey,
    Index,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from command.activation import ActivationState
from command.assignment import AnsweredBy, AssignmentState, CalloutState
from command.escalation import Link
from command.grading import Holding
from command.incident import IncidentState, Source
from command.log import LogKind
from command.ports import MeetingSite
from command.report import ReportState
from command.task import TaskState
from core.database import Base, Json, UtcDateTime, enum_column
from plans.model import Evidence


class Values(TypeDecorator[Any]):
    """A tuple of plain values (dataclasses, strings) as a JSON document."""

    impl = Json
    cache_ok = True

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind = kind
        self._adapter: TypeAdapter[Any] = TypeAdapter(kind)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else self._adapter.dump_python(value, mode="json")

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else self._adapter.validate_python(value)


class SeriesRow(Base):
    """The last number given in a series of incidents (`2026`, `演2026`)."""

    __tablename__ = "incident_series"

    series: Mapped[str] = mapped_column(String(10), primary_key=True)
    last: Mapped[int]


class HazardRow(Base):
    """A hazard source; removed ones stay, because incidents point to them."""

    __tablename__ = "hazard"
    __table_args__ = (Index(None, "unit_path"), Index(None, "kind"))

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(80))
    unit_id: Mapped[str] = mapped_column(String(26))
    unit_path: Mapped[str] = mapped_column(String(300))
    unit_name: Mapped[str] = mapped_column(String(80))
    longitude: Mapped[float] = mapped_column(Float(53))
    latitude: Mapped[float] = mapped_column(Float(53))
    township_id: Mapped[str | None] = mapped_column(String(26))
    address: Mapped[str] = mapped_column(String(120))
    holdings: Mapped[Any] = mapped_column(Values(tuple[Holding, ...]))
    exposed_500m: Mapped[int | None]
    responsible_ids: Mapped[Any] = mapped_column(Values(tuple[str, ...]))
    attributes: Mapped[dict[str, Any]] = mapped_column(Json)
    is_removed: Mapped[bool]
    version: Mapped[int]


class IncidentRow(Base):
    """An incident. Locked first by everything that changes its response."""

    __tablename__ = "incident"
    __table_args__ = (
        CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name="closed_has_time"),
        CheckConstraint("event_level BETWEEN 1 AND 4", name="event_level_range"),
        CheckConstraint("(longitude IS NULL) = (latitude IS NULL)", name="position_whole"),
        Index(None, "state", "reported_at"),
        Index(None, "unit_path"),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    title: Mapped[str] = mapped_column(String(80))
    description: Mapped[str] = mapped_column(Text)
    kind_code: Mapped[str] = mapped_column(String(5))
    unit_id: Mapped[str] = mapped_column(String(26))
    unit_path: Mapped[str] = mapped_column(String(300))
    unit_name: Mapped[str] = mapped_column(String(80))
    place: Mapped[str] = mapped_column(String(120))
    longitude: Mapped[float | None] = mapped_column(Float(53))
    latitude: Mapped[float | None] = mapped_column(Float(53))
    occurred_at: Mapped[datetime] = mapped_column(UtcDateTime)
    reported_at: Mapped[datetime] = mapped_column(UtcDateTime)
    reporter: Mapped[str] = mapped_column(String(40))
    reporter_number: Mapped[str] = mapped_column(String(30))
    source: Mapped[Source] = mapped_column(enum_column(Source, "source"))
    hazard_id: Mapped[str | None] = mapped_column(ForeignKey("hazard.id"))
    figures: Mapped[dict[str, float]] = mapped_column(Json)
    event_level: Mapped[int | None]
    is_drill: Mapped[bool]
    state: Mapped[IncidentState] = mapped_column(enum_column(IncidentState, "state"))
    recorded_by: Mapped[str] = mapped_column(String(26))
    recorded_by_name: Mapped[str] = mapped_column(String(80))
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_by_name: Mapped[str] = mapped_column(String(80))
    summary: Mapped[str] = mapped_column(Text)
    version: Mapped[int]


class LogRow(Base):
    """One line of an incident's log; only ever inserted."""

    __tablename__ = "incident_log"
    __table_args__ = (UniqueConstraint("incident_id", "number"),)

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    incident_id: Mapped[str] = mapped_column(ForeignKey("incident.id"))
    number: Mapped[int]
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[LogKind] = mapped_column(enum_column(LogKind, "kind"))
    actor: Mapped[str] = mapped_column(String(60))
    actor_name: Mapped[str] = mapped_column(String(80))
    text: Mapped[str] = mapped_column(Text)
    data: Mapped[dict[str, Any]] = mapped_column(Json)


class ActivationRow(Base):
    """A response, with its frozen plan."""

    __tablename__ = "activation"
    __table_args__ = (
        UniqueConstraint("incident_id", "key"),
        CheckConstraint("level BETWEEN 1 AND 4", name="level_range"),
        CheckConstraint(
            "level > 2 OR state <> 'active' OR confirmed_at IS NOT NULL", name="grave_is_confirmed"
        ),
        CheckConstraint(
            "(confirmed_at IS NULL) = (confirmed_by IS NULL)", name="confirmed_has_person"
        ),
        CheckConstraint(
            "confirmed_by IS NULL OR confirmed_by <> ordered_by", name="second_is_another"
        ),
        CheckConstraint(
            "(state IN ('ended', 'revoked')) = (ended_at IS NOT NULL)", name="ended_has_time"
        ),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    incident_id: Mapped[str] = mapped_column(ForeignKey("incident.id"))
    key: Mapped[str] = mapped_column(String(64))
    plan_id: Mapped[str] = mapped_column(String(40))
    plan_version: Mapped[int]
    plan: Mapped[dict[str, Any]] = mapped_column(Json)
    level: Mapped[int]
    state: Mapped[ActivationState] = mapped_column(enum_column(ActivationState, "state"))
    matter: Mapped[str] = mapped_column(Text)
    measures: Mapped[Any] = mapped_column(Values(tuple[str, ...]))
    expected_hours: Mapped[int]
    ordered_by: Mapped[str] = mapped_column(String(26))
    ordered_by_name: Mapped[str] = mapped_column(String(80))
    ordered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    confirmed_by: Mapped[str | None] = mapped_column(String(26))
    confirmed_by_name: Mapped[str] = mapped_column(String(80))
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    meeting_id: Mapped[str | None] = mapped_column(String(26))
    meeting_title: Mapped[str] = mapped_column(String(120))
    meeting_ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    meeting_sites: Mapped[Any] = mapped_column(Values(tuple[MeetingSite, ...]))
    links: Mapped[dict[str, str]] = mapped_column(Json)


class TaskRow(Base):
    """One task of a response."""

    __tablename__ = "task"
    __table_args__ = (
        UniqueConstraint("activation_id", "step"),
        CheckConstraint("(state = 'done') = (done_at IS NOT NULL)", name="done_has_time"),
        CheckConstraint("state <> 'started' OR started_at IS NOT NULL", name="started_has_time"),
        CheckConstraint("due_at > opens_at", name="due_after_opening"),
        Index(None, "incident_id"),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    activation_id: Mapped[str] = mapped_column(ForeignKey("activation.id"))
    incident_id: Mapped[str] = mapped_column(ForeignKey("incident.id"))
    position: Mapped[int]
    step: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(String(120))
    role: Mapped[str] = mapped_column(String(40))
    role_name: Mapped[str] = mapped_column(String(40))
    evidence: Mapped[Evidence] = mapped_column(enum_column(Evidence, "evidence"))
    on_overdue: Mapped[str] = mapped_column(String(40))
    state: Mapped[TaskState] = mapped_column(enum_column(TaskState, "state"))
    opens_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    is_overdue: Mapped[bool]
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    done_by_name: Mapped[str] = mapped_column(String(80))
    result: Mapped[str] = mapped_column(Text)


class CalloutRow(Base):
    """A role called, with its frozen chain."""

    __tablename__ = "callout"
    __table_args__ = (
        UniqueConstraint("activation_id", "role"),
        CheckConstraint(
            "(state = 'acknowledged') = (acknowledged_at IS NOT NULL)", name="acknowledged_has_time"
        ),
        CheckConstraint("(state = 'calling') = (next_at IS NOT NULL)", name="calling_has_next"),
        CheckConstraint("(next_at IS NULL) OR (step_since IS NOT NULL)", name="next_has_since"),
        Index(None, "incident_id"),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    activation_id: Mapped[str] = mapped_column(ForeignKey("activation.id"))
    incident_id: Mapped[str] = mapped_column(ForeignKey("incident.id"))
    position: Mapped[int]
    role: Mapped[str] = mapped_column(String(40))
    role_name: Mapped[str] = mapped_column(String(40))
    unit_id: Mapped[str | None] = mapped_column(String(26))
    unit_name: Mapped[str] = mapped_column(String(80))
    is_first_alert: Mapped[bool]
    chain: Mapped[Any] = mapped_column(Values(tuple[Link, ...]))
    state: Mapped[CalloutState] = mapped_column(enum_column(CalloutState, "state"))
    step: Mapped[int]
    step_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acknowledged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AssignmentRow(Base):
    """One person called for one call-out."""

    __tablename__ = "assignment"
    __table_args__ = (
        UniqueConstraint("callout_id", "step", "person_id"),
        CheckConstraint(
            "(state = 'acknowledged') = (acknowledged_at IS NOT NULL)", name="acknowledged_has_time"
        ),
        CheckConstraint(
            "(acknowledged_at IS NULL) = (acknowledged_how IS NULL)", name="acknowledged_has_way"
        ),
        CheckConstraint(
            "(state = 'declined') = (declined_at IS NOT NULL)", name="declined_has_time"
        ),
        CheckConstraint(
            "state <> 'submitted' OR (submitted_at IS NOT NULL AND message_id IS NOT NULL)",
            name="submitted_has_message",
        ),
        CheckConstraint(
            "state <> 'delivered' OR delivered_at IS NOT NULL", name="delivered_has_time"
        ),
        CheckConstraint("state <> 'failed' OR failed_at IS NOT NULL", name="failed_has_time"),
        CheckConstraint(
            "state <> 'escalated' OR escalated_at IS NOT NULL", name="escalated_has_time"
        ),
        Index(None, "incident_id"),
        Index(None, "message_id"),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    callout_id: Mapped[str] = mapped_column(ForeignKey("callout.id"))
    activation_id: Mapped[str] = mapped_column(ForeignKey("activation.id"))
    incident_id: Mapped[str] = mapped_column(ForeignKey("incident.id"))
    step: Mapped[int]
    person_id: Mapped[str] = mapped_column(String(26))
    name: Mapped[str] = mapped_column(String(80))
    title: Mapped[str] = mapped_column(String(80))
    unit_id: Mapped[str] = mapped_column(String(26))
    unit_name: Mapped[str] = mapped_column(String(80))
    number: Mapped[str] = mapped_column(String(20))
    is_demo: Mapped[bool]
    state: Mapped[AssignmentState] = mapped_column(enum_column(AssignmentState, "state"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    asked: Mapped[int]
    message_id: Mapped[str | None] = mapped_column(String(26))
    submitted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failure: Mapped[str] = mapped_column(String(200))
    escalated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    declined_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acknowledged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acknowledged_how: Mapped[AnsweredBy | None] = mapped_column(
        enum_column(AnsweredBy, "acknowledged_how")
    )
    acknowledged_by: Mapped[str] = mapped_column(String(80))
    answer: Mapped[str] = mapped_column(String(500))
    rung_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ring_result: Mapped[str] = mapped_column(String(20))


class ReportRow(Base):
    """A report a village sent by SMS."""

    __tablename__ = "village_report"
    __table_args__ = (
        CheckConstraint("(state = 'waiting') = (handled_at IS NULL)", name="handled_has_time"),
        CheckConstraint("state <> 'attached' OR incident_id IS NOT NULL", name="attached_to_which"),
        Index(None, "state", "received_at"),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    inbound_id: Mapped[str] = mapped_column(String(26), unique=True)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(String(20))
    value: Mapped[float | None]
    note: Mapped[str] = mapped_column(String(300))
    text: Mapped[str] = mapped_column(String(500))
    number: Mapped[str] = mapped_column(String(30))
    person_id: Mapped[str | None] = mapped_column(String(26))
    person_name: Mapped[str] = mapped_column(String(80))
    unit_id: Mapped[str | None] = mapped_column(String(26))
    unit_path: Mapped[str] = mapped_column(String(300))
    unit_name: Mapped[str] = mapped_column(String(80))
    state: Mapped[ReportState] = mapped_column(enum_column(ReportState, "state"))
    incident_id: Mapped[str | None] = mapped_column(ForeignKey("incident.id"))
    handled_by: Mapped[str | None] = mapped_column(String(26))
    handled_by_name: Mapped[str] = mapped_column(String(80))
    handled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(String(200))


class ShiftRow(Base):
    """One shift of a unit's duty desk."""

    __tablename__ = "duty_shift"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        Index(None, "unit_path", "starts_at"),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    unit_id: Mapped[str] = mapped_column(String(26))
    unit_path: Mapped[str] = mapped_column(String(300))
    starts_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    leader_id: Mapped[str] = mapped_column(String(26))
    officer_ids: Mapped[Any] = mapped_column(Values(tuple[str, ...]))
    version: Mapped[int]
