"""Each modem of the pool: device, answer, SIM, network, signal; a carrier's line: its address."""

import asyncio
import errno
from urllib.parse import urlsplit

from signaling.selftest.model import Finding, good
from signaling.settings import Settings
from sms.at.probe import Look, look
from sms.driver import ModemPort, ModemUnavailable, Reason
from sms.settings import ModemSettings
from sms.simulator.process import SOCKET_NAME

_PATIENCE_S = 3.0
_WEAK_DBM = -105
_SUBJECT = "modems"
_PORT_ADVICE = {
    Reason.PORT_MISSING: "plug it in; `ls -l /dev/serial/by-id/` shows what is there",
    Reason.PORT_DENIED: "add the server's user to the group dialout, then restart the server",
    Reason.PORT_BUSY: "`fuser -v` with its path names who has it; keep ModemManager away"
    " (tools/fengsui-modems.rules)",
    Reason.SILENT: "unplug it and plug it in again; is this the port that takes AT commands?",
}


async def check_modems(settings: Settings, serves: bool) -> list[Finding]:
    """`serves`: whether a server runs, which then holds the devices."""
    if not settings.sms.modems and (settings.data.dir / SOCKET_NAME).exists():
        return [good(_SUBJECT, "simulated, for the demo")]
    if not settings.sms.modems:
        mend = "name them in [[sms.modems]]; see config-sample.toml"
        return [Finding(_SUBJECT, "modem.none", "none is set; no SMS can be sent", mend)]
    looks = (_check(modem, serves) for modem in settings.sms.modems)
    return list(await asyncio.gather(*looks))


async def _check(modem: ModemSettings, serves: bool) -> Finding:
    if modem.driver == "smpp":
        return await _carrier(modem)
    try:
        seen = await look(ModemPort(modem.name, modem.path, baud=modem.baud), _PATIENCE_S)
    except ModemUnavailable as error:
        return _unreached(modem, error, serves)
    return _judged(modem, seen)


def _unreached(modem: ModemSettings, error: ModemUnavailable, serves: bool) -> Finding:
    reason = error.reason
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.errno == errno.EBUSY:
        reason = Reason.PORT_BUSY  # held exclusively, as ModemManager does
    elif reason is Reason.PORT_BUSY and serves:
        return good(_SUBJECT, f"{modem.name}: held by the running server; see its modem page")
    text = f"{modem.name}: {error.message}"
    advice = _PORT_ADVICE.get(reason, _PORT_ADVICE[Reason.SILENT])
    return Finding(_SUBJECT, f"modem.{reason.value}", text, advice)


def _judged(modem: ModemSettings, seen: Look) -> Finding:
    """What a look at a modem that answers means."""
    name = modem.name
    state = seen.sim.upper()
    if state == "SIM PIN" and modem.pin is None:
        mend = "set `pin` of this modem, or take the PIN off the SIM in a phone"
        return Finding(_SUBJECT, "modem.pin_required", f"{name}: the SIM wants its PIN", mend)
    if "PUK" in state:
        mend = "unlock the SIM with its PUK in a phone, then correct `pin`"
        return Finding(_SUBJECT, "modem.puk_required", f"{name}: the SIM is locked", mend)
    if state == "SIM PIN":
        return good(_SUBJECT, f"{name}: answers; the server will enter the SIM's PIN")
    if state != "READY":
        mend = "put the SIM in again, contacts down; try another SIM"
        text = f"{name}: no SIM that works ({seen.sim or 'no answer'})"
        return Finding(_SUBJECT, "modem.sim_missing", text, mend)
    if not seen.registration.can_send:
        mend = "is the antenna on, is there coverage, is the SIM's contract alive?"
        text = f"{name}: not in a network ({seen.registration.value})"
        return Finding(_SUBJECT, "modem.not_registered", text, mend)
    signal = f"{seen.rssi_dbm} dBm" if seen.rssi_dbm is not None else "signal not told"
    if seen.rssi_dbm is not None and seen.rssi_dbm < _WEAK_DBM:
        mend = "move the antenna to a window or mast, away from the others"
        return Finding(_SUBJECT, "modem.weak", f"{name}: {signal}", mend)
    return good(_SUBJECT, f"{name}: answers, SIM ready, {seen.registration.value}, {signal}")


async def _carrier(modem: ModemSettings) -> Finding:
    """Only that somebody listens there: a second sign-in could end the running one."""
    place = urlsplit(modem.path)
    address = f"{place.hostname}:{place.port}"
    mend = "is the line to the carrier up; are host and port those of the contract?"
    try:
        async with asyncio.timeout(_PATIENCE_S):
            _, writer = await asyncio.open_connection(place.hostname, place.port)
            writer.close()
    except (OSError, TimeoutError) as error:
        text = f"{modem.name}: {address} does not answer ({error or 'no answer in time'})"
        return Finding(_SUBJECT, "modem.carrier_silent", text, mend)
    return good(_SUBJECT, f"{modem.name}: the carrier's {address} answers")
