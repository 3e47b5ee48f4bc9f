"""The pool: one owner task per modem, woken when something is queued; housekeeping beside them."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from core.clock import Clock, SystemClock
from core.database import Database
from core.errors import AppError, NotFound
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
from sms.health import SimHealth
from sms.inbox import Inbox
from sms.ledger import QUEUED, Ledger
from sms.model import PendingCall
from sms.modem import ModemOwner
from sms.modem_view import ModemState, ModemView
from sms.progress import Progress
from sms.settings import ModemSettings, SmsSettings
from sms.surroundings import Surroundings

log = structlog.get_logger(__name__)

DriverFactory = Callable[[ModemSettings, IncomingSink, Clock], Driver]
_HOUSEKEEPING_S = 5.0
_TELL_EVERY_S = 1.0


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
    ) -> None:
        self._settings = settings
        self._database = database
        self._ledger = ledger
        self._inbox = inbox
        self._progress = progress
        self._clock = device_clock or SystemClock()
        self._health = SimHealth()
        self._may_call = {False: True, True: True}  # looked for at start, then when one is ordered
        self._stopping = asyncio.Event()
        self._owners: dict[str, ModemOwner] = {}
        self._wakes: list[asyncio.Event] = []
        self.beside: list[Callable[[], Awaitable[None]]] = []
        self.chores: list[Callable[[], Awaitable[None]]] = []
        for modem in settings.modems:
            self._add(modem, drivers)

    def _add(self, modem: ModemSettings, drivers: DriverFactory) -> None:
        async def take(pdu: IncomingPdu) -> None:
            imsi = self._owners[modem.name].view.imsi
            await self._inbox.take(modem.name, imsi, pdu)

        around = Surroundings(
            self._settings, self._ledger, self._progress, self._database, self._clock, self
        )
        wake = asyncio.Event()
        self._wakes.append(wake)
        driver = drivers(modem, take, self._clock)
        self._owners[modem.name] = ModemOwner(modem, driver, around, wake)

    # What the owners ask

    def ready(self, *, is_simulated: bool) -> tuple[str, ...]:
        return tuple(
            name
            for name, owner in self._owners.items()
            if owner.view.state is ModemState.READY and owner.view.is_simulated == is_simulated
        )

    def unserved(self) -> tuple[str, ...]:
        ready = [
            modem
            for modem in self._settings.modems
            if self._owners[modem.name].view.state is ModemState.READY
        ]
        if any(not modem.serves for modem in ready):
            return ()
        served = {carrier for modem in ready for carrier in modem.serves}
        return tuple(carrier.value for carrier in Carrier if carrier.value not in served)

    def is_suspect(self, modem: str, outcome: SendOutcome) -> bool:
        return self._health.note(modem, outcome, self._clock.monotonic())

    def forgive(self, modem: str) -> None:
        self._health.forgive(modem)

    async def next_call(self, modem: str, *, is_simulated: bool) -> PendingCall | None:
        if not self._may_call[is_simulated]:
            return None
        async with self._database.write() as uow:
            call = await calls.claim(uow, modem, is_simulated=is_simulated)
        self._may_call[is_simulated] = call is not None
        return call

    async def call_ended(self, call: PendingCall, result: CallResult) -> None:
        async with self._database.write() as uow:
            await calls.end(uow, call.id, result)

    # For people

    def views(self) -> list[ModemView]:
        """All modems as people see them, in the order of the settings."""
        return [owner.view for owner in self._owners.values()]

    def owner(self, name: str) -> ModemOwner:
        """The owner of a modem. Raises: NotFound."""
        if name not in self._owners:
            raise NotFound("there is no such modem")
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
                    tasks.create_task(self._keep_house(), name="sms:housekeeping"),
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
        for wake in self._wakes:
            wake.set()

    async def _keep_house(self) -> None:
        while True:
            await self._clock.sleep(_HOUSEKEEPING_S)
            try:
                async with self._database.write() as uow:
                    await self._ledger.expire(uow)
                    await calls.end_late(uow)
                    present = [*self.ready(is_simulated=True), *self.ready(is_simulated=False)]
                    if present:
                        await self._ledger.renew_stranded(uow, present)
                await self._inbox.join_stale()
                for chore in self.chores:
                    await chore()
            except AppError as error:
                log.warning("sms_housekeeping_delayed", cause=error.message)

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
                async with self._database.write() as uow:
                    await self._progress.publish(uow)
            except AppError as error:
                log.warning("sms_progress_not_shown", cause=error.message)


async def _run(task: Callable[[], Awaitable[None]]) -> None:
    await task()
