"""Ringing a number: ATD, +CLCC until something is known, +CHUP (TS 27.007 §6, §7.18)."""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress

from core.clock import Clock
from sms.at.classify import Command
from sms.at.setup import Asker, CommandRefused
from sms.driver import CallResult, DriverLimits
from sms.pdu.addresses import Address

_CALL = re.compile(r"\+CLCC: *\d+ *, *0 *, *(\d)")  # mobile originated
_ACTIVE, _ALERTING = 0, 3
_POLL_S = 0.5
INTERRUPTED = "interrupted"
_ENDS = {
    "BUSY": CallResult.BUSY, "NO ANSWER": CallResult.NO_ANSWER,
    INTERRUPTED: CallResult.INTERRUPTED,
}  # fmt: skip


async def ring_out(
    asker: Asker,
    clock: Clock,
    limits: DriverLimits,
    number: str,
    ring_s: float,
    ended_by: Callable[[], str],
) -> CallResult:
    """Ring for `ring_s`; an answered call is hung up at once. `ended_by`: last NO CARRIER, BUSY …,
    or INTERRUPTED: hang up now.

    Raises: InvalidInput: no phone number. ModemUnavailable.
    """
    digits = Address.parse(number).value
    try:
        await asker.ask(Command(f"ATD{digits};", is_dial=True), limits.sim_command_s)
    except CommandRefused:
        return CallResult.REJECTED
    try:
        return await _watch(asker, clock, limits, ring_s, ended_by)
    finally:
        await _hang_up(asker, limits)


async def _watch(
    asker: Asker,
    clock: Clock,
    limits: DriverLimits,
    ring_s: float,
    ended_by: Callable[[], str],
) -> CallResult:
    until = clock.monotonic() + ring_s
    while clock.monotonic() < until:
        await clock.sleep(min(_POLL_S, ring_s / 5))
        if (end := ended_by()) in _ENDS:
            return _ENDS[end]
        lines = await asker.ask(Command("AT+CLCC", ("+CLCC:",)), limits.command_s)
        state = _state_in(lines)
        if state == _ACTIVE:
            return CallResult.ANSWERED
        if state is None:
            return _after_end(ended_by())
    return CallResult.NO_ANSWER


def _after_end(end: str) -> CallResult:
    """The call is gone from the list."""
    return {**_ENDS, "NO CARRIER": CallResult.REJECTED}.get(end, CallResult.FAILED)


def _state_in(lines: Sequence[str]) -> int | None:
    for line in lines:
        if found := _CALL.match(line):
            return int(found[1])
    return None


async def _hang_up(asker: Asker, limits: DriverLimits) -> None:
    for command in ("AT+CHUP", "ATH"):
        with suppress(CommandRefused):
            await asker.ask(Command(command), limits.command_s)
            return
