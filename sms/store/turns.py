"""The statements a modem runs between two texts, on a plain connection (`Database.at_once`).

Each function decides nothing: states come from `sms.lifecycle`, and a guard (`WHERE state = …`)
makes the statement do nothing where the row is not as the caller believes.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Select,
    Table,
    bindparam,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy import Connection as Connection
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from core.database import UtcDateTime
from sms.driver import CarrierReceipt, SendOutcome
from sms.lifecycle import SegmentFact, summarise, transition
from sms.model import AttemptState, Outgoing, RecipientState, SegmentState
from sms.receipt_ids import canonical
from sms.store.rows import (
    QUEUED_ONLY,
    AttemptRow,
    IncomingPduRow,
    MessageRow,
    RecipientRow,
    SegmentRow,
)

_SEGMENT = cast("Table", SegmentRow.__table__)
_RECIPIENT = cast("Table", RecipientRow.__table__)
_MESSAGE = cast("Table", MessageRow.__table__)
_ATTEMPT = cast("Table", AttemptRow.__table__)
_PDU = cast("Table", IncomingPduRow.__table__)


_AVOIDED_FOR = timedelta(seconds=10)
_LOOK_AHEAD = 50
"""How far a SIM looks for a number of its own carrier: fairness between units stays within it."""


@dataclass(frozen=True)
class Taker:
    """The modem that asks for work, and what it may take.

    `max_lane`: highest lane its quota and rate leave it (−1: nothing). `min_lane`: what is more
    urgent is left to whichever modem is free first. `serves`: carriers, None =
    all. `ready`: modems that can send now, this one included; what prefers or is told to avoid a
    modem looks there. `home`: the SIM's own carrier, whose numbers it takes first.
    """

    modem: str
    imsi: str
    is_simulated: bool
    ready: tuple[str, ...]
    max_lane: int = 99
    min_lane: int = 0
    serves: tuple[str, ...] | None = None
    home: str | None = None


def next_due(connection: Connection, now: datetime, taker: Taker, locks: bool = True) -> Any | None:
    """The segment this modem should send next with what is needed to send it, locked.

    Without `locks` only a look: nobody else's claim passes the row over for it.
    """
    times = {"now": now, "long_ago": now - _AVOIDED_FOR}
    if not locks:
        return connection.execute(_next(_conditions(taker)), times).first()
    found = connection.execute(_first_due(taker), times).first()  # None, or a row of its columns
    if found is None or taker.home in (None, found.carrier) or found.pinned_modem is not None:
        return found
    s = _SEGMENT.c
    near = (s.lane == found.lane, s.position <= found.position + _LOOK_AHEAD)
    at_home = _locked(_next([*_conditions(taker), *near, s.carrier == taker.home]))
    return connection.execute(at_home, times).first() or found


@lru_cache(256)
def _first_due(taker: Taker) -> Select[Any]:
    """Built once for a modem and what it may take: it asks hundreds of times."""
    return _locked(_next(_conditions(taker)))


def _conditions(taker: Taker) -> list[ColumnElement[bool]]:
    """Parameters: `now`, `long_ago`."""
    s, m = _SEGMENT.c, _MESSAGE.c
    now = bindparam("now", type_=UtcDateTime)
    others = [name for name in taker.ready if name != taker.modem]
    conditions: list[ColumnElement[bool]] = [
        text(f"sms_segment.{QUEUED_ONLY}"),  # type: ignore[list-item]
        s.is_demo == taker.is_simulated,
        s.lane.between(taker.min_lane, taker.max_lane),
        s.not_before <= now,
        s.expires_at > now,
        m.cancelled_at.is_(None),
        or_(s.pinned_modem.is_(None), s.pinned_modem == taker.modem),
    ]
    if others:
        conditions.append(or_(s.prefers_modem.is_(None), s.prefers_modem.not_in(others)))
        # Others first; but if none of them has taken it (route, quota), it is not left to wait.
        long_ago = s.not_before <= bindparam("long_ago", type_=UtcDateTime)
        conditions.append(or_(s.avoid_modem.is_(None), s.avoid_modem != taker.modem, long_ago))
    if taker.serves is not None:
        conditions.append(s.carrier.in_(taker.serves))
    return conditions


def _next(conditions: list[ColumnElement[bool]]) -> Select[Any]:
    s, r, m = _SEGMENT.c, _RECIPIENT.c, _MESSAGE.c
    return (
        select(
            s.id, s.recipient_id, s.message_id, s.part, s.parts, s.attempts, s.copies, s.round,
            s.expires_at, s.pinned_modem, r.number, r.text, r.concat_reference,
            r.state.label("recipient_state"), m["class"].label("class_"), m.wire_text, m.context,
            m.is_flash, s.lane, s.position, s.carrier,
        )
        .join_from(_SEGMENT, _RECIPIENT, r.id == s.recipient_id)
        .join(_MESSAGE, m.id == s.message_id)
        .where(*conditions)
        .order_by(s.lane, s.position)
        .limit(1)
    )  # fmt: skip


def _locked(statement: Select[Any]) -> Select[Any]:
    return statement.with_for_update(skip_locked=True, of=_SEGMENT)


_START = (
    update(_SEGMENT)
    .where(_SEGMENT.c.id == bindparam("key"), _SEGMENT.c.state == SegmentState.QUEUED)
    .values(state=bindparam("becomes"), attempts=bindparam("tries"), pinned_modem=bindparam("pin"))
)
_PIN = (
    update(_SEGMENT)
    .where(_SEGMENT.c.recipient_id == bindparam("whose"), _SEGMENT.c.parts > 1)
    .values(pinned_modem=bindparam("pin"))
)
_RECIPIENT_MOVES = (
    update(_RECIPIENT).where(_RECIPIENT.c.id == bindparam("key")).values(state=bindparam("becomes"))
)


def start(connection: Connection, now: datetime, found: Any, attempt_id: str, taker: Taker) -> None:
    """Journal an attempt for the segment `next_due` locked."""
    becomes = transition(SegmentState.QUEUED, SegmentFact.CLAIMED)
    pin = taker.modem if found.parts > 1 else None
    if pin is not None and found.pinned_modem is None:
        connection.execute(_PIN, {"whose": found.recipient_id, "pin": pin})
    connection.execute(
        _START, {"key": found.id, "becomes": becomes, "tries": found.attempts + 1, "pin": pin}
    )
    connection.execute(
        insert(_ATTEMPT),
        {
            "id": attempt_id, "segment_id": found.id, "modem": taker.modem, "imsi": taker.imsi,
            "number": found.number, "state": AttemptState.STARTED, "detail": "",
            "is_extra_copy": found.copies > 0, "round": found.round, "started_at": now,
        },
    )  # fmt: skip
    if found.recipient_state is RecipientState.QUEUED:
        key = {"key": found.recipient_id, "becomes": RecipientState.SENDING}
        connection.execute(_RECIPIENT_MOVES, key)


_SENT = (
    update(_SEGMENT)
    .where(_SEGMENT.c.id == bindparam("key"), _SEGMENT.c.state == SegmentState.SENDING)
    .values(state=bindparam("becomes"), sent_at=bindparam("at"))
)
_ATTEMPT_SENT = (
    update(_ATTEMPT)
    .where(_ATTEMPT.c.id == bindparam("key"), _ATTEMPT.c.state == AttemptState.STARTED)
    .values(
        state=AttemptState.SENT,
        ended_at=bindparam("at"),
        reference=bindparam("tp_mr"),
        carrier_id=bindparam("their_id"),
    )
)
_RECIPIENT_SENT = (
    update(_RECIPIENT)
    .where(_RECIPIENT.c.id == bindparam("key"))
    .values(
        state=bindparam("becomes"), modem=bindparam("by"), cause=None,
        sent_at=func.coalesce(_RECIPIENT.c.sent_at, bindparam("at", type_=UtcDateTime)),
    )
)  # fmt: skip


def sent(
    connection: Connection, now: datetime, outgoing: Outgoing, modem: str, outcome: SendOutcome
) -> RecipientState | None:
    """The network took it: the usual end. Returns: the recipient's new state.

    None: the row is not as it was left (a report came first); nothing was written.
    """
    becomes = transition(SegmentState.SENDING, SegmentFact.ACCEPTED)
    moved = connection.execute(_SENT, {"key": outgoing.segment_id, "becomes": becomes, "at": now})
    if cast("CursorResult[Any]", moved).rowcount != 1:
        return None
    evidence = {"tp_mr": outcome.reference, "their_id": outcome.carrier_id or None}
    connection.execute(_ATTEMPT_SENT, {"key": outgoing.attempt_id, "at": now, **evidence})
    state = RecipientState.SENT
    if outgoing.parts > 1:
        state = _derived(connection, outgoing.recipient_id)
    values = {"key": outgoing.recipient_id, "becomes": state, "by": modem}
    if state is RecipientState.SENT:
        connection.execute(_RECIPIENT_SENT, {**values, "at": now})
    elif state is not RecipientState.SENDING:
        connection.execute(_RECIPIENT_MOVES, {"key": outgoing.recipient_id, "becomes": state})
    return state


_SIBLINGS = select(_SEGMENT.c.state).where(_SEGMENT.c.recipient_id == bindparam("whose"))


def _derived(connection: Connection, recipient_id: str) -> RecipientState:
    states = connection.execute(_SIBLINGS, {"whose": recipient_id}).scalars().all()
    return summarise(states)


@dataclass(frozen=True)
class Arrived:
    """A delivery report to be joined. `number`: E.164 of the recipient."""

    modem: str
    imsi: str
    hex: str
    number: str
    reference: int
    status: int
    pdu_id: str
    receipt: CarrierReceipt | None = None


_SENT_TO = (
    select(
        _ATTEMPT.c.id, _ATTEMPT.c.segment_id, _ATTEMPT.c.state, _ATTEMPT.c.reported_at,
        _SEGMENT.c.state.label("segment_state"), _SEGMENT.c.parts, _SEGMENT.c.recipient_id,
        _SEGMENT.c.message_id, _MESSAGE.c.context,
    )
    .join_from(_ATTEMPT, _SEGMENT, _SEGMENT.c.id == _ATTEMPT.c.segment_id)
    .join(_MESSAGE, _MESSAGE.c.id == _SEGMENT.c.message_id)
    .where(
        _ATTEMPT.c.number == bindparam("to"), _ATTEMPT.c.imsi == bindparam("sim"),
        _ATTEMPT.c.started_at >= bindparam("since"), _ATTEMPT.c.round == _SEGMENT.c.round,
    )
    .order_by(_ATTEMPT.c.reported_at.is_not(None), _ATTEMPT.c.started_at.desc())
    .limit(1)
)  # fmt: skip
_BY_REFERENCE = _SENT_TO.where(_ATTEMPT.c.reference == bindparam("named"))
_BY_CARRIER_ID = _SENT_TO.where(_ATTEMPT.c.carrier_id == bindparam("named"))
_SEGMENT_DELIVERED = (
    update(_SEGMENT)
    .where(_SEGMENT.c.id == bindparam("key"), _SEGMENT.c.state == SegmentState.SENT)
    .values(state=bindparam("becomes"), reported_at=bindparam("at"))
)
_ATTEMPT_REPORTED = (
    update(_ATTEMPT)
    .where(_ATTEMPT.c.id == bindparam("key"))
    .values(
        reported_at=bindparam("at"), report_status=bindparam("status"),
        receipt_id=bindparam("told"),
    )
)  # fmt: skip
_RECIPIENT_DELIVERED = (
    update(_RECIPIENT)
    .where(_RECIPIENT.c.id == bindparam("key"))
    .values(state=bindparam("becomes"), reported_at=bindparam("at"), cause=None)
)


def delivered(
    connection: Connection,
    now: datetime,
    since: datetime,
    report: Arrived,
    carrier_id: str | None = None,
) -> tuple[str, str, RecipientState] | None:
    """Join a "delivered" report to its text: the usual case. Returns: message, recipient, state.

    `carrier_id`: the id that names it instead of its TP-MR.

    None: not the usual case (unknown, repeated, somebody follows the message); nothing was written.
    """
    where = {"to": report.number, "sim": report.imsi, "since": since}
    found = connection.execute(
        _BY_REFERENCE if carrier_id is None else _BY_CARRIER_ID,
        {**where, "named": report.reference if carrier_id is None else carrier_id},
    ).first()
    if (
        found is None
        or found.reported_at is not None
        or found.state is not AttemptState.SENT
        or found.segment_state is not SegmentState.SENT
        or found.context
        or not _keep(connection, now, report)
    ):
        return None
    becomes = transition(SegmentState.SENT, SegmentFact.REPORTED_DELIVERED)
    connection.execute(_SEGMENT_DELIVERED, {"key": found.segment_id, "becomes": becomes, "at": now})
    told = canonical(report.receipt.message_id) if report.receipt is not None else None
    evidence = {"status": report.status, "told": told}
    connection.execute(_ATTEMPT_REPORTED, {"key": found.id, "at": now, **evidence})
    state = RecipientState.DELIVERED
    if found.parts > 1:
        state = _derived(connection, found.recipient_id)
    if state is RecipientState.DELIVERED:
        values = {"key": found.recipient_id, "becomes": state, "at": now}
        connection.execute(_RECIPIENT_DELIVERED, values)
    return found.message_id, found.recipient_id, state


def _keep(connection: Connection, now: datetime, report: Arrived) -> bool:
    """Store the PDU; False if this SIM handed it over before."""
    dialect_insert = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    stored = connection.execute(
        dialect_insert(_PDU).on_conflict_do_nothing(),
        {
            "id": report.pdu_id, "modem": report.modem, "imsi": report.imsi, "hex": report.hex,
            "received_at": now, "kind": "report", "is_joined": True,
        },
    )  # fmt: skip
    return cast("CursorResult[Any]", stored).rowcount == 1
