"""Tables of what goes out and comes in: message, recipient, segment, attempt, PDU, inbound text.

CHECK constraints tie a state to its evidence: no `delivered` without a report, no `sending`
without an attempt. A row that claims more than is known cannot be stored.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, Json, UtcDateTime, enum_column
from sms.model import (
    AttemptState,
    InboundKind,
    InboundState,
    MessageClass,
    RecipientState,
    SegmentState,
)

QUEUED_ONLY = "state = 'queued'"
"""The condition of the queue's partial index; SQLite uses it only for the same words."""


class MessageRow(Base):
    """One submitted text. `wire_text`: as sent, with drill mark and signature."""

    __tablename__ = "sms_message"
    __table_args__ = (Index(None, "created_at"),)

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    idempotency_key: Mapped[str] = mapped_column(String(120), unique=True)
    class_: Mapped[MessageClass] = mapped_column("class", enum_column(MessageClass, "class"))
    text: Mapped[str] = mapped_column(Text)
    wire_text: Mapped[str] = mapped_column(Text)
    sender: Mapped[str] = mapped_column(String(60))
    unit_path: Mapped[str] = mapped_column(String(200))
    is_drill: Mapped[bool]
    is_flash: Mapped[bool]
    choices: Mapped[dict[str, Any] | None] = mapped_column(Json)
    answers_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    context: Mapped[dict[str, Any]] = mapped_column(Json)
    recipient_count: Mapped[int]
    segment_count: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    cancelled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class RecipientRow(Base):
    """One person the text goes to, with the state people see. `text`: only where personal."""

    __tablename__ = "sms_recipient"
    __table_args__ = (
        UniqueConstraint("message_id", "number"),
        Index(None, "number", "answered_at"),
        CheckConstraint("state != 'delivered' OR reported_at IS NOT NULL", name="delivered_report"),
        CheckConstraint("state != 'failed' OR cause IS NOT NULL", name="failed_has_cause"),
        CheckConstraint("(answer IS NULL) = (answered_at IS NULL)", name="answer_has_time"),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    message_id: Mapped[str] = mapped_column(ForeignKey("sms_message.id", ondelete="CASCADE"))
    position: Mapped[int]
    number: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(80))
    person_id: Mapped[str | None] = mapped_column(String(26))
    text: Mapped[str | None] = mapped_column(Text)
    is_demo: Mapped[bool]
    concat_reference: Mapped[int]
    question_code: Mapped[str | None] = mapped_column(String(2))
    state: Mapped[RecipientState] = mapped_column(enum_column(RecipientState, "state"))
    cause: Mapped[str | None] = mapped_column(String(200))
    modem: Mapped[str | None] = mapped_column(String(40))
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reported_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answer: Mapped[str | None] = mapped_column(Text)
    choice: Mapped[str | None] = mapped_column(String(20))
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SegmentRow(Base):
    """One PDU to be sent. `position` orders the queue within its lane, fair between units.

    `pinned_modem`: a long text joins on the handset only if one SIM sends all of it.
    `prefers_modem`: the SIM a reply belongs to; another may take it while that one is away.
    """

    __tablename__ = "sms_segment"
    __table_args__ = (
        # Only what waits: the index stays small however much has been sent.
        Index(
            "ix_sms_segment_queue",
            "is_demo",
            "lane",
            "position",
            sqlite_where=text(QUEUED_ONLY),
            postgresql_where=text(QUEUED_ONLY),
        ),
        Index(None, "recipient_id"),
        Index(None, "message_id"),
        CheckConstraint(
            "state NOT IN ('sending', 'unknown', 'sent', 'delivered') OR attempts > 0",
            name="sent_has_attempt",
        ),
        CheckConstraint("state != 'sent' OR sent_at IS NOT NULL", name="sent_has_time"),
        CheckConstraint("state != 'delivered' OR reported_at IS NOT NULL", name="delivered_report"),
        CheckConstraint("state != 'unknown' OR unknown_since IS NOT NULL", name="unknown_has_time"),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    message_id: Mapped[str] = mapped_column(ForeignKey("sms_message.id", ondelete="CASCADE"))
    recipient_id: Mapped[str] = mapped_column(ForeignKey("sms_recipient.id", ondelete="CASCADE"))
    lane: Mapped[int]
    position: Mapped[int] = mapped_column(BigInteger)
    is_demo: Mapped[bool]
    part: Mapped[int]
    parts: Mapped[int]
    state: Mapped[SegmentState] = mapped_column(enum_column(SegmentState, "state"))
    not_before: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(default=0)
    copies: Mapped[int] = mapped_column(default=0)
    round: Mapped[int] = mapped_column(default=0)  # of a long text sent anew: reports of old rounds
    carrier: Mapped[str] = mapped_column(String(20))
    avoid_modem: Mapped[str | None] = mapped_column(String(40))
    prefers_modem: Mapped[str | None] = mapped_column(String(40))
    pinned_modem: Mapped[str | None] = mapped_column(String(40))
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reported_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    unknown_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cause: Mapped[str | None] = mapped_column(String(200))


class AttemptRow(Base):
    """One try, written before AT+CMGS. `reference`: TP-MR; a report is matched by it.

    Over SMPP instead by `carrier_id`, from the carrier's answer; `receipt_id`: what its receipt
    calls the same text (both canonical: `sms.receipt_ids`).
    """

    __tablename__ = "sms_attempt"
    __table_args__ = (
        Index(None, "segment_id"),
        Index(None, "number", "reference", "started_at"),
        Index(None, "state", "modem"),
        Index(None, "imsi", "started_at"),
        CheckConstraint("(state = 'started') = (ended_at IS NULL)", name="ended_has_time"),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    segment_id: Mapped[str] = mapped_column(ForeignKey("sms_segment.id", ondelete="CASCADE"))
    modem: Mapped[str] = mapped_column(String(40))
    imsi: Mapped[str] = mapped_column(String(20))
    number: Mapped[str] = mapped_column(String(20))
    state: Mapped[AttemptState] = mapped_column(enum_column(AttemptState, "state"))
    is_extra_copy: Mapped[bool]
    round: Mapped[int] = mapped_column(default=0)
    reference: Mapped[int | None]
    carrier_id: Mapped[str | None] = mapped_column(String(65))
    receipt_id: Mapped[str | None] = mapped_column(String(65))
    error: Mapped[str | None] = mapped_column(String(60))
    detail: Mapped[str] = mapped_column(String(300), default="")
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reported_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    report_status: Mapped[int | None]


class IncomingPduRow(Base):
    """A PDU exactly as a modem handed it over: stored before it is judged or deleted there."""

    __tablename__ = "sms_incoming_pdu"
    __table_args__ = (
        UniqueConstraint("imsi", "hex"),
        Index(None, "sender", "concat_reference", "is_joined"),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    modem: Mapped[str] = mapped_column(String(40))
    imsi: Mapped[str] = mapped_column(String(20))
    hex: Mapped[str] = mapped_column(String(400))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(String(20))  # deliver, echo, report, unreadable
    sender: Mapped[str | None] = mapped_column(String(30))
    text: Mapped[str | None] = mapped_column(Text)
    concat_reference: Mapped[int | None]
    is_wide: Mapped[bool] = mapped_column(default=False)  # the reference has 16 bits
    part: Mapped[int | None]
    parts: Mapped[int | None]
    is_joined: Mapped[bool]


class InboundRow(Base):
    """A whole received text and what became of it."""

    __tablename__ = "sms_inbound"
    __table_args__ = (Index(None, "state", "received_at"), Index(None, "number", "received_at"))

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    number: Mapped[str] = mapped_column(String(30))
    text: Mapped[str] = mapped_column(Text)
    modem: Mapped[str] = mapped_column(String(40))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    is_complete: Mapped[bool]
    state: Mapped[InboundState] = mapped_column(enum_column(InboundState, "state"))
    kind: Mapped[InboundKind] = mapped_column(enum_column(InboundKind, "kind"))
    fields: Mapped[dict[str, Any] | None] = mapped_column(Json)
    message_id: Mapped[str | None] = mapped_column(
        ForeignKey("sms_message.id", ondelete="SET NULL")
    )
    recipient_id: Mapped[str | None] = mapped_column(String(26))
    choice: Mapped[str | None] = mapped_column(String(20))
    handled_by: Mapped[str | None] = mapped_column(String(60))
    handled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class CounterRow(Base):
    """Stored counters: the 16-bit concatenation reference, the units' places in each lane."""

    __tablename__ = "sms_counter"

    name: Mapped[str] = mapped_column(String(220), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)
