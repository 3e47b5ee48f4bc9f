"""One AT+CMGS from the first byte to a known outcome (contract: `Driver.send_pdu`)."""

from contextlib import suppress

from core.clock import Clock
from sms.at.classify import Command
from sms.at.dialogue import Answered, BareOk, Heard, Prompted
from sms.at.link import Link, Silence
from sms.at.port import PortGone
from sms.at.tickets import Tickets, outcome_of, settings_seem_lost
from sms.driver import (
    DriverLimits,
    ModemError,
    ModemUnavailable,
    SendOutcome,
    SendState,
    Ticket,
)
from sms.pdu.submit import SubmitPdu

_ESC, _CTRL_Z = b"\x1b", b"\x1a"


class Submission:
    """Lives for one PDU; the driver holds its lock meanwhile."""

    def __init__(self, link: Link, tickets: Tickets, clock: Clock, limits: DriverLimits) -> None:
        self._link = link
        self._tickets = tickets
        self._clock = clock
        self._limits = limits
        self._is_submitted = False

    async def run(self, pdu: SubmitPdu, ticket: Ticket) -> SendOutcome:
        try:
            return await self._run(pdu, ticket)
        except BaseException:  # cancelled: what was written stays open
            self._link.fault = "a send was cancelled"
            raise
        finally:
            self._link.dialogue.give_up()
            self._tickets.leave_open()
            self._link.dialogue.has_late_ticket = self._tickets.has_open

    async def _run(self, pdu: SubmitPdu, ticket: Ticket) -> SendOutcome:
        try:
            refused = await self._until_prompt(pdu)
        except Silence:
            return await self._without_prompt()
        except PortGone as gone:
            return self._lost(f"port lost before the text: {gone}", SendState.NOT_SENT)
        if refused is not None:
            return self._refused(refused)
        self._tickets.begin(ticket)
        self._link.dialogue.submitted()
        try:
            await self._link.write(pdu.hex.encode("ascii") + _CTRL_Z)
        except PortGone as gone:
            if gone.written <= len(pdu.hex):  # Ctrl-Z is the last octet
                self._tickets.settle()
                return self._lost(f"port lost inside the text: {gone}", SendState.NOT_SENT)
            return self._lost(f"port lost behind the text: {gone}", SendState.UNKNOWN)
        return await self._until_result()

    async def _until_prompt(self, pdu: SubmitPdu) -> ModemError | None:
        """None when the prompt is there, or the error. Raises: Silence, PortGone."""
        command = Command(f"AT+CMGS={pdu.tpdu_length}", ("+CMGS:",), opens_prompt=True)
        await self._link.begin(command)
        until = self._clock.monotonic() + self._limits.prompt_s
        while True:
            heard = await self._link.next(until - self._clock.monotonic())
            if isinstance(heard, Prompted):
                return None
            if isinstance(heard, Answered):
                return heard.error

    def _refused(self, error: ModemError) -> SendOutcome:
        is_lost = settings_seem_lost(error)
        if is_lost:
            self._link.fault = "the modem refuses AT+CMGS as if set up otherwise"
        detail = f"{error}, no text given"
        return SendOutcome(SendState.REFUSED, error=error, detail=detail, needs_recovery=is_lost)

    async def _without_prompt(self) -> SendOutcome:
        is_alive = await self._leave_prompt()
        return SendOutcome(
            SendState.NOT_SENT,
            detail="no prompt: the text was not handed over",
            needs_recovery=not is_alive,
        )

    async def _leave_prompt(self) -> bool:
        """ESC, then AT; True if the modem answers."""
        self._link.dialogue.give_up()
        try:
            await self._link.write(_ESC)
            await self._link.awaken(self._limits.probe_s)
        except (ModemUnavailable, PortGone):
            return False
        return True

    async def _until_result(self) -> SendOutcome:
        """Behind Ctrl-Z: silence_s, then a probe every probe_s until submit_s."""
        started = self._clock.monotonic()
        wait_s, probes = self._limits.silence_s, 0
        while True:
            try:
                heard = await self._link.next(wait_s)
                outcome = await self._conclude(heard)
                if probes:
                    await self._link.until_quiet()  # answers to probes that waited in the modem
                return outcome
            except Silence:
                if self._clock.monotonic() - started >= self._limits.submit_s:
                    return self._lost("no answer within the limit", SendState.UNKNOWN)
            except PortGone as gone:
                return self._lost(f"port lost behind the text: {gone}", SendState.UNKNOWN)
            probes += 1
            wait_s = self._limits.probe_s
            with suppress(PortGone):
                self._link.dialogue.probing()
                await self._link.write(b"AT\r")

    async def _conclude(self, heard: Heard) -> SendOutcome:
        if isinstance(heard, Prompted):  # it still collects the text: Ctrl-Z never arrived
            self._tickets.settle()
            is_alive = await self._leave_prompt()
            return SendOutcome(
                SendState.NOT_SENT, detail="the modem gave the text up", needs_recovery=not is_alive
            )
        if isinstance(heard, BareOk):
            return SendOutcome(SendState.UNKNOWN, detail="the answer was lost, the modem is alive")
        if not isinstance(heard, Answered):
            raise TypeError(f"not a result: {heard}")
        if heard.error is not None:
            self._tickets.settle()
            return outcome_of(heard.error)
        digits = heard.lines[0].partition(":")[2].strip().split(",")[0]
        reference = int(digits) & 0xFF if digits.isascii() and digits.isdigit() else None
        self._tickets.answered(reference)
        return SendOutcome(SendState.SENT, reference)

    def _lost(self, detail: str, state: SendState) -> SendOutcome:
        self._link.fault = self._link.fault or detail
        return SendOutcome(state, detail=detail, needs_recovery=True)
