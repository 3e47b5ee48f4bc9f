"""The AT driver: one port, one reader, one command at a time (contract: `sms.driver.Driver`)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from core.clock import Clock
from sms.at import answers
from sms.at.calls import INTERRUPTED, Ring, ring_out
from sms.at.classify import Command
from sms.at.dialogue import LateResult, Unsolicited
from sms.at.link import Link
from sms.at.notices import CALL_ENDS, event_of
from sms.at.port import PortGone
from sms.at.setup import CommandRefused, PinGuard, configure
from sms.at.storage import Mailbox
from sms.at.submission import Submission
from sms.at.tickets import Tickets
from sms.deadline import within
from sms.driver import (
    CallResult,
    DriverEvent,
    DriverLimits,
    IncomingCall,
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
from sms.pdu.submit import SubmitPdu

_MAX_EVENTS = 1000
_RING_GAP_S = 10.0  # rings closer than this are one call
_TRY_AGAIN = (Reason.SILENT, Reason.PORT_MISSING)  # for the rest a person or the pool must act


class AtDriver:
    """See the contract. `on_incoming` stores PDUs; `clock` is the device's (SystemClock)."""

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
        self._link = Link(
            port,
            clock,
            self._limits,
            on_unsolicited=self._notice,
            on_late=self._settle_late,
            on_gone=self._gone,
        )
        self._lock = asyncio.Lock()  # one command, or one whole AT+CMGS, at a time
        self._is_configured = False
        self._is_closed = False
        self._info: ModemInfo | None = None
        self._tickets = Tickets()
        self._pins = PinGuard()
        self._mailbox = Mailbox(self._link, clock, self._limits, on_incoming)
        self._events: asyncio.Queue[DriverEvent | None] = asyncio.Queue(_MAX_EVENTS)
        self._rang_at = float("-inf")
        self._call_end = ""
        self._ussd: asyncio.Future[UssdReply] | None = None

    # State

    @property
    def is_ready(self) -> bool:
        return self._is_configured and not self._link.fault

    @property
    def info(self) -> ModemInfo:
        if self._info is None:
            raise ModemUnavailable(Reason.CLOSED, "the modem has not been opened yet")
        return self._info

    def trace(self) -> tuple[TraceLine, ...]:
        return self._link.trace()

    async def events(self) -> AsyncIterator[DriverEvent]:
        while (event := await self._events.get()) is not None:
            yield event

    # Life

    async def open(self) -> ModemInfo:
        async with self._lock:
            self._is_closed = False
            try:
                return await self._connect()
            except BaseException:
                self._link.close("did not open")
                raise

    async def recover(self) -> ModemInfo:
        async with self._lock:
            if self.is_ready:
                with suppress(ModemUnavailable):
                    await self._link.awaken(2 * self._limits.probe_s)
                    return self.info
            ladder = asyncio.ensure_future(self._climb())
            try:
                return await within(self._clock, self._limits.recover_s, ladder)
            except TimeoutError:
                raise ModemUnavailable(
                    Reason.SILENT if self._link.is_open else Reason.PORT_MISSING,
                    f"{self._config.path} did not come back",
                ) from None
            finally:
                ladder.cancel()
                await asyncio.wait({ladder})

    async def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._link.close("closed")
        self._end_ussd("closed")
        while self._events.full():
            self._events.get_nowait()
        self._events.put_nowait(None)

    async def _connect(self) -> ModemInfo:
        self._is_configured = False
        self._tickets.forget_open()
        self._link.open()
        await self._link.awaken(self._limits.wake_s)
        return await self._configure()

    async def _configure(self) -> ModemInfo:
        self._info = await configure(self._link, self._config, self._limits, self._pins)
        self._link.fault = ""
        self._is_configured = True
        return self._info

    async def _climb(self) -> ModemInfo:
        """ESC and AT on the open port; re-open; one +CFUN=1,1; then re-open until it is back.

        A port that vanished is never reset: it is being enumerated.
        """
        if self._link.is_open:
            with suppress(ModemUnavailable):
                await self._link.until_quiet()  # what a given-up command still answers
                await self._link.awaken(2 * self._limits.probe_s)
                return await self._configure()
        may_reset = self._link.is_open
        while not self._is_closed:
            try:
                await self._until_path_exists()
                return await self._connect()
            except ModemUnavailable as error:
                if error.reason not in _TRY_AGAIN:
                    raise
                if may_reset and error.reason is Reason.SILENT:
                    may_reset = False
                    await self._reset()
            await self._clock.sleep(self._limits.port_poll_s)
        raise ModemUnavailable(Reason.CLOSED, "the driver was closed")

    async def _reset(self) -> None:
        with suppress(PortGone):
            await self._link.write(b"\x1bAT+CFUN=1,1\r")
        await self._clock.sleep(self._limits.reboot_s / 4)

    async def _until_path_exists(self) -> None:
        while not Path(self._config.path).exists():  # noqa: ASYNC240  one stat on a local node
            self._link.close("the device path is missing")
            await self._clock.sleep(self._limits.port_poll_s)

    # Sending

    async def send_pdu(self, pdu: SubmitPdu, ticket: Ticket) -> SendOutcome:
        async with self._lock:
            if not self.is_ready:
                detail = self._link.fault or "the modem is not configured"
                return SendOutcome(SendState.NOT_SENT, detail=detail, needs_recovery=True)
            limit_s = self._limits.submit_for(self.info.family)
            limits = replace(self._limits, submit_s=limit_s)
            submission = Submission(self._link, self._tickets, self._clock, limits)
            return await submission.run(pdu, ticket)

    def _settle_late(self, late: LateResult) -> None:
        if late.error is not None:
            settled = self._tickets.late_error(late.error)
        else:
            settled = self._tickets.late_reference(late.reference or 0)
        self._link.dialogue.has_late_ticket = self._tickets.has_open
        for event in settled:
            self._emit(event)

    # Receiving

    async def sweep(self) -> int:
        async with self._lock:
            self._require_ready()
            return await self._mailbox.empty(self.info.memories)

    def _gone(self, detail: str) -> None:
        self._end_ussd(detail)
        self._emit(PortLost(detail))

    def _notice(self, notice: Unsolicited) -> None:
        if notice.line in CALL_ENDS:
            self._call_end = notice.line
        if notice.line.startswith("+CUSD:"):
            self._answer_ussd(notice.line)
        event = event_of(notice)
        if isinstance(event, IncomingCall) and not self._is_new_call():
            return
        if isinstance(event, ModemRestarted):
            self._link.restarted(notice.line)
        if isinstance(event, MessageWaiting | StorageFull):
            self._mailbox.announce("" if notice.line.startswith("+CBM") else notice.data)
        if event is not None:
            self._emit(event)

    def _is_new_call(self) -> bool:
        before, self._rang_at = self._rang_at, self._clock.monotonic()
        return self._rang_at - before > _RING_GAP_S

    def _emit(self, event: DriverEvent) -> None:
        if self._events.full():
            self._events.get_nowait()  # nobody listens: the oldest matters least
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
            self._link.fault = "the modem has lost its settings"
        return ModemStatus(
            answers.registration_in(registered[0] if registered else "+CREG: 0,4"),
            answers.rssi_dbm_in(quality[0]) if quality else None,
            answers.quoted_in(operator),
        )

    async def ussd(self, code: str) -> UssdReply:
        async with self._lock:
            self._require_ready()
            self._ussd = reply = asyncio.get_running_loop().create_future()
            try:
                await self._ask(Command(f'AT+CUSD=1,"{code}",15'), self._limits.sim_command_s)
                return await within(self._clock, self._limits.ussd_s, reply)
            except TimeoutError:
                await self._ask(Command("AT+CUSD=2"), self._limits.command_s)
                raise ModemUnavailable(Reason.SILENT, "the network did not answer") from None
            finally:
                self._ussd = None
                if reply.done():
                    reply.exception()  # told already, if the port went before we waited

    def _answer_ussd(self, line: str) -> None:
        reply = answers.ussd_in(line)
        if reply is not None and self._ussd is not None and not self._ussd.done():
            self._ussd.set_result(reply)

    def _end_ussd(self, why: str) -> None:
        if self._ussd is not None and not self._ussd.done():
            self._ussd.set_exception(ModemUnavailable(Reason.PORT_MISSING, f"port lost: {why}"))

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
            return await ring_out(self._link, self._clock, self._limits, ring)

    async def _ask(self, command: Command, limit_s: float) -> tuple[str, ...]:
        """A refusal is an empty answer. Raises: ModemUnavailable."""
        try:
            return await self._link.ask(command, limit_s)
        except CommandRefused:
            return ()

    def _require_ready(self) -> None:
        if not self.is_ready:
            raise ModemUnavailable(Reason.SILENT, self._link.fault or "the modem is not configured")
