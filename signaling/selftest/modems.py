"""Each modem of the pool: device, answer, SIM, network, signal; a carrier's line: its address."""

import asyncio
import errno
from urllib.parse import urlsplit

from core.errors import AppError
from signaling.opening import open_database
from signaling.selftest.model import Finding, good
from signaling.settings import Settings
from sms.at.probe import Look, look
from sms.driver import ModemPort, ModemUnavailable, Reason
from sms.fleet import Fleet
from sms.modem_view import ModemState, ModemView
from sms.settings import ModemSettings
from sms.simulator.process import SOCKET_NAME

_PATIENCE_S = 3.0
_TOLD_WITHIN_S = 60.0
_WEAK_DBM = -105
_SUBJECT = "modems"
_PORT_ADVICE = {
    Reason.PORT_MISSING: "plug it in; `ls -l /dev/serial/by-id/` shows what is there",
    Reason.PORT_DENIED: "add the server's user to the group dialout, then restart the server",
    Reason.PORT_BUSY: "`fuser -v` with its path names who has it; keep ModemManager away"
    " (tools/fengsui-modems.rules)",
    Reason.SILENT: "unplug it and plug it in again; is this the port that takes AT commands?",
}


_STATE_ADVICE = {
    ModemState.OFFLINE: "is the antenna on, is there coverage, is the SIM's contract alive?",
    ModemState.FAULTED: "the server brings it back by itself; if not: plug it out and in, and see"
    " the reason",
    ModemState.QUARANTINED: "its SIM refuses: ask its balance, is it paid, may it send SMS?",
}


async def check_modems(settings: Settings, serves: bool) -> list[Finding]:
    """`serves`: whether a server runs, which then holds the devices."""
    if not settings.sms.modems and (settings.data.dir / SOCKET_NAME).exists():
        return [good(_SUBJECT, "simulated, for the demo", "modem_simulated")]
    if not settings.sms.modems:
        mend = "name them in [[sms.modems]]; see config-sample.toml"
        return [Finding(_SUBJECT, "modem.none", "none is set; no SMS can be sent", mend)]
    told = await _told(settings) if serves else None
    looks = (_check(modem, told) for modem in settings.sms.modems)
    return list(await asyncio.gather(*looks))


async def _told(settings: Settings) -> dict[str, ModemView]:
    """What running servers last said of their modems, by name."""
    async with open_database(settings) as database:
        fleet = Fleet(database, "", _TOLD_WITHIN_S)
        try:
            async with database.read() as uow:
                await fleet.look(uow)
        except AppError:
            return {}  # the database's own check has said so
        return {view.name: view for view in fleet.others()}


async def _check(modem: ModemSettings, told: dict[str, ModemView] | None) -> Finding:
    if modem.driver == "smpp":
        return await _carrier(modem)
    try:
        seen = await look(ModemPort(modem.name, modem.path, baud=modem.baud), _PATIENCE_S)
    except ModemUnavailable as error:
        return _unreached(modem, error, told)
    return _judged(modem, seen)


def _unreached(
    modem: ModemSettings, error: ModemUnavailable, told: dict[str, ModemView] | None
) -> Finding:
    reason = error.reason
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.errno == errno.EBUSY:
        reason = Reason.PORT_BUSY  # held exclusively, as ModemManager does
    elif reason is Reason.PORT_BUSY and told is not None:
        return _held(modem.name, told.get(modem.name))
    text = f"{modem.name}: {error.message}"
    advice = _PORT_ADVICE.get(reason, _PORT_ADVICE[Reason.SILENT])
    return Finding(_SUBJECT, f"modem.{reason.value}", text, advice)


def _held(name: str, view: ModemView | None) -> Finding:
    """A device the running server holds: what that one says of it."""
    text = f"{name}: held by the running server"
    if view is None or view.state in (ModemState.STARTING, ModemState.STOPPED):
        return good(_SUBJECT, f"{text}; see its modem page", "modem_held", name=name)
    if view.state is ModemState.READY:
        signal = f", {view.rssi_dbm} dBm" if view.rssi_dbm is not None else ""
        text += f", ready, {view.registration}{signal}"
        return good(_SUBJECT, text, "modem_held_ready", name=name, signal=_dbm(view.rssi_dbm))
    text += f", {view.state.value}: {view.reason}"
    return Finding(_SUBJECT, f"modem.{view.state.value}", text, _STATE_ADVICE[view.state])


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
        return good(
            _SUBJECT,
            f"{name}: answers; the server will enter the SIM's PIN",
            "modem_pin",
            name=name,
        )
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
    text = f"{name}: answers, SIM ready, {seen.registration.value}, {signal}"
    return good(_SUBJECT, text, "modem_ready", name=name, signal=_dbm(seen.rssi_dbm))


def _dbm(rssi_dbm: int | None) -> str:
    return "—" if rssi_dbm is None else f"{rssi_dbm} dBm"


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
    text = f"{modem.name}: the carrier's {address} answers"
    return good(_SUBJECT, text, "carrier", name=modem.name, address=address)
