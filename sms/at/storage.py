"""Emptying a modem's storage: list, hand over, delete (TS 27.005 §3.2.2, §3.4.2, §3.5.4)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from sms.at import answers
from sms.at.classify import Command
from sms.at.setup import Asker, CommandRefused
from sms.driver import DriverLimits

_LIST = Command("AT+CMGL=4", ("+CMGL:",), has_data_lines=True)


async def empty_memories(
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
