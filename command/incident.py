"""Incidents: what is recorded, what is valid, which moves their state admits (pure)."""

import enum
import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from command import figures as figures_of
from core.errors import Conflict, InvalidInput
from core.ids import HazardId, IncidentId, UnitId, UserId

FUTURE_TOLERANCE = timedelta(minutes=5)
"""Clocks and watches differ; what is to happen later than this has not happened."""
OLDEST = timedelta(days=366)

_NUMBER = re.compile(r"\+?[0-9][0-9 \-]{1,20}[0-9]")


class IncidentState(enum.StrEnum):
    """`reported` until a response begins; `closed` is final."""

    REPORTED = "reported"
    RESPONDING = "responding"
    CLOSED = "closed"


class IncidentAction(enum.StrEnum):
    """What moves an incident."""

    RESPOND = "respond"
    REVOKE = "revoke"
    CLOSE = "close"


_MOVES = {
    (IncidentState.REPORTED, IncidentAction.RESPOND): IncidentState.RESPONDING,
    (IncidentState.RESPONDING, IncidentAction.REVOKE): IncidentState.REPORTED,
    (IncidentState.REPORTED, IncidentAction.CLOSE): IncidentState.CLOSED,
    (IncidentState.RESPONDING, IncidentAction.CLOSE): IncidentState.CLOSED,
}


def transition(state: IncidentState, action: IncidentAction) -> IncidentState:
    """Raises: Conflict: this state does not admit `action`."""
    try:
        return _MOVES[state, action]
    except KeyError:
        raise Conflict(f"an incident that is {state} cannot {action}") from None


class Source(enum.StrEnum):
    """How the report came in."""

    PHONE = "phone"
    SMS = "sms"
    WEB = "web"
    SENSOR = "sensor"
    PATROL = "patrol"
    SUPERIOR = "superior"
    OTHER = "other"


@dataclass(frozen=True)
class IncidentDraft:
    """What the duty officer types in. Degrees CGCS2000; `key`: one per form, so that a double
    click records once."""

    title: str
    kind_code: str
    unit_id: UnitId
    place: str
    occurred_at: datetime
    source: Source
    key: str
    longitude: float | None = None
    latitude: float | None = None
    reporter: str = ""
    reporter_number: str = ""
    description: str = ""
    hazard_id: HazardId | None = None
    figures: dict[str, float] = field(default_factory=dict)
    event_level: int | None = None
    is_drill: bool = False


@dataclass(frozen=True)
class Incident:
    """One incident. `event_level` is a human's decision; the suggestion is computed."""

    id: IncidentId
    number: str
    key: str
    title: str
    description: str
    kind_code: str
    unit_id: UnitId
    unit_path: str
    unit_name: str
    place: str
    longitude: float | None
    latitude: float | None
    occurred_at: datetime
    reported_at: datetime
    reporter: str
    reporter_number: str
    source: Source
    hazard_id: HazardId | None
    figures: dict[str, float]
    event_level: int | None
    is_drill: bool
    state: IncidentState
    recorded_by: UserId
    recorded_by_name: str
    closed_at: datetime | None = None
    closed_by_name: str = ""
    summary: str = ""
    version: int = 1


def checked(draft: IncidentDraft, now: datetime) -> IncidentDraft:
    """`draft` trimmed and valid in every field.

    Raises: InvalidInput: names the field.
    """
    _check_length("title", draft.title, 2, 80)
    _check_length("place", draft.place, 2, 120)
    _check_length("reporter", draft.reporter, 0, 40)
    _check_length("description", draft.description, 0, 2000)
    _check_length("key", draft.key, 8, 64)
    if draft.reporter_number and not _NUMBER.fullmatch(draft.reporter_number.strip()):
        raise InvalidInput("not a phone number", field="reporter_number")
    _check_position(draft.longitude, draft.latitude)
    _check_moment(draft.occurred_at, now)
    check_level(draft.event_level)
    return replace(
        draft,
        title=draft.title.strip(),
        place=draft.place.strip(),
        reporter=draft.reporter.strip(),
        reporter_number=draft.reporter_number.strip(),
        description=draft.description.strip(),
        figures=figures_of.checked(draft.figures),
    )


def check_level(level: int | None) -> None:
    """Raises: InvalidInput: neither unknown nor 1..4."""
    if level is not None and level not in (1, 2, 3, 4):
        raise InvalidInput("a level is 1, 2, 3 or 4", field="event_level")


def _check_length(name: str, text: str, shortest: int, longest: int) -> None:
    if not shortest <= len(text.strip()) <= longest:
        raise InvalidInput(f"from {shortest} to {longest} characters", field=name)


def _check_position(longitude: float | None, latitude: float | None) -> None:
    if (longitude is None) != (latitude is None):
        raise InvalidInput("longitude and latitude go together", field="longitude")
    if longitude is not None and not 73 <= longitude <= 136:
        raise InvalidInput("from 73 to 136 degrees east", field="longitude")
    if latitude is not None and not 3 <= latitude <= 54:
        raise InvalidInput("from 3 to 54 degrees north", field="latitude")


def _check_moment(occurred_at: datetime, now: datetime) -> None:
    if occurred_at.tzinfo is None:
        raise InvalidInput("needs a time zone", field="occurred_at")
    if occurred_at > now + FUTURE_TOLERANCE:
        raise InvalidInput("lies in the future", field="occurred_at")
    if occurred_at < now - OLDEST:
        raise InvalidInput("more than a year ago", field="occurred_at")
