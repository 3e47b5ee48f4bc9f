"""The pool: one owner task per modem, woken when something is queued; housekeeping beside them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import structlog

from core.clock import Clock, SystemClock
from core.database import Database
from core.errors import AppError, Conflict, NotFound
from sms import calls
from sms.carrier import Carrier
from sms.driver import (
    CallResult,
    Driver,
    IncomingPdu,
    IncomingSink,
    ModemFamily,
    ModemPort,
    SendOutcome,
)
from sms.drivers import make_driver
from sms.fleet import Fleet
from sms.health import SimHealth
from sms.inbox import Inbox
from sms.lease import this_process
from sms.ledger import QUEUED, Ledger
from sms.model import PendingCall
from sms.modem import ModemOwner
from sms.modem_view import ModemState, ModemView
from sms.progress import Progress
from sms.reassembly import DEFAULT_TIMEOUT
from sms.score import (
    ELSEWHERE_HOLD_S,
    HOLD_S,
    Fitness,
    error_share_after,
    hold_s,
    score,
)
from sms.settings import ModemSettings, SmsSettings
from sms.store import chores
from sms.store.turns import Taker
from sms.surroundings import Surroundings

log = structlog.get_logger(__name__)

DriverFactory = Callable[[ModemSettings, IncomingSink, Clock], Driver]
_HOUSEKEEPING_S = 5.0
_TELL_EVERY_S = 1.0
_TOUCH_S, _TOUCH_ALONE_S = 3.0, 60.0
"""SQLite serves one process: nobody else reads its rows of modems."""


def port_of(modem: ModemSettings) -> ModemPort:
    """How to reach a modem, from its settings."""
    return ModemPort(
        name=modem.name,
        path=modem.path,
        pin=modem.pin.get_secret_value() if modem.pin else None,
        family=ModemFamily(modem.family) if modem.family else None,
        baud=modem.baud,
    )


def driver_of(modem: ModemSettings, on_incoming: IncomingSink, clock: Clock) -> Driver:
    """The driver the settings name for `modem`, closed."""
    return make_driver(modem.driver, port_of(modem), on_incoming, clock)


class ModemPool:
    """The component that owns every modem of this node.

    Modems run on the machine's clock: hardware does not follow a moved demo clock. `beside`: what
    else runs as long as the modems do. `chores`: what housekeeping does besides its own.
    """

    name = "modems"
    stop_deadline_s = 20.0

    def __init__(
        self,
        settings: SmsSettings,
        database: Database,
        ledger: Ledger,
        inbox: Inbox,
        progress: Progress,
        drivers: DriverFactory = driver_of,
        device_clock: Clock | None = None,
        node: str = "",
    ) -> None:
        self._settings = settings
        self._database = database
        self._ledger = ledger
        self._inbox = inbox
        self._progress = progress
        self._clock = device_clock or SystemClock()
        self._health = SimHealth()
        self._fleet = Fleet(database, node or this_process(), settings.lease_s)
        self._may_call = {False: True, True: True}  # looked for at start, then when one is ordered
        self._ringing: set[str] = set()
        self._error_shares: dict[str, float] = {}
        self._silent_at: dict[str, float] = {}
        self._stopping = asyncio.Event()
        self._owners: dict[str, ModemOwner] = {}
        self._wakes: list[asyncio.Event] = []
        self._queue_changes = 0
        self.beside: list[Callable[[], Awaitable[None]]] = []
        self.chores: list[Callable[[], Awaitable[None]]] = []
        for modem in settings.modems:
            self._add(modem, drivers)

    def _add(self, modem: ModemSettings, drivers: DriverFactory) -> None:
        async def take(pdu: IncomingPdu) -> None:
            imsi = self._owners[modem.name].view.imsi
            await self._inbox.take(modem.name, imsi, pdu)

        around = Surroundings(
            self._settings,
            self._ledger,
            self._progress,
            self._database,
            self._clock,
            self,
            self._fleet,
        )
        wake = asyncio.Event()
        self._wakes.append(wake)
        driver = drivers(modem, take, self._clock)
        self._owners[modem.name] = ModemOwner(modem, driver, around, wake)

    # What the owners ask

    @property
    def queue_changes(self) -> int:
        return self._queue_changes

    def ready(self, *, is_simulated: bool) -> tuple[str, ...]:
        return tuple(view.name for view in self._all_ready() if view.is_simulated is is_simulated)

    def _all_ready(self) -> list[ModemView]:
        known = (*(owner.view for owner in self._owners.values()), *self._fleet.others())
        return [view for view in known if view.state is ModemState.READY]

    def unserved(self) -> tuple[str, ...]:
        ready = self._all_ready()
        if any(not modem.serves for modem in ready):
            return ()
        served = {carrier for modem in ready for carrier in modem.serves}
        return tuple(carrier.value for carrier in Carrier if carrier.value not in served)

    def is_suspect(self, modem: str, outcome: SendOutcome) -> bool:
        share, now_s = self._error_shares.get(modem, 0.0), self._clock.monotonic()
        self._error_shares[modem] = error_share_after(share, outcome)
        if outcome.needs_recovery:
            self._silent_at[modem] = now_s
        return self._health.note(modem, outcome, now_s)

    def score_of(self, modem: str) -> float:
        view, silent_at = self._owners[modem].view, self._silent_at.get(modem)
        since = None if silent_at is None else self._clock.monotonic() - silent_at
        share = self._error_shares.get(modem, 0.0)
        return score(Fitness(view.rssi_dbm, share, since, view.quota_share))

    async def leave_to_better(self, modem: str) -> None:
        me = self._owners[modem].view
        if not me.is_idle:
            return

        def idle(views: Iterable[ModemView]) -> list[ModemView]:
            can = (view for view in views if view.is_idle and view.state is ModemState.READY)
            return [one for one in can if one.is_simulated is me.is_simulated and one is not me]

        own = self.score_of(modem)
        here = idle(owner.view for owner in self._owners.values())
        wait_s = max(
            hold_s(own, [self.score_of(view.name) for view in here], HOLD_S),
            hold_s(own, [view.score for view in idle(self._fleet.others())], ELSEWHERE_HOLD_S),
        )
        if wait_s:
            await self._clock.sleep(wait_s)

    def forgive(self, modem: str) -> None:
        self._health.forgive(modem)

    async def next_call(
        self, modem: str, *, is_simulated: bool, after: Taker | None
    ) -> PendingCall | None:
        if not self.may_ring(modem, is_simulated=is_simulated):
            return None
        self._ringing.add(modem)
        try:
            async with self._database.write() as uow:
                if after is not None and await self._ledger.has_due(uow, after):
                    self._ringing.discard(modem)
                    return None
                call = await calls.claim(uow, modem, is_simulated=is_simulated)
        except BaseException:
            self._ringing.discard(modem)
            raise
        self._may_call[is_simulated] = call is not None
        if call is None:
            self._ringing.discard(modem)
        return call

    def may_ring(self, modem: str, *, is_simulated: bool) -> bool:
        if not self._may_call[is_simulated]:
            return False
        ready = [
            view
            for view in (owner.view for owner in self._owners.values())
            if view.state is ModemState.READY and view.is_simulated is is_simulated
        ]
        # A ring takes half a minute: an alert that comes meanwhile finds every other modem free.
        return len(self._ringing - {modem}) < max(1, len(ready) // 2)

    async def call_ended(self, modem: str, call: PendingCall, result: CallResult) -> None:
        self._ringing.discard(modem)
        async with self._database.write() as uow:
            if result is CallResult.INTERRUPTED:
                await calls.put_back(uow, call.id)
            else:
                await calls.end(uow, call.id, result)

    # For people

    def views(self) -> list[ModemView]:
        """Every node's modems as people see them: ours in the order of the settings, others'.

        Where two nodes could drive one modem, the one that does is shown.
        """
        others = {view.name: view for view in self._fleet.others() if _is_driven(view)}
        ours = [owner.view for owner in self._owners.values()]
        shown = [view if _is_driven(view) else others.get(view.name, view) for view in ours]
        names = {view.name for view in ours}
        return [*shown, *(view for view in self._fleet.others() if view.name not in names)]

    def view(self, name: str) -> ModemView:
        """One modem of any node. Raises: NotFound."""
        for view in self.views():
            if view.name == name:
                return view
        raise NotFound("there is no such modem")

    def owner(self, name: str) -> ModemOwner:
        """The owner of a modem. Raises: NotFound; Conflict: another node drives it."""
        view = self.view(name)
        if name not in self._owners or view.node:
            raise Conflict(f"{name} is driven by {view.node}", code="elsewhere")
        return self._owners[name]

    # Life

    async def run(self, ready: asyncio.Event) -> None:
        listening = (
            self._database.signals.listen(QUEUED, lambda _: self.wake()),
            self._database.signals.listen(calls.CALLS, lambda _: self._calls_wait()),
        )
        try:
            async with asyncio.TaskGroup() as tasks:
                for name, owner in self._owners.items():
                    tasks.create_task(owner.run(), name=f"modem:{name}")
                beside = [
                    tasks.create_task(self._housekeeping(), name="sms:housekeeping"),
                    tasks.create_task(self._keep_in_touch(), name="sms:fleet"),
                    tasks.create_task(self._tell(), name="sms:progress"),
                    *(tasks.create_task(_run(task), name="sms:beside") for task in self.beside),
                ]
                ready.set()
                await self._stopping.wait()
                for task in beside:
                    task.cancel()
        finally:
            for forget in listening:
                forget()

    def _calls_wait(self) -> None:
        self._may_call = {False: True, True: True}
        self.wake()

    def stop(self) -> None:
        for owner in self._owners.values():
            owner.stop()
        self._stopping.set()

    def wake(self) -> None:
        """Let every modem look at the queue."""
        self._queue_changes += 1
        for wake in self._wakes:
            wake.set()

    async def _housekeeping(self) -> None:
        while True:
            await self._clock.sleep(_HOUSEKEEPING_S)
            try:
                if await self._has_chores():
                    await self.keep_house()
            except AppError as error:
                log.warning("sms_housekeeping_delayed", cause=error.message)

    async def _has_chores(self) -> bool:
        present = [view.name for view in self._all_ready()]
        return await self._database.at_once(
            lambda connection, now: chores.wait(connection, now, present, now - DEFAULT_TIMEOUT)
        )

    async def keep_house(self) -> None:
        """Give up what is too late, begin anew what is stranded, join what stays incomplete."""
        async with self._database.write() as uow:
            await self._ledger.expire(uow)
            await calls.end_late(uow)
            await self._fleet.look(uow)
            for is_simulated in await calls.waiting(uow):  # another node may have ordered it
                self._may_call[is_simulated] = True
            present = [view.name for view in self._all_ready()]
            if present:
                await self._ledger.renew_stranded(uow, present)
        await self._inbox.join_stale()
        for chore in self.chores:
            await chore()

    async def _keep_in_touch(self) -> None:
        while True:
            try:
                await self._fleet.keep_in_touch([one.view for one in self._owners.values()])
            except AppError as error:
                log.warning("modems_not_shown", cause=error.message)
            is_alone = not self._database.is_postgresql
            touch_s = _TOUCH_ALONE_S if is_alone else min(_TOUCH_S, self._settings.lease_s / 3)
            await self._clock.sleep(touch_s)

    async def _tell(self) -> None:
        """Announce progress once a second; at first what was under way before this start."""
        try:
            async with self._database.write() as uow:
                await self._ledger.announce_unsettled(uow)
        except AppError as error:
            log.warning("sms_progress_not_shown", cause=error.message)
        while True:
            await self._clock.sleep(_TELL_EVERY_S)
            if self._progress.is_empty:
                continue
            try:
                await self._progress.publish(self._database)
            except AppError as error:
                log.warning("sms_progress_not_shown", cause=error.message)


async def _run(task: Callable[[], Awaitable[None]]) -> None:
    await task()


def _is_driven(view: ModemView) -> bool:
    return view.state in (ModemState.READY, ModemState.OFFLINE, ModemState.QUARANTINED)
