"""A SIM's credit: asked at start and each day, kept, and an alarm when it runs low."""

from itertools import pairwise
from pathlib import Path

import pytest

from core.database import UnitOfWork
from sms.balance import is_low
from sms.model import BalanceLow
from sms.store import sims as store
from sms.store.book import ReadingRow
from tests.support.sms_world import SmsWorld, sms_world


async def _readings(world: SmsWorld) -> list[ReadingRow]:
    async with world.database.read() as uow:
        return await store.readings(uow, world.platform.modem("modem-1").imsi, 10)


@pytest.mark.timeout(60)
async def test_the_balance_is_asked_each_day_and_a_low_one_raises_one_alarm(
    sqlite_url: str, tmp_path: Path
) -> None:
    """The modem stays open for months: the schedule may not hang on its being opened."""
    alarms: list[BalanceLow] = []

    async def heard(uow: UnitOfWork, fact: BalanceLow) -> None:
        alarms.append(fact)

    changes = {"modem": {"ussd_balance": "*100#"}, "balance_low_yuan": 100}
    async with sms_world(sqlite_url, tmp_path, modems=1, **changes) as world:
        world.events.subscribe(BalanceLow, "test", heard)
        for count in (1, 2, 3):

            async def are_kept(count: int = count) -> bool:
                return len(await _readings(world)) == count

            await world.until(are_kept)
            world.clock.advance(24 * 3600)
        (view,) = world.platform.modems()
        times = [row.at for row in await _readings(world)]

        async def is_alarmed() -> bool:
            return bool(alarms)

        await world.until(is_alarmed)
    assert (view.balance_fen, view.is_balance_low) == (8650, True)
    assert all((later - earlier).days >= 1 for later, earlier in pairwise(times))
    assert [(alarm.modem, alarm.balance_fen) for alarm in alarms] == [("modem-1", 8650)]


def test_an_unknown_balance_is_not_low() -> None:
    assert [is_low(fen, 1000) for fen in (None, 999, 1000)] == [False, True, False]
