"""The AT commands a simulated modem knows, one function each (TS 27.005, TS 27.007)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sms.simulator.calls import OutgoingCall, place

if TYPE_CHECKING:
    from sms.simulator.modem import SimulatedModem

Answer = Sequence[str] | None
_OK = ("OK",)
_USSD = {"*100#": "您的余额为 86.50 元", "*101#": "Balance 86.50 CNY"}
_USSD_S = 0.3


def answer(modem: SimulatedModem, line: str) -> Answer:
    """The lines of the answer, None if it comes later."""
    for pattern, act in _TABLE:
        if found := pattern.fullmatch(line):
            return act(modem, found)
    return _cme(modem, 4)


def _cme(modem: SimulatedModem, code: int) -> Answer:
    return (f"+CME ERROR: {code}",) if modem.session.error_codes else ("ERROR",)


def _ok(_modem: SimulatedModem, _found: re.Match[str]) -> Answer:
    return _OK


def _text(value: Callable[[SimulatedModem], str]) -> Callable[..., Answer]:
    return lambda modem, _found: (value(modem), "OK")


def _set(attribute: str, kind: Callable[[str], object]) -> Callable[..., Answer]:
    def act(modem: SimulatedModem, found: re.Match[str]) -> Answer:
        setattr(modem.session, attribute, kind(found[1]))
        return _OK

    return act


def _reset(modem: SimulatedModem, _found: re.Match[str]) -> Answer:
    session = modem.session
    session.echo, session.error_codes, session.pdu_mode = True, 0, False
    session.notify_stored = session.notify_report = session.notify_registration = 0
    return _OK


def _restart(modem: SimulatedModem, _found: re.Match[str]) -> Answer:
    modem.wire.answer(_OK)
    modem.reboot(1.0)
    return None


def _pin_state(modem: SimulatedModem, _found: re.Match[str]) -> Answer:
    if not modem.has_sim:
        return _cme(modem, 10)
    return (f"+CPIN: {'READY' if modem.session.is_unlocked else 'SIM PIN'}", "OK")


def _enter_pin(modem: SimulatedModem, found: re.Match[str]) -> Answer:
    if found[1] != modem.personality.pin:
        return _cme(modem, 16)
    modem.session.is_unlocked = True
    modem.plan(0.01, lambda: modem.air.flush(modem.sim))
    return _OK


def _registration(modem: SimulatedModem, _found: re.Match[str]) -> Answer:
    state = 1 if modem.has_network and modem.has_sim else 2
    return (f"+CREG: {modem.session.notify_registration},{state}", "OK")


def _operator(modem: SimulatedModem, _found: re.Match[str]) -> Answer:
    if not modem.has_network:
        return ("+COPS: 0", "OK")
    shown = "46000" if modem.session.caller_name_format == 2 else "SIMULATED"
    return (f'+COPS: 0,{modem.session.caller_name_format},"{shown}"', "OK")


def _sim_text(value: Callable[[SimulatedModem], str]) -> Callable[..., Answer]:
    return lambda modem, _found: (value(modem), "OK") if modem.has_sim else _cme(modem, 10)


def _storage(modem: SimulatedModem, found: re.Match[str]) -> Answer:
    names = tuple(modem.storage)
    if found[1].startswith("=?"):
        listed = "(" + ",".join(f'"{name}"' for name in names) + ")"
        return (f"+CPMS: {listed},{listed},{listed}", "OK")
    wanted = re.match(r'="(\w+)"', found[1])
    if wanted and wanted[1] not in names:
        return _cms(modem, 302)
    if wanted:
        modem.session.memory = wanted[1]
    used, size = len(modem.storage[modem.session.memory]), modem.capacity
    if found[1] == "?":
        return ("+CPMS: " + ",".join([f'"SM",{used},{size}'] * 3), "OK")
    return ("+CPMS: " + ",".join([f"{used},{size}"] * 3), "OK")


def _notifications(modem: SimulatedModem, found: re.Match[str]) -> Answer:
    reports = "(0-2)" if modem.personality.report_storage else "(0,1)"
    if found[1] == "=?":
        return (f"+CNMI: (0-2),(0-2),(0),{reports},(0,1)", "OK")
    values = [int(v or 0) for v in found[1].lstrip("=").split(",")] + [0] * 5
    if values[3] == 2 and not modem.personality.report_storage:
        return _cms(modem, 303)
    modem.session.notify_stored, modem.session.notify_report = values[1], values[3]
    modem.plan(0.01, lambda: modem.air.flush(modem.sim))
    return _OK


def _cms(modem: SimulatedModem, code: int) -> Answer:
    return (f"+CMS ERROR: {code}",) if modem.session.error_codes else ("ERROR",)


def _list(modem: SimulatedModem, _found: re.Match[str]) -> Answer:
    if not modem.has_sim:
        return _cms(modem, 310)
    lines: list[str] = []
    for index, pdu in sorted(modem.storage[modem.session.memory].items()):
        lines += [f"+CMGL: {index},0,,{_tpdu_length(pdu.hex)}", pdu.hex]
    return (*lines, "OK")


def _read(modem: SimulatedModem, found: re.Match[str]) -> Answer:
    pdu = modem.storage[modem.session.memory].get(int(found[1]))
    if pdu is None:
        return _cms(modem, 321)
    return (f"+CMGR: 0,,{_tpdu_length(pdu.hex)}", pdu.hex, "OK")


def _tpdu_length(pdu_hex: str) -> int:
    return len(pdu_hex) // 2 - 1 - int(pdu_hex[:2] or "0", 16)


def _delete(modem: SimulatedModem, found: re.Match[str]) -> Answer:
    modem.delete(int(found[1]))
    return _OK


def _ussd(modem: SimulatedModem, found: re.Match[str]) -> Answer:
    text = _USSD.get(found[1], "Unknown code")
    coded, dcs = (text, 15) if text.isascii() else (text.encode("utf-16-be").hex().upper(), 72)
    if modem.has_network:
        modem.plan(_USSD_S, lambda: modem.notify(f'+CUSD: 0,"{coded}",{dcs}'))
    return _OK


def _dial(modem: SimulatedModem, found: re.Match[str]) -> Answer:
    if not modem.has_network:
        return ("NO CARRIER",)
    call = OutgoingCall(found[1])
    modem.call = call
    modem.air.journal.add("called", sender=modem.sim.number, recipient=call.number)
    place(call, modem.air.handset(call.number).behaviour.call, modem.plan, _ending(modem))
    return _OK


def _ending(modem: SimulatedModem) -> Callable[[OutgoingCall, str], None]:
    def end(call: OutgoingCall, line: str) -> None:
        if not call.is_over and modem.call is call:
            call.is_over = True
            modem.call = None
            modem.notify(line)

    return end


def _calls(modem: SimulatedModem, _found: re.Match[str]) -> Answer:
    if modem.call is None:
        return _OK
    return (f'+CLCC: 1,0,{modem.call.state},0,0,"{modem.call.number}",145,""', "OK")


def _hang_up(modem: SimulatedModem, _found: re.Match[str]) -> Answer:
    if modem.call is not None:
        modem.call.is_over = True
        modem.call = None
    return _OK


_Act = Callable[["SimulatedModem", re.Match[str]], Answer]
_TABLE: tuple[tuple[re.Pattern[str], _Act], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), act)
    for pattern, act in (
        ("AT", _ok),
        ("ATZ", _reset),
        (r"ATE([01])", _set("echo", lambda digit: digit == "1")),
        (r"AT\+CMEE=(\d)", _set("error_codes", int)),
        (r"AT\+CFUN=1,1", _restart),
        (r"AT\+CFUN=1", _ok),
        (r"AT\+CFUN\?", _text(lambda _m: "+CFUN: 1")),
        (r"AT\+CGMI", _text(lambda m: m.personality.manufacturer)),
        (r"AT\+CGMM", _text(lambda m: m.personality.model)),
        (r"AT\+CGMR", _text(lambda _m: "1.0")),
        (r"AT\+CGSN", _text(lambda m: "8675309" + m.sim.imsi[-8:])),
        (r"AT\+CIMI", _sim_text(lambda m: m.sim.imsi)),
        (r"AT\+CCID", _sim_text(lambda m: "8986" + m.sim.imsi)),
        (r"AT\+CNUM", _sim_text(lambda m: f'+CNUM: "","{m.sim.number}",145')),
        (r"AT\+CPIN\?", _pin_state),
        (r'AT\+CPIN="?(\d+)"?', _enter_pin),
        (r"AT\+CREG\?", _registration),
        (r"AT\+CREG=(\d)", _set("notify_registration", int)),
        (r"AT\+CSQ", _text(lambda m: f"+CSQ: {21 if m.has_network else 99},0")),
        (r"AT\+COPS\?", _operator),
        (r"AT\+COPS=3,(\d)", _set("caller_name_format", int)),
        (r"AT\+CSCA\?", _text(lambda _m: '+CSCA: "+8613800100500",145')),
        (r"AT\+CSMS=(\d)", _text(lambda _m: "+CSMS: 1,1,1")),
        (r"AT\+CMGF=(\d)", _set("pdu_mode", lambda digit: digit == "0")),
        (r"AT\+CMGF\?", _text(lambda m: f"+CMGF: {0 if m.session.pdu_mode else 1}")),
        (r"AT\+CMMS=\d", _ok),
        (r"AT\+CSMP=.*", _ok),
        (r"AT\+CSCS=\?", _text(lambda _m: '+CSCS: ("GSM","IRA","UCS2")')),
        (r"AT\+CSCS\?", _text(lambda m: f'+CSCS: "{m.session.character_set}"')),
        (r'AT\+CSCS="(\w+)"', _set("character_set", str.upper)),
        (r"AT\+CLIP=(\d)", _set("caller_id", lambda digit: digit == "1")),
        (r"AT\+C(?:RC|VHU|RLP)=\d", _ok),
        (r"AT\+CPMS(=.*|\?)", _storage),
        (r"AT\+CNMI(=\?|=[\d,]+)", _notifications),
        (r"AT\+CMGL=4", _list),
        (r"AT\+CMGR=(\d+)", _read),
        (r"AT\+CMGD=(\d+)(?:,\d)?", _delete),
        (r'AT\+CUSD=1,"([^"]*)"(?:,\d+)?', _ussd),
        (r"AT\+CUSD=[02]", _ok),
        (r"ATD([+\d*#]+);", _dial),
        (r"AT\+CLCC", _calls),
        (r"AT\+CHUP|ATH", _hang_up),
    )
)
