"""A carrier's SMPP line behind the `Driver` contract: the pool routes to it as to a modem.

One text at a time, as with a modem: an answer belongs to the text that waits for it, and what the
line lost is `unknown`, never sent twice by rule. Receipts become status reports, texts from phones
become DELIVER PDUs, so ledger and inbox know little difference: only that a receipt names its text
by the carrier's id. What comes is acknowledged only once it is stored; otherwise the carrier sends
it again. It is handed over from the owner's first sweep on: after a crash what was on the air is
settled first.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import timedelta
from itertools import count
from urllib.parse import urlsplit

import structlog

from core.clock import Clock
from core.errors import AppError
from sms.driver import (
    CallResult,
    CarrierReceipt,
    DriverEvent,
    DriverLimits,
    IncomingPdu,
    IncomingSink,
    LateOutcome,
    ModemError,
    ModemFamily,
    ModemInfo,
    ModemPort,
    ModemStatus,
    ModemUnavailable,
    PortLost,
    Reason,
    Registration,
    SendOutcome,
    SendState,
    Ticket,
    TraceLine,
    UssdReply,
)
from sms.errors_cms import ErrorFamily
from sms.pdu import gsm7
from sms.pdu.submit import DecodedSubmit, SubmitPdu, decode_submit
from sms.pdu.user_data import Alphabet
from sms.receipt_ids import LONGEST_ID, IdForm, canonical
from sms.smpp import receipts
from sms.smpp.incoming import INTERNATIONAL, UCS2_CODING, as_gsm
from sms.smpp.pdu import (
    RESPONSE,
    CommandId,
    Pdu,
    ShortMessage,
    SmppError,
    Splitter,
    Status,
    bind,
    decode_data_sm,
    decode_short_message,
    text_of,
)

log = structlog.get_logger(__name__)

_GSM_CODING = 0x00
_FLASH = 0x10  # TS 23.038 §4: the coding with message class 0, which centres pass on
_UDHI = 0x40
_TRACE_LINES = 200
_RAW_DIGITS = 400
_MOST_INBOUND = 1000
_JUST_ANSWERED = 4  # texts whose outcome may not be stored yet: one on the air, one ahead
_TELLING_DIGITS = 8
# What a refusal means, in the words the platform already acts on (sms.md §6).
_AS_CMS = {
    Status.INVALID_DESTINATION: 1,
    Status.QUEUE_FULL: 42,
    Status.THROTTLED: 42,
    Status.SYSTEM_ERROR: 42,
    Status.SUBMIT_FAILED: 21,
}
_OTHER_REFUSAL = 21
_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class SmppDriver:
    """`port.path`: `smpp://system_id@host:port?source=10690000`; `port.pin`: the password.

    `&ids=hex-decimal` (`sms.receipt_ids.IdForm`): how its ids are written, else it is learnt.
    """

    def __init__(
        self,
        port: ModemPort,
        on_incoming: IncomingSink,
        clock: Clock,
        limits: DriverLimits | None = None,
    ) -> None:
        self._port = port
        self._on_incoming = on_incoming
        self._clock = clock
        self._limits = limits or DriverLimits()
        self._streams: _Streams | None = None
        self._reader: asyncio.Task[None] | None = None
        self._handing: asyncio.Task[None] | None = None
        self._sequences = count(1)
        self._answers: dict[int, asyncio.Future[Pdu]] = {}
        self._late: dict[int, Ticket] = {}  # submit_sm without an answer yet
        self._form = IdForm(form) if (form := self._asked_for("ids")) else None
        self._on_air = ""  # the number whose text waits for its answer
        self._is_answered = asyncio.Event()
        self._answered: deque[tuple[Ticket, str]] = deque(maxlen=_JUST_ANSWERED)
        self._inbound: asyncio.Queue[Pdu] = asyncio.Queue(_MOST_INBOUND)
        self._may_hand_over = asyncio.Event()
        self._lock = asyncio.Lock()
        self._events: asyncio.Queue[DriverEvent | None] = asyncio.Queue()
        self._trace: deque[TraceLine] = deque(maxlen=_TRACE_LINES)
        self._info: ModemInfo | None = None
        self._is_closed = False

    @property
    def is_ready(self) -> bool:
        return self._streams is not None

    @property
    def info(self) -> ModemInfo:
        if self._info is None:
            raise ModemUnavailable(Reason.CLOSED, "the line has not been opened yet")
        return self._info

    async def open(self) -> ModemInfo:
        self._is_closed = False
        async with self._lock:
            return await self._connect()

    async def recover(self) -> ModemInfo:
        async with self._lock:
            if self.is_ready:
                with suppress(ModemUnavailable):
                    await self._ask(Pdu(CommandId.ENQUIRE_LINK, next(self._sequences)))
                    return self.info
            return await self._connect()

    async def _connect(self) -> ModemInfo:
        self._hang_up("it is opened anew")
        place = urlsplit(self._port.path)
        host, port, system_id = place.hostname or "", place.port or 2775, place.username or ""
        try:
            async with asyncio.timeout(self._limits.wake_s):
                reader, writer = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError) as error:
            raise ModemUnavailable(
                Reason.PORT_MISSING, f"{host}:{port} does not answer: {error}"
            ) from error
        self._streams = line = reader, writer
        name = self._port.name
        self._reader = asyncio.create_task(self._read(line), name=f"smpp:{name}")
        self._handing = asyncio.create_task(self._hand_over(line), name=f"smpp-in:{name}")
        password = self._port.pin or ""
        try:
            answer = await self._ask(bind(system_id, password, next(self._sequences)))
        except ModemUnavailable:
            self._hang_up("the bind was not answered")
            raise
        if answer.status != Status.OK:
            self._hang_up("the bind was refused")
            raise ModemUnavailable(
                Reason.PIN_WRONG, f"the carrier refused to bind (status {answer.status:#x})"
            )
        self._info = ModemInfo(
            manufacturer="SMPP", model=_text_in(answer), revision="3.4", imei="",
            imsi=f"smpp:{system_id}"[:20], iccid="", smsc="", family=ModemFamily.GENERIC,
            own_number=self._asked_for("source"), memories=(),
        )  # fmt: skip
        return self._info

    def _asked_for(self, what: str) -> str:
        for item in urlsplit(self._port.path).query.split("&"):
            name, _, value = item.partition("=")
            if name == what:
                return value
        return ""

    # Sending

    async def send_pdu(self, pdu: SubmitPdu, ticket: Ticket) -> SendOutcome:
        async with self._lock:
            if not self.is_ready:
                detail = "the line is down"
                return SendOutcome(SendState.NOT_SENT, detail=detail, needs_recovery=True)
            message = _message(decode_submit(pdu.hex), self._asked_for("source"))
            request = Pdu(CommandId.SUBMIT_SM, next(self._sequences), body=message.encode())
            self._late[request.sequence] = ticket
            self._on_air = message.destination
            self._is_answered.clear()
            try:
                answer = await self._ask(request, self._limits.submit_s)
            except ModemUnavailable as error:
                # It was handed to the system's buffers: nobody knows what the carrier got.
                return SendOutcome(SendState.UNKNOWN, detail=error.message, needs_recovery=True)
            finally:
                self._on_air = ""
                self._is_answered.set()
            self._late.pop(request.sequence, None)
            return self._taken(ticket, answer)

    def _taken(self, ticket: Ticket, answer: Pdu) -> SendOutcome:
        outcome = _outcome(answer)
        if outcome.carrier_id:
            self._answered.append((ticket, outcome.carrier_id))
        return outcome

    async def _ask(self, request: Pdu, limit_s: float | None = None) -> Pdu:
        """The answer to a request. Raises: ModemUnavailable: none came, or the line broke."""
        if self._streams is None:
            raise ModemUnavailable(Reason.SILENT, "the line is down")
        waiting: asyncio.Future[Pdu] = asyncio.get_running_loop().create_future()
        self._answers[request.sequence] = waiting
        try:
            async with asyncio.timeout(limit_s or self._limits.sim_command_s):
                await self._write(request)
                return await waiting
        except (OSError, TimeoutError) as error:
            raise ModemUnavailable(Reason.SILENT, f"no answer from the carrier: {error}") from error
        finally:
            self._answers.pop(request.sequence, None)

    async def _write(self, pdu: Pdu) -> None:
        if self._streams is None:
            raise ConnectionError("the line is down")
        self._note(pdu, sent=True)
        self._streams[1].write(pdu.encode())
        await self._streams[1].drain()

    # Receiving

    async def _read(self, line: _Streams) -> None:
        splitter = Splitter()
        try:
            while self._streams is line and (data := await line[0].read(4096)):
                for pdu in splitter.feed(data):
                    self._note(pdu, sent=False)
                    await self._take(pdu)
        except (OSError, ValueError) as error:
            log.warning("smpp_line_broken", line=self._port.name, cause=str(error))
        self._end_of(line, "the carrier closed the line")

    async def _take(self, pdu: Pdu) -> None:
        if pdu.is_response:
            self._settle(pdu)
        elif pdu.command in (CommandId.DELIVER_SM, CommandId.DATA_SM):
            try:
                self._inbound.put_nowait(pdu)
            except asyncio.QueueFull:
                await self._answer(pdu, Status.QUEUE_FULL)
        elif pdu.command == CommandId.ENQUIRE_LINK:
            await self._write(Pdu(pdu.command | RESPONSE, pdu.sequence))
        elif pdu.command == CommandId.UNBIND:
            await self._write(Pdu(pdu.command | RESPONSE, pdu.sequence))
            self._hang_up("the carrier unbound")
        else:
            await self._write(Pdu(CommandId.GENERIC_NACK, pdu.sequence, status=3))

    def _settle(self, pdu: Pdu) -> None:
        waiting = self._answers.get(pdu.sequence)
        if waiting is not None and not waiting.done():
            waiting.set_result(pdu)
        elif (ticket := self._late.pop(pdu.sequence, None)) is not None:
            self._events.put_nowait(LateOutcome(ticket, self._taken(ticket, pdu)))

    async def _answer(self, pdu: Pdu, status: int) -> None:
        await self._write(Pdu(pdu.command | RESPONSE, pdu.sequence, status, b"\0"))

    async def _hand_over(self, line: _Streams) -> None:
        """Hand over what comes, in order, beside the answers to what we send."""
        try:
            await self._may_hand_over.wait()
            while True:
                pdu = await self._inbound.get()
                status = await self._deliver(pdu)
                with suppress(OSError):  # the reader sees it too; the carrier sends it again
                    await self._answer(pdu, status)
        finally:
            self._end_of(line, "what came could not be handed over")

    async def _deliver(self, pdu: Pdu) -> int:
        """Hand a receipt or a text to the platform. Returns: the status to answer with."""
        is_data = pdu.command == CommandId.DATA_SM
        receipt = None
        try:
            message = (decode_data_sm if is_data else decode_short_message)(pdu.body)
            if message.is_receipt and not await self._is_answered_first(message.source):
                return Status.TRY_LATER
            found = as_gsm(message, self._clock.now())
            receipt = self._receipt(message) if message.is_receipt else None
        except (ValueError, AppError) as error:  # each parser's own error is a ValueError
            log.warning("smpp_message_unreadable", line=self._port.name, cause=str(error))
            found = [pdu.body.hex().upper()[:_RAW_DIGITS]]  # a person may still make sense of it
        try:
            for as_hex in found:
                await self._on_incoming(IncomingPdu(as_hex, "direct", self._clock.now(), receipt))
        except AppError as error:
            log.warning("smpp_message_not_stored", line=self._port.name, cause=error.message)
            return Status.TRY_LATER
        return Status.OK

    async def _is_answered_first(self, number: str) -> bool:
        """A receipt may overtake the answer that tells its id: wait for that, for a moment."""
        if self._on_air[-_TELLING_DIGITS:] != number[-_TELLING_DIGITS:]:
            return True
        try:
            async with asyncio.timeout(self._limits.command_s):
                await self._is_answered.wait()
        except TimeoutError:
            return False
        return True

    def _receipt(self, message: ShortMessage) -> CarrierReceipt:
        message_id = receipts.read_receipt(message).message_id
        return CarrierReceipt(message_id, self._form, tuple(self._answered))

    # Asking

    async def sweep(self) -> int:
        """Nothing is kept at the carrier's end that we could fetch; from now on it may deliver."""
        self._may_hand_over.set()
        return 0

    async def status(self) -> ModemStatus:
        try:
            await self._ask(Pdu(CommandId.ENQUIRE_LINK, next(self._sequences)))
        except ModemUnavailable:
            self._hang_up("it does not answer")
            raise
        return ModemStatus(Registration.HOME, None, self.info.model)

    async def ussd(self, code: str) -> UssdReply:
        raise ModemUnavailable(Reason.COMMAND_FAILED, "an SMPP line has no USSD")

    async def dial(
        self, number: str, ring_s: float, must_end: Callable[[], bool] = lambda: False
    ) -> CallResult:
        return CallResult.FAILED

    async def events(self) -> AsyncIterator[DriverEvent]:
        while (event := await self._events.get()) is not None:
            yield event

    def trace(self) -> tuple[TraceLine, ...]:
        return tuple(self._trace)

    async def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        with suppress(ModemUnavailable, OSError):
            await self._ask(Pdu(CommandId.UNBIND, next(self._sequences)), 0.5)
        self._hang_up("closed")
        self._events.put_nowait(None)

    def _end_of(self, line: _Streams, why: str) -> None:
        """What served `line` is over, perhaps long after another has taken its place."""
        if self._streams is line:
            self._hang_up(why)

    def _hang_up(self, why: str) -> None:
        streams, self._streams = self._streams, None
        self._late.clear()  # an answer comes on the line it was asked on
        if streams is None:
            return
        streams[1].close()
        for waiting in self._answers.values():
            if not waiting.done():
                waiting.set_exception(ConnectionError(why))
        self._may_hand_over.clear()
        self._inbound = asyncio.Queue(_MOST_INBOUND)  # without an answer it comes again
        for task in (self._reader, self._handing):
            if task is not None and task is not asyncio.current_task():
                task.cancel()
        self._reader = self._handing = None
        if not self._is_closed:
            self._events.put_nowait(PortLost(why))

    def _note(self, pdu: Pdu, *, sent: bool) -> None:
        line = f"{pdu.command:#010x} status {pdu.status:#x} seq {pdu.sequence}, {len(pdu.body)} o"
        self._trace.append(TraceLine(self._clock.now(), sent, line))


def _message(submit: DecodedSubmit, source: str) -> ShortMessage:
    """A SUBMIT as submit_sm; GSM 7-bit goes unpacked, one character an octet."""
    joined = submit.user_data.concatenation
    element = joined.encode() if joined is not None else b""
    header = bytes([len(element)]) + element if element else b""
    if submit.coding.alphabet is Alphabet.GSM7:
        coding, content = _GSM_CODING, bytes(gsm7.encode(submit.user_data.text))
    else:
        coding = UCS2_CODING
        content = submit.user_data.text.encode("utf-16-be", "surrogatepass")
    if submit.coding.message_class == 0:
        coding |= _FLASH
    number = submit.destination.value
    return ShortMessage(
        source, number.lstrip("+"), coding, header + content, _UDHI if header else 0,
        wants_receipt=submit.wants_report, validity=_relative(submit.validity),
        destination_ton=INTERNATIONAL if number.startswith("+") else 0,
    )  # fmt: skip


def _relative(validity: object) -> str:
    """§7.1.1.2: YYMMDDhhmmss000R."""
    if not isinstance(validity, timedelta):
        return ""
    minutes, seconds = divmod(int(validity.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"0000{min(days, 31):02}{hours:02}{minutes:02}{seconds:02}000R"


def _text_in(answer: Pdu) -> str:
    """The system's or the message's id; empty where there is none that can be read."""
    try:
        return text_of(answer.body)
    except SmppError:
        return ""


def _outcome(answer: Pdu) -> SendOutcome:
    if answer.status == Status.OK:
        return SendOutcome(SendState.SENT, carrier_id=canonical(_text_in(answer)[:LONGEST_ID]))
    known = {status.value: code for status, code in _AS_CMS.items()}
    error = ModemError(ErrorFamily.CMS, known.get(answer.status, _OTHER_REFUSAL))
    return SendOutcome(
        SendState.REFUSED, error=error, detail=f"the carrier refused: status {answer.status:#x}"
    )
