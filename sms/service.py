"""The face of the SMS platform: submit, follow, cancel, read the inbox, see the modems."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core import changes, timers
from core.audit import Audit
from core.database import Database, UnitOfWork
from core.errors import NotFound
from core.ids import MessageId
from sms import segments
from sms.driver import IncomingPdu
from sms.inbox import Inbox
from sms.ledger import UNKNOWN_TIMER, Ledger
from sms.model import InboundState, MessageClass, Recipient, Submission
from sms.modem import ModemView
from sms.outbox import Outbox
from sms.polite import Polite
from sms.pool import DriverFactory, ModemPool, driver_of
from sms.progress import Progress
from sms.settings import SmsSettings
from sms.store import inbox as inbox_store
from sms.store import outbox as outbox_store
from sms.store.rows import AttemptRow, InboundRow, MessageRow, RecipientRow


@dataclass(frozen=True)
class MessageView:
    """A message with its counts: recipient states and `answered`."""

    id: str
    class_: str
    text: str
    wire_text: str
    sender: str
    is_drill: bool
    choices: dict[str, str] | None
    context: dict[str, Any]
    recipient_count: int
    segment_count: int
    counts: dict[str, int]
    created_at: datetime
    expires_at: datetime
    cancelled_at: datetime | None


@dataclass(frozen=True)
class Line:
    """One text of a conversation. `is_ours`: we sent it."""

    id: str
    is_ours: bool
    text: str
    at: datetime
    state: str
    message_id: str | None


class SmsPlatform:
    """What other packages and the edge call. Its component to run is `pool`."""

    def __init__(
        self,
        settings: SmsSettings,
        database: Database,
        drivers: DriverFactory = driver_of,
        audit: Audit | None = None,
    ) -> None:
        progress = Progress()
        self._ledger = Ledger(settings, progress)
        self._outbox = Outbox(settings, self._ledger)
        polite = Polite(settings, self._outbox)
        self._inbox = Inbox(database, self._ledger, progress, polite, audit)
        self.pool = ModemPool(settings, database, self._ledger, self._inbox, progress, drivers)

    def register(self, runner: timers.TimerRunner) -> None:
        """Register the durable timers of this package."""
        runner.register(UNKNOWN_TIMER, self._ledger.on_unknown_timer)

    async def submit(self, uow: UnitOfWork, submission: Submission) -> MessageId:
        """Store the message in the caller's transaction; it goes out after commit.

        The same idempotency key gives the same message. Raises: InvalidInput.
        """
        return await self._outbox.accept(uow, submission)

    def preview(self, submission: Submission) -> tuple[segments.Preview, str]:
        """What the text costs per recipient, and the text with mark and signature."""
        wire_text = self._outbox.full_text(submission, submission.text)
        return segments.preview(wire_text), wire_text

    async def cancel(self, uow: UnitOfWork, message_id: str) -> int:
        """Withdraw what is not on the air. Returns: segments withdrawn."""
        await self.message(uow, message_id)
        return await self._outbox.cancel(uow, message_id)

    async def resend_unknown(self, uow: UnitOfWork, message_id: str, recipient_id: str) -> None:
        """Send once more what is of unknown outcome; a person takes the risk of a double.

        Raises: NotFound: no such recipient of this message; Conflict: nothing is unknown.
        """
        await self._outbox.resend_unknown(uow, message_id, recipient_id)

    async def messages(
        self,
        uow: UnitOfWork,
        scopes: tuple[str, ...],
        *,
        before: str | None = None,
        limit: int = 50,
    ) -> list[MessageView]:
        """The newest messages sent from within `scopes` (unit paths)."""
        rows = await outbox_store.messages(uow, scopes, before=before, limit=limit)
        counts = await outbox_store.funnel(uow, [row.id for row in rows])
        return [_view(row, counts[row.id]) for row in rows]

    async def message(self, uow: UnitOfWork, message_id: str) -> MessageView:
        """One message. Raises: NotFound."""
        row = await outbox_store.message(uow, message_id)
        if row is None:
            raise NotFound("there is no such message")
        counts = await outbox_store.funnel(uow, [row.id])
        return _view(row, counts[row.id])

    async def unit_path(self, uow: UnitOfWork, message_id: str) -> str:
        """The unit a message was sent from, for the check of access. Raises: NotFound."""
        row = await outbox_store.message(uow, message_id)
        if row is None:
            raise NotFound("there is no such message")
        return row.unit_path

    async def recipients(
        self, uow: UnitOfWork, message_id: str, *, after: int = -1, limit: int = 500
    ) -> list[RecipientRow]:
        """Recipients of a message, a page at a time by position."""
        return await outbox_store.recipients_of(uow, message_id, after=after, limit=limit)

    async def attempts(self, uow: UnitOfWork, recipient_id: str) -> list[tuple[AttemptRow, int]]:
        """Every try for one recipient, with the part it sent."""
        return await outbox_store.attempts_of(uow, recipient_id)

    async def inbound(
        self,
        uow: UnitOfWork,
        *,
        state: InboundState | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> list[InboundRow]:
        """Received texts, newest first."""
        return await inbox_store.inbound(uow, state=state, before=before, limit=limit)

    async def mark_handled(self, uow: UnitOfWork, inbound_id: str, user_id: str) -> None:
        """A person has dealt with this text. Raises: NotFound."""
        row = await inbox_store.inbound_by_id(uow, inbound_id)
        if row is None:
            raise NotFound("there is no such text")
        row.state, row.handled_by, row.handled_at = InboundState.HANDLED, user_id, uow.now
        await changes.publish(uow, "sms", "inbound.handled", {"inbound_id": inbound_id})

    async def take(self, modem: str, imsi: str, pdu: IncomingPdu) -> None:
        """Store what a modem handed over and act on it; once it returns it is on disk."""
        await self._inbox.take(modem, imsi, pdu)

    async def conversation(self, uow: UnitOfWork, number: str, *, limit: int = 100) -> list[Line]:
        """What went to and came from one number, oldest first."""
        went = [
            Line(
                row.id, True, row.text or message.wire_text, message.created_at, row.state.value,
                message.id,
            )
            for row, message in await inbox_store.sent_to(uow, number, limit)
        ]  # fmt: skip
        came = [
            Line(row.id, False, row.text, row.received_at, row.state.value, row.message_id)
            for row in await inbox_store.inbound_of(uow, number, limit)
        ]
        return sorted(went + came, key=lambda line: (line.at, line.is_ours))[-limit:]

    async def reply(
        self, uow: UnitOfWork, inbound_id: str, text: str, *, sender: str, unit_path: str, key: str
    ) -> MessageId:
        """A person answers a received text, through the SIM it came to. Raises: NotFound."""
        row = await self.inbound_row(uow, inbound_id)
        await self.mark_handled(uow, inbound_id, sender)
        return await self.submit(
            uow,
            Submission(
                MessageClass.REPLY, text, (Recipient(row.number),), f"answer:{key}", sender=sender,
                unit_path=unit_path, via_modem=row.modem,
            ),
        )  # fmt: skip

    async def inbound_row(self, uow: UnitOfWork, inbound_id: str) -> InboundRow:
        """One received text. Raises: NotFound."""
        row = await inbox_store.inbound_by_id(uow, inbound_id)
        if row is None:
            raise NotFound("there is no such text")
        return row

    def modems(self) -> list[ModemView]:
        """The modems of this node."""
        return self.pool.views()


def _view(row: MessageRow, counts: dict[str, int]) -> MessageView:
    return MessageView(
        id=row.id, class_=row.class_.value, text=row.text, wire_text=row.wire_text,
        sender=row.sender, is_drill=row.is_drill, choices=row.choices, context=row.context,
        recipient_count=row.recipient_count, segment_count=row.segment_count, counts=counts,
        created_at=row.created_at, expires_at=row.expires_at, cancelled_at=row.cancelled_at,
    )  # fmt: skip
