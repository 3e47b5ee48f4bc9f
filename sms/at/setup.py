"""Bringing a modem from any state to ours: PDU mode, stored messages, codes for errors.

Generic 27.005/27.007 first; what a family needs besides is in one table. Order matters: echo and
error codes before the PIN, the PIN before anything that reads the SIM.
"""

from collections.abc import Mapping
from typing import Protocol

from sms.at import answers
from sms.at.classify import Command
from sms.driver import DriverLimits, ModemFamily, ModemInfo, ModemPort, ModemUnavailable, Reason

# Optional commands of each family; a refusal is no fault.
_FAMILY_COMMANDS: Mapping[ModemFamily, tuple[str, ...]] = {
    ModemFamily.SIM800: ("AT+CSCLK=0", "AT+CIURC=1"),  # no sleep; say "Call Ready" after a boot
    ModemFamily.HUAWEI: ("AT^CURC=0", "AT^USSDMODE=0"),  # no ^RSSI flood; USSD as text
    ModemFamily.QUECTEL: ('AT+QURCCFG="urcport","all"', 'AT+QINDCFG="smsfull",1'),
    ModemFamily.GENERIC: (),
}
_PIN_PROBLEMS: Mapping[str, tuple[Reason, str]] = {
    "SIM PUK": (Reason.PUK_REQUIRED, "the SIM is locked: enter its PUK in a telephone"),
    "SIM PIN2": (Reason.PIN_REQUIRED, "the SIM asks for PIN2"),
    "SIM PUK2": (Reason.PUK_REQUIRED, "the SIM asks for PUK2"),
}
_CME_NOT_INSERTED, _CME_WRONG_PIN, _CME_SIM_BUSY = 10, 16, 14
_SIM_TRIES = 5
_SWEPT = ("SM", "ME", "SR")  # where modems put messages and reports


class CommandRefused(Exception):
    """The modem answered with an error; `code` of +CME or +CMS, 0 for a bare ERROR."""

    def __init__(self, command: str, code: int, text: str) -> None:
        super().__init__(f"{command}: {text}")
        self.code = code


class Asker(Protocol):
    """What setup needs of the driver."""

    async def ask(self, command: Command, limit_s: float) -> tuple[str, ...]:
        """Raises: CommandRefused, ModemUnavailable (silent, port gone)."""

    async def pause(self, seconds: float) -> None: ...


class PinGuard:
    """Remembers a PIN the SIM refused: three tries lock it, so each PIN is tried once."""

    def __init__(self) -> None:
        self._refused: set[str] = set()

    def may_try(self, pin: str) -> bool:
        return pin not in self._refused

    def refused(self, pin: str) -> None:
        self._refused.add(pin)


async def configure(
    asker: Asker, port: ModemPort, limits: DriverLimits, pins: PinGuard
) -> ModemInfo:
    """Configure an awake modem and read who it is. Raises: ModemUnavailable."""
    await _optional(asker, "ATE0", limits)
    await _optional(asker, "AT+CMEE=1", limits)
    manufacturer = await _text(asker, "AT+CGMI", limits)
    model = await _text(asker, "AT+CGMM", limits)
    family = port.family or answers.family_of(manufacturer, model)
    await _unlock(asker, port, limits, pins)
    for command in _FAMILY_COMMANDS[family]:
        await _optional(asker, command, limits)
    memories = await _set_up_messages(asker, limits)
    for command in ("AT+CREG=1", "AT+CLIP=1", "AT+CMMS=2", "AT+COPS=3,2"):
        await _optional(asker, command, limits)
    centre = await _lines(asker, Command("AT+CSCA?", ("+CSCA:",)), limits.sim_command_s)
    own = await _lines(asker, Command("AT+CNUM", ("+CNUM:",)), limits.sim_command_s)
    return ModemInfo(
        manufacturer=manufacturer,
        model=model,
        revision=await _text(asker, "AT+CGMR", limits),
        imei=await _text(asker, "AT+CGSN", limits),
        imsi=await _text(asker, "AT+CIMI", limits),
        iccid=await _text(asker, "AT+CCID", limits),
        smsc=answers.quoted_in(centre),
        family=family,
        own_number=_number_in(own),
        memories=memories,
    )


async def _set_up_messages(asker: Asker, limits: DriverLimits) -> tuple[str, ...]:
    """PDU mode, storage, notifications; returns the memories to sweep, the first in use."""
    try:
        await asker.ask(Command("AT+CMGF=0"), limits.command_s)
    except CommandRefused as error:
        raise ModemUnavailable(
            Reason.COMMAND_FAILED, f"the modem refuses PDU mode ({error}): use another model"
        ) from error
    await _optional(asker, "AT+CSMS=0", limits)
    memories = answers.memories_in(
        _first(await _lines(asker, Command("AT+CPMS=?", ("+CPMS:",)), limits.sim_command_s))
    )
    memory = "SM" if not memories or "SM" in memories else memories[0]
    swept = (memory, *(name for name in _SWEPT if name in memories and name != memory))
    await _lines(
        asker, Command(f'AT+CPMS="{memory}","{memory}","{memory}"', ("+CPMS:",)),
        limits.sim_command_s,
    )  # fmt: skip
    offered = _first(await _lines(asker, Command("AT+CNMI=?", ("+CNMI:",)), limits.command_s))
    choice = answers.notification_choice(offered)
    for parameters in (choice, "2,1,0,1,0", "1,1,0,1,0", "1,1"):
        if await _optional(asker, f"AT+CNMI={parameters}", limits):
            break
    return swept


async def _unlock(asker: Asker, port: ModemPort, limits: DriverLimits, pins: PinGuard) -> None:
    state = await _pin_state(asker, limits)
    if state in _PIN_PROBLEMS:
        raise ModemUnavailable(*_PIN_PROBLEMS[state])
    if state != "SIM PIN":
        return
    if port.pin is None:
        raise ModemUnavailable(Reason.PIN_REQUIRED, "the SIM wants a PIN: set it for this modem")
    if not pins.may_try(port.pin):
        raise ModemUnavailable(Reason.PIN_WRONG, "this PIN was refused: correct it, then restart")
    try:
        await asker.ask(Command(f'AT+CPIN="{port.pin}"', secret=port.pin), limits.sim_command_s)
    except CommandRefused as error:
        pins.refused(port.pin)
        raise ModemUnavailable(Reason.PIN_WRONG, "the SIM refused the PIN") from error
    for _ in range(_SIM_TRIES):
        if await _pin_state(asker, limits) == "READY":
            return
        await asker.pause(limits.probe_s / 2)
    raise ModemUnavailable(Reason.SIM_FAILED, "the SIM does not get ready after the PIN")


async def _pin_state(asker: Asker, limits: DriverLimits) -> str:
    """READY, SIM PIN, SIM PUK …; waits for a SIM that is still busy."""
    for _ in range(_SIM_TRIES):
        try:
            lines = await asker.ask(Command("AT+CPIN?", ("+CPIN:",)), limits.sim_command_s)
        except CommandRefused as error:
            if error.code == _CME_SIM_BUSY:
                await asker.pause(limits.probe_s / 2)
                continue
            if error.code == _CME_NOT_INSERTED:
                raise ModemUnavailable(Reason.SIM_MISSING, "no SIM in the modem") from error
            if error.code:
                raise ModemUnavailable(Reason.SIM_FAILED, f"SIM failure: {error}") from error
            return "READY"  # a modem without +CPIN
        return _first(lines).partition(":")[2].strip()
    raise ModemUnavailable(Reason.SIM_FAILED, "the SIM stays busy")


async def _optional(asker: Asker, command: str, limits: DriverLimits) -> bool:
    """Run a command whose refusal is no fault; False if refused."""
    try:
        await asker.ask(Command(command), limits.command_s)
    except CommandRefused:
        return False
    return True


async def _lines(asker: Asker, command: Command, limit_s: float) -> tuple[str, ...]:
    try:
        return await asker.ask(command, limit_s)
    except CommandRefused:
        return ()


async def _text(asker: Asker, command: str, limits: DriverLimits) -> str:
    prefix = "+" + command.removeprefix("AT+") + ":"
    lines = await _lines(
        asker, Command(command, (prefix,), has_free_text=True), limits.sim_command_s
    )
    return answers.first_line(lines)


def _first(lines: tuple[str, ...]) -> str:
    return lines[0] if lines else ""


def _number_in(lines: tuple[str, ...]) -> str:
    """The number of `+CNUM: "name","+86…",145`."""
    for line in lines:
        fields = line.partition(":")[2].split(",")
        if len(fields) >= 2:
            return fields[1].strip(' "')
    return ""
