"""Tables beside the traffic: numbers, leases, SIMs, calls, templates, orders, webhooks."""

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, Json, UtcDateTime, enum_column
from sms.model import CallState, OrderState


class NumberRow(Base):
    """What is known better about a number than its prefix says, and whether it may be written to.

    `blocked_by`: stop_word, a user id (blacklist), or `network` (permanently refused).
    """

    __tablename__ = "sms_number"
    __table_args__ = (
        CheckConstraint("(blocked_at IS NULL) = (blocked_by IS NULL)", name="blocked_has_time"),
    )

    number: Mapped[str] = mapped_column(String(20), primary_key=True)
    carrier: Mapped[str | None] = mapped_column(String(20))
    carrier_set_by: Mapped[str | None] = mapped_column(String(60))
    blocked_by: Mapped[str | None] = mapped_column(String(60))
    blocked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    note: Mapped[str] = mapped_column(String(200), default="")


class LeaseRow(Base):
    """Which process drives a modem. `device`: host and path; past `expires_at` it is free."""

    __tablename__ = "sms_modem_lease"

    device: Mapped[str] = mapped_column(String(300), primary_key=True)
    owner: Mapped[str] = mapped_column(String(60))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ModemRow(Base):
    """A modem as the process that drives it (or would) says. `node`: host, pid, start."""

    __tablename__ = "sms_modem"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    node: Mapped[str] = mapped_column(String(60), primary_key=True)
    state: Mapped[str] = mapped_column(String(20))
    view: Mapped[dict[str, Any]] = mapped_column(Json)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SimRow(Base):
    """A SIM as we know it. `balance`: the network's words; `balance_fen`: where they name money."""

    __tablename__ = "sms_sim"

    imsi: Mapped[str] = mapped_column(String(20), primary_key=True)
    modem: Mapped[str] = mapped_column(String(40))
    balance: Mapped[str] = mapped_column(String(300), default="")
    balance_fen: Mapped[int | None]
    balance_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    quarantined_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(String(200), default="")


class ReadingRow(Base):
    """What a network said of a SIM's balance, each time it was asked."""

    __tablename__ = "sms_balance_reading"
    __table_args__ = (Index(None, "imsi", "at"),)

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    imsi: Mapped[str] = mapped_column(String(20))
    modem: Mapped[str] = mapped_column(String(40))
    text: Mapped[str] = mapped_column(String(300))
    fen: Mapped[int | None]
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class CallRow(Base):
    """One ring-out, in a lane of its own beside the texts."""

    __tablename__ = "sms_call"
    __table_args__ = (
        UniqueConstraint("idempotency_key"),
        Index(None, "state", "created_at"),
        CheckConstraint("(state = 'done') = (ended_at IS NOT NULL)", name="done_has_time"),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    idempotency_key: Mapped[str] = mapped_column(String(120))
    number: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(80))
    is_demo: Mapped[bool]
    unit_path: Mapped[str] = mapped_column(String(200))
    context: Mapped[dict[str, Any]] = mapped_column(Json)
    ring_s: Mapped[int]
    state: Mapped[CallState] = mapped_column(enum_column(CallState, "state"))
    result: Mapped[str | None] = mapped_column(String(20))
    modem: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    interruptions: Mapped[int] = mapped_column(default=0)  # rings an alert ended early


class TemplateRow(Base):
    """A text with variables in braces: `{name}请于{time}到{place}`."""

    __tablename__ = "sms_template"
    __table_args__ = (UniqueConstraint("unit_path", "name"),)

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    unit_path: Mapped[str] = mapped_column(String(200))
    name: Mapped[str] = mapped_column(String(80))
    text: Mapped[str] = mapped_column(Text)
    longest: Mapped[dict[str, Any]] = mapped_column(Json)  # variable → longest value expected
    version: Mapped[int]
    updated_by: Mapped[str] = mapped_column(String(60))
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class OrderRow(Base):
    """A submission that waits for an approval or for its time. `repeat`: see `sms.planning`."""

    __tablename__ = "sms_order"
    __table_args__ = (
        UniqueConstraint("idempotency_key"),
        Index(None, "state", "due_at"),
        CheckConstraint("state != 'scheduled' OR due_at IS NOT NULL", name="scheduled_has_time"),
        CheckConstraint("state != 'refused' OR decided_by IS NOT NULL", name="refused_by_whom"),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    idempotency_key: Mapped[str] = mapped_column(String(120))
    state: Mapped[OrderState] = mapped_column(enum_column(OrderState, "state"))
    submission: Mapped[dict[str, Any]] = mapped_column(Json)
    audience: Mapped[dict[str, Any] | None] = mapped_column(Json)  # None: the submission's own
    recipient_count: Mapped[int]
    unit_path: Mapped[str] = mapped_column(String(200))
    sender: Mapped[str] = mapped_column(String(60))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    repeat: Mapped[str | None] = mapped_column(String(20))
    repeat_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    runs: Mapped[int] = mapped_column(default=0)
    message_id: Mapped[str | None] = mapped_column(String(26))  # of the latest run
    decided_by: Mapped[str | None] = mapped_column(String(60))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(String(200), default="")


class WebhookRow(Base):
    """Where another system wants facts sent. `secret` signs each body (HMAC-SHA256)."""

    __tablename__ = "sms_webhook"

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    url: Mapped[str] = mapped_column(String(500))
    secret: Mapped[str] = mapped_column(String(100))
    facts: Mapped[list[Any]] = mapped_column(Json)
    is_active: Mapped[bool]
    created_by: Mapped[str] = mapped_column(String(60))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class DeliveryState(enum.StrEnum):
    """Of one fact to one webhook."""

    PENDING = "pending"
    DONE = "done"
    GIVEN_UP = "given_up"


class DeliveryRow(Base):
    """One fact for one webhook, kept until it was taken or given up after a day."""

    __tablename__ = "sms_webhook_delivery"
    __table_args__ = (Index(None, "state", "retry_at"),)

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    webhook_id: Mapped[str] = mapped_column(String(26))
    fact: Mapped[str] = mapped_column(String(60))
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[DeliveryState] = mapped_column(enum_column(DeliveryState, "state"))
    attempts: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    error: Mapped[str] = mapped_column(String(200), default="")
