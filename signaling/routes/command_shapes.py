"""What command shows, as models; command/service.py states the same shapes in words."""

from typing import Any, Literal

from signaling.api import ApiModel

Level = Literal[1, 2, 3, 4]


class Kind(ApiModel):
    """A kind of incident; `code` of GB/T 35561-2017, or local (9…)."""

    code: str
    name: str
    category: str


class KindItem(Kind):
    """`keywords`: what a caller says instead of the standard's name: 泄漏, 山火, 决堤."""

    keywords: tuple[str, ...]


class Named(ApiModel):
    """An id with its name."""

    id: str
    name: str


class Incident(ApiModel):
    """One incident; the reporter's number is masked."""

    id: str
    number: str
    title: str
    description: str
    state: Literal["reported", "responding", "closed"]
    is_drill: bool
    kind: Kind
    unit_id: str
    unit: str
    place: str
    longitude: float | None
    latitude: float | None
    occurred_at: str
    reported_at: str
    reporter: str
    reporter_number: str
    source: str
    hazard: Named | None
    figures: dict[str, float]
    event_level: Level | None
    recorded_by: str
    recorded_at: str
    closed_at: str | None
    closed_by: str
    summary: str
    version: int


class IncidentSummary(ApiModel):
    """One row of the list. `unreached`: roles whose chain has come to its end without an answer."""

    id: str
    number: str
    title: str
    state: Literal["reported", "responding", "closed"]
    is_drill: bool
    kind: Kind
    unit_id: str
    unit: str
    place: str
    longitude: float | None
    latitude: float | None
    occurred_at: str
    event_level: Level | None
    response_level: Level | None
    called: int
    acknowledged: int
    unreached: int
    recorded_at: str
    closed_at: str | None


class IncidentList(ApiModel):
    """Newest first."""

    items: tuple[IncidentSummary, ...]


class NextLevel(ApiModel):
    """The next graver level, and how much more reaches it."""

    level: Level
    level_name: str
    threshold: float
    distance: float


class Judgement(ApiModel):
    """What one known figure says."""

    metric: str
    name: str
    value: float
    unit: str
    level: Level | None
    level_name: str
    threshold: float | None
    source: str
    is_verified: bool
    next: NextLevel | None


class Suggestion(ApiModel):
    """The event level the figures suggest."""

    domain: str | None
    level: Level | None
    level_name: str
    note: str
    note_code: Literal["no_scale", "no_figures", "gravest", "gravest_unverified"]
    deciding: Judgement | None
    criteria: tuple[Judgement, ...]


class Reason(ApiModel):
    """Why a plan fits; `code` and `detail` say the same as `text` in no language."""

    points: int
    text: str
    code: str
    detail: dict[str, int | str]


class ProposedLevel(ApiModel):
    """A response level of a proposed plan."""

    level: Level
    name: str
    authority: str
    measures: tuple[str, ...]
    expected_hours: int
    needs_confirmation: bool


class Proposal(ApiModel):
    """A plan that fits, and the response level its triggers suggest."""

    plan_id: str
    version: int
    title: str
    score: int
    reasons: tuple[Reason, ...]
    response_level: Level | None
    response_reason: str
    levels: tuple[ProposedLevel, ...]


class PlanReference(ApiModel):
    """Which version of which plan."""

    id: str
    version: int
    title: str


class Activation(ApiModel):
    """A response, with the fields of 突发事件应对法 art. 72."""

    id: str
    state: Literal["unconfirmed", "active", "ended", "revoked"]
    plan: PlanReference
    level: Level
    level_name: str
    matter: str
    expected_hours: int
    ends_expected_at: str
    measures: tuple[str, ...]
    needs_confirmation: bool
    ordered_by: str
    ordered_at: str
    confirmed_by: str
    confirmed_at: str | None
    ended_at: str | None


class Task(ApiModel):
    """One task of a response."""

    id: str
    step: str
    title: str
    role: str
    role_name: str
    state: Literal["open", "started", "done", "cancelled"]
    evidence: str
    opens_at: str
    due_at: str
    is_overdue: bool
    started_at: str | None
    done_at: str | None
    done_by: str
    result: str


class ChainPerson(ApiModel):
    """Somebody in a chain; the number, where given, is masked."""

    person_id: str
    person: str
    title: str
    number: str | None = None


class ChainLink(ApiModel):
    """One link of an escalation chain."""

    name: str
    wait_s: int
    people: tuple[ChainPerson, ...]


class Callout(ApiModel):
    """A role that somebody must answer for."""

    id: str
    role: str
    role_name: str
    unit_id: str | None
    unit: str
    state: Literal["held", "calling", "acknowledged", "exhausted", "stopped"]
    step: int
    steps: tuple[ChainLink, ...]
    next_escalation_at: str | None
    acknowledged_at: str | None


class Assignment(ApiModel):
    """One person called, the state of the message and of the answer."""

    id: str
    callout_id: str
    role: str
    role_name: str
    person_id: str
    person: str
    title: str
    unit_id: str
    unit: str
    number: str
    step: int
    step_name: str
    step_code: Literal["principal", "deputy", "leader", ""]
    state: Literal[
        "pending", "submitted", "delivered", "acknowledged", "declined", "escalated", "failed"
    ]
    state_name: str
    message_id: str | None
    submitted_at: str | None
    delivered_at: str | None
    acknowledged_at: str | None
    acknowledged_how: Literal["sms", "phone", "console"] | None
    acknowledged_by: str
    answer: str
    failure: str
    rung_at: str | None
    ring_result: str
    next_escalation_at: str | None


class LogEntry(ApiModel):
    """One line of the incident's log."""

    id: str
    at: str
    kind: str
    actor: str
    text: str
    data: dict[str, Any]


class Site(ApiModel):
    """A unit invited to a meeting."""

    unit_id: str
    name: str
    role: str


class Meeting(ApiModel):
    """The emergency meeting of a response."""

    meeting_id: str
    title: str
    ends_at: str
    sites: tuple[Site, ...]


class IncidentBoard(ApiModel):
    """The whole of one incident."""

    incident: Incident
    suggestion: Suggestion
    proposals: tuple[Proposal, ...]
    activation: Activation | None
    tasks: tuple[Task, ...]
    callouts: tuple[Callout, ...]
    assignments: tuple[Assignment, ...]
    log: tuple[LogEntry, ...]
    meeting: Meeting | None


class PreviewCallout(ApiModel):
    """A role that would be called, and the text the first of its chain would get."""

    role: str
    role_name: str
    unit_id: str | None
    unit: str
    is_first_alert: bool
    problem: str | None
    steps: tuple[ChainLink, ...]
    tasks: tuple[str, ...]
    text: str
    segments: int
    units: int
    is_unicode: bool


class PreviewTask(ApiModel):
    """A task that would be set."""

    step: str
    title: str
    role: str
    role_name: str
    opens_at: str
    due_at: str
    evidence: str


class PreviewMeeting(ApiModel):
    """The meeting that would be opened."""

    title: str
    ends_at: str
    sites: tuple[Site, ...]


class Preview(ApiModel):
    """What an activation would do; `problems`: roles nobody can be called for."""

    plan: PlanReference
    level: Level
    level_name: str
    needs_confirmation: bool
    matter: str
    measures: tuple[str, ...]
    expected_hours: int
    is_drill: bool
    callouts: tuple[PreviewCallout, ...]
    tasks: tuple[PreviewTask, ...]
    meeting: PreviewMeeting
    problems: tuple[str, ...]
    people: int
    segments: int
