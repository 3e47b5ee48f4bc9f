"""Emptying a modem's storage: list, hand over, delete (TS 27.005 §3.2.2, §3.4.2, §3.5.4)."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import structlog

from core.clock import Clock
from core.errors import AppError
from sms.at import answers
from sms.at.classify import Command
from sms.at.setup import Asker, CommandRefused
from sms.driver import DriverLimits, IncomingPdu, IncomingSink, ModemUnavailable

log = structlog.get_logger(__name__)

_LIST = Command("AT+CMGL=4", ("+CMGL:",), has_data_lines=True)
_MOST_DIRECT = 1000
_LOOK_IN_CALL_S = 10.0  # where nothing was announced


class Mailbox:
    """What a modem holds for us: PDUs in its memories, and direct ones not handed over yet.

    Owned by one driver, which calls it under its lock; only `announce` comes at any time.
    """

    def __init__(
        self, asker: Asker, clock: Clock, limits: DriverLimits, on_incoming: IncomingSink
    ) -> None:
        self._asker, self._clock, self._limits = asker, clock, limits
        self._on_incoming = on_incoming
        self._direct: deque[str] = deque(maxlen=_MOST_DIRECT)  # +CMT, +CDS
        self._is_announced = False
        self._looked_at = float("-inf")

    def announce(self, direct: str = "") -> None:
        """Something has come; `direct`: the PDU itself."""
        self._is_announced = True
        if direct:
            self._direct.append(direct)

    async def empty(self, memories: Sequence[str]) -> int:
        """Hand over all there is; returns how many.

        Raises: ModemUnavailable, or what `on_incoming` raised: that PDU and the rest stay.
        """
        self._is_announced, self._looked_at = False, self._clock.monotonic()
        count = 0
        while self._direct:
            await self._hand_over(self._direct[0], "direct")
            self._direct.popleft()
            count += 1
        return count + await _empty_memories(self._asker, self._limits, memories, self._hand_over)

    async def look_in_call(self, memories: Sequence[str]) -> None:
        """`empty`, while it rings: if something was announced, or nobody has looked for a while.

        What cannot be stored now stays; the ring goes on. Raises: ModemUnavailable.
        """
        is_due = self._clock.monotonic() - self._looked_at >= _LOOK_IN_CALL_S
        if not (self._is_announced or is_due):
            return
        try:
            await self.empty(memories)
        except ModemUnavailable:
            raise
        except AppError as fault:
            log.warning("incoming_waits_for_the_end_of_a_call", cause=fault.message)

    async def _hand_over(self, pdu_hex: str, source: str) -> None:
        await self._on_incoming(IncomingPdu(pdu_hex, source, self._clock.now()))


async def _empty_memories(
    asker: Asker,
    limits: DriverLimits,
    memories: Sequence[str],
    hand_over: Callable[[str, str], Awaitable[None]],
) -> int:
    """Every PDU of `memories`, handed over as (hex, "SM:3") and only then deleted; how many.

    The first memory is the one in use and stays it. Raises: ModemUnavailable, or what
    `hand_over` raises.
    """
    count = 0
    try:
        for memory in memories:
            if len(memories) == 1 or await _use(asker, limits, memory):
                count += await _empty(asker, limits, memory, hand_over)
    finally:
        if len(memories) > 1:
            await _use(asker, limits, memories[0])
    return count


async def _use(asker: Asker, limits: DriverLimits, memory: str) -> bool:
    """Read and delete in `memory`; False if the modem refuses."""
    try:
        await asker.ask(Command(f'AT+CPMS="{memory}"', ("+CPMS:",)), limits.sim_command_s)
    except CommandRefused:
        return False
    return True


async def _empty(
    asker: Asker,
    limits: DriverLimits,
    memory: str,
    hand_over: Callable[[str, str], Awaitable[None]],
) -> int:
    try:
        lines = await asker.ask(_LIST, limits.sim_command_s)
    except CommandRefused:
        return 0
    listed = answers.listed_in(lines)
    # All at once, so that what stores them can use one transaction; the modem waits meanwhile.
    stored = await asyncio.gather(
        *(hand_over(place.hex, f"{memory}:{place.index}") for place in listed),
        return_exceptions=True,
    )
    for place, fault in zip(listed, stored, strict=True):
        if fault is None:
            with suppress(CommandRefused):
                await asker.ask(Command(f"AT+CMGD={place.index}"), limits.sim_command_s)
    for fault in stored:
        if fault is not None:
            raise fault
    return len(listed)
