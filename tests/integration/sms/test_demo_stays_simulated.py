"""A demo's people and numbers never reach a modem or line that is not the simulator.

Here a real pool does not know that its modem is simulated: what it takes would go on the air.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from core.clock import MovableClock
from core.database import Database
from sms.calls import CallOrder
from sms.model import CallState, MessageClass
from sms.numbers import demo_number
from sms.service import SmsPlatform
from sms.settings import ModemSettings, SmsSettings
from tests.support.carrier import Carrier, carrier
from tests.support.modem_sim import modem_sim
from tests.support.sms_world import SmsWorld, quick, running

DEMO, REAL = demo_number(1), "+8613800138001"


@asynccontextmanager
async def outside(url: str, directory: Path) -> AsyncIterator[tuple[SmsWorld, Carrier]]:
    """A modem and a carrier's line as they are in earnest: neither is marked as simulated."""
    clock = MovableClock()
    async with (
        carrier() as smsc,
        modem_sim(directory, radio_s=0.03, keeps_journal=True) as air,
        Database(url, clock=clock) as database,
    ):
        line = f"smpp://county@127.0.0.1:{smsc.port}?source=10690000"
        settings = SmsSettings(
            signature="", sweep_every_s=1.0,
            modems=(
                ModemSettings(name="modem-1", path=air.path()),
                ModemSettings(name="line", path=line, driver="smpp", pin="secret"),
            ),
        )  # fmt: skip
        platform = SmsPlatform(settings, database, quick)
        async with running(platform, database, clock) as events:
            world = SmsWorld(platform, database, clock, air, events)
            await world.until(lambda: world.modems_in("ready"), within_s=30)
            yield world, smsc


async def _went_out(world: SmsWorld, smsc: Carrier) -> list[str]:
    """Every number a text or a ring has reached, by either way out."""
    journal = await world.journal()
    on_air = [entry["recipient"] for entry in journal if entry["kind"] in {"submitted", "called"}]
    return [*on_air, *(f"+{one.destination}" for one in smsc.submitted)]


async def _state_of(world: SmsWorld, number: str) -> str:
    return next(claim.state for claim in await world.claims() if claim.number == number)


@pytest.mark.timeout(90)
async def test_a_demo_text_stays_queued_beside_a_real_one(
    database_url: str, tmp_path: Path
) -> None:
    """Both ways out are idle and ready, the demo's text is older and an alert: it stays."""
    async with outside(database_url, tmp_path) as (world, smsc):
        await world.send("演习地点", DEMO, class_=MessageClass.ALERT)
        for n in range(4):
            await world.send(f"防汛会商 {n}", REAL, key=f"real-{n}")
        await world.until(lambda: _all_real_sent(world), within_s=30)
        world.clock.advance(60)  # whatever would look again has looked
        await world.send("防汛会商 末", REAL, key="last")
        await world.until(lambda: _all_real_sent(world), within_s=30)
        assert await _state_of(world, DEMO) == "queued"
        assert set(await _went_out(world, smsc)) == {REAL}


async def _all_real_sent(world: SmsWorld) -> bool:
    states = [claim.state for claim in await world.claims() if claim.number == REAL]
    return all(state in {"sent", "delivered"} for state in states)


@pytest.mark.timeout(90)
async def test_a_demo_number_is_not_rung(sqlite_url: str, tmp_path: Path) -> None:
    """The real one, ordered after it, is."""
    async with outside(sqlite_url, tmp_path) as (world, smsc):
        async with world.database.write() as uow:
            demo = await world.platform.ring(uow, CallOrder(DEMO, "demo-ring", ring_s=5))
            await world.platform.ring(uow, CallOrder(REAL, "real-ring", ring_s=5))

        async def real_rung() -> bool:
            return REAL in await _went_out(world, smsc)

        await world.until(real_rung, within_s=30)
        assert await _went_out(world, smsc) == [REAL]
        async with world.database.write() as uow:
            assert (await world.platform.call(uow, demo)).state is CallState.QUEUED
