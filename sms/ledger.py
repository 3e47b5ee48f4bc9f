"""The ledger: attempts journaled before AT+CMGS, their outcomes and reports settled.

The usual course (claim, sent, delivered) runs as plain statements in one hop (`sms.store.turns`);
everything else takes the careful path here. Both move a segment only by `lifecycle.transition`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core import changes, events, timers
from core.database import UnitOfWork
from core.ids import MessageId, RecipientId, SegmentId, new_id
from sms import segments
from sms.driver import CarrierReceipt, SendOutcome, SendState
from sms.errors_cms import ErrorAction
from sms.lifecycle import LANES, SegmentFact, copies_allowed, summarise, transition
from sms.model import (
    AttemptState,
    Outgoing,
    RecipientDelivered,
    RecipientFailed,
    RecipientSent,
    RecipientState,
    RecipientUnknown,
    SegmentState,
)
from sms.numbers import to_e164
from sms.pdu import ReportState, StatusReport
from sms.progress import Progress
from sms.receipts import Line, Receipts
from sms.settings import SmsSettings
from sms.store import outbox as store
from sms.store import turns
from sms.store.rows import MessageRow, RecipientRow, SegmentRow
from sms.store.turns import Arrived, Connection, Taker

QUEUED = "sms.queued"
"""Signal: a modem should look at the queue."""
UNKNOWN_TIMER = "sms.unknown"
_REPORT_WINDOW = timedelta(days=3)
_BACK_OFF_FIRST_S, _BACK_OFF_LONGEST_S = 5.0, 300.0
_MODEM_WAIT_S = 2.0
_MESSAGE_TRIES = 2
_COPY_MARK = "（补发）"


@dataclass(frozen=True)
class _Verdict:
    """What an outcome means for the segment."""

    fact: SegmentFact
    attempt: AttemptState
    cause: str = ""
    wait_s: float = 0.0
    avoid_modem: bool = False


@dataclass(frozen=True)
class Done:
    """An attempt that ended. `modem`: who made it."""

    outgoing: Outgoing
    outcome: SendOutcome
    modem: str

    @property
    def is_usual(self) -> bool:
        """Sent, and nobody but the board wants to know."""
        return self.outcome.state is SendState.SENT and not self.outgoing.is_followed


class Ledger:
    """Owns what happens to segments once they are queued."""

    def __init__(self, settings: SmsSettings, progress: Progress) -> None:
        self._settings = settings
        self._progress = progress
        self._receipts = Receipts()

    def usual_turn(
        self, connection: Connection, now: datetime, done: Done | None, taker: Taker | None
    ) -> tuple[RecipientState | None, Outgoing | None]:
        """Store a usual outcome and journal the next attempt (for `Database.at_once`).

        Returns: the recipient's new state, None if `done` has to take the careful path; and what
        to send now.
        """
        state = None
        if done is not None:
            state = turns.sent(connection, now, done.outgoing, done.modem, done.outcome)
        return state, self.claim(connection, now, taker) if taker is not None else None

    def claim(self, connection: Connection, now: datetime, taker: Taker) -> Outgoing | None:
        """Journal an attempt for the next segment due on this modem; None if nothing is due."""
        found = turns.next_due(connection, now, taker)
        if found is None:
            return None
        attempt_id = new_id()
        turns.start(connection, now, found, attempt_id, taker)
        return Outgoing(
            attempt_id=attempt_id,
            segment_id=SegmentId(found.id),
            recipient_id=RecipientId(found.recipient_id),
            message_id=MessageId(found.message_id),
            class_=found.class_,
            number=found.number,
            text=_text_to_send(found.text or found.wire_text, found.copies, found.parts),
            part=found.part,
            parts=found.parts,
            concat_reference=found.concat_reference,
            expires_at=found.expires_at,
            is_extra_copy=found.copies > 0,
            is_followed=bool(found.context),
            is_flash=found.is_flash,
        )

    async def claim_in(self, uow: UnitOfWork, taker: Taker) -> Outgoing | None:
        """`claim` within a unit of work."""
        await uow.session.flush()
        connection = await uow.session.connection()
        return await connection.run_sync(self.claim, uow.now, taker)

    async def has_due(self, uow: UnitOfWork, taker: Taker, *, locks: bool = True) -> bool:
        """Whether `claim` would find something now. `locks`: nobody else claims it meanwhile."""
        connection = await uow.session.connection()
        return await connection.run_sync(turns.next_due, uow.now, taker, locks) is not None

    def usual_reports(
        self, connection: Connection, now: datetime, reports: Sequence[Arrived]
    ) -> list[tuple[str, str, RecipientState] | None]:
        """Join reports that say "delivered" (for `Database.at_once`); None: the careful path."""
        since = now - _REPORT_WINDOW
        return [self._usual_report(connection, now, since, report) for report in reports]

    def _usual_report(
        self, connection: Connection, now: datetime, since: datetime, report: Arrived
    ) -> tuple[str, str, RecipientState] | None:
        if report.receipt is None:
            return turns.delivered(connection, now, since, report)
        carrier_id = self._receipts.answer_id(report.imsi, report.receipt)
        if carrier_id is None:
            return None
        return turns.delivered(connection, now, since, report, carrier_id)

    async def settle(self, uow: UnitOfWork, attempt_id: str, outcome: SendOutcome) -> None:
        """Store how an attempt ended; a later outcome for the same attempt is the truer one."""
        attempt = await store.attempt(uow, attempt_id)
        if attempt is None:
            return
        segment = await store.segment(uow, attempt.segment_id)
        if segment is None:
            return
        verdict = _judge(outcome, segment)
        is_old = attempt.round != segment.round
        attempt.state = verdict.attempt
        attempt.ended_at = attempt.ended_at or uow.now
        attempt.detail = outcome.detail[:300]
        if outcome.reference is not None:
            attempt.reference = outcome.reference
        if outcome.carrier_id:
            attempt.carrier_id = outcome.carrier_id
        if outcome.error is not None:
            attempt.error = str(outcome.error)[:60]
        if is_old:  # the text was begun anew meanwhile; this is of the round before
            return
        if verdict.fact is SegmentFact.GIVEN_BACK:
            segment.not_before = uow.now + timedelta(seconds=verdict.wait_s)
            segment.avoid_modem = attempt.modem if verdict.avoid_modem else None
        await self.happen(uow, segment, verdict.fact, cause=verdict.cause, modem=attempt.modem)

    async def withdraw(self, uow: UnitOfWork, attempt_id: str) -> None:
        """An attempt journaled ahead never began: its segment waits as if never claimed."""
        await self.settle(uow, attempt_id, SendOutcome(SendState.NOT_SENT, detail="not begun"))
        attempt = await store.attempt(uow, attempt_id)
        segment = await store.segment(uow, attempt.segment_id) if attempt is not None else None
        if segment is not None and segment.state is SegmentState.QUEUED:
            segment.attempts = max(0, segment.attempts - 1)

    async def give_way(self, uow: UnitOfWork, ahead: Outgoing, taker: Taker) -> bool:
        """Withdraw what was journaled ahead if this modem may send something more urgent."""
        lane = min(taker.max_lane, LANES[ahead.class_] - 1)
        connection = await uow.session.connection()
        found = await connection.run_sync(turns.next_due, uow.now, replace(taker, max_lane=lane))
        if found is None:
            return False
        await self.withdraw(uow, ahead.attempt_id)
        return True

    async def settle_report(
        self,
        uow: UnitOfWork,
        imsi: str,
        report: StatusReport,
        receipt: CarrierReceipt | None = None,
    ) -> bool:
        """Join a status report to its attempt. Returns: whether there was one."""
        number = to_e164(report.recipient.value)
        if receipt is not None:
            line = Line(imsi, number)
            attempt = await self._receipts.attempt_for(uow, line, receipt, _REPORT_WINDOW)
        else:
            since = uow.now - _REPORT_WINDOW
            attempt = await store.attempt_for_report(
                uow, imsi=imsi, number=number, reference=report.reference, since=since
            )
        if attempt is None:
            return False
        attempt.report_status = report.status
        if report.state in (ReportState.TRYING, ReportState.UNKNOWN):
            return True
        segment = await store.segment(uow, attempt.segment_id)
        if segment is None:
            return True
        attempt.reported_at = uow.now
        if attempt.state is AttemptState.STARTED:
            attempt.state, attempt.ended_at = AttemptState.SENT, uow.now
        if receipt is None:
            attempt.reference = report.reference
        if attempt.round != segment.round:
            return True
        fact = (
            SegmentFact.REPORTED_DELIVERED
            if report.state is ReportState.DELIVERED
            else SegmentFact.REPORTED_FAILED
        )
        await self.happen(uow, segment, fact, cause=report.words, modem=attempt.modem)
        return True

    async def adopt_open_attempts(self, uow: UnitOfWork, modem: str, last: str) -> int:
        """After a crash: attempts without an end are of unknown outcome. Returns: how many.

        `last`: the attempt the modem was given last, empty if not known; later ones never began.
        """
        given_last = await store.attempt(uow, last) if last else None
        unknown = 0
        for attempt in await store.open_attempts(uow, modem):
            if given_last is not None and attempt.started_at > given_last.started_at:
                await self.withdraw(uow, attempt.id)
                continue
            unknown += 1
            outcome = SendOutcome(SendState.UNKNOWN, detail="the server stopped while it was sent")
            await self.settle(uow, attempt.id, outcome)
        return unknown

    async def on_unknown_timer(self, uow: UnitOfWork, timer: timers.Timer) -> None:
        """No report came for an alert of unknown outcome: order its one extra copy."""
        segment = await store.segment(uow, timer.key)
        if segment is None or segment.state is not SegmentState.UNKNOWN:
            return
        message = await store.message(uow, segment.message_id)
        if message is None or message.cancelled_at is not None:
            return
        segment.copies += 1
        segment.not_before = uow.now
        await self.happen(uow, segment, SegmentFact.COPY_ORDERED)

    async def announce_unsettled(self, uow: UnitOfWork) -> None:
        """Have the pages read anew what was under way when the last process ended."""
        for message_id in await store.unsettled_messages(uow, uow.now - _REPORT_WINDOW):
            await changes.publish(uow, f"message:{message_id}", "message.changed", {})

    async def expire(self, uow: UnitOfWork, limit: int = 200) -> int:
        """Give up queued segments whose time is over. Returns: how many."""
        expired = await store.expired_segments(uow, limit)
        for segment in expired:
            await self.happen(uow, segment, SegmentFact.RAN_OUT, cause="not sent in time")
        return len(expired)

    async def renew_stranded(self, uow: UnitOfWork, present: Sequence[str], limit: int = 50) -> int:
        """Begin long texts anew whose SIM has been away too long with parts on the air.

        Where a part is surely unsent the handset never showed the text, so a whole new one under a
        new reference is the first copy. Where every part may be out (an ordered copy waits), one
        more whole text is that copy, once. `present`: modems that can send. Returns: how many.
        """
        before = uow.now - timedelta(seconds=self._settings.stranded_wait_s)
        renewed = 0
        for recipient_id in await store.stranded_recipients(uow, present, before, limit):
            parts = await store.segments_of(uow, recipient_id)
            is_unseen = any(
                part.state is SegmentState.QUEUED and part.copies == 0 for part in parts
            )
            if any(part.state is SegmentState.SENDING for part in parts):
                continue
            if not is_unseen and parts[0].round > 0:
                continue
            recipient = await store.recipient(uow, recipient_id)
            assert recipient is not None  # foreign keys
            recipient.concat_reference = await store.next_counter(uow, "concat_reference") % 65_536
            for part in parts:
                self._renew(uow, part, is_unseen=is_unseen)
            message = await store.message(uow, recipient.message_id)
            assert message is not None
            await uow.session.flush()
            await self._refresh(uow, recipient, message)
            uow.signal(QUEUED)
            renewed += 1
        return renewed

    def _renew(self, uow: UnitOfWork, part: SegmentRow, *, is_unseen: bool) -> None:
        state = transition(part.state, SegmentFact.RENEWED)
        if state is None:
            return
        part.state, part.round, part.not_before = state, part.round + 1, uow.now
        part.pinned_modem = part.prefers_modem = None
        part.copies = part.copies if is_unseen else max(part.copies, 1)
        part.cause = "begun anew through another SIM"

    async def happen(
        self,
        uow: UnitOfWork,
        segment: SegmentRow,
        fact: SegmentFact,
        *,
        cause: str = "",
        modem: str | None = None,
    ) -> None:
        """Move a segment by `fact`, tie the evidence to it, and let its recipient follow."""
        state = transition(segment.state, fact)
        if state is None:
            return
        if state is SegmentState.SENT:
            segment.sent_at = segment.sent_at or uow.now
        if fact in (SegmentFact.REPORTED_DELIVERED, SegmentFact.REPORTED_FAILED):
            segment.reported_at = uow.now
            segment.sent_at = segment.sent_at or uow.now
        if state is SegmentState.UNKNOWN:
            segment.unknown_since = uow.now
        if cause:
            segment.cause = cause[:200]
        segment.state = state
        recipient, message = await self._family(uow, segment)
        if modem is not None:
            recipient.modem = modem
        if state is SegmentState.UNKNOWN and segment.copies < copies_allowed(message.class_):
            due_at = uow.now + timedelta(seconds=self._settings.unknown_wait_s)
            await timers.schedule(uow, UNKNOWN_TIMER, segment.id, due_at)
        if state is SegmentState.QUEUED:
            if segment.parts > 1:
                await self._unpin_unsent(uow, segment)
            uow.signal(QUEUED)
        await self._refresh(uow, recipient, message)

    async def _unpin_unsent(self, uow: UnitOfWork, segment: SegmentRow) -> None:
        """Nothing of a long text is on the air yet: any modem may take it from the start."""
        rows = await store.segments_of(uow, segment.recipient_id)
        if all(row.state is SegmentState.QUEUED for row in rows):
            await store.pin(uow, segment.recipient_id, None)

    async def _family(
        self, uow: UnitOfWork, segment: SegmentRow
    ) -> tuple[RecipientRow, MessageRow]:
        recipient = await store.recipient(uow, segment.recipient_id)
        message = await store.message(uow, segment.message_id)
        assert recipient is not None  # foreign keys
        assert message is not None
        return recipient, message

    async def _refresh(self, uow: UnitOfWork, recipient: RecipientRow, message: MessageRow) -> None:
        """Derive the recipient's state from the segments; tell whoever follows the message."""
        rows = await store.segments_of(uow, recipient.id)
        state = summarise([row.state for row in rows])
        if state is recipient.state:
            return
        recipient.cause = next((row.cause for row in rows if row.cause), None)
        if state is RecipientState.FAILED:
            recipient.cause = recipient.cause or "refused"
        if state in (RecipientState.SENT, RecipientState.DELIVERED):
            recipient.sent_at = recipient.sent_at or uow.now
            recipient.cause = None
        if state is RecipientState.DELIVERED:
            recipient.reported_at = uow.now
        recipient.state = state
        await self._tell(uow, recipient, message)

    async def _tell(self, uow: UnitOfWork, recipient: RecipientRow, message: MessageRow) -> None:
        who = (message.id, recipient.id, recipient.person_id, message.context)
        event: events.Event | None = None
        match recipient.state:
            case RecipientState.SENT:
                event = RecipientSent(*who, at=uow.now)
            case RecipientState.DELIVERED:
                event = RecipientDelivered(*who, at=uow.now)
            case RecipientState.UNKNOWN:
                event = RecipientUnknown(*who, at=uow.now)
            case RecipientState.FAILED | RecipientState.EXPIRED:
                event = RecipientFailed(*who, cause=recipient.cause or "expired", at=uow.now)
            case _:
                pass
        if event is not None and message.context:  # without context nobody asked to be told
            await events.record(uow, event)
        self._progress.note_after(uow, message.id, recipient.id, recipient.state)


def _text_to_send(text: str, copies: int, parts: int) -> str:
    """The text, marked as a copy where the mark costs no further segment.

    Parts of a long text must stay identical: the handset joins a repeated part by its reference.
    """
    marked = f"{_COPY_MARK}{text}"
    can_mark = copies > 0 and parts == 1 and segments.preview(marked).segments == 1
    return marked if can_mark else text


def _judge(outcome: SendOutcome, segment: SegmentRow) -> _Verdict:
    """What an outcome means (sms.md §6: action by class of error)."""
    cause = outcome.detail or (str(outcome.error) if outcome.error else "")
    match outcome.state:
        case SendState.SENT:
            return _Verdict(SegmentFact.ACCEPTED, AttemptState.SENT)
        case SendState.UNKNOWN:
            return _Verdict(SegmentFact.LEFT_OPEN, AttemptState.UNKNOWN, cause)
        case SendState.NOT_SENT:
            return _Verdict(SegmentFact.GIVEN_BACK, AttemptState.NOT_SENT, cause)
        case SendState.REFUSED:
            return _judge_refusal(outcome, segment, cause)


def _judge_refusal(outcome: SendOutcome, segment: SegmentRow, cause: str) -> _Verdict:
    action = outcome.error.action if outcome.error else ErrorAction.WAIT_AND_RETRY
    refused = AttemptState.REFUSED
    match action:
        case ErrorAction.FAIL:
            return _Verdict(SegmentFact.REFUSED, refused, cause)
        case ErrorAction.OTHER_SIM_ONCE:
            if segment.attempts >= _MESSAGE_TRIES:
                return _Verdict(SegmentFact.REFUSED, refused, cause)
            return _Verdict(SegmentFact.GIVEN_BACK, refused, cause, 1.0, avoid_modem=True)
        case ErrorAction.TAKE_SIM_OUT:
            return _Verdict(SegmentFact.GIVEN_BACK, refused, cause, 0.0, avoid_modem=True)
        case ErrorAction.BACK_OFF:
            wait_s = min(_BACK_OFF_FIRST_S * 2 ** (segment.attempts - 1), _BACK_OFF_LONGEST_S)
            return _Verdict(SegmentFact.GIVEN_BACK, refused, cause, wait_s, avoid_modem=True)
        case _:
            return _Verdict(SegmentFact.GIVEN_BACK, refused, cause, _MODEM_WAIT_S)
