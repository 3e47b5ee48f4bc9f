"""`gsmmodem` behind the driver contract, for modems it knows (contract: `sms.driver.Driver`).

It cannot do what our driver does: a late +CMGS is lost, unsolicited lines inside an answer are
lost but for those of messages (see `OwnedModem`), other line ends or stray bytes end its reader,
and every time-out costs a new object. docs/sms-drivers.md has the table.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from gsmmodem.exceptions import (
    CmeError,
    CommandError,
    GsmModemException,
    IncorrectPinError,
    PinRequiredError,
    TimeoutException,
)
from serial import SerialException

from core.clock import Clock
from sms.at import answers
from sms.at.calls import INTERRUPTED, Ring, ring_out
from sms.at.classify import Command, Kind, clean, error_in, kind_of
from sms.at.dialogue import Unsolicited
from sms.at.notices import CALL_ENDS, event_of
from sms.at.setup import CommandRefused, PinGuard, configure
from sms.at.storage import Mailbox
from sms.at.tickets import outcome_of, settings_seem_lost
from sms.deadline import within
from sms.driver import (
    CallResult,
    DriverEvent,
    DriverLimits,
    IncomingSink,
    MessageWaiting,
    ModemInfo,
    ModemPort,
    ModemRestarted,
    ModemStatus,
    ModemUnavailable,
    PortLost,
    Reason,
    SendOutcome,
    SendState,
    StorageFull,
    Ticket,
    TraceLine,
    UssdReply,
)
from sms.gsmmodem_worker import OwnedModem, ReaderDied, Worker, free_prompt, is_locked
from sms.pdu.submit import SubmitPdu

T = TypeVar("T")
_CTRL_Z, _ESC = "\x1a", "\x1b"
_GRACE_S = 1.0  # the thread's own time-out comes first; ours only if the thread hangs
_MAX_EVENTS, _TRACE_LINES = 1000, 400
_FAULTS = (TimeoutException, ReaderDied, SerialException, OSError)
_TRY_AGAIN = (Reason.SILENT, Reason.PORT_MISSING)
_LET_GO_S = 5.0
_let_go_by: dict[str, float] = {}
"""By device: until when a thread of this process may still hold what it was told to let go."""
_CME_NO_SIM = 10


class GsmmodemDriver:
    """See the contract and the module."""

    def __init__(
        self,
        port: ModemPort,
        on_incoming: IncomingSink,
        clock: Clock,
        limits: DriverLimits | None = None,
    ) -> None:
        self._config = port
        self._clock = clock
        self._limits = limits or DriverLimits()
        self._lock = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._worker: Worker | None = None
        self._modem: OwnedModem | None = None
        self._info: ModemInfo | None = None
        self._pins = PinGuard()
        self._fault = "closed"
        self._is_closed = False
        self._mailbox = Mailbox(self, clock, self._limits, on_incoming)
        self._events: asyncio.Queue[DriverEvent | None] = asyncio.Queue(_MAX_EVENTS)
        self._trace: deque[TraceLine] = deque(maxlen=_TRACE_LINES)
        self._call_end = ""

    # State

    @property
    def is_ready(self) -> bool:
        return not self._fault and self._modem is not None and not self._modem.death

    @property
    def info(self) -> ModemInfo:
        if self._info is None:
            raise ModemUnavailable(Reason.CLOSED, "the modem has not been opened yet")
        return self._info

    def trace(self) -> tuple[TraceLine, ...]:
        return tuple(self._trace)

    async def events(self) -> AsyncIterator[DriverEvent]:
        while (event := await self._events.get()) is not None:
            yield event

    # Life

    async def open(self) -> ModemInfo:
        async with self._lock:
            self._is_closed = False
            while True:
                try:
                    return await self._build()
                except ModemUnavailable as error:
                    if self._is_closed or not self._is_lock_ours(error):
                        raise
                await self._clock.sleep(self._limits.port_poll_s)

    async def recover(self) -> ModemInfo:
        async with self._lock:
            if self.is_ready:
                with suppress(ModemUnavailable):
                    await self.ask(Command("AT"), self._limits.command_s)
                    return self.info
            until = self._clock.monotonic() + self._limits.recover_s
            last = ModemUnavailable(Reason.PORT_MISSING, f"{self._config.path} is missing")
            while self._clock.monotonic() < until and not self._is_closed:
                try:
                    return await self._build()
                except ModemUnavailable as error:
                    if error.reason not in _TRY_AGAIN and not self._is_lock_ours(error):
                        raise
                    last = error
                await self._clock.sleep(self._limits.port_poll_s)
            raise last

    def _is_lock_ours(self, error: ModemUnavailable) -> bool:
        let_go_by = _let_go_by.get(self._config.path, float("-inf"))
        return error.reason is Reason.PORT_BUSY and self._clock.monotonic() < let_go_by

    async def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._drop("closed")
        while self._events.full():
            self._events.get_nowait()
        self._events.put_nowait(None)

    async def _build(self) -> ModemInfo:
        """A new object and a new thread. Raises: ModemUnavailable."""
        self._drop("being opened")
        if not Path(self._config.path).exists():  # noqa: ASYNC240  one stat on a local node
            raise ModemUnavailable(Reason.PORT_MISSING, f"{self._config.path} is missing")
        if self._config.pin is not None and not self._pins.may_try(self._config.pin):
            raise ModemUnavailable(Reason.PIN_WRONG, "this PIN was refused: correct it")
        self._loop = asyncio.get_running_loop()
        self._worker = Worker(f"gsmmodem:{self._config.name}")
        self._modem = modem = OwnedModem(
            self._config.path, self._config.baud, self._limits.command_s, self._hear
        )
        try:
            free_prompt(self._config.path)
            await self._blocking(lambda: modem.start(self._config.pin), 2 * self._limits.wake_s)
            self._fault = ""
            self._info = await configure(self, self._config, self._limits, self._pins)
        except BaseException as error:
            self._drop("did not open")
            if isinstance(error, (GsmModemException, OSError, ReaderDied, TimeoutError)):
                raise self._unavailable(error) from error
            raise
        return self._info

    def _unavailable(self, error: BaseException) -> ModemUnavailable:
        if isinstance(error, PinRequiredError):
            return ModemUnavailable(Reason.PIN_REQUIRED, "the SIM wants a PIN")
        if isinstance(error, IncorrectPinError):
            self._pins.refused(self._config.pin or "")
            return ModemUnavailable(Reason.PIN_WRONG, "the SIM refused the PIN")
        if isinstance(error, CmeError) and error.code == _CME_NO_SIM:
            return ModemUnavailable(Reason.SIM_MISSING, "no SIM in the modem")
        if is_locked(error):
            return ModemUnavailable(Reason.PORT_BUSY, f"{self._config.path} is in use")
        if isinstance(error, PermissionError):
            return ModemUnavailable(Reason.PORT_DENIED, f"no permission on {self._config.path}")
        if isinstance(error, CommandError):
            return ModemUnavailable(Reason.COMMAND_FAILED, f"the modem refuses {error}")
        return ModemUnavailable(Reason.SILENT, f"no connection: {type(error).__name__} {error}")

    def _drop(self, fault: str) -> None:
        self._fault = fault
        modem, self._modem = self._modem, None
        worker, self._worker = self._worker, None
        if modem is not None:
            modem.abandon()
            if modem.may_hold_port:
                _let_go_by[self._config.path] = self._clock.monotonic() + _LET_GO_S
        if worker is not None:
            worker.end()

    # Sending

    async def send_pdu(self, pdu: SubmitPdu, ticket: Ticket) -> SendOutcome:
        async with self._lock:
            if not self.is_ready:
                detail = self._fault or "gsmmodem's reader has died"
                return SendOutcome(SendState.NOT_SENT, detail=detail, needs_recovery=True)
            refused = await self._until_prompt(pdu)
            if refused is not None:
                return refused
            return await self._until_result(pdu)

    async def _until_prompt(self, pdu: SubmitPdu) -> SendOutcome | None:
        """None when the prompt is there."""
        text = f"AT+CMGS={pdu.tpdu_length}\r"
        try:
            lines = await self._exchange(text, self._limits.prompt_s, "> ")
        except _FAULTS as fault:
            if self._modem is not None:
                self._modem.write_blindly(_ESC)
            return self._lost(SendState.NOT_SENT, f"no prompt: {type(fault).__name__}")
        error = error_in(clean(lines[-1])) if lines else None
        if error is None:
            return None
        is_lost = settings_seem_lost(error)
        if is_lost:
            self._fault = "the modem refuses AT+CMGS as if set up otherwise"
        detail = f"{error}, no text given"
        return SendOutcome(SendState.REFUSED, error=error, detail=detail, needs_recovery=is_lost)

    async def _until_result(self, pdu: SubmitPdu) -> SendOutcome:
        try:
            lines = await self._exchange(
                pdu.hex + _CTRL_Z, self._limits.submit_for(self.info.family)
            )
        except _FAULTS as fault:
            return self._lost(SendState.UNKNOWN, f"no answer: {type(fault).__name__}")
        for line in map(clean, lines):
            error = error_in(line)
            if error is not None:
                return outcome_of(error)
            if line.startswith("+CMGS:"):
                digits = line.partition(":")[2].strip()
                is_plain = digits.isascii() and digits.isdigit()
                return SendOutcome(SendState.SENT, int(digits) & 0xFF if is_plain else None)
        return self._lost(SendState.UNKNOWN, "an end without a reference")

    def _lost(self, state: SendState, detail: str) -> SendOutcome:
        """After any time-out the object is not trusted again."""
        self._drop(detail)
        self._emit(PortLost(detail))
        return SendOutcome(state, detail=detail, needs_recovery=True)

    # Receiving

    async def sweep(self) -> int:
        async with self._lock:
            self._require_ready()
            return await self._mailbox.empty(self.info.memories)

    def _hear(self, lines: list[str]) -> None:
        """Reader thread: lines that belong to no answer."""
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._notice, lines)

    def _notice(self, lines: list[str]) -> None:
        cleaned = [clean(line) for line in lines]
        for line, following in zip(cleaned, [*cleaned[1:], ""], strict=True):
            if line in CALL_ENDS:
                self._call_end = line
            data = following if line.startswith(("+CDS:", "+CMT:")) else ""
            event = event_of(Unsolicited(line, data))
            if isinstance(event, MessageWaiting | StorageFull):
                self._mailbox.announce(data)
            if isinstance(event, ModemRestarted):
                self._fault = f"the modem restarted ({line})"
            if event is not None:
                self._emit(event)

    def _emit(self, event: DriverEvent) -> None:
        if self._events.full():
            self._events.get_nowait()
        self._events.put_nowait(event)

    # Asking

    async def status(self) -> ModemStatus:
        async with self._lock:
            self._require_ready()
            limit_s = self._limits.sim_command_s
            registered = await self._ask(Command("AT+CREG?", ("+CREG:",)), limit_s)
            quality = await self._ask(Command("AT+CSQ", ("+CSQ:",)), limit_s)
            operator = await self._ask(Command("AT+COPS?", ("+COPS:",)), limit_s)
            mode = await self._ask(Command("AT+CMGF?", ("+CMGF:",)), limit_s)
        if mode and not mode[0].endswith("0"):
            self._fault = "the modem has lost its settings"
        return ModemStatus(
            answers.registration_in(registered[0] if registered else "+CREG: 0,4"),
            answers.rssi_dbm_in(quality[0]) if quality else None,
            answers.quoted_in(operator),
        )

    async def ussd(self, code: str) -> UssdReply:
        async with self._lock:
            self._require_ready()
            modem, limit_s = self._modem, self._limits.ussd_s
            assert modem is not None
            self._note(f'AT+CUSD=1,"{code}",15', sent=True)
            try:
                reply = await self._blocking(lambda: modem.ask_network(code, limit_s), limit_s)
            except (*_FAULTS, GsmModemException, TimeoutError) as error:
                raise ModemUnavailable(Reason.SILENT, f"no USSD answer: {error}") from error
            is_unicode = len(reply.message) % 4 == 0
            text = answers.ussd_text(reply.message, 0x48 if is_unicode else 15)
            return UssdReply(text, bool(reply.sessionActive))

    async def dial(
        self, number: str, ring_s: float, must_end: Callable[[], bool] = lambda: False
    ) -> CallResult:
        async with self._lock:
            self._require_ready()
            self._call_end = ""
            ring = Ring(
                number,
                ring_s,
                ended_by=lambda: INTERRUPTED if must_end() else self._call_end,
                meanwhile=lambda: self._mailbox.look_in_call(self.info.memories),
            )
            return await ring_out(self, self._clock, self._limits, ring)

    async def ask(self, command: Command, limit_s: float) -> tuple[str, ...]:
        """One command. Raises: CommandRefused, ModemUnavailable."""
        try:
            lines = await self._exchange(command.text + "\r", limit_s)
        except _FAULTS as fault:
            self._lost(SendState.NOT_SENT, f"no answer to {command.text.partition('=')[0]}")
            raise ModemUnavailable(Reason.SILENT, f"no answer: {fault}") from fault
        kept: list[str] = []
        for line in map(clean, lines):
            error = error_in(line)
            if error is not None:
                raise CommandRefused(command.text, error.code, str(error))
            if kind_of(line, command) is Kind.INFO:
                kept.append(line)
        return tuple(kept)

    async def pause(self, seconds: float) -> None:
        await self._clock.sleep(seconds)

    async def _ask(self, command: Command, limit_s: float) -> tuple[str, ...]:
        try:
            return await self.ask(command, limit_s)
        except CommandRefused:
            return ()

    async def _exchange(self, text: str, limit_s: float, ends_with: str | None = None) -> list[str]:
        modem = self._modem
        if modem is None:
            raise ReaderDied("dropped")
        self._note(text, sent=True)
        lines = await self._blocking(lambda: modem.exchange(text, limit_s, ends_with), limit_s)
        for line in lines:
            self._note(line, sent=False)
        return lines

    async def _blocking(self, call: Callable[[], T], limit_s: float) -> T:
        """Raises: TimeoutError when the thread hangs beyond its own limit; what `call` raised."""
        assert self._worker is not None
        return await within(self._clock, limit_s + _GRACE_S, self._worker.call(call))

    def _note(self, text: str, *, sent: bool) -> None:
        shown = text.strip("\r\n")
        if self._config.pin:
            shown = shown.replace(self._config.pin, "****")
        self._trace.append(TraceLine(self._clock.now(), sent, shown))

    def _require_ready(self) -> None:
        if not self.is_ready:
            raise ModemUnavailable(Reason.SILENT, self._fault or "gsmmodem's reader has died")
