"""The incident's log: everything that happened, in order; entries are only ever added (pure)."""

import enum
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.ids import IncidentId


class LogKind(enum.StrEnum):
    """What an entry is about; the page picks colour and icon by it."""

    REPORTED = "reported"
    CHANGED = "changed"
    NOTE = "note"
    ACTIVATED = "activated"
    CONFIRMED = "confirmed"
    REVOKED = "revoked"
    MEETING = "meeting"
    CALLED = "called"
    RUNG = "rung"
    HELD = "held"
    DELIVERED = "delivered"
    FAILED = "failed"
    ACKNOWLEDGED = "acknowledged"
    DECLINED = "declined"
    REPLIED = "replied"
    ESCALATED = "escalated"
    EXHAUSTED = "exhausted"
    ASKED_AGAIN = "asked_again"
    TASK = "task"
    OVERDUE = "overdue"
    VILLAGE = "village"
    CLOSED = "closed"


@dataclass(frozen=True)
class LogEntry:
    """One line. `number` counts within the incident from 1; `data`: ids for the page to link."""

    id: str
    incident_id: IncidentId
    number: int
    at: datetime
    kind: LogKind
    actor: str
    actor_name: str
    text: str
    data: dict[str, Any] = field(default_factory=dict)
