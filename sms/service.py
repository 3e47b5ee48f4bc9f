"""The face of the SMS platform: submit, follow, cancel, read the inbox, see the modems."""

import asyncio
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from core import changes, timers
from core.audit import Audit
from core.database import Database, UnitOfWork
from core.errors import Conflict, InvalidInput, NotFound
from core.ids import MessageId, PersonId
from sms import air_mark, calls, segments
from sms.calls import CallOrder
from sms.carrier import Carrier, carrier_of
from sms.driver import IncomingPdu, TraceLine, UssdReply
from sms.estimate import Line as SendingLine
from sms.estimate import mean_seconds, time_for_all
from sms.inbox import Inbox
from sms.ledger import UNKNOWN_TIMER, Ledger
from sms.lifecycle import LANES
from sms.model import (
    BoardFilter,
    InboundKind,
    InboundState,
    MessageClass,
    Recipient,
    RecipientState,
    ReplySpec,
    Submission,
)
from sms.modem_view import ModemState, ModemView
from sms.orders import ORDER_TIMER, Orders
from sms.outbox import MAX_RECIPIENTS, REACHES_BLOCKED, Outbox, own_text
from sms.polite import Polite
from sms.pool import DriverFactory, ModemPool, driver_of
from sms.ports import People
from sms.progress import Progress
from sms.settings import ModemSettings, SmsSettings
from sms.store import calls as calls_store
from sms.store import content as content_store
from sms.store import inbox as inbox_store
from sms.store import numbers as numbers_store
from sms.store import outbox as outbox_store
from sms.store.book import CallRow, NumberRow, OrderRow, TemplateRow
from sms.store.rows import AttemptRow, InboundRow, MessageRow, RecipientRow, SegmentRow
from sms.webhooks import Webhooks
from sms.withdrawal import Withdrawal

__all__ = [
    "AttemptRow",
    "CallOrder",
    "CallRow",
    "InboundRow",
    "MessageView",
    "OrderRow",
    "SegmentRow",
    "SmsPlatform",
    "TemplateRow",
]


@dataclass(frozen=True)
class MessageView:
    """A message with its counts: recipient states and `answered`."""

    id: str
    class_: str
    text: str
    wire_text: str
    sender: str
    unit_path: str
    is_drill: bool
    is_flash: bool
    choices: dict[str, str] | None
    context: dict[str, Any]
    recipient_count: int
    segment_count: int
    counts: dict[str, int]
    created_at: datetime
    expires_at: datetime
    cancelled_at: datetime | None


class SmsPlatform:
    """What other packages and the edge call. Its component to run is `pool`.

    `orders`: what waits for an approval or its time. `webhooks`: who is told of facts.
    """

    def __init__(
        self,
        settings: SmsSettings,
        database: Database,
        drivers: DriverFactory = driver_of,
        audit: Audit | None = None,
        people: People | None = None,
        *,
        node: str = "",
    ) -> None:
        """`node`: what this process is called in leases, empty: by host, pid and start."""
        progress = Progress()
        self.settings = settings
        self._ledger = Ledger(settings, progress)
        self._outbox = Outbox(settings, self._ledger)
        self.orders = Orders(self._outbox, settings.approval_above, people)
        self.webhooks = Webhooks(database, database.clock, settings.webhook_networks)
        polite = Polite(settings, self._outbox)
        self._inbox = Inbox(database, self._ledger, progress, polite, audit)
        self._withdrawal = Withdrawal(database)
        self.pool = ModemPool(
            settings, database, self._ledger, self._inbox, progress, drivers, node=node
        )
        self.pool.chores.append(self._withdrawal.finish)
        self.pool.beside.append(self.webhooks.run)
        self.pool.beside.append(self._clear_away)

    async def _clear_away(self) -> None:
        """Once at start: what processes that were killed left in memory."""
        await asyncio.to_thread(air_mark.clear_away, [one.path for one in self.settings.modems])

    def register(self, runner: timers.TimerRunner) -> None:
        """Register the durable timers of this package."""
        runner.register(UNKNOWN_TIMER, self._ledger.on_unknown_timer)
        runner.register(ORDER_TIMER, self.orders.on_timer)

    async def submit(self, uow: UnitOfWork, submission: Submission) -> MessageId:
        """Store the message in the caller's transaction; it goes out after commit.

        The same idempotency key gives the same message. Raises: InvalidInput.
        """
        return await self._outbox.accept(uow, submission)

    def preview(self, submission: Submission) -> tuple[segments.Preview, str]:
        """What the text costs per recipient, and the text with mark and signature."""
        wire_text = self._outbox.full_text(submission, submission.text)
        return segments.preview(wire_text), wire_text

    def full_text(self, submission: Submission) -> str:
        """The text as a handset shows it: drill mark, signature, text."""
        return self._outbox.full_text(submission, submission.text)

    async def blocked(
        self, uow: UnitOfWork, class_: MessageClass, numbers: Sequence[str]
    ) -> list[str]:
        """Those of `numbers` that a message of this class will not reach: stop word, blacklist."""
        if class_ in REACHES_BLOCKED:
            return []
        rows = await outbox_store.about_numbers(uow, numbers)
        return [row.number for row in rows if row.blocked_by]

    async def again(
        self, uow: UnitOfWork, message_id: str, *, to: str, sender: str, key: str
    ) -> Submission:
        """The same text to those not reached, to be submitted. `to`: "undelivered", "unconfirmed".

        Undelivered: failed, expired, unknown, or sent without a report; a person takes the risk
        that some get it twice. Raises: NotFound; Conflict: there is nobody left.
        """
        row = await outbox_store.message(uow, message_id)
        if row is None:
            raise NotFound("there is no such message")
        left = [
            Recipient(
                one.number,
                one.name,
                PersonId(one.person_id) if one.person_id else None,
                own_text(one, row),
            )
            for one in await outbox_store.recipients_of(uow, message_id, limit=MAX_RECIPIENTS)
            if is_left(one, to)
        ]  # fmt: skip
        if not left:
            raise Conflict("there is nobody left to send it to")
        spec = ReplySpec(dict(row.choices)) if row.choices else None
        return Submission(
            row.class_, row.text, tuple(left), f"again:{key}", sender=sender,
            unit_path=row.unit_path, expects_reply=spec, is_drill=row.is_drill,
            context=row.context, is_flash=row.is_flash,
        )  # fmt: skip

    async def time_to_send(
        self, uow: UnitOfWork, class_: MessageClass, wanted: Mapping[str, int], *, is_demo: bool
    ) -> timedelta | None:
        """How long `wanted`, segments by carrier, takes; None: no modem may send some of it.

        With the modems at hand that may: simulated ones for demo phones, the others for the rest;
        at the speed measured of each SIM, within its quotas, outside the quiet hours.
        """
        lane = LANES[class_]
        ahead = await content_store.queued_by_carrier(uow, lane, is_demo=is_demo)
        lines = [
            self._line(view, lane, await content_store.durations(uow, view.imsi))
            for view in self.modems()
            if view.state is ModemState.READY and view.is_simulated is is_demo
        ]
        in_all = Counter(ahead) + Counter(wanted)
        return time_for_all(in_all, lines, uow.now, self.quiet_hours(class_))

    async def carriers(self, uow: UnitOfWork, numbers: Sequence[str]) -> list[str]:
        """Whose network each of `numbers` is in, as the pool routes it."""
        rows = await outbox_store.about_numbers(uow, numbers)
        ported = {row.number: Carrier(row.carrier) for row in rows if row.carrier}
        return [carrier_of(number, ported).value for number in numbers]

    def _line(self, view: ModemView, lane: int, measured: Sequence[timedelta]) -> SendingLine:
        limits, is_urgent = self.limits(view.name), lane <= LANES[MessageClass.COMMAND]
        more = limits.alert_reserve if is_urgent else 0
        return SendingLine(
            mean_seconds(measured), 0 if is_urgent else limits.per_minute, limits.per_day + more,
            max(0, limits.per_day + more - view.sent_today),
            max(0, limits.per_month + more - view.sent_this_month), view.serves,
        )  # fmt: skip

    def quiet_hours(self, class_: MessageClass) -> tuple[int, int]:
        """County hours from … to in which this class rests; equal: never."""
        rests = LANES[class_] > LANES[MessageClass.REPLY]
        return (self.settings.quiet_from_hour, self.settings.quiet_to_hour) if rests else (0, 0)

    async def cancel(self, uow: UnitOfWork, message_id: str) -> int:
        """Withdraw what is not on the air; nothing more of it is sent once this is committed.

        Returns: segments that wait; `withdraw` takes them back. Raises: NotFound.
        """
        await self.unit_path(uow, message_id)
        return await self._withdrawal.order(uow, message_id)

    async def withdraw(self, message_id: str) -> int:
        """Take back what waits of a cancelled message, in short transactions. Returns: segments."""
        return await self._withdrawal.carry_out(message_id)

    async def close_questions(self, uow: UnitOfWork, keys: Sequence[str]) -> None:
        """Whoever answers the messages submitted with `keys` is told that it is over."""
        await self._withdrawal.close_questions(uow, keys)

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
        class_: MessageClass | None = None,
        q: str = "",
        before: str | None = None,
        limit: int = 50,
    ) -> list[MessageView]:
        """The newest messages sent from within `scopes` (unit paths)."""
        rows = await outbox_store.messages(
            uow, scopes, class_=class_, q=q, before=before, limit=limit
        )
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
        self,
        uow: UnitOfWork,
        message_id: str,
        *,
        which: BoardFilter | None = None,
        after: int = -1,
        limit: int = 500,
    ) -> list[RecipientRow]:
        """Recipients of a message, a page at a time by position."""
        return await outbox_store.recipients_of(
            uow, message_id, which=which, after=after, limit=limit
        )

    async def segments(
        self, uow: UnitOfWork, message_id: str, recipient_id: str
    ) -> list[SegmentRow]:
        """The parts of one recipient's text, in order. Raises: NotFound."""
        row = await outbox_store.recipient(uow, recipient_id)
        if row is None or row.message_id != message_id:
            raise NotFound("there is no such recipient")
        return await outbox_store.segments_of(uow, recipient_id)

    async def attempts(self, uow: UnitOfWork, recipient_id: str) -> list[tuple[AttemptRow, int]]:
        """Every try for one recipient, with the part it sent."""
        return await outbox_store.attempts_of(uow, recipient_id)

    async def text_of(self, uow: UnitOfWork, message_id: str, recipient_id: str) -> str:
        """What one recipient of a message reads. Raises: NotFound."""
        recipient = await outbox_store.recipient(uow, recipient_id)
        message = await outbox_store.message(uow, message_id)
        if recipient is None or message is None or recipient.message_id != message_id:
            raise NotFound("there is no such recipient")
        return recipient.text or message.wire_text

    async def inbound(
        self,
        uow: UnitOfWork,
        *,
        state: InboundState | None = None,
        kind: InboundKind | None = None,
        q: str = "",
        before: str | None = None,
        limit: int = 50,
    ) -> list[InboundRow]:
        """Received texts, newest first."""
        return await inbox_store.inbound(
            uow, state=state, kind=kind, q=q, before=before, limit=limit
        )

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

    async def ring(self, uow: UnitOfWork, order: CallOrder) -> str:
        """Ring somebody awake; the same key gives the same call. Raises: InvalidInput."""
        return await calls.order(uow, order)

    async def stop_ringing(self, uow: UnitOfWork, key: str) -> None:
        """Take back a ring-out ordered with this key, if nobody has been rung yet."""
        await calls.withdraw(uow, key)

    async def calls(
        self, uow: UnitOfWork, *, before: str | None = None, limit: int = 50
    ) -> list[CallRow]:
        """Ring-outs, newest first."""
        return await calls_store.calls(uow, before=before, limit=limit)

    async def call(self, uow: UnitOfWork, call_id: str) -> CallRow:
        """One ring-out. Raises: NotFound."""
        await uow.session.flush()
        row = await calls_store.call(uow, call_id)
        if row is None:
            raise NotFound("there is no such call")
        return row

    async def numbers(self, uow: UnitOfWork, *, offset: int, limit: int) -> list[NumberRow]:
        """Numbers that are blocked or ported, in order."""
        return await numbers_store.listed(uow, offset=offset, limit=limit)

    async def set_number(
        self,
        uow: UnitOfWork,
        number: str,
        *,
        by: str,
        is_blocked: bool,
        note: str = "",
        carrier: Carrier | None = None,
    ) -> None:
        """Block a number or free it; say whose network it is in (None: its prefix counts)."""
        await numbers_store.set_carrier(uow, number, carrier.value if carrier else None, by)
        if is_blocked:
            await numbers_store.block(uow, number, by=by, note=note)
        else:
            await numbers_store.unblock(uow, number)

    def trace(self, name: str) -> tuple[TraceLine, ...]:
        """A modem's last lines on the wire without message bodies. Raises: NotFound."""
        lines = self.pool.owner(name).trace()
        return tuple(replace(line, text=hidden(line.text)) for line in lines)

    def modem(self, name: str) -> ModemView:
        """One modem of any node. Raises: NotFound."""
        return self.pool.view(name)

    def limits(self, name: str) -> ModemSettings:
        """Settings of a modem of this node. Raises: NotFound; Conflict: another node drives it."""
        self.pool.owner(name)
        return next(modem for modem in self.settings.modems if modem.name == name)

    async def ask_balance(self, name: str) -> str:
        """What the network says is left. Raises: NotFound, ModemUnavailable, InvalidInput."""
        code = self.limits(name).ussd_balance
        if not code:
            raise InvalidInput("this modem has no USSD code in the settings", field="name")
        owner = self.pool.owner(name)
        reply = await owner.ask(lambda driver: driver.ussd(code))
        return reply.text if isinstance(reply, UssdReply) else ""

    def modems(self) -> list[ModemView]:
        """The modems of every node."""
        return self.pool.views()


_HEX_BODY = re.compile(r"[0-9A-Fa-f]{24,}")


def hidden(line: str) -> str:
    """A line of the trace with PDUs shortened: they hold numbers and texts."""
    return _HEX_BODY.sub(lambda found: f"{found[0][:4]}…({len(found[0]) // 2} octets)", line)


_UNDELIVERED = frozenset(
    {RecipientState.FAILED, RecipientState.EXPIRED, RecipientState.UNKNOWN, RecipientState.SENT}
)


def is_left(row: RecipientRow, to: str) -> bool:
    """Whether a recipient is one of those a second sending is for. Raises: InvalidInput."""
    if to == "undelivered":
        return row.state in _UNDELIVERED
    if to == "unconfirmed":
        return row.answered_at is None and row.state is not RecipientState.CANCELLED
    raise InvalidInput("undelivered or unconfirmed", field="to")


def _view(row: MessageRow, counts: dict[str, int]) -> MessageView:
    return MessageView(
        id=row.id, class_=row.class_.value, text=row.text, wire_text=row.wire_text,
        sender=row.sender, unit_path=row.unit_path, is_drill=row.is_drill, is_flash=row.is_flash,
        choices=row.choices,
        context=row.context,
        recipient_count=row.recipient_count, segment_count=row.segment_count, counts=counts,
        created_at=row.created_at, expires_at=row.expires_at, cancelled_at=row.cancelled_at,
    )  # fmt: skip
