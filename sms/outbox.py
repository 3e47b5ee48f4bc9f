"""The outbox: accepting messages, withdrawing them, sending again what a person decides.

Every method works in the caller's unit of work, so a message is accepted in the transaction that
orders it. What happens to a segment from then on is `sms.ledger`.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core import changes
from core.database import UnitOfWork
from core.errors import Conflict, InvalidInput, NotFound
from core.ids import MessageId, new_id
from sms import segments
from sms.carrier import Carrier, carrier_of
from sms.correlation import free_code
from sms.ledger import QUEUED, Ledger
from sms.lifecycle import LANES, SegmentFact
from sms.model import (
    ORDERS_PEOPLE,
    MessageClass,
    Recipient,
    RecipientState,
    SegmentState,
    Submission,
)
from sms.numbers import is_demo_number
from sms.settings import SmsSettings
from sms.store import outbox as store
from sms.store.rows import MessageRow, RecipientRow

MAX_RECIPIENTS = 20_000
_LONGEST_KEY = 120
_AT_A_TIME = 200
_DRILL_MARK = "【演练】"
_NUMBER = re.compile(r"\+?[0-9]{3,15}")
REACHES_BLOCKED = (MessageClass.ALERT, MessageClass.COMMAND, MessageClass.REPLY)


@dataclass(frozen=True)
class _Known:
    """What is stored about the recipients' numbers."""

    blocked: Mapping[str, str]  # number → why
    ported: Mapping[str, Carrier]
    codes: Mapping[str, set[str]]  # number → codes of its open questions


class Outbox:
    """Turns submissions into rows."""

    def __init__(self, settings: SmsSettings, ledger: Ledger) -> None:
        self._settings = settings
        self._ledger = ledger

    async def accept(self, uow: UnitOfWork, submission: Submission) -> MessageId:
        """Store a message with its recipients and segments in the caller's transaction.

        Recipients with the same number become one. Who is blocked gets nothing but alerts,
        commands and replies, and is shown as cancelled. Raises: InvalidInput.
        """
        known = await store.message_by_key(uow, submission.idempotency_key)
        if known is not None:
            return MessageId(known.id)
        recipients = self._checked(submission)
        expires_at = submission.expires_at or uow.now + self._expiry(submission.class_)
        message = self._message_row(uow, submission, expires_at)
        numbers = [recipient.number for recipient in recipients]
        about = await self._known(uow, submission, numbers)
        rows = _Rows(message.id, LANES[submission.class_], uow.now, expires_at)
        rows.reference = await store.next_counter(uow, "concat_reference", len(recipients))
        rows.prefers_modem = submission.via_modem
        for index, recipient in enumerate(recipients):
            self._add(rows, submission, recipient, about)
            if index % _AT_A_TIME == 0:
                await asyncio.sleep(0)  # the pages stay live while thousands are made
        rows.queue_from(await store.fair_position(uow, rows.lane, submission.unit_path, rows.count))
        message.recipient_count, message.segment_count = len(rows.recipients), rows.count
        await store.add_message(uow, message, rows.recipients, rows.segments)
        uow.signal(QUEUED)
        await changes.publish(uow, "sms", "message.accepted", {"message_id": message.id})
        return MessageId(message.id)

    async def _known(self, uow: UnitOfWork, submission: Submission, numbers: list[str]) -> _Known:
        rows = await store.about_numbers(uow, numbers)
        blocked = {row.number: row.blocked_by for row in rows if row.blocked_by}
        if submission.class_ in REACHES_BLOCKED:
            blocked = {}
        ported = {row.number: Carrier(row.carrier) for row in rows if row.carrier}
        asks = submission.expects_reply is not None
        return _Known(blocked, ported, await store.open_codes(uow, numbers) if asks else {})

    def _add(
        self, rows: "_Rows", submission: Submission, recipient: Recipient, about: _Known
    ) -> None:
        others = about.codes.get(recipient.number, set())
        code = free_code(others) if submission.expects_reply else None
        text = self.full_text(submission, recipient.text or submission.text)
        if code and others:
            text += _code_hint(code, submission)
        if text not in rows.costs:
            rows.costs[text] = self._segment_count(text)
        is_own = bool(recipient.text) or bool(others)
        rows.add(
            recipient, text if is_own else None, code,
            carrier_of(recipient.number, about.ported).value, rows.costs[text],
            about.blocked.get(recipient.number),
        )  # fmt: skip

    def check(self, submission: Submission) -> None:
        """Raise what `accept` would for text, numbers and count. Raises: InvalidInput."""
        for recipient in self._checked(submission):
            if recipient.text:
                self._segment_count(self.full_text(submission, recipient.text))
        self._segment_count(self.full_text(submission, submission.text))

    def full_text(self, submission: Submission, text: str) -> str:
        """The text as it is read on the handset: drill mark, signature, text."""
        mark = _DRILL_MARK if submission.is_drill else ""
        return f"{mark}{self._settings.signature}{text}"

    def _checked(self, submission: Submission) -> list[Recipient]:
        if not submission.text.strip():
            raise InvalidInput("the text is empty", field="text")
        if not 0 < len(submission.idempotency_key) <= _LONGEST_KEY:
            raise InvalidInput(f"1 to {_LONGEST_KEY} characters", field="idempotency_key")
        if submission.is_flash and submission.class_ not in ORDERS_PEOPLE:
            raise InvalidInput("only an alert or a command is shown at once", field="is_flash")
        if not submission.recipients:
            raise InvalidInput("there is nobody to send to", field="recipients")
        if len(submission.recipients) > MAX_RECIPIENTS:
            raise InvalidInput(f"at most {MAX_RECIPIENTS} recipients", field="recipients")
        unique: dict[str, Recipient] = {}
        for index, recipient in enumerate(submission.recipients):
            if not _NUMBER.fullmatch(recipient.number):
                raise InvalidInput("not a phone number", field=f"recipients.{index}.number")
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
            is_flash=submission.is_flash,
            choices=dict(spec.choices) if spec else None,
            answers_until=uow.now + timedelta(hours=spec.open_hours) if spec else None,
            context=submission.context,
            created_at=uow.now,
            expires_at=expires_at,
        )

    async def resend_unknown(self, uow: UnitOfWork, message_id: str, recipient_id: str) -> None:
        """A person decides that what is unknown shall be sent once more."""
        recipient = await store.recipient(uow, recipient_id)
        if recipient is None or recipient.message_id != message_id:
            raise NotFound("there is no such recipient")
        message = await store.message(uow, message_id)
        if message is not None and message.cancelled_at is not None:
            raise Conflict("the message was withdrawn")
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
            await self._ledger.happen(uow, segment, SegmentFact.COPY_ORDERED)


class _Rows:
    """The rows of one message while they are made."""

    def __init__(
        self, message_id: str, lane: int, queued_at: datetime, expires_at: datetime
    ) -> None:
        self.lane = lane
        self.reference = 0
        self.prefers_modem: str | None = None
        self.recipients: list[dict[str, Any]] = []
        self.segments: list[dict[str, Any]] = []
        self.costs: dict[str, int] = {}  # text → segments
        self._message_id = message_id
        self._times = {"not_before": queued_at, "expires_at": expires_at}

    @property
    def count(self) -> int:
        """How many segments."""
        return len(self.segments)

    def add(
        self,
        recipient: Recipient,
        text: str | None,
        code: str | None,
        carrier: str,
        parts: int,
        blocked_by: str | None,
    ) -> None:
        """One recipient and, if nothing stands against it, the segments."""
        key, index = new_id(), len(self.recipients)
        is_demo = is_demo_number(recipient.number)
        self.recipients.append(
            {
                "id": key, "message_id": self._message_id, "position": index,
                "number": recipient.number, "name": recipient.name,
                "person_id": recipient.person_id, "text": text, "is_demo": is_demo,
                "concat_reference": (self.reference + index) % 65_536, "question_code": code,
                "state": RecipientState.CANCELLED if blocked_by else RecipientState.QUEUED,
                "cause": f"blocked: {blocked_by}" if blocked_by else None,
            }
        )  # fmt: skip
        if blocked_by:
            return
        for part in range(1, parts + 1):
            self.segments.append(
                {
                    "id": new_id(), "message_id": self._message_id, "recipient_id": key,
                    "lane": self.lane, "is_demo": is_demo, "part": part, "parts": parts,
                    "state": SegmentState.QUEUED, "attempts": 0, "copies": 0, "round": 0,
                    "carrier": carrier, "prefers_modem": self.prefers_modem, **self._times,
                }
            )  # fmt: skip

    def queue_from(self, position: int) -> None:
        """Give every segment its place in the lane."""
        for place, row in enumerate(self.segments, position):
            row["position"] = place


def _code_hint(code: str, submission: Submission) -> str:
    choices = submission.expects_reply.choices if submission.expects_reply else {}
    first = next(iter(choices), "1")
    return (
        f"（本条请回复{code}{first}）"
        if len(choices) < 2
        else f"（本条回复前加{code}，如{code}{first}）"
    )


_CODE_HINT = re.compile(r"（本条(?:请回复[A-Z]+|回复前加[A-Z]+，如[A-Z]+).{1,20}）\Z")


def without_code_hint(text: str) -> str:
    """`text` without what `_code_hint` put behind it."""
    return _CODE_HINT.sub("", text)


def own_text(row: RecipientRow, message: MessageRow) -> str | None:
    """A recipient's personal text without mark, signature and question code.

    None where it is everybody's.
    """
    if row.text is None:
        return None
    text = row.text.removeprefix(message.wire_text.removesuffix(message.text))
    if row.question_code is not None:
        text = without_code_hint(text)
    return text if text != message.text else None
