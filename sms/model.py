"""The words of the SMS platform: message, recipient, segment, attempt, and their states."""

import enum
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.events import Event
from core.ids import MessageId, PersonId, RecipientId, SegmentId


class MessageClass(enum.StrEnum):
    """What a message is for; it decides lane, expiry and what happens to an unknown outcome."""

    ALERT = "alert"
    COMMAND = "command"
    REPLY = "reply"
    NOTICE = "notice"
    BULLETIN = "bulletin"


SUBJECT = "subject"
"""The key of a context under which a question says what it is about."""
IS_OVER = "is_over"
"""The key of a context under which a question says that what it asked about is over."""
ORDERS_PEOPLE = (MessageClass.ALERT, MessageClass.COMMAND)
"""Classes that need the right to start a response and are sent whatever quota or hour says."""


class SegmentState(enum.StrEnum):
    """A segment's stored state; `sms.lifecycle.transition` is the only way between them."""

    QUEUED = "queued"
    SENDING = "sending"  # an attempt is journaled; the PDU may be on the air at any moment
    SENT = "sent"  # the network took it
    DELIVERED = "delivered"  # a delivery report says so
    UNKNOWN = "unknown"  # it may or may not be on the air
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class RecipientState(enum.StrEnum):
    """What a person reads on the board, derived from the segments (`lifecycle.summarise`)."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    UNKNOWN = "unknown"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class BoardFilter(enum.StrEnum):
    """Which recipients of a message a person looks at: a state, or several that belong together."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    UNKNOWN = "unknown"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    WENT_OUT = "went_out"  # sent or delivered
    LOST = "lost"  # failed or expired
    WAITING = "waiting"  # queued or sending
    ANSWERED = "answered"
    SILENT = "silent"


class StatisticsBy(enum.StrEnum):
    """What the rows of a month's statistics are."""

    UNIT = "unit"
    CLASS = "class"
    MODEM = "modem"
    CARRIER = "carrier"


class AttemptState(enum.StrEnum):
    """One try to put a segment on the air; `started` after a crash means unknown."""

    STARTED = "started"
    SENT = "sent"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


class InboundState(enum.StrEnum):
    """What became of a received text."""

    MATCHED = "matched"  # an answer to one of our messages
    UNMATCHED = "unmatched"  # waits in the human inbox
    HANDLED = "handled"  # a person has dealt with it


class InboundKind(enum.StrEnum):
    """What a received text is."""

    ANSWER = "answer"  # to one of our questions, in time
    LATE = "late"  # to a question that is closed
    REPORT = "report"  # a village report form: 水情 3.2
    STOP = "stop"  # 退订, TD
    START = "start"  # takes a stop word back
    OTHER = "other"


class CallState(enum.StrEnum):
    """A ring-out's stored state; what came of it is its `result`."""

    QUEUED = "queued"
    RINGING = "ringing"
    DONE = "done"


class OrderState(enum.StrEnum):
    """A submission that does not go out at once."""

    WAITING = "waiting"  # for an approval
    SCHEDULED = "scheduled"
    DONE = "done"
    REFUSED = "refused"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Recipient:
    """Whom to send to. `number`: E.164 (or a short code); `text`: their own text, if personal."""

    number: str
    name: str = ""
    person_id: PersonId | None = None
    text: str | None = None


@dataclass(frozen=True)
class ReplySpec:
    """What answers a message expects: code → meaning, e.g. {"1": "confirm", "2": "decline"}."""

    choices: dict[str, str]
    open_hours: int = 72


@dataclass(frozen=True)
class Submission:
    """A request to send one text to some recipients.

    `idempotency_key`: a second submission with an equal key returns the first one's id.
    `expires_at`: what is not on the air by then is never sent; None: the class's default.
    `context`: ids the sender wants back with every fact, e.g. {"incident_id": …}; under SUBJECT,
    what a question is about: one with the same subject stands in for those before it.
    `via_modem`: the SIM it should come from (a reply: the one written to), while that one is there.
    `is_flash`: class 0, shown at once over whatever the handset does; alerts and commands only.
    """

    class_: MessageClass
    text: str
    recipients: tuple[Recipient, ...]
    idempotency_key: str
    sender: str = "system"
    unit_path: str = ""
    expects_reply: ReplySpec | None = None
    is_drill: bool = False
    expires_at: datetime | None = None
    context: dict[str, Any] = field(default_factory=dict)
    via_modem: str | None = None
    is_flash: bool = False


@dataclass(frozen=True)
class Outgoing:
    """A claimed segment, ready to be sent. `attempt_id` comes back with the outcome.

    `is_followed`: the sender gave a context and wants to be told what becomes of it.
    """

    attempt_id: str
    segment_id: SegmentId
    recipient_id: RecipientId
    message_id: MessageId
    class_: MessageClass
    number: str
    text: str
    part: int
    parts: int
    concat_reference: int
    expires_at: datetime
    is_extra_copy: bool
    is_followed: bool = False
    is_flash: bool = False
    wants_report: bool = True


@dataclass(frozen=True)
class PendingCall:
    """A ring-out a modem has claimed. `gives_way`: an alert may end it early."""

    id: str
    number: str
    ring_s: float
    gives_way: bool = True


@dataclass(frozen=True)
class CallEnded(Event):
    """A ring-out is over. `result`: a `CallResult` value, or why nothing rang."""

    call_id: str
    number: str
    result: str
    context: dict[str, Any]
    at: datetime


@dataclass(frozen=True)
class BalanceLow(Event):
    """A SIM's credit fell below `sms.balance_low_yuan`. `text`: the network's words."""

    modem: str
    balance_fen: int
    text: str
    at: datetime


@dataclass(frozen=True)
class RecipientSent(Event):
    """The network took every segment for this recipient."""

    message_id: str
    recipient_id: str
    person_id: str | None
    context: dict[str, Any]
    at: datetime


@dataclass(frozen=True)
class RecipientDelivered(Event):
    """A delivery report came for every segment."""

    message_id: str
    recipient_id: str
    person_id: str | None
    context: dict[str, Any]
    at: datetime


@dataclass(frozen=True)
class RecipientFailed(Event):
    """It will not be sent any more: refused, expired or reported undeliverable."""

    message_id: str
    recipient_id: str
    person_id: str | None
    context: dict[str, Any]
    cause: str
    at: datetime


@dataclass(frozen=True)
class RecipientUnknown(Event):
    """The outcome is not known; the class's policy decides what happens now."""

    message_id: str
    recipient_id: str
    person_id: str | None
    context: dict[str, Any]
    at: datetime


@dataclass(frozen=True)
class RecipientAnswered(Event):
    """A text answered this message. `choice`: the key of ReplySpec.choices, None if unclear."""

    message_id: str
    recipient_id: str
    person_id: str | None
    context: dict[str, Any]
    number: str
    text: str
    choice: str | None
    inbound_id: str
    at: datetime


@dataclass(frozen=True)
class VillageReported(Event):
    """A report form came by SMS: water_level (m), rainfall (mm), disaster, danger, road."""

    inbound_id: str
    number: str
    kind: str
    value: float | None
    note: str
    text: str
    at: datetime


@dataclass(frozen=True)
class AnswerUnclear(Event):
    """An answer came while several questions were open and named none of them.

    `is_asked_back`: we have asked its sender which one is meant.
    """

    inbound_id: str
    message_ids: tuple[str, ...]
    text: str
    is_asked_back: bool
    at: datetime


@dataclass(frozen=True)
class InboundReceived(Event):
    """A text came that answers none of our messages."""

    inbound_id: str
    number: str
    text: str
    at: datetime
