"""Ringing a number: ATD, +CLCC until something is known, +CHUP (TS 27.007 §6, §7.18)."""

import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Ring:
    """Whom to ring and how long. `ended_by`: last NO CARRIER, BUSY …, or INTERRUPTED: hang up now.

    `meanwhile`: what is done between two looks at the call, twice a second.
    """

    number: str
    ring_s: float
    ended_by: Callable[[], str]
    meanwhile: Callable[[], Awaitable[None]]


async def ring_out(asker: Asker, clock: Clock, limits: DriverLimits, ring: Ring) -> CallResult:
    """Ring; an answered call is hung up at once.

    Raises: InvalidInput: no phone number. ModemUnavailable.
    """
    digits = Address.parse(ring.number).value
    try:
        await asker.ask(Command(f"ATD{digits};", is_dial=True), limits.sim_command_s)
    except CommandRefused:
        return CallResult.REJECTED
    try:
        return await _watch(asker, clock, limits, ring)
    finally:
        await _hang_up(asker, limits)


async def _watch(asker: Asker, clock: Clock, limits: DriverLimits, ring: Ring) -> CallResult:
    until = clock.monotonic() + ring.ring_s
    while clock.monotonic() < until:
        await clock.sleep(min(_POLL_S, ring.ring_s / 5))
        if (end := ring.ended_by()) in _ENDS:
            return _ENDS[end]
        lines = await asker.ask(Command("AT+CLCC", ("+CLCC:",)), limits.command_s)
        state = _state_in(lines)
        if state == _ACTIVE:
            return CallResult.ANSWERED
        if state is None:
            return _after_end(ring.ended_by())
        await ring.meanwhile()
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
