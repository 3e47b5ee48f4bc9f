"""The inbox: storing what comes from the air, joining long texts, finding what is answered."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import structlog

from core import changes, events
from core.audit import Actor, Audit
from core.database import Database, UnitOfWork
from core.errors import Unavailable
from core.ids import new_id
from sms.correlation import Asked, Unclear, latest, question_for, waiting_in
from sms.driver import IncomingPdu
from sms.grammar import Answer, Report, is_start_word, is_stop_word, read_answer, read_report
from sms.ledger import Ledger
from sms.model import (
    IS_OVER,
    SUBJECT,
    AnswerUnclear,
    InboundKind,
    InboundReceived,
    InboundState,
    RecipientAnswered,
    VillageReported,
)
from sms.numbers import masked, to_e164
from sms.outbox import own_text
from sms.parts import held_in, key_in, part_in, store_in
from sms.pdu import DecodeError, Deliver, ReportState, StatusReport, decode_incoming
from sms.polite import LATE, OVER, REPORTED, STARTED, STOPPED, UNKNOWN, WHICH, Polite
from sms.progress import Progress
from sms.reassembly import DEFAULT_TIMEOUT, Added, add
from sms.store import inbox as store
from sms.store import numbers
from sms.store.rows import InboundRow, IncomingPduRow, MessageRow, RecipientRow
from sms.store.turns import Arrived

log = structlog.get_logger(__name__)

_STALE_BATCH = 50
_QUESTIONS_NAMED = 4
_LONGEST_ABOUT = 20
_LATE_WITHIN = timedelta(days=30)
STOP_WORD = "stop_word"
_SMS = Actor("system:sms", "短信平台")


class Inbox:
    """Takes PDUs from modems. When `take` returns, the PDU is on disk and may be deleted there."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        progress: Progress,
        polite: Polite,
        audit: Audit | None = None,
    ) -> None:
        self._database = database
        self._progress = progress
        self._ledger = ledger
        self._polite = polite
        self._audit = audit
        self._one_at_a_time = asyncio.Lock()
        self._reports = _Reports(database, ledger, progress)

    async def take(self, modem: str, imsi: str, pdu: IncomingPdu) -> None:
        """Store one PDU and act on it, in one transaction; a PDU seen before changes nothing.

        Delivery reports that come together are joined together: under load they are most of what
        comes. Everything else takes the careful path.
        """
        report = _plain_report(modem, imsi, pdu)
        if report is not None and await self._reports.join(report):
            return
        await self._take_carefully(modem, imsi, pdu)

    async def _take_carefully(self, modem: str, imsi: str, pdu: IncomingPdu) -> None:
        # One at a time: two parts of a text stored side by side would not see each other.
        async with self._one_at_a_time, self._database.write() as uow:
            if await store.is_known_pdu(uow, imsi, pdu.hex):
                return
            row = IncomingPduRow(
                id=new_id(), modem=modem, imsi=imsi, hex=pdu.hex[:400],
                received_at=uow.now, kind="unreadable", is_joined=True,
            )  # fmt: skip
            uow.session.add(row)
            try:
                decoded = decode_incoming(pdu.hex)
            except DecodeError as error:
                log.warning("incoming_pdu_unreadable", modem=modem, cause=str(error))
                await self._keep_unreadable(uow, row)
                return
            if isinstance(decoded, StatusReport):
                row.kind = "report"
                if not await self._ledger.settle_report(uow, imsi, decoded, pdu.receipt):
                    log.info("report_without_message", modem=modem, reference=decoded.reference)
            else:
                row.kind = "deliver"
                await self._take_text(uow, row, decoded)

    async def join_stale(self) -> int:
        """Show long texts whose missing parts have not come in time. Returns: how many parts."""
        async with self._one_at_a_time, self._database.write() as uow:
            stale = await store.stale_parts(uow, uow.now - DEFAULT_TIMEOUT, _STALE_BATCH)
            for key in dict.fromkeys(key_in(row) for row in stale):
                await self._give_up(uow, await store.waiting_parts(uow, key))
            return len(stale)

    async def _keep_unreadable(self, uow: UnitOfWork, row: IncomingPduRow) -> None:
        """A person may still make sense of it: it goes to the human inbox as it came."""
        inbound = InboundRow(
            id=new_id(), number="", text=f"[无法解码] {row.hex}", modem=row.modem,
            received_at=uow.now, is_complete=False,
            state=InboundState.UNMATCHED, kind=InboundKind.OTHER,
        )  # fmt: skip
        uow.session.add(inbound)
        await self._announce(uow, inbound)

    async def _take_text(self, uow: UnitOfWork, row: IncomingPduRow, deliver: Deliver) -> None:
        row.sender = to_e164(deliver.originator.value)
        row.text = deliver.text
        if deliver.concatenation is None:
            await self._store_text(uow, row, deliver.text, is_complete=True)
            return
        store_in(row, deliver.concatenation, deliver.user_data.text)
        key = key_in(row)
        waiting = [one for one in await store.waiting_parts(uow, key) if one is not row]
        held = held_in(waiting)
        if held is not None and held.is_expired(uow.now):
            await self._give_up(uow, waiting)
            held, waiting = None, []
        whole, added = add(held, key, part_in(row))
        match added:
            case Added.COMPLETED:
                await store.mark_joined(uow, [one.id for one in (*waiting, row)])
                await self._store_text(uow, row, whole.text(), is_complete=True)
            case Added.CLASH:
                await self._give_up(uow, waiting)
            case Added.DUPLICATE:
                row.is_joined = True
        if added in (Added.NEW, Added.CLASH) and await store.is_echo(
            uow, row, uow.now - DEFAULT_TIMEOUT
        ):
            row.kind = store.ECHO
            log.info("part_of_a_shown_text_repeated", modem=row.modem, part=row.part)

    async def _give_up(self, uow: UnitOfWork, waiting: list[IncomingPduRow]) -> None:
        """Show what there is of a text whose other parts will not come, if it is anything new."""
        held = held_in(waiting)
        if held is None:
            return
        await store.mark_joined(uow, [one.id for one in waiting])
        if any(one.kind != store.ECHO for one in waiting):
            await self._store_text(uow, waiting[0], held.text(), is_complete=False)

    async def _store_text(
        self, uow: UnitOfWork, row: IncomingPduRow, text: str, *, is_complete: bool
    ) -> None:
        """Store a text that ends with `row` and find what it answers."""
        await uow.session.flush()
        inbound = InboundRow(
            id=new_id(), number=row.sender or "", text=text, modem=row.modem,
            received_at=uow.now, is_complete=is_complete,
            state=InboundState.UNMATCHED, kind=InboundKind.OTHER,
        )  # fmt: skip
        uow.session.add(inbound)
        await self._correlate(uow, inbound)
        await self._announce(uow, inbound)

    async def _correlate(self, uow: UnitOfWork, inbound: InboundRow) -> None:
        """Decide what the text is: stop word, report form, answer, late answer, or for a person."""
        if is_stop_word(inbound.text) or is_start_word(inbound.text):
            await self._subscribe(uow, inbound, stops=is_stop_word(inbound.text))
        elif (report := read_report(inbound.text)) is not None:
            await self._report(uow, inbound, report)
        else:
            await self._answer(uow, inbound)

    async def _subscribe(self, uow: UnitOfWork, inbound: InboundRow, *, stops: bool) -> None:
        inbound.kind = InboundKind.STOP if stops else InboundKind.START
        inbound.state = InboundState.MATCHED
        if stops:
            await numbers.block(uow, inbound.number, by=STOP_WORD, note=inbound.text[:200])
        else:
            await numbers.unblock(uow, inbound.number, only=STOP_WORD)
        if self._audit is not None:
            action = "sms.opt_out" if stops else "sms.opt_in"
            await self._audit.append(
                uow, actor=_SMS, action=action, target=f"inbound:{inbound.id}",
                detail={"number": masked(inbound.number)},
            )  # fmt: skip
        await self._polite.say(uow, inbound, STOPPED if stops else STARTED)

    async def _report(self, uow: UnitOfWork, inbound: InboundRow, report: Report) -> None:
        inbound.kind, inbound.state = InboundKind.REPORT, InboundState.MATCHED
        inbound.fields = {"kind": report.kind, "value": report.value, "note": report.note}
        await events.record(
            uow,
            VillageReported(
                inbound.id, inbound.number, report.kind, report.value, report.note, inbound.text,
                at=uow.now,
            ),
        )  # fmt: skip
        await self._polite.say(uow, inbound, REPORTED.format(text=inbound.text[:30]))

    async def _answer(self, uow: UnitOfWork, inbound: InboundRow) -> None:
        questions = await store.open_questions(uow, inbound.number)
        answer = read_answer(inbound.text)
        asked = [_asked(*pair) for pair in questions]
        found = question_for(answer, asked)
        if isinstance(found, int):
            await self._store_answer(uow, inbound, answer, *questions[found])
            return
        await events.record(
            uow, InboundReceived(inbound.id, inbound.number, inbound.text, at=uow.now)
        )
        if found is Unclear.WHICH:
            indices = waiting_in(asked) or list(latest(asked).values())
            await self._ask_back(uow, inbound, answer, [questions[index] for index in indices])
            return
        late = await store.closed_question(uow, inbound.number, uow.now - _LATE_WITHIN)
        if late is None:
            await self._polite.say(uow, inbound, UNKNOWN)
            return
        recipient, message = late
        inbound.kind = InboundKind.LATE
        inbound.message_id, inbound.recipient_id = message.id, recipient.id
        await self._polite.say(uow, inbound, OVER if message.context.get(IS_OVER) else LATE)

    async def _ask_back(
        self,
        uow: UnitOfWork,
        inbound: InboundRow,
        answer: Answer,
        questions: Sequence[tuple[RecipientRow, MessageRow]],
    ) -> None:
        """Ask which of `questions` (newest first) is meant, once until a newer one is asked."""
        ways = "；".join(_way(answer, *pair) for pair in questions[:_QUESTIONS_NAMED])
        text = WHICH.format(count=len(questions), ways=ways)
        is_asked = await self._polite.ask_back(uow, inbound, text, questions[0][1].created_at)
        meant = tuple(message.id for _, message in questions)
        await events.record(uow, AnswerUnclear(inbound.id, meant, inbound.text, is_asked, uow.now))

    async def _store_answer(
        self,
        uow: UnitOfWork,
        inbound: InboundRow,
        answer: Answer,
        recipient: RecipientRow,
        message: MessageRow,
    ) -> None:
        choice = answer.choice if answer.choice in (message.choices or {}) else None
        inbound.kind = InboundKind.ANSWER
        inbound.state = InboundState.MATCHED if choice else InboundState.UNMATCHED
        inbound.message_id, inbound.recipient_id = message.id, recipient.id
        inbound.choice = choice
        recipient.answer, recipient.choice = inbound.text, choice
        recipient.answered_at = uow.now
        await events.record(
            uow,
            RecipientAnswered(
                message.id, recipient.id, recipient.person_id, message.context, inbound.number,
                inbound.text, choice, inbound.id, at=uow.now,
            ),
        )  # fmt: skip
        await changes.publish(
            uow,
            f"message:{message.id}",
            "recipient.answered",
            {"recipient_id": recipient.id, "choice": choice, "text": inbound.text},
        )
        self._progress.note_after(uow, message.id, recipient.id, recipient.state)

    async def _announce(self, uow: UnitOfWork, inbound: InboundRow) -> None:
        await uow.session.flush()
        data = {"inbound_id": inbound.id, "state": inbound.state.value}
        await changes.publish(uow, "sms", "inbound.received", data)


class _Reports:
    """Joins the reports that arrive while one transaction runs in the next one, all together."""

    def __init__(self, database: Database, ledger: Ledger, progress: Progress) -> None:
        self._database = database
        self._ledger = ledger
        self._progress = progress
        self._waiting: list[tuple[Arrived, asyncio.Future[bool]]] = []
        self._turn = asyncio.Lock()

    async def join(self, report: Arrived) -> bool:
        """True once it is stored; False if it needs the careful path. Raises: Unavailable."""
        mine: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((report, mine))
        async with self._turn:  # whoever comes first joins for all who wait by then
            if not mine.done():
                await self._join_waiting()
        return await mine

    async def _join_waiting(self) -> None:
        batch, self._waiting = self._waiting, []
        reports = [report for report, _ in batch]
        try:
            states = await self._database.at_once(
                lambda connection, now: self._ledger.usual_reports(connection, now, reports)
            )
        except BaseException as error:
            for _, waiting in batch:
                if not waiting.done():
                    waiting.set_exception(
                        error if isinstance(error, Exception) else Unavailable("it was cancelled")
                    )
                    waiting.exception()  # the one who gave up never asks
            raise
        for (_, waiting), state in zip(batch, states, strict=True):
            if state is not None:
                self._progress.note(*state)
            if not waiting.done():
                waiting.set_result(state is not None)


def _plain_report(modem: str, imsi: str, pdu: IncomingPdu) -> Arrived | None:
    """A status report that says "delivered"; None for everything else."""
    try:
        decoded = decode_incoming(pdu.hex)
    except DecodeError:
        return None
    if not isinstance(decoded, StatusReport) or decoded.state is not ReportState.DELIVERED:
        return None
    number = to_e164(decoded.recipient.value)
    return Arrived(
        modem, imsi, pdu.hex, number, decoded.reference, decoded.status, new_id(), pdu.receipt
    )


def _asked(recipient: RecipientRow, message: MessageRow) -> Asked:
    return Asked(
        recipient.question_code, frozenset(message.choices or {}),
        recipient.answered_at is not None, message.context.get(SUBJECT) or message.text,
    )  # fmt: skip


def _way(answer: Answer, recipient: RecipientRow, message: MessageRow) -> str:
    """How to answer one of several questions, as the text that asks back says it."""
    choices = message.choices or {}
    choice = answer.choice if answer.choice in choices else next(iter(choices), "")
    said = own_text(recipient, message) or message.text
    about = said if len(said) <= _LONGEST_ABOUT else f"{said[:_LONGEST_ABOUT]}…"
    return f"{recipient.question_code or ''}{choice}（{about}）"
