"""kill -9 at random points, and two server processes on one PostgreSQL."""

import asyncio
from pathlib import Path

import pytest

from core.database import Database
from sms.lease import Lease, is_gone, this_process
from sms.numbers import demo_number
from sms.service import SmsPlatform
from sms.settings import SmsSettings
from tests.support.modem_sim import ModemSim, modem_sim
from tests.support.sms_killing import kill_again_and_again
from tests.support.sms_server import sms_server

SEED = 20_261_121


@pytest.mark.timeout(180)
async def test_five_times_killed_nothing_is_lost_and_nothing_doubled(
    sqlite_url: str, tmp_path: Path
) -> None:
    """Everything acknowledged arrives once; an alert of unknown outcome at most once more."""
    trial = await kill_again_and_again(sqlite_url, tmp_path, runs=5, seed=SEED)
    assert trial.kills == 5
    assert trial.in_flight >= 2
    assert len(trial.accepted) == 15
    assert trial.broken == []


@pytest.mark.timeout(180)
async def test_two_servers_on_one_postgresql_one_of_them_killed_five_times(
    postgresql_url: str, tmp_path: Path
) -> None:
    """The same promises, whichever of them had accepted and whichever drove the modem."""
    trial = await kill_again_and_again(postgresql_url, tmp_path, runs=5, seed=SEED, servers=2)
    assert trial.kills == 5
    assert trial.in_flight >= 2
    assert len(trial.accepted) == 15
    assert trial.broken == []


@pytest.mark.timeout(120)
async def test_two_servers_never_drive_one_modem_and_one_takes_over_from_the_other(
    postgresql_url: str, tmp_path: Path
) -> None:
    numbers = [demo_number(n) for n in range(20)]
    async with modem_sim(tmp_path, modems=2, radio_s=0.05, keeps_journal=True) as air:
        async with sms_server(postgresql_url, tmp_path, modems=2) as first:
            order = {"class": "notice", "text": "first", "numbers": numbers}
            await first.submit(**order, key="first")
            async with sms_server(postgresql_url, tmp_path, modems=2) as second:
                order = {"class": "notice", "text": "second", "numbers": numbers}
                await second.submit(**order, key="second")
                await _until_on_air(air, 10)
                await first.kill()
                order = {"class": "notice", "text": "third", "numbers": numbers}
                await second.submit(**order, key="third")
                async with Database(postgresql_url) as database:
                    await _until_sent(database, 60)
        received = [entry for entry in await air.do("journal") if entry["kind"] == "received"]
    seen = [(entry["number"], entry["text"]) for entry in received]
    assert len(seen) == len(set(seen))
    assert len(seen) >= 58  # at most one of unknown outcome on each modem of the killed process


async def _until_on_air(air: ModemSim, count: int) -> None:
    async with asyncio.timeout(30):
        while len(await air.on_air()) < count:  # noqa: ASYNC110 - the air is another process
            await asyncio.sleep(0.1)


async def _until_sent(database: Database, count: int) -> None:
    platform = SmsPlatform(SmsSettings(), database)
    async with asyncio.timeout(60):
        while True:
            async with database.read() as uow:
                views = await platform.messages(uow, ("",))
            counts = [view.counts for view in views]
            done = sum(
                c.get("sent", 0) + c.get("delivered", 0) + c.get("unknown", 0) for c in counts
            )
            if done == count:
                return
            await asyncio.sleep(0.2)


async def test_a_lease_has_one_holder_until_it_runs_out_or_its_process_is_gone(
    database: Database,
) -> None:
    mine = Lease(database, "/dev/modem", 15.0)
    elsewhere = Lease(database, "/dev/modem", 15.0, owner="otherhost:1:1")
    assert await mine.take() == ""
    assert await mine.take() == ""  # renewed
    assert await elsewhere.take() == this_process()
    await mine.give_back()
    assert await elsewhere.take() == ""
    assert await mine.take() == "otherhost:1:1"


async def test_the_lease_of_a_dead_process_of_this_machine_is_free_at_once(
    database: Database,
) -> None:
    host = this_process().rsplit(":", 2)[0]
    dead = f"{host}:999999999:1"
    assert is_gone(dead)
    assert not is_gone(this_process())
    assert await Lease(database, "/dev/modem", 15.0, owner=dead).take() == ""
    assert await Lease(database, "/dev/modem", 15.0).take() == ""
