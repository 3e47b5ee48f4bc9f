"""Lanes, quotas, routes, SIMs taken out, long texts that move, ring-outs."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.database import Database
from sms.calls import CallOrder
from sms.driver import CallResult
from sms.ledger import Ledger
from sms.meter import COUNTY_TIME, TALK
from sms.model import CallState, MessageClass, Recipient, Submission
from sms.numbers import demo_number
from sms.progress import Progress
from sms.service import SmsPlatform
from sms.settings import SmsSettings
from sms.store.turns import Taker
from tests.support.driver_cases import QUICK
from tests.support.sms_checker import losses, violations
from tests.support.sms_world import SmsWorld, sms_world

NOON = datetime(2026, 11, 16, 4, tzinfo=UTC)  # in the county
"""A day must not begin in between."""
MODEMS = ("m1", "m2", "m3", "m4")
LONG = "各乡镇立即转移危险区群众，落实责任到人，逐户清点。" * 7


async def test_an_alert_behind_5000_notices_is_next_on_every_modem(database: Database) -> None:
    platform = SmsPlatform(SmsSettings(), database)
    ledger = Ledger(SmsSettings(), Progress())

    async def claim(modem: str) -> str:
        taker = Taker(modem, "imsi", is_simulated=True, ready=MODEMS)
        out = await database.at_once(lambda c, now: ledger.claim(c, now, taker))
        assert out is not None
        return out.class_.value

    async with database.write() as uow:
        people = tuple(Recipient(demo_number(n)) for n in range(5000))
        await platform.submit(uow, Submission(MessageClass.NOTICE, "notice", people, "n"))
    in_flight = [await claim(modem) for modem in MODEMS]
    async with database.write() as uow:
        people = tuple(Recipient(demo_number(n)) for n in range(6))
        await platform.submit(uow, Submission(MessageClass.REPLY, "reply", people[:1], "r"))
        await platform.submit(uow, Submission(MessageClass.ALERT, "alert", people, "a"))
    after = [await claim(modem) for modem in (*MODEMS, *MODEMS)]
    assert in_flight == ["notice"] * 4
    assert after == ["alert"] * 6 + ["reply", "notice"]  # bulk does not starve a reply either


async def _states(world: SmsWorld) -> Counter[str]:
    return Counter(claim.state for claim in await world.claims())


@pytest.mark.timeout(60)
async def test_a_used_up_sim_sends_only_alerts(sqlite_url: str, tmp_path: Path) -> None:
    quota = {"per_day": 2, "alert_reserve": 1}
    async with sms_world(sqlite_url, tmp_path, modems=1, modem=quota, start=NOON) as world:
        await world.send("notice", *(demo_number(n) for n in range(4)))
        await world.until(lambda: _is(world, {"delivered": 2, "queued": 2}))
        await world.send("alert", demo_number(9), class_=MessageClass.ALERT)
        await world.until(lambda: _is(world, {"delivered": 3, "queued": 2}))
        (view,) = world.platform.modems()
    assert (view.sent_today, view.quota_share >= 1.0) == (3, True)


@pytest.mark.timeout(60)
async def test_what_a_sim_sent_today_counts_after_a_restart_too(
    sqlite_url: str, tmp_path: Path
) -> None:
    quota = {"per_day": 2, "alert_reserve": 1}
    async with sms_world(sqlite_url, tmp_path, modems=1, modem=quota, start=NOON) as world:
        await world.send("notice", *(demo_number(n) for n in range(2)))
        await world.until(lambda: _is(world, {"delivered": 2}))
        later = world.clock.now()
    async with sms_world(sqlite_url, tmp_path, modems=1, modem=quota, start=later) as world:
        await world.send("later", demo_number(3))
        await world.send("alert", demo_number(9), class_=MessageClass.ALERT)
        await world.until(lambda: _is(world, {"delivered": 1, "queued": 1}))
        assert world.platform.modems()[0].sent_today == 3


async def _is(world: SmsWorld, expected: dict[str, int]) -> bool:
    return await _states(world) == expected


@pytest.mark.timeout(90)
async def test_a_long_text_whose_sim_is_gone_goes_out_anew_through_another(
    sqlite_url: str, tmp_path: Path
) -> None:
    """One part is on the air, the modem dies: nobody saw it, so a whole new text is the first."""
    async with sms_world(sqlite_url, tmp_path, radio_s=0.4, stranded_wait_s=60) as world:
        await world.air.fault("unplug", "modem-2")
        await world.until(lambda: _ready(world, {"modem-1"}))
        await world.send(LONG, demo_number(1))
        await world.until(lambda: _on_air(world, 1))
        await world.air.fault("unplug", "modem-1")
        await world.air.fault("plug", "modem-2")
        await world.until(lambda: _ready(world, {"modem-2"}))
        world.clock.advance(120)
        await world.until(lambda: _is(world, {"delivered": 1}), within_s=30)
        journal, claims = await world.journal(), await world.claims()
    assert violations(journal, claims) + losses(journal, claims) == []
    whole = [entry for entry in journal if entry["kind"] == "received"]
    assert [entry["text"] for entry in whole] == [LONG]


async def _ready(world: SmsWorld, names: set[str]) -> bool:
    return {view.name for view in world.platform.modems() if view.state.value == "ready"} == names


async def _on_air(world: SmsWorld, count: int) -> bool:
    return len(await world.air.on_air()) >= count


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("code", "texts"), [(21, 30), (38, 60)])
async def test_a_sim_that_alone_is_refused_three_times_is_taken_out(
    code: int, texts: int, sqlite_url: str, tmp_path: Path
) -> None:
    """It rests 1 s and 2 s after a 38; the other modem is busy for longer."""
    async with sms_world(sqlite_url, tmp_path, radio_s=0.08) as world:
        await world.air.fault("cms_error", "modem-1", code=code, count=50)
        await world.send("notice", *(demo_number(n) for n in range(texts)))

        async def is_out() -> bool:
            world.clock.advance(3)  # what was given back is due again
            return world.platform.modems()[0].state.value == "quarantined"

        await world.until(is_out, within_s=40)
        assert str(code) in world.platform.modems()[0].reason
        await world.until(world.is_settled, within_s=40)
        journal, claims = await world.journal(), await world.claims()
    assert violations(journal, claims) == []
    sent = {entry["modem"] for entry in journal if entry["kind"] == "submitted"}
    assert sent == {"modem-2"}


@pytest.mark.timeout(60)
async def test_a_modem_sends_to_its_carriers_and_to_all_when_no_other_can(
    sqlite_url: str, tmp_path: Path
) -> None:
    """Both serve Unicom only; demo numbers are nobody's, so either takes them."""
    async with sms_world(sqlite_url, tmp_path, modem={"serves": ("unicom",)}) as world:
        await world.send("notice", demo_number(1))
        await world.until(lambda: _is(world, {"delivered": 1}))


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("behaviour", "result"), [("answer", "answered"), ("busy", "busy"), ("no_answer", "no_answer")]
)
async def test_a_ring_out_tells_what_happened(
    behaviour: str, result: str, sqlite_url: str, tmp_path: Path
) -> None:
    async with sms_world(sqlite_url, tmp_path, modems=1) as world:
        await world.air.do("behave", number=demo_number(1), call=behaviour)
        async with world.database.write() as uow:
            order = CallOrder(demo_number(1), "wake-1", ring_s=5)
            call_id = await world.platform.ring(uow, order)
            assert await world.platform.ring(uow, order) == call_id

        async def is_over() -> bool:
            async with world.database.read() as uow:
                (call,) = await world.platform.calls(uow)
            return call.result == CallResult(result)

        await world.until(is_over)


async def test_no_ring_begins_before_an_alert_that_came_while_the_modem_looked(
    database: Database,
) -> None:
    """The modem found no text, then an alert was stored: it asks once more as it takes the ring."""
    platform = SmsPlatform(SmsSettings(), database)
    taker = Taker("m1", "imsi", is_simulated=True, ready=("m1",), max_lane=TALK)

    async def is_rung() -> bool:
        call = await platform.pool.next_call("m1", is_simulated=True, after=taker)
        return call is not None

    async with database.write() as uow:
        await platform.ring(uow, CallOrder(demo_number(9), "wake-1", ring_s=5))
        await platform.submit(
            uow, Submission(MessageClass.ALERT, "alert", (Recipient(demo_number(1)),), "a")
        )
        await platform.submit(
            uow, Submission(MessageClass.NOTICE, "notice", (Recipient(demo_number(2)),), "n")
        )
    assert not await is_rung()
    ledger = Ledger(SmsSettings(), Progress())
    assert await database.at_once(lambda c, now: ledger.claim(c, now, taker)) is not None
    assert await is_rung()  # a notice does not hold it back


async def test_housekeeping_has_modems_look_for_rings_only_where_somebody_waits(
    database: Database,
) -> None:
    """A modem that looks for a ring leaves the notices alone meanwhile."""
    platform = SmsPlatform(SmsSettings(), database)

    def may_ring() -> bool:
        return platform.pool.may_ring("m1", is_simulated=True)

    assert await platform.pool.next_call("m1", is_simulated=True, after=None) is None
    await platform.pool.keep_house()
    assert not may_ring()
    async with database.write() as uow:  # the pool is not running: nobody tells it
        await platform.ring(uow, CallOrder(demo_number(9), "wake-1", ring_s=5))
    assert not may_ring()
    await platform.pool.keep_house()
    assert may_ring()


@pytest.mark.timeout(60)
async def test_a_ring_overtakes_queued_notices_but_no_alert(
    sqlite_url: str, tmp_path: Path
) -> None:
    """Sleep is broken while the mass mailing still runs, and the alert goes before both."""
    async with sms_world(sqlite_url, tmp_path, modems=1, radio_s=0.2) as world:
        await world.air.do("behave", number=demo_number(99), call="busy")
        await world.send("notice", *(demo_number(n) for n in range(60)))
        async with world.database.write() as uow:
            await world.platform.ring(uow, CallOrder(demo_number(99), "wake-1", ring_s=5))
            people = (Recipient(demo_number(98)),)
            alert = await world.platform.submit(
                uow, Submission(MessageClass.ALERT, "alert", people, "a")
            )

        async def is_rung() -> bool:
            async with world.database.read() as uow:
                (call,) = await world.platform.calls(uow)
            return call.result is not None

        await world.until(is_rung, within_s=30)
        async with world.database.read() as uow:
            (call,) = await world.platform.calls(uow)
            (row,) = await world.platform.recipients(uow, alert)
            counts = (await world.platform.message(uow, next(iter(world.messages)))).counts
    assert call.result == "busy"
    assert counts.get("queued", 0) > 0
    assert row.sent_at is not None
    assert call.started_at is not None
    assert row.sent_at <= call.started_at


async def _rings(world: SmsWorld) -> bool:
    async with world.database.read() as uow:
        (call,) = await world.platform.calls(uow)
    return call.state is CallState.RINGING


async def _ring_out(world: SmsWorld, ring_s: int) -> None:
    async with world.database.write() as uow:
        await world.platform.ring(uow, CallOrder(demo_number(99), "wake-1", ring_s=ring_s))
    await world.until(lambda: _rings(world))


@pytest.mark.timeout(60)
async def test_an_alert_ends_a_ring_early_once_and_the_ring_comes_again(
    sqlite_url: str, tmp_path: Path
) -> None:
    """One modem, half a minute of ringing ahead: the alert goes out at once, the next one waits."""
    async with sms_world(sqlite_url, tmp_path, modems=1) as world:
        await _ring_out(world, ring_s=10)
        await world.send("alert", demo_number(1), class_=MessageClass.ALERT)
        await world.until(lambda: world.all_in("sent", "delivered"))
        await world.until(lambda: _rings(world))
        later = await world.send("alert 2", demo_number(2), class_=MessageClass.ALERT)

        async def is_sent() -> bool:
            async with world.database.read() as uow:
                (row,) = await world.platform.recipients(uow, later)
            return row.sent_at is not None

        await world.until(is_sent)
        async with world.database.read() as uow:
            (call,) = await world.platform.calls(uow)
            (row,) = await world.platform.recipients(uow, later)
    assert (call.interruptions, call.result) == (1, "no_answer")
    assert row.sent_at is not None
    assert call.ended_at is not None
    assert call.ended_at <= row.sent_at


@pytest.mark.timeout(60)
async def test_a_ring_goes_on_where_another_modem_takes_the_alert(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with sms_world(sqlite_url, tmp_path, modems=2) as world:
        await _ring_out(world, ring_s=5)
        sent = [
            await world.send("alert", demo_number(1), class_=MessageClass.ALERT),
            await world.send("notice", demo_number(2)),
        ]
        await world.until(lambda: _is(world, {"delivered": 2}))

        async def is_over() -> bool:
            return not await _rings(world)

        await world.until(is_over)
        async with world.database.read() as uow:
            (call,) = await world.platform.calls(uow)
            rows = [(await world.platform.recipients(uow, one))[0] for one in sent]
    assert (call.interruptions, call.result) == (0, "no_answer")
    assert call.ended_at is not None
    assert all(row.sent_at is not None and row.sent_at < call.ended_at for row in rows)


@pytest.mark.timeout(60)
async def test_a_modem_pulled_out_is_shown_at_once_and_does_not_hold_the_server_up(
    sqlite_url: str, tmp_path: Path
) -> None:
    """The driver looks for it for `recover_s`; neither the page nor a stop waits for that."""
    loop = asyncio.get_running_loop()
    async with sms_world(sqlite_url, tmp_path, modems=1) as world:
        await world.air.fault("unplug", "modem-1")
        pulled_at = loop.time()
        await world.until(lambda: world.modems_in("faulted"))
        assert loop.time() - pulled_at < QUICK.recover_s
        leaves_at = loop.time()
    assert loop.time() - leaves_at < QUICK.recover_s


@pytest.mark.timeout(60)
async def test_in_quiet_hours_notices_wait_and_alerts_pass(sqlite_url: str, tmp_path: Path) -> None:
    hour = datetime.now(COUNTY_TIME).hour
    quiet = {"quiet_from_hour": hour, "quiet_to_hour": (hour + 2) % 24}
    async with sms_world(sqlite_url, tmp_path, modems=1, **quiet) as world:
        await world.send("notice", demo_number(1))
        await world.send("bulletin", demo_number(2), class_=MessageClass.BULLETIN)
        for number, class_ in enumerate((MessageClass.ALERT, MessageClass.REPLY), 3):
            await world.send(class_.value, demo_number(number), class_=class_)
        await world.until(lambda: _is(world, {"delivered": 2, "queued": 2}), within_s=30)
        assert {entry["text"] for entry in await world.air.on_air()} == {"alert", "reply"}
        world.clock.advance(2 * 3600)
        await world.until(lambda: _is(world, {"delivered": 4}), within_s=30)


@pytest.mark.timeout(60)
async def test_a_sims_rate_holds_notices_back_but_no_alert(sqlite_url: str, tmp_path: Path) -> None:
    async with sms_world(sqlite_url, tmp_path, modems=1, modem={"per_minute": 1}) as world:
        await world.send("notice", *(demo_number(n) for n in range(3)))
        await world.until(lambda: _is(world, {"delivered": 1, "queued": 2}), within_s=30)
        await world.send("alert", *(demo_number(n) for n in (8, 9)), class_=MessageClass.ALERT)
        await world.until(lambda: _is(world, {"delivered": 3, "queued": 2}), within_s=30)

        async def is_all_out() -> bool:
            world.clock.advance(61)
            return await _is(world, {"delivered": 5})

        await world.until(is_all_out, within_s=30)
