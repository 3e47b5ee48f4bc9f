"""One look at a modem from outside: four questions that change nothing in it.

For the self-test, which may run beside a server; it opens the device with the same lock.
"""

import asyncio
from dataclasses import dataclass

from sms.at.answers import registration_in, rssi_dbm_in
from sms.at.lines import LineReader
from sms.at.port import PortGone, SerialPort, open_port
from sms.driver import ModemPort, ModemUnavailable, Reason, Registration

_ENDS = ("OK", "ERROR", "+CME ERROR", "+CMS ERROR")


@dataclass(frozen=True, slots=True)
class Look:
    """What was answered. `sim`: as after `+CPIN: `, or the modem's error; empty: no word."""

    sim: str
    registration: Registration
    rssi_dbm: int | None


async def look(port: ModemPort, patience_s: float = 3.0) -> Look:
    """Ask AT, +CPIN?, +CREG?, +CSQ, each with `patience_s`.

    Raises: ModemUnavailable: PORT_… as a driver does, SILENT.
    """
    lines: asyncio.Queue[str] = asyncio.Queue()
    reader = LineReader()

    def hear(data: bytes) -> None:
        for line in reader.feed(data):
            lines.put_nowait(line)

    opened = open_port(port, hear, lambda _: None)
    try:
        for _ in range(2):  # the first one may only wake it
            if is_awake := bool(await _ask(opened, lines, "AT", patience_s)):
                break
        if not is_awake:
            raise ModemUnavailable(Reason.SILENT, f"{port.path}: no answer to AT")
        sim = _sim_in(await _ask(opened, lines, "AT+CPIN?", patience_s))
        registration = await _ask(opened, lines, "AT+CREG?", patience_s)
        signal = await _ask(opened, lines, "AT+CSQ", patience_s)
    except PortGone as error:
        raise ModemUnavailable(Reason.PORT_MISSING, error.detail) from error
    finally:
        opened.close()
    return Look(
        sim,
        registration_in(_line(registration, "+CREG") or "+CREG: 0,4"),
        rssi_dbm_in(_line(signal, "+CSQ")),
    )


async def _ask(
    port: SerialPort, lines: asyncio.Queue[str], command: str, patience_s: float
) -> list[str]:
    """The lines up to the end of the answer; empty when none came in time."""
    heard: list[str] = []
    await port.write(command.encode() + b"\r")
    try:
        async with asyncio.timeout(patience_s):
            while True:
                line = await lines.get()
                heard.append(line)
                if line.startswith(_ENDS):
                    return heard
    except TimeoutError:
        return []


def _line(heard: list[str], prefix: str) -> str:
    return next((line for line in heard if line.startswith(prefix)), "")


def _sim_in(heard: list[str]) -> str:
    line = _line(heard, "+CPIN") or _line(heard, "+CME ERROR") or _line(heard, "ERROR")
    return line.removeprefix("+CPIN:").strip()
