"""The pool: one owner task per modem, woken when something is queued; housekeeping beside them."""

import asyncio
from collections.abc import Callable

import structlog

from core.clock import Clock, SystemClock
from core.database import Database
from core.errors import AppError
from sms.driver import Driver, IncomingPdu, IncomingSink, ModemFamily, ModemPort
from sms.drivers import make_driver
from sms.inbox import Inbox
from sms.modem import ModemOwner, ModemState, ModemView
from sms.outbox import QUEUED, Outbox
from sms.settings import ModemSettings, SmsSettings

log = structlog.get_logger(__name__)

DriverFactory = Callable[[ModemSettings, IncomingSink, Clock], Driver]
_HOUSEKEEPING_S = 5.0


def driver_of(modem: ModemSettings, on_incoming: IncomingSink, clock: Clock) -> Driver:
    """The driver the settings name for `modem`, closed."""
    port = ModemPort(
        name=modem.name,
        path=modem.path,
        pin=modem.pin.get_secret_value() if modem.pin else None,
        family=ModemFamily(modem.family) if modem.family else None,
        baud=modem.baud,
    )
    return make_driver(modem.driver, port, on_incoming, clock)


class ModemPool:
    """The component that owns every modem of this node.

    Modems run on the machine's clock: hardware does not follow a moved demo clock.
    """

    name = "modems"
    stop_deadline_s = 20.0

    def __init__(
        self,
        settings: SmsSettings,
        database: Database,
        outbox: Outbox,
        inbox: Inbox,
        drivers: DriverFactory = driver_of,
        device_clock: Clock | None = None,
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._inbox = inbox
        self._clock = device_clock or SystemClock()
        self._stopping = asyncio.Event()
        self._owners: dict[str, ModemOwner] = {}
        self._wakes: list[asyncio.Event] = []
        for modem in settings.modems:
            self._add(modem, settings, drivers)

    def _add(self, modem: ModemSettings, settings: SmsSettings, drivers: DriverFactory) -> None:
        async def take(pdu: IncomingPdu) -> None:
            imsi = self._owners[modem.name].view.imsi
            await self._inbox.take(modem.name, imsi, pdu)

        wake = asyncio.Event()
        self._wakes.append(wake)
        self._owners[modem.name] = ModemOwner(
            modem, settings, drivers(modem, take, self._clock), self._outbox, self._database,
            self._clock, wake, lambda: self._ready_count(is_simulated=modem.is_simulated) <= 1,
        )  # fmt: skip

    def _ready_count(self, *, is_simulated: bool) -> int:
        return sum(
            owner.view.state is ModemState.READY and owner.view.is_simulated == is_simulated
            for owner in self._owners.values()
        )

    def views(self) -> list[ModemView]:
        """All modems as people see them, in the order of the settings."""
        return [owner.view for owner in self._owners.values()]

    async def run(self, ready: asyncio.Event) -> None:
        forget = self._database.signals.listen(QUEUED, lambda _: self.wake())
        try:
            async with asyncio.TaskGroup() as tasks:
                for name, owner in self._owners.items():
                    tasks.create_task(owner.run(), name=f"modem:{name}")
                housekeeping = tasks.create_task(self._keep_house(), name="sms:housekeeping")
                ready.set()
                await self._stopping.wait()
                housekeeping.cancel()
        finally:
            forget()

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
                    await self._outbox.expire(uow)
                await self._inbox.join_stale()
            except AppError as error:
                log.warning("sms_housekeeping_delayed", cause=error.message)
