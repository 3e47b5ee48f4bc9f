"""One modem of the pool: opened, kept alive, fed from the outbox, brought back after every fault.

One task owns the driver. Each turn is one transaction: the outcome of the last attempt is stored
and the next attempt journaled together, then the PDU goes to the modem.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog

from core.errors import AppError
from sms import calls
from sms.ahead import FAST_AIR_S, LEAD_S, PATIENCE_S, Ahead
from sms.air_mark import AirMark
from sms.deadline import unless
from sms.driver import (
    Driver,
    LateOutcome,
    MessageWaiting,
    ModemInfo,
    ModemRestarted,
    ModemUnavailable,
    PortLost,
    Reason,
    RegistrationChanged,
    SendOutcome,
    SendState,
    StorageFull,
    Ticket,
    TraceLine,
)
from sms.errors_cms import ErrorAction
from sms.housework import STATUS_WHILE_OFFLINE_S, Housework
from sms.ledger import Done
from sms.lifecycle import LANES
from sms.meter import NOTHING, TALK, Meter, day_start, is_quiet, limits_of, month_start
from sms.model import Outgoing
from sms.modem_view import ModemState, ModemView, home_of
from sms.panel import Panel
from sms.planning import pdu_of
from sms.ringing import Ringing
from sms.settings import ModemSettings
from sms.store import sims as sims_store
from sms.store.turns import Taker
from sms.surroundings import Errand, Surroundings

log = structlog.get_logger(__name__)

_RETRY_FIRST_S, _RETRY_LONGEST_S = 1.0, 5.0


class ModemOwner:
    """Feeds one modem. `stop` lets the segment on the air finish."""

    def __init__(
        self, settings: ModemSettings, driver: Driver, around: Surroundings, wake: asyncio.Event
    ) -> None:
        self._settings = settings
        self._sms = around.sms
        self._driver = driver
        self._around = around
        self._ledger = around.ledger
        self._database = around.database
        self._clock = around.clock
        self._wake = wake
        self.panel = Panel(settings, around)
        self._house = Housework(settings, driver, around, self.panel)
        self._lease, self._pauses = self._house.lease, self._house.pauses
        self._errands, self._credit = self._house.errands, self._house.credit
        self._ringing = Ringing(settings, driver, around, self._taker, wake)
        self._mark = AirMark(settings.path, self._lease.holders[0])
        self._stopping, self._stop_asked = False, asyncio.Event()
        self._meter = Meter(limits_of(settings), around.database.clock.now())
        self._ahead = Ahead(around, lambda: self._meter.take_back())
        self._air_s = float("inf")  # how long the last text took

    @property
    def view(self) -> ModemView:
        """As people see it."""
        return self.panel.view

    def stop(self) -> None:
        """Ask `run` to end after the segment on the air."""
        self._stopping = True
        self._stop_asked.set()
        self._wake.set()

    async def run(self) -> None:
        """Own the driver until stopped. Faults of the modem are states, not exceptions."""
        try:
            async with asyncio.TaskGroup() as tasks:
                reader = tasks.create_task(self._read_events())
                await self._own()
                reader.cancel()
        finally:
            await asyncio.shield(self._driver.close())
            self._mark.close()
            with suppress(AppError):  # it runs out by itself
                await self._lease.give_back()
            self._errands.refuse()
            await self.panel.show(ModemState.STOPPED)

    async def ask(self, run: Callable[[Driver], object]) -> object:
        """Have `run(driver)` done between two texts. Raises: ModemUnavailable."""
        if self.view.state not in (ModemState.READY, ModemState.QUARANTINED, ModemState.OFFLINE):
            raise ModemUnavailable(Reason.SILENT, f"{self.view.name}: {self.view.reason}")
        done: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._errands.inbox.append(Errand(run, done))
        self._wake.set()
        return await done

    def trace(self) -> tuple[TraceLine, ...]:
        """The last lines on the wire, PIN masked."""
        return self._driver.trace()

    async def _own(self) -> None:
        retry_s = _RETRY_FIRST_S
        is_open = False
        while not self._stopping:
            try:
                await self._ahead.give_back()
                if holder := await self._lease.take():
                    is_open = False
                    await self._driver.close()
                    await self.panel.show(ModemState.FAULTED, f"driven by {holder}")
                    await self._nap(_RETRY_LONGEST_S)
                    continue
                self._house.leased()
                back = self._driver.recover() if is_open else self._driver.open()
                info = await unless(self._stop_asked, back)
                if info is None:  # a modem that is away does not hold the server up
                    return
                is_open = True
                await self._take_over(info)
                retry_s = _RETRY_FIRST_S
                await self._work()
                if not self._driver.is_ready and not self._stopping:
                    await self.panel.show(
                        ModemState.FAULTED, "does not answer, or its port is gone"
                    )
            except ModemUnavailable as fault:
                is_open = is_open and fault.reason is not Reason.CLOSED
                if fault.reason in (Reason.PORT_BUSY, Reason.PORT_DENIED):
                    is_open = False
                await self.panel.show(ModemState.FAULTED, fault.message)
                await self._nap(retry_s)
                retry_s = min(retry_s * 2, _RETRY_LONGEST_S)
            except AppError as fault:  # the database blinked; what is on the air stays journaled
                log.warning("modem_waits_for_database", modem=self.view.name, cause=fault.message)
                await self._nap(_RETRY_FIRST_S)

    async def _take_over(self, info: ModemInfo) -> None:
        """After (re)opening: settle what a crash left open, count the SIM's texts, look around."""
        self.panel.note(
            imsi=info.imsi, model=f"{info.manufacturer} {info.model}".strip(),
            own_number=info.own_number, smsc=info.smsc,
        )  # fmt: skip
        last = self._mark.last_of(*self._lease.holders)
        async with self._database.write() as uow:
            adopted = await self._ledger.adopt_open_attempts(uow, self._settings.name, last)
            await calls.end_cut_off(uow, self._settings.name)
            now = uow.now
            day = await sims_store.sent_since(uow, info.imsi, day_start(now))
            month = await sims_store.sent_since(uow, info.imsi, month_start(now))
            self._meter = Meter(limits_of(self._settings), now, day, month)
            self.panel.view = await self._credit.take_over(uow, self.view)
        if adopted:
            log.warning("attempts_of_unknown_outcome", modem=self.view.name, count=adopted)
        self._errands.recovery_wanted = False
        self._errands.sweep_wanted = True
        self._house.look_soon()

    async def _work(self) -> None:
        """Send until stopped or until the modem needs recovery."""
        done: Done | None = None
        while True:
            self._wake.clear()
            if self._house.is_due(is_busy=done is not None):
                done = await self._keep_house(done)
            outgoing = await self._next_ahead()
            may_ring = self._can_send and self._ringing.may_begin  # the turn leaves notices
            if outgoing is None:
                self._ahead.looks()
                await self._around.pool.leave_to_better(self._settings.name)
                outgoing = await self._turn(done, may_claim=self._can_send)
                done = None
                self.panel.note(is_idle=outgoing is None and self._can_send)
            if outgoing is not None:
                done = await self._send(outgoing, done)
                await self._after(done.outcome)
                continue
            if self._stopping:
                return
            if not self._driver.is_ready or self._errands.recovery_wanted:
                return  # _own calls recover()
            if may_ring:
                self.panel.note(is_idle=False)
                await self._ringing.next()
                continue  # whoever finds nobody to ring looks for notices at once
            await self._nap(self._nap_s())

    async def _keep_house(self, done: Done | None) -> Done | None:
        """Housework; between two texts of a queue what goes next is journaled meanwhile.

        Returns: the outcome that is still to be stored.
        """
        is_usual = done is not None and done.is_usual and not self._errands.late
        if not is_usual or self._house.may_take_long:
            if done is not None or self._errands.late:
                await self._turn(done, may_claim=False)
            await self._house.do(is_busy=done is not None)
            return None
        working = asyncio.ensure_future(self._house.do(is_busy=True))
        try:
            if self._ahead.held is None:
                self._ahead.looks()
                self._ahead.held = await self._turn(done, may_claim=self._can_send)
                done = None
            await working
        except AppError:
            if done is not None:
                await self._turn(done, may_claim=False)
            raise
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        return done

    @property
    def _can_send(self) -> bool:
        return (
            self.view.state is ModemState.READY
            and not self._stopping
            and not self._errands.recovery_wanted
            and self._driver.is_ready
            and self._pauses.left_s(self._clock.monotonic()) <= 0
        )

    async def _turn(
        self, done: Done | None, *, may_claim: bool, min_lane: int = 0
    ) -> Outgoing | None:
        """One transaction: store the last outcome and late ones, journal the next attempt."""
        late, self._errands.late = self._errands.late, []
        taker = self._taker(min_lane) if may_claim else None
        if done is None and not late and taker is None:
            return None
        is_usual = not late and (done is None or done.is_usual)
        if not is_usual:
            return await self._careful_turn(done, late, taker)
        state, outgoing = await self._database.at_once(
            lambda connection, now: self._ledger.usual_turn(connection, now, done, taker)
        )
        if done is not None:
            if state is None:  # a report came before the answer
                await self._careful_turn(done, [], None)
            else:
                self._around.progress.note(
                    done.outgoing.message_id, done.outgoing.recipient_id, state
                )
        if outgoing is not None:
            self._meter.count(self._database.clock.now())
        return outgoing

    async def _careful_turn(
        self, done: Done | None, late: list[LateOutcome], taker: Taker | None
    ) -> Outgoing | None:
        async with self._database.write() as uow:
            for correction in late:
                await self._ledger.settle(uow, correction.ticket, correction.outcome)
            if done is not None:
                await self._ledger.settle(uow, done.outgoing.attempt_id, done.outcome)
            outgoing = None
            if taker is not None:
                outgoing = await self._ledger.claim_in(uow, taker)
        if outgoing is not None:
            self._meter.count(self._database.clock.now())
        return outgoing

    def _taker(self, min_lane: int = 0) -> Taker | None:
        """What this modem may take now; None if nothing."""
        now = self._database.clock.now()
        lane = self._meter.highest_lane(now)
        if is_quiet(now, self._sms.quiet_from_hour, self._sms.quiet_to_hour):
            lane = min(lane, TALK)
        self.panel.note(
            sent_today=self._meter.day, sent_this_month=self._meter.month,
            quota_share=round(self._meter.share, 3),
            score=self._around.pool.score_of(self.view.name),
        )  # fmt: skip
        if lane == NOTHING:
            return None
        if self._can_send and self._ringing.may_begin:
            lane = min(lane, TALK)  # a ring overtakes notices and bulletins
        serves = self._settings.serves
        return Taker(
            modem=self._settings.name,
            imsi=self.view.imsi,
            is_simulated=self._settings.is_simulated,
            ready=self._around.pool.ready(is_simulated=self._settings.is_simulated),
            max_lane=lane,
            min_lane=min_lane,
            serves=(*serves, *self._around.pool.unserved()) if serves else None,
            home=None if serves else home_of(self.view),
        )

    async def _next_ahead(self) -> Outgoing | None:
        """What was journaled ahead, if it may still go; else it is given back."""
        taker = self._taker() if self._ahead.held is not None and self._can_send else None
        if taker is None:
            await self._ahead.give_back()
        else:
            await self._ahead.give_way(taker)
        return self._ahead.take()

    async def _send(self, outgoing: Outgoing, before: Done | None) -> Done:
        """Send; on a fast line store meanwhile how the one before ended, and journal the next."""
        pdu = pdu_of(outgoing, outgoing.expires_at - self._database.clock.now())
        began, fault = self._clock.monotonic(), None
        self._mark.put(outgoing.attempt_id)
        async with asyncio.TaskGroup() as both:
            sending = both.create_task(self._driver.send_pdu(pdu, Ticket(outgoing.attempt_id)))
            if before is not None or self._air_s < FAST_AIR_S:
                fault = await self._meanwhile(LANES[outgoing.class_], before, sending)
        self._air_s = self._clock.monotonic() - began
        if fault is not None:
            await self._turn(before, may_claim=False)
        return Done(outgoing, sending.result(), self._settings.name)

    async def _meanwhile(
        self, lane: int, before: Done | None, sending: asyncio.Task[SendOutcome]
    ) -> AppError | None:
        await asyncio.wait({sending}, timeout=LEAD_S)
        try:
            self._ahead.held = await self._turn(before, may_claim=self._can_send, min_lane=lane)
            await asyncio.wait({sending}, timeout=PATIENCE_S)
            if not sending.done():
                await self._ahead.give_back()
        except AppError as fault:  # the text on the air is not to suffer
            return fault
        return None

    async def _after(self, outcome: SendOutcome) -> None:
        """Draw the consequences for this modem."""
        is_suspect = self._around.pool.is_suspect(self._settings.name, outcome)
        if outcome.state is SendState.SENT:
            self.panel.note(sent=self.view.sent + 1)
            self._pauses.went_out()
            return
        self.panel.note(failed=self.view.failed + 1)
        if outcome.needs_recovery:
            self._errands.recovery_wanted = True
            await self.panel.show(ModemState.FAULTED, outcome.detail)
            return
        action = outcome.error.action if outcome.error else None
        if is_suspect or action is ErrorAction.TAKE_SIM_OUT:
            self._errands.balance_wanted = True
            why = "refused three in a row, others are fine: " if is_suspect else ""
            self._pauses.take_out(is_suspect=is_suspect)
            await self.panel.show(ModemState.QUARANTINED, f"{why}{outcome.error}")
        elif action is ErrorAction.SWEEP_AND_RETRY:
            self._house.sweep_now()
        elif action is ErrorAction.BACK_OFF:
            self._house.look_soon()
            self._pauses.rest(self._clock.monotonic())
        elif outcome.state is SendState.NOT_SENT or action is ErrorAction.WAIT_AND_RETRY:
            self._pauses.rest(self._clock.monotonic())

    def _nap_s(self) -> float:
        rest = self._pauses.left_s(self._clock.monotonic())
        if self.view.state is ModemState.READY:
            return min(1.0, rest) if rest > 0 else 1.0
        return STATUS_WHILE_OFFLINE_S

    async def _nap(self, seconds: float) -> None:
        """Rest until the queue, an event or the time calls."""
        if self._stopping or self._errands.late or self._errands.inbox:
            return
        nap = asyncio.create_task(self._clock.sleep(seconds))
        wake = asyncio.create_task(self._wake.wait())
        try:
            await asyncio.wait({nap, wake}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            nap.cancel()
            wake.cancel()

    async def _read_events(self) -> None:
        async for event in self._driver.events():
            match event:
                case LateOutcome():
                    self._errands.late.append(event)
                case MessageWaiting():
                    self._errands.sweep_wanted = True
                case StorageFull():
                    self._house.sweep_now()
                case ModemRestarted() | PortLost():
                    self._errands.recovery_wanted = True
                case RegistrationChanged():
                    self._house.look_soon()
                case _:
                    continue
            self._wake.set()
