"""Two server processes on one PostgreSQL, each with SIMs of its own, behave as one platform."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from core.clock import MovableClock
from core.database import Database
from core.errors import Conflict
from sms.model import MessageClass
from sms.numbers import demo_number
from sms.service import SmsPlatform
from sms.store import outbox as outbox_store
from tests.support.modem_sim import ModemSim, modem_sim
from tests.support.sms_world import SmsWorld, quick, running, settings_for

LONG = "各乡镇立即转移危险区群众，落实责任到人，逐户清点。" * 7


@asynccontextmanager
async def _node(url: str, air: ModemSim, number: int, **changes: Any) -> AsyncIterator[SmsWorld]:
    """A server process that has only modem `number` of the simulator."""
    clock = MovableClock()
    settings = settings_for(air.directory, 2, lease_s=60, **changes)
    own = tuple(one for one in settings.modems if one.name == f"modem-{number}")
    async with Database(url, clock=clock) as database:
        settings = settings.model_copy(update={"modems": own})
        platform = SmsPlatform(settings, database, quick, node=f"node-{number}:1:1")
        async with running(platform, database, clock) as events:
            yield SmsWorld(platform, database, clock, air, events)


async def _sees_both(world: SmsWorld) -> bool:
    ready = {view.name for view in world.platform.modems() if view.state.value == "ready"}
    return ready == {"modem-1", "modem-2"}


@pytest.mark.timeout(90)
async def test_a_reply_leaves_through_the_sim_it_belongs_to_on_another_node(
    postgresql_url: str, tmp_path: Path
) -> None:
    async with (
        modem_sim(tmp_path, modems=2, keeps_journal=True) as air,
        _node(postgresql_url, air, 1) as one,
        _node(postgresql_url, air, 2) as two,
    ):
        await one.until(lambda: _sees_both(one))
        for n in range(4):
            text = f"第{n}条回复"
            await one.send(text, demo_number(n), class_=MessageClass.REPLY, via_modem="modem-2")
        await one.until(lambda: one.all_in("delivered"), within_s=30)
        assert {entry["modem"] for entry in await air.on_air()} == {"modem-2"}
        assert [view.node for view in one.platform.modems()] == ["", "node-2:1:1"]
        with pytest.raises(Conflict):
            one.platform.trace("modem-2")
        assert two.platform.modem("modem-1").node == "node-1:1:1"


@pytest.mark.timeout(90)
async def test_a_long_text_is_begun_anew_only_when_its_sim_is_away_everywhere(
    postgresql_url: str, tmp_path: Path
) -> None:
    """The SIM that has its first part on the air is on the other node and only has to wait."""
    async with (
        modem_sim(tmp_path, modems=2, keeps_journal=True) as air,
        _node(postgresql_url, air, 1, stranded_wait_s=5) as one,
    ):
        async with _node(postgresql_url, air, 2, modem={"per_day": 1}):
            await one.until(lambda: _sees_both(one))
            message_id = await one.send(LONG, demo_number(1), via_modem="modem-2")

            async def is_begun() -> bool:
                return len(await air.on_air()) == 1

            await one.until(is_begun)
            one.clock.advance(10)
            await one.platform.pool.keep_house()
            assert await _rounds(one, message_id) == {0}
        await one.platform.pool.keep_house()
        await one.until(lambda: one.all_in("delivered"), within_s=30)
        assert await _rounds(one, message_id) == {1}
        assert await air.texts_of(demo_number(1)) == [LONG]


async def _rounds(world: SmsWorld, message_id: str) -> set[int]:
    async with world.database.read() as uow:
        (row,) = await world.platform.recipients(uow, message_id)
        return {part.round for part in await outbox_store.segments_of(uow, row.id)}
