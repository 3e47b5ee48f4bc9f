"""A simulated GSM modem: an AT interpreter in front of the air (no I/O: bytes in, bytes out)."""

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from sms.simulator import commands
from sms.simulator.air import Air, SimCard, WaitingPdu
from sms.simulator.calls import OutgoingCall
from sms.simulator.faults import Armed, Fault, StandingFault, SubmitFault
from sms.simulator.wire import Wire

_ESC, _CTRL_Z = 0x1B, 0x1A
_PLAIN_TEXT = re.compile(rb"[^\x1b\x0d\x1a]*")
_HEX_PDU = re.compile(r"(?:[0-9A-Fa-f]{2})+\Z")


@dataclass(frozen=True, slots=True)
class Personality:
    """What kind of modem it pretends to be. `report_storage`: +CNMI offers ds=2 (+CDSI)."""

    manufacturer: str = "FENGSUI"
    model: str = "SIMULATED"
    report_storage: bool = True
    pin: str = ""
    report_memory: str = "SM"


PERSONALITIES = {
    "generic": Personality(),
    "sim800": Personality("SIMCOM_Ltd", "SIMCOM_SIM800C", report_storage=False),
    "huawei": Personality("huawei", "E3531", report_memory="SR"),
    "quectel": Personality("Quectel", "M35"),
}


@dataclass(slots=True)
class Session:
    """What a reboot resets."""

    echo: bool = True
    error_codes: int = 0  # +CMEE
    pdu_mode: bool = False
    notify_stored: int = 0  # +CNMI mt
    notify_report: int = 0  # +CNMI ds
    notify_registration: int = 0  # +CREG n
    caller_id: bool = False
    is_unlocked: bool = False
    caller_name_format: int = 0  # +COPS format
    character_set: str = "GSM"  # +CSCS
    memory: str = "SM"  # +CPMS mem1: where +CMGL and +CMGD work


class SimulatedModem:
    """One modem. `write` takes its output; `unplug(seconds)` and `plug()` move the device path."""

    def __init__(
        self,
        name: str,
        air: Air,
        sim: SimCard,
        personality: Personality,
        *,
        radio_s: float,
        write: Callable[[bytes], None],
        unplug: Callable[[float], None],
        plug: Callable[[], None],
    ) -> None:
        self.name = name
        self.air = air
        self.sim: SimCard = sim
        self.personality: Personality = personality
        self.radio_s = radio_s
        self.wire = Wire(write)
        self._unplug = unplug
        self._plug = plug
        self.session: Session = Session(is_unlocked=not personality.pin)
        self.armed = Armed()
        self.capacity = 20
        self.storage: dict[str, dict[int, WaitingPdu]] = {"SM": {}, personality.report_memory: {}}
        self.has_network: bool = True
        self.has_sim: bool = True
        self.reference_zero = self.echo_stuck = False
        self.call: OutgoingCall | None = None
        self._input = bytearray()
        self._pending: deque[str] = deque()  # commands that came while one runs
        self._is_busy = False
        self._is_deaf = self._is_off = False
        self._prompt: Fault | bool | None = False  # False: no prompt; else the fault to act
        self._generation = 0  # a reboot makes everything planned before void
        sim.deliver = self.take

    # Bytes from the computer

    def feed(self, data: bytes) -> None:
        """What the computer wrote."""
        if self._is_deaf or self._is_off:
            return
        for octet in self._feed_plain_text(data):
            if self._prompt is not False:
                self._feed_text(octet)
            elif octet in b"\r":
                line, self._input = self._input.decode("latin-1").strip(), bytearray()
                if line:
                    self._command(line)
            elif octet not in (_ESC, _CTRL_Z, 0x0A):
                self._input.append(octet)

    def _feed_plain_text(self, data: bytes) -> bytes:
        """Take what a text begins with in one go. Returns: what is left of `data`."""
        plain = _PLAIN_TEXT.match(data) if self._prompt is not False else None
        if plain is None:
            return data
        self._input += plain[0]
        return data[plain.end() :]

    def _command(self, line: str) -> None:
        if self.session.echo or self.echo_stuck:
            self.wire.raw(line + "\r")
        if self._is_busy:
            self._pending.append(line)
            return
        found = re.fullmatch(r"AT\+CMGS=(\d+)", line, re.IGNORECASE)
        if found:
            self._open_prompt()
            return
        answer = commands.answer(self, line)
        if answer is not None:
            self.wire.answer(answer)

    def _busy(self, seconds: float, done: Callable[[], None]) -> None:
        """Run `done` in `seconds`; commands wait meanwhile."""
        self._is_busy = True

        def finish() -> None:
            self._is_busy = False
            done()
            while self._pending and not self._is_busy and self._prompt is False:
                self._command_again(self._pending.popleft())

        self.plan(seconds, finish)

    def _command_again(self, line: str) -> None:
        echo, self.session.echo = self.session.echo, False
        stuck, self.echo_stuck = self.echo_stuck, False
        try:
            self._command(line)
        finally:
            self.session.echo, self.echo_stuck = echo, stuck

    def plan(self, seconds: float, act: Callable[[], None]) -> None:
        """Run `act` later, unless the modem has rebooted by then."""
        generation = self._generation

        def if_same() -> None:
            if generation == self._generation:
                act()

        self.air.agenda.later(seconds, if_same)

    # AT+CMGS

    def _open_prompt(self) -> None:
        fault = self.armed.next()
        error = self._not_now()
        if error is not None:
            self.wire.answer([error])
            return
        kind = fault.kind if fault is not None else None
        if fault is not None and kind is SubmitFault.CMS_AT_PROMPT:
            self.wire.answer([f"+CMS ERROR: {fault.code}"])
        elif fault is not None and kind is SubmitFault.DEAF_AT_PROMPT:
            self.be_deaf(fault.seconds)
        elif fault is not None and kind is SubmitFault.PROMPT_LATE:
            self.plan(fault.seconds, lambda: self._show_prompt(None))
        elif kind is SubmitFault.NO_PROMPT:
            self._prompt = None
        else:
            self._show_prompt(fault)

    def _show_prompt(self, fault: Fault | None) -> None:
        self._prompt = fault
        self.wire.prompt()

    def _not_now(self) -> str | None:
        if not self.has_sim:
            return "+CMS ERROR: 310"
        if not self.session.is_unlocked:
            return "+CMS ERROR: 311"
        if not self.session.pdu_mode:
            return "+CMS ERROR: 304" if self.session.error_codes else "ERROR"
        return None if self.has_network else "+CMS ERROR: 331"

    def _feed_text(self, octet: int) -> None:
        if octet == _ESC:
            self._prompt = False
            self._input.clear()
            self.wire.answer(["OK"])
        elif octet == 0x0D:
            self.wire.prompt()
        elif octet == _CTRL_Z:
            fault = self._prompt if isinstance(self._prompt, Fault) else None
            if fault is not None and fault.kind is SubmitFault.CTRL_Z_LOST:
                self._prompt = None
                return
            text, self._input = self._input.decode("latin-1"), bytearray()
            self._prompt = False
            self._submit(text.strip(), fault)
        else:
            self._input.append(octet)

    def _submit(self, pdu_hex: str, fault: Fault | None) -> None:
        if self.session.echo or self.echo_stuck:
            self.wire.raw(pdu_hex + "\x1a")
        until = self.air.agenda.monotonic() + self.radio_s  # reading the PDU is part of it
        error = self._not_now()
        refusal = self.air.refusal(pdu_hex) if _HEX_PDU.match(pdu_hex) else 304
        left_s = until - self.air.agenda.monotonic()
        if error is not None or refusal is not None:
            answer = error or f"+CMS ERROR: {refusal}"
            self._busy(left_s, lambda: self.wire.answer([answer]))
        elif fault is None:
            self._busy(left_s, lambda: self._sent(pdu_hex))
        else:
            self._submit_with(fault, pdu_hex)

    def _sent(self, pdu_hex: str) -> None:
        reference = self._put_on_air(pdu_hex)
        self.wire.answer([f"+CMGS: {reference}", "OK"])

    def _put_on_air(self, pdu_hex: str) -> int:
        return self.air.submit(self.sim, self.name, pdu_hex, reference_zero=self.reference_zero)

    def _submit_with(self, fault: Fault, pdu_hex: str) -> None:
        """The text is complete; what goes wrong now."""
        kind = fault.kind
        if kind is SubmitFault.PDU_SWALLOWED:
            self.be_deaf(fault.seconds)
        elif kind is SubmitFault.PORT_AWAY:
            if fault.is_sent:
                self._put_on_air(pdu_hex)
            self._unplug(fault.seconds)
        elif kind is SubmitFault.REBOOT:
            if fault.is_sent:
                self._put_on_air(pdu_hex)
            self.reboot(fault.seconds)
        elif kind is SubmitFault.CMS_ERROR:
            self._busy(self.radio_s, lambda: self._refuse(fault, pdu_hex))
        else:
            self._busy(self.radio_s, lambda: self._send_with(fault, pdu_hex))

    def _refuse(self, fault: Fault, pdu_hex: str) -> None:
        if fault.is_sent:
            self._put_on_air(pdu_hex)
        self.wire.answer([f"+CMS ERROR: {fault.code}"])

    def _send_with(self, fault: Fault, pdu_hex: str) -> None:
        """On the air; the answer suffers."""
        reference = self._put_on_air(pdu_hex)
        lines = [f"+CMGS: {reference}", "OK"]
        if fault.kind is SubmitFault.ANSWER_LATE:
            self._busy(fault.seconds, lambda: self.wire.answer(lines))
        elif fault.kind is SubmitFault.ANSWER_LATE_ALIVE:
            self.plan(fault.seconds, lambda: self.wire.answer(lines))
        elif fault.kind is SubmitFault.DEAF_AFTER_SEND:
            self.be_deaf(fault.seconds)
        elif fault.kind is not SubmitFault.ANSWER_LOST:
            self.wire.answer(lines)

    # From the air

    def take(self, pdu: WaitingPdu) -> bool:
        """The network hands over `pdu`; False if there is no room or no radio now."""
        if self._is_off or not (self.has_network and self.has_sim and self.session.is_unlocked):
            return False
        is_direct = (
            self.session.notify_report == 1 if pdu.is_report else self.session.notify_stored == 2
        )
        if is_direct:
            octets = len(pdu.hex) // 2 - 1 - int(pdu.hex[:2], 16)
            header = f"+CDS: {octets}" if pdu.is_report else f"+CMT: ,{octets}"
            self.notify(header, pdu.hex)
            return True
        memory = self.personality.report_memory if pdu.is_report else "SM"
        places = self.storage[memory]
        if len(places) >= self.capacity:
            return False
        index = next(i for i in range(1, self.capacity + 1) if i not in places)
        places[index] = pdu
        wants_line = self.session.notify_report if pdu.is_report else self.session.notify_stored
        if wants_line:
            name = "+CDSI" if pdu.is_report else "+CMTI"
            self.notify(f'{name}: "{memory}",{index}')
        return True

    def delete(self, index: int) -> None:
        """Free a place; what waited in the network comes a moment later."""
        self.storage[self.session.memory].pop(index, None)
        self.plan(0.01, lambda: self.air.flush(self.sim))

    def notify(self, *lines: str) -> None:
        """An unsolicited line; nothing is written while deaf, off or in the prompt."""
        if not (self._is_deaf or self._is_off):
            self.wire.unsolicited(*lines)

    # Standing faults

    def apply(self, fault: Fault) -> None:
        """Arm a submit fault or act on a standing one."""
        if isinstance(fault.kind, SubmitFault):
            self.armed.add(fault)
            return
        acts: dict[StandingFault, Callable[[], None]] = {
            StandingFault.DEAF: lambda: self.be_deaf(fault.seconds),
            StandingFault.NETWORK_LOST: lambda: self._lose_network(fault.seconds),
            StandingFault.SIM_REMOVED: lambda: self._remove_sim(fault.seconds),
            StandingFault.UNPLUG: lambda: self._unplug(fault.seconds),
            StandingFault.PLUG: self._plug,
            StandingFault.RESTART: lambda: self.reboot(
                fault.seconds, is_silent=fault.mode == "silent"
            ),
            StandingFault.LINE_ENDS: lambda: setattr(self.wire, "line_ends", fault.mode),
            StandingFault.ECHO_STUCK: lambda: setattr(self, "echo_stuck", True),
            StandingFault.NOISE: lambda: setattr(self.wire, "noise", fault.share),
            StandingFault.GARBAGE: lambda: setattr(self.wire, "garbage", fault.share),
            StandingFault.REFERENCE_ZERO: lambda: setattr(self, "reference_zero", True),
            StandingFault.STORAGE: lambda: setattr(self, "capacity", fault.code),
        }
        acts[fault.kind]()

    def heal(self) -> None:
        """All switches off."""
        self.armed.clear()
        self.wire.line_ends, self.wire.noise, self.wire.garbage = "crlf", 0.0, 0.0
        self.echo_stuck = self.reference_zero = self._is_deaf = False
        self.capacity = 20
        self.has_network = self.has_sim = True
        self.air.flush(self.sim)

    def be_deaf(self, seconds: float) -> None:
        """Neither hears nor speaks; a half-open prompt is forgotten."""
        self._is_deaf = True
        self._prompt = False
        self._input.clear()
        self._pending.clear()

        def hear() -> None:
            self._is_deaf = False

        self.plan(seconds, hear)

    def _lose_network(self, seconds: float) -> None:
        self.has_network = False
        if self.session.notify_registration:
            self.notify("+CREG: 2")

        def find() -> None:
            self.has_network = True
            if self.session.notify_registration:
                self.notify("+CREG: 1")
            self.air.flush(self.sim)

        self.plan(seconds, find)

    def _remove_sim(self, seconds: float) -> None:
        self.has_sim = False
        self.notify("+CPIN: NOT INSERTED")

        def insert() -> None:
            self.has_sim = True
            self.session.is_unlocked = not self.personality.pin
            self.notify("+CPIN: READY")
            self.air.flush(self.sim)

        self.plan(seconds, insert)

    def reboot(self, seconds: float, *, is_silent: bool = False) -> None:
        """Off for `seconds`, then `RDY`, if not silent, and factory settings; storage survives."""
        self.power_off()

        def start() -> None:
            self.power_on()
            if not is_silent:
                self.notify("RDY")

        self.plan(seconds, start)

    def power_off(self) -> None:
        """Everything planned is void; settings are lost."""
        self._generation += 1
        self._is_off, self._is_deaf, self._is_busy = True, False, False
        self._prompt = False
        self._input.clear()
        self._pending.clear()
        self.call = None
        self.session = Session(is_unlocked=not self.personality.pin)

    def power_on(self) -> None:
        self._is_off = False
        self.has_network = self.has_sim = True
        self.air.flush(self.sim)
