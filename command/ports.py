"""What command needs from others: somebody who sends, somebody who opens a meeting.

The real parts are plugged in by signaling.adapters. Every call acts in the caller's transaction,
so that an activation is either whole, with its messages and its meeting, or not there at all.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.auth.model import Principal
from core.database import UnitOfWork
from core.ids import AssignmentId, IncidentId, MeetingId, MessageId, PersonId, UnitId

ACKNOWLEDGE = "1"
DECLINE = "2"


@dataclass(frozen=True)
class Addressee:
    """One person's mobile. `is_demo`: must never reach a real modem."""

    person_id: PersonId
    name: str
    number: str
    is_demo: bool


@dataclass(frozen=True)
class ReplyChoice:
    """An answer the recipient may give: `1` 收到."""

    code: str
    meaning: str


@dataclass(frozen=True)
class Submission:
    """One text for one person, of the class *alert* (it overtakes every notice).

    `key`: a second submission with an equal key is the same message and is not sent again.
    `choices`: empty where no answer is asked for. `unit_path`: whose message it is.
    `subject`: what is asked about; an answer belongs to the newest question of the same subject.
    The messenger itself puts the drill mark and the county's signature before `text`, so that
    nothing of a drill can leave without it.
    """

    key: str
    addressee: Addressee
    text: str
    incident_id: IncidentId
    unit_path: str
    is_drill: bool
    expires_at: datetime
    choices: tuple[ReplyChoice, ...] = ()
    subject: str = ""


@dataclass(frozen=True)
class RingOrder:
    """Ring somebody awake for `ring_s` seconds; the ring is the message, the text says the rest."""

    key: str
    addressee: Addressee
    incident_id: IncidentId
    assignment_id: AssignmentId
    unit_path: str
    ring_s: int


@dataclass(frozen=True)
class RingEnded:
    """A ring-out is over; handed in by signaling.adapters from the sms event.

    `result`: answered, no_answer, busy, rejected, failed; anything else: nobody was rung.
    """

    assignment_id: AssignmentId
    result: str
    at: datetime


@dataclass(frozen=True)
class VillageText:
    """A report form came by SMS; handed in by signaling.adapters from the sms event.

    `kind`: water_level (m), rainfall (mm), disaster, danger, road. `number`: E.164.
    """

    inbound_id: str
    number: str
    kind: str
    value: float | None
    note: str
    text: str
    at: datetime


@dataclass(frozen=True)
class TextMeasure:
    """What a text costs on the air, and how the handset shows it (`wire_text`).

    `units`: septets, or UCS-2 units where `is_unicode`.
    """

    wire_text: str
    segments: int
    units: int
    is_unicode: bool


class Messenger(Protocol):
    """Sends SMS. `sms.service` behind it."""

    async def submit(self, uow: UnitOfWork, submission: Submission) -> MessageId:
        """Accept the message in the caller's transaction; it goes on the air after commit.

        Raises: InvalidInput: the number or text cannot be sent.
        """

    async def ring(self, uow: UnitOfWork, order: "RingOrder") -> None:
        """Queue a ring-out in the caller's transaction; the same key is one call.

        Raises: InvalidInput: the number cannot be dialled.
        """

    async def stop_ringing(self, uow: UnitOfWork, key: str) -> None:
        """Take a ring-out back that has not begun."""

    async def close_questions(self, uow: UnitOfWork, keys: Sequence[str]) -> None:
        """An answer to what was submitted with `keys` is late; what of it waits is taken back."""

    def measure(self, text: str, *, is_drill: bool) -> TextMeasure:
        """Segments and units of `text` (3GPP TS 23.038, 23.040 §9.2.3.24); sends nothing."""


class SiteRole(enum.StrEnum):
    """What a site is in the meeting: one chairs, the others take part."""

    CHAIR = "chair"
    SITE = "site"


@dataclass(frozen=True)
class MeetingSite:
    """A unit invited to the emergency meeting."""

    unit_id: UnitId
    name: str
    role: SiteRole


@dataclass(frozen=True)
class MeetingOrder:
    """An emergency meeting to be open from `starts_at` (now) to `ends_at`.

    `key`: a second order with an equal key returns the same meeting. `unit_path`: who holds it.
    """

    key: str
    incident_id: IncidentId
    unit_path: str
    title: str
    starts_at: datetime
    ends_at: datetime
    sites: tuple[MeetingSite, ...]
    opened_by: Principal
    is_recorded: bool
    is_drill: bool


@dataclass(frozen=True)
class OpenedMeeting:
    """`links`: for each site the whole address people tap (https://host/j/<token>), ≤ 80 signs.

    A link lets in whoever holds it; the unit's PIN is never part of it.
    """

    meeting_id: MeetingId
    links: dict[UnitId, str]


class MeetingOpener(Protocol):
    """Opens meetings. `conf.service` behind it."""

    def sample_link(self) -> str:
        """A link as long as a real one, for previews; it opens nothing."""

    async def open(self, uow: UnitOfWork, order: MeetingOrder) -> OpenedMeeting:
        """Store the meeting and its links in the caller's transaction; the room opens after commit.

        Raises: InvalidInput: no site, or a unit twice.
        """

    async def end(self, uow: UnitOfWork, meeting_id: MeetingId) -> bool:
        """End the meeting in the caller's transaction; who is in it is let out after commit.

        Returns: False where it was over before.
        """


@dataclass(frozen=True)
class Reply:
    """A person answered by SMS; handed in by signaling.adapters from the sms event.

    `choice`: the code the answer was read as (`1` for 1, １, 收到 …); None where it is free text.
    """

    message_id: MessageId
    recipient_id: str
    person_id: PersonId | None
    number: str
    text: str
    choice: str | None
    at: datetime


@dataclass(frozen=True)
class UnclearReply:
    """A person answered by SMS while several questions were open; nothing is confirmed by it.

    `message_ids`: the open questions. `is_asked_back`: they were asked which one they mean.
    """

    message_ids: tuple[MessageId, ...]
    text: str
    is_asked_back: bool


class DeliveryOutcome(enum.StrEnum):
    """What became of a message on the air; `failed` is certain, `unknown` is not."""

    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Delivery:
    """A fact about one message; handed in by signaling.adapters from the sms events."""

    message_id: MessageId
    recipient_id: str
    outcome: DeliveryOutcome
    at: datetime
    cause: str = ""
