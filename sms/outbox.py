"""The outbox: accepting messages, journaling attempts, settling their outcomes.

Every method works in the caller's unit of work, so a message is accepted in the transaction that
orders it, and an attempt is on disk before AT+CMGS is written.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from core import changes, events, timers
from core.database import UnitOfWork
from core.errors import Conflict, InvalidInput, NotFound
from core.ids import MessageId, RecipientId, SegmentId, new_id
from sms import segments
from sms.driver import SendOutcome, SendState
from sms.errors_cms import ErrorAction
from sms.lifecycle import LANES, SegmentFact, copies_allowed, summarise, transition
from sms.model import (
    AttemptState,
    MessageClass,
    Outgoing,
    Recipient,
    RecipientDelivered,
    RecipientFailed,
    RecipientSent,
    RecipientState,
    RecipientUnknown,
    SegmentState,
    Submission,
)
from sms.numbers import is_demo_number, to_e164
from sms.pdu import ReportState, StatusReport
from sms.settings import SmsSettings
from sms.store import outbox as store
from sms.store.rows import AttemptRow, MessageRow, RecipientRow, SegmentRow

QUEUED = "sms.queued"
"""Signal: a modem should look at the queue."""
UNKNOWN_TIMER = "sms.unknown"
MAX_RECIPIENTS = 20_000
_LONGEST_KEY = 120
_REPORT_WINDOW = timedelta(days=3)
_BACK_OFF_FIRST_S, _BACK_OFF_LONGEST_S = 5.0, 300.0
_MODEM_WAIT_S = 2.0
_MESSAGE_TRIES = 2
_DRILL_MARK = "【演练】"
_COPY_MARK = "（补发）"


@dataclass(frozen=True)
class _Verdict:
    """What an outcome means for the segment."""

    fact: SegmentFact
    attempt: AttemptState
    cause: str = ""
    wait_s: float = 0.0
    avoid_modem: bool = False


class Outbox:
    """Owns the rows of messages, recipients, segments and attempts."""

    def __init__(self, settings: SmsSettings) -> None:
        self._settings = settings

    async def accept(self, uow: UnitOfWork, submission: Submission) -> MessageId:
        """Store a message with its recipients and segments in the caller's transaction.

        Recipients with the same number become one. Raises: InvalidInput.
        """
        known = await store.message_by_key(uow, submission.idempotency_key)
        if known is not None:
            return MessageId(known.id)
        recipients = self._checked(submission)
        expires_at = submission.expires_at or uow.now + self._expiry(submission.class_)
        message = self._message_row(uow, submission, expires_at)
        first_reference = await store.next_counter(uow, "concat_reference", len(recipients))
        recipient_rows: list[dict[str, object]] = []
        segment_rows: list[dict[str, object]] = []
        base = int(uow.now.timestamp() * 1000) << 20
        costs: dict[str, int] = {}
        for index, recipient in enumerate(recipients):
            text = self.full_text(submission, recipient.text or submission.text)
            if text not in costs:
                costs[text] = self._segment_count(text)
            parts = costs[text]
            row = self._recipient_row(recipient, text, index, message)
            row["concat_reference"] = (first_reference + index) % 65_536
            recipient_rows.append(row)
            for part in range(1, parts + 1):
                segment_rows.append(
                    {
                        "id": new_id(),
                        "message_id": message.id,
                        "recipient_id": row["id"],
                        "lane": LANES[submission.class_],
                        "position": base + len(segment_rows),
                        "is_demo": row["is_demo"],
                        "part": part,
                        "parts": parts,
                        "state": SegmentState.QUEUED,
                        "not_before": uow.now,
                        "expires_at": expires_at,
                        "attempts": 0,
                        "copies": 0,
                    }
                )
        message.recipient_count, message.segment_count = len(recipient_rows), len(segment_rows)
        await store.add_message(uow, message, recipient_rows, segment_rows)
        uow.signal(QUEUED)
        await changes.publish(uow, "sms", "message.accepted", {"message_id": message.id})
        return MessageId(message.id)

    def full_text(self, submission: Submission, text: str) -> str:
        """The text as it is read on the handset: drill mark, signature, text."""
        mark = _DRILL_MARK if submission.is_drill else ""
        return f"{mark}{self._settings.signature}{text}"

    def _checked(self, submission: Submission) -> list[Recipient]:
        if not submission.text.strip():
            raise InvalidInput("the text is empty", field="text")
        if not 0 < len(submission.idempotency_key) <= _LONGEST_KEY:
            raise InvalidInput(f"1 to {_LONGEST_KEY} characters", field="idempotency_key")
        if not submission.recipients:
            raise InvalidInput("there is nobody to send to", field="recipients")
        if len(submission.recipients) > MAX_RECIPIENTS:
            raise InvalidInput(f"at most {MAX_RECIPIENTS} recipients", field="recipients")
        unique: dict[str, Recipient] = {}
        for recipient in submission.recipients:
            unique.setdefault(recipient.number, recipient)
        return list(unique.values())

    def _expiry(self, class_: MessageClass) -> timedelta:
        if class_ in (MessageClass.ALERT, MessageClass.COMMAND):
            return timedelta(minutes=self._settings.alert_expiry_minutes)
        return timedelta(hours=self._settings.notice_expiry_hours)

    def _segment_count(self, text: str) -> int:
        count = segments.preview(text).segments
        if count > self._settings.max_segments:
            raise InvalidInput(
                f"the text needs {count} segments, {self._settings.max_segments} are allowed",
                field="text",
            )
        return count

    def _message_row(
        self, uow: UnitOfWork, submission: Submission, expires_at: datetime
    ) -> MessageRow:
        spec = submission.expects_reply
        return MessageRow(
            id=new_id(),
            idempotency_key=submission.idempotency_key,
            class_=submission.class_,
            text=submission.text,
            wire_text=self.full_text(submission, submission.text),
            sender=submission.sender,
            unit_path=submission.unit_path,
            is_drill=submission.is_drill,
            choices=dict(spec.choices) if spec else None,
            answers_until=uow.now + timedelta(hours=spec.open_hours) if spec else None,
            context=submission.context,
            created_at=uow.now,
            expires_at=expires_at,
        )

    def _recipient_row(
        self, recipient: Recipient, text: str, index: int, message: MessageRow
    ) -> dict[str, object]:
        return {
            "id": new_id(),
            "message_id": message.id,
            "position": index,
            "number": recipient.number,
            "name": recipient.name,
            "person_id": recipient.person_id,
            "text": text if recipient.text is not None else None,
            "is_demo": is_demo_number(recipient.number),
            "state": RecipientState.QUEUED,
        }

    async def claim(
        self, uow: UnitOfWork, *, modem: str, imsi: str, is_simulated: bool, is_alone: bool
    ) -> Outgoing | None:
        """Journal an attempt for the next segment due on this modem; None if nothing is due."""
        segment = await store.next_queued(
            uow, is_simulated=is_simulated, modem=modem, is_alone=is_alone
        )
        if segment is None:
            return None
        recipient, message = await self._family(uow, segment)
        segment.state = SegmentState.SENDING
        segment.attempts += 1
        if segment.parts > 1 and segment.pinned_modem is None:
            await uow.session.flush()
            await store.pin(uow, recipient.id, modem)
        attempt = AttemptRow(
            id=new_id(),
            segment_id=segment.id,
            modem=modem,
            imsi=imsi,
            number=recipient.number,
            state=AttemptState.STARTED,
            is_extra_copy=segment.copies > 0,
            started_at=uow.now,
        )
        uow.session.add(attempt)
        if recipient.state is RecipientState.QUEUED:
            await self._refresh(uow, recipient, message)
        return Outgoing(
            attempt_id=attempt.id,
            segment_id=SegmentId(segment.id),
            recipient_id=RecipientId(recipient.id),
            message_id=MessageId(message.id),
            class_=message.class_,
            number=recipient.number,
            text=_text_to_send(recipient.text or message.wire_text, segment),
            part=segment.part,
            parts=segment.parts,
            concat_reference=recipient.concat_reference,
            expires_at=segment.expires_at,
            is_extra_copy=segment.copies > 0,
        )

    async def settle(self, uow: UnitOfWork, attempt_id: str, outcome: SendOutcome) -> None:
        """Store how an attempt ended; a later outcome for the same attempt is the truer one."""
        attempt = await store.attempt(uow, attempt_id)
        if attempt is None:
            return
        segment = await store.segment(uow, attempt.segment_id)
        if segment is None:
            return
        verdict = _judge(outcome, segment)
        attempt.state = verdict.attempt
        attempt.ended_at = attempt.ended_at or uow.now
        attempt.detail = outcome.detail[:300]
        if outcome.reference is not None:
            attempt.reference = outcome.reference
        if outcome.error is not None:
            attempt.error = str(outcome.error)[:60]
        if verdict.fact is SegmentFact.GIVEN_BACK:
            segment.not_before = uow.now + timedelta(seconds=verdict.wait_s)
            segment.avoid_modem = attempt.modem if verdict.avoid_modem else None
        await self._happen(uow, segment, verdict.fact, cause=verdict.cause, modem=attempt.modem)

    async def settle_report(self, uow: UnitOfWork, imsi: str, report: StatusReport) -> bool:
        """Join a status report to its attempt. Returns: whether there was one."""
        number = to_e164(report.recipient.value)
        attempt = await store.attempt_for_report(
            uow,
            imsi=imsi,
            number=number,
            reference=report.reference,
            since=uow.now - _REPORT_WINDOW,
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
        attempt.reference = report.reference
        fact = (
            SegmentFact.REPORTED_DELIVERED
            if report.state is ReportState.DELIVERED
            else SegmentFact.REPORTED_FAILED
        )
        await self._happen(uow, segment, fact, cause=report.words, modem=attempt.modem)
        return True

    async def adopt_open_attempts(self, uow: UnitOfWork, modem: str) -> int:
        """After a crash: attempts without an end are of unknown outcome. Returns: how many."""
        attempts = await store.open_attempts(uow, modem)
        for attempt in attempts:
            outcome = SendOutcome(SendState.UNKNOWN, detail="the server stopped while it was sent")
            await self.settle(uow, attempt.id, outcome)
        return len(attempts)

    async def on_unknown_timer(self, uow: UnitOfWork, timer: timers.Timer) -> None:
        """No report came for an alert of unknown outcome: order its one extra copy."""
        segment = await store.segment(uow, timer.key)
        if segment is None or segment.state is not SegmentState.UNKNOWN:
            return
        segment.copies += 1
        segment.not_before = uow.now
        await self._happen(uow, segment, SegmentFact.COPY_ORDERED)

    async def resend_unknown(self, uow: UnitOfWork, message_id: str, recipient_id: str) -> None:
        """A person decides that what is unknown shall be sent once more."""
        recipient = await store.recipient(uow, recipient_id)
        if recipient is None or recipient.message_id != message_id:
            raise NotFound("there is no such recipient")
        unknown = [
            segment
            for segment in await store.segments_of(uow, recipient_id)
            if segment.state is SegmentState.UNKNOWN
        ]
        if not unknown:
            raise Conflict("nothing is of unknown outcome for this recipient")
        for segment in unknown:
            segment.copies += 1
            segment.not_before = uow.now
            await self._happen(uow, segment, SegmentFact.COPY_ORDERED)

    async def cancel(self, uow: UnitOfWork, message_id: str) -> int:
        """Withdraw what is not on the air yet. Returns: how many segments."""
        queued = await store.queued_of_message(uow, message_id)
        for segment in queued:
            await self._happen(uow, segment, SegmentFact.WITHDRAWN, cause="cancelled")
        await store.mark_message_cancelled(uow, message_id)
        return len(queued)

    async def expire(self, uow: UnitOfWork, limit: int = 200) -> int:
        """Give up queued segments whose time is over. Returns: how many."""
        expired = await store.expired_segments(uow, limit)
        for segment in expired:
            await self._happen(uow, segment, SegmentFact.RAN_OUT, cause="not sent in time")
        return len(expired)

    async def _happen(
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
        data = {"recipient_id": recipient.id, "state": recipient.state.value}
        await changes.publish(uow, f"message:{message.id}", "recipient.changed", data)


def _text_to_send(text: str, segment: SegmentRow) -> str:
    """The text, marked as a copy where the mark costs no further segment.

    Parts of a long text must stay identical: the handset joins a repeated part by its reference.
    """
    marked = f"{_COPY_MARK}{text}"
    can_mark = segment.copies > 0 and segment.parts == 1 and segments.preview(marked).segments == 1
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
