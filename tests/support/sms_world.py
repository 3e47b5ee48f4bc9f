"""A running SMS platform over simulated modems with short deadlines and a movable clock."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from core.clock import Clock, MovableClock
from core.database import Database
from core.events import EventDispatcher
from core.timers import TimerRunner
from sms.driver import Driver, IncomingSink
from sms.drivers import make_driver
from sms.model import MessageClass, Recipient, Submission
from sms.pool import port_of
from sms.service import SmsPlatform
from sms.settings import ModemSettings, SmsSettings
from tests.support.driver_cases import QUICK
from tests.support.modem_sim import ModemSim, modem_sim
from tests.support.sms_checker import Claim

SETTLED = {"sent", "delivered", "unknown", "failed", "expired", "cancelled"}


def quick(modem: ModemSettings, on_incoming: IncomingSink, clock: Clock) -> Driver:
    """Drivers with a tenth of the usual deadlines."""
    return make_driver(modem.driver, port_of(modem), on_incoming, clock, QUICK)


def settings_for(directory: Path, modems: int, **changes: Any) -> SmsSettings:
    """`modem-1` … as the simulator made them."""
    per_modem = changes.pop("modem", {})
    return SmsSettings(
        signature="", sweep_every_s=1.0,
        modems=tuple(
            ModemSettings(
                name=f"modem-{n}", path=str(directory / f"modem-{n}"), is_simulated=True,
                **per_modem,
            )
            for n in range(1, modems + 1)
        ),
        **changes,
    )  # fmt: skip


@dataclass
class SmsWorld:
    """The platform, its air, its clock. `sent`: number and text of every recipient by id."""

    platform: SmsPlatform
    database: Database
    clock: MovableClock
    air: ModemSim
    events: EventDispatcher
    messages: dict[str, MessageClass] = field(default_factory=dict)

    async def send(self, text: str, *numbers: str, **more: Any) -> str:
        """Submit one message."""
        class_ = more.pop("class_", MessageClass.NOTICE)
        people = tuple(Recipient(number) for number in numbers)
        key = more.pop("key", text[:60])
        async with self.database.write() as uow:
            message_id = await self.platform.submit(
                uow, Submission(class_, text, people, key, **more)
            )
        self.messages[message_id] = class_
        return message_id

    async def claims(self) -> list[Claim]:
        """What the board says of everybody."""
        found: list[Claim] = []
        async with self.database.read() as uow:
            for message_id, class_ in self.messages.items():
                view = await self.platform.message(uow, message_id)
                for row in await self.platform.recipients(uow, message_id):
                    attempts = await self.platform.attempts(uow, row.id)
                    extra = sum(attempt.is_extra_copy for attempt, _ in attempts)
                    text = row.text or view.wire_text
                    is_alert = class_ is MessageClass.ALERT
                    found.append(Claim(row.number, text, is_alert, row.state.value, extra))
        return found

    async def until(self, check: Callable[[], Awaitable[bool]], within_s: float = 40.0) -> None:
        async with asyncio.timeout(within_s):
            while not await check():  # noqa: ASYNC110 - the air is another process
                await asyncio.sleep(0.05)

    async def is_settled(self) -> bool:
        """Nothing waits, nothing is on its way."""
        return all(claim.state in SETTLED for claim in await self.claims())

    async def all_in(self, *states: str) -> bool:
        return all(claim.state in states for claim in await self.claims())

    async def modems_in(self, state: str) -> bool:
        return all(view.state.value == state for view in self.platform.modems())

    async def journal(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = await self.air.do("journal")
        return entries


@asynccontextmanager
async def running(
    platform: SmsPlatform, database: Database, clock: Clock
) -> AsyncIterator[EventDispatcher]:
    """Timers, events and modems of one server process."""
    timers, events = TimerRunner(database, clock), EventDispatcher(database, clock)
    platform.register(timers)
    components = (timers, events, platform.pool)
    async with asyncio.TaskGroup() as tasks:
        try:
            for component in components:
                ready = asyncio.Event()
                tasks.create_task(component.run(ready))
                await ready.wait()
            yield events
        finally:
            for component in reversed(components):
                component.stop()


@asynccontextmanager
async def sms_world(
    url: str,
    directory: Path,
    *,
    modems: int = 2,
    radio_s: float = 0.03,
    start: datetime | None = None,
    **changes: Any,
) -> AsyncIterator[SmsWorld]:
    """A simulator process and a platform on the database at `url`, at `start` instead of now."""
    clock = MovableClock(start)
    async with (
        modem_sim(directory, modems=modems, radio_s=radio_s, keeps_journal=True) as air,
        Database(url, clock=clock) as database,
    ):
        settings = settings_for(directory, modems, **changes)
        platform = SmsPlatform(settings, database, quick)
        async with running(platform, database, clock) as events:
            world = SmsWorld(platform, database, clock, air, events)
            await world.until(lambda: world.modems_in("ready"))
            yield world
