"""Ring-outs of one modem: when it may ring, and when an alert ends a ring early.

A duty officer expects an alert to go out now, not when a phone has rung for half a minute. So a
ring ends early for an alert that this modem may send and that no other has taken in half a second;
it waits again in its lane, in full. Only once: somebody is rung because an alert is not confirmed,
and a stream of alerts must not keep him asleep, so the second ring is as urgent as they are.
Commands, replies and notices end no ring.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from core.errors import AppError
from sms.deadline import within
from sms.driver import CallResult, Driver
from sms.lifecycle import LANES
from sms.model import MessageClass, PendingCall
from sms.settings import ModemSettings
from sms.store.turns import Taker
from sms.surroundings import Surroundings

OTHERS_FIRST_S = 0.5
_LOOK_EVERY_S = 1.0  # of an alert queued by another node nobody tells


class Ringing:
    """Owner: the modem it sits in. `taker`: what it may send now. `wake`: the queue has changed."""

    def __init__(
        self,
        settings: ModemSettings,
        driver: Driver,
        around: Surroundings,
        taker: Callable[[], Taker | None],
        wake: asyncio.Event,
    ) -> None:
        self._name, self._is_simulated = settings.name, settings.is_simulated
        self._can_ring = settings.driver != "smpp"
        self._driver, self._around = driver, around
        self._taker, self._wake = taker, wake

    @property
    def may_begin(self) -> bool:
        """Whether somebody may wait to be woken; an SMPP line cannot ring."""
        return self._can_ring and self._around.pool.may_ring(
            self._name, is_simulated=self._is_simulated
        )

    async def next(self) -> None:
        """Ring out, if somebody is to be woken; alerts, commands and replies go before."""
        call = await self._around.pool.next_call(
            self._name, is_simulated=self._is_simulated, after=self._taker()
        )
        if call is None:
            return
        result = CallResult.FAILED
        try:
            result = await self._ring(call)
        finally:
            await self._around.pool.call_ended(self._name, call, result)

    async def _ring(self, call: PendingCall) -> CallResult:
        alert = asyncio.ensure_future(self._until_an_alert_waits())
        try:
            return await self._driver.dial(
                call.number, call.ring_s, lambda: call.gives_way and alert.done()
            )
        finally:
            alert.cancel()
            await asyncio.gather(alert, return_exceptions=True)

    async def _until_an_alert_waits(self) -> None:
        while True:
            self._wake.clear()
            if await self._has_alert():
                await self._around.clock.sleep(OTHERS_FIRST_S)
                if await self._has_alert():
                    return
            with suppress(TimeoutError):
                changed = asyncio.ensure_future(self._wake.wait())
                try:
                    await within(self._around.clock, _LOOK_EVERY_S, changed)
                finally:
                    changed.cancel()

    async def _has_alert(self) -> bool:
        taker = self._taker()
        if taker is None:
            return False
        urgent = replace(taker, max_lane=LANES[MessageClass.ALERT])
        try:
            async with self._around.database.read() as uow:
                return await self._around.ledger.has_due(uow, urgent, locks=False)
        except AppError:  # the database blinked: the ring goes on
            return False
