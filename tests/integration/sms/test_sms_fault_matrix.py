"""Every fault, every class: what was surely sent or surely not sent ends in exactly one copy, what
was unknown in at most the stated one, and the board says what is true.
"""

import random
from pathlib import Path

import pytest

from sms.driver import SendState
from sms.model import MessageClass
from sms.numbers import demo_number
from tests.support.driver_cases import CASES, QUICK_SCALE, FaultCase
from tests.support.sms_checker import losses, violations
from tests.support.sms_world import SmsWorld, sms_world

SEED = 20_261_121
PEOPLE = [demo_number(n) for n in range(6)]
CLASSES = (MessageClass.ALERT, MessageClass.COMMAND, MessageClass.NOTICE)
POLICY_WAIT_S = 31.0


async def _arm(world: SmsWorld, case: FaultCase, randomness: random.Random) -> None:
    options = dict(case.options)
    if case.seconds:
        options["seconds"] = case.seconds * QUICK_SCALE
    if not case.before_open and case.fault not in ("network_lost", "sim_removed", "garbage"):
        options["after"] = randomness.randrange(3)
    await world.air.fault(case.fault, "modem-1", **options)


async def _settle(world: SmsWorld) -> None:
    await world.until(world.is_settled, within_s=16)
    world.clock.advance(POLICY_WAIT_S)  # an alert's copy is ordered now
    await world.until(lambda: _alerts_are_out(world), within_s=16)


async def _alerts_are_out(world: SmsWorld) -> bool:
    alerts = [claim for claim in await world.claims() if claim.is_alert]
    return await world.is_settled() and all(a.state in ("sent", "delivered") for a in alerts)


@pytest.mark.timeout(90)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_fault_neither_loses_nor_doubles(
    case: FaultCase, sqlite_url: str, tmp_path: Path
) -> None:
    randomness = random.Random(f"{SEED}{case.name}")
    async with sms_world(sqlite_url, tmp_path) as world:
        await _arm(world, case, randomness)
        for class_ in CLASSES:
            await world.send(f"{class_} {case.name}", *PEOPLE, class_=class_)
        await _settle(world)
        journal, claims = await world.journal(), await world.claims()
    assert violations(journal, claims) == []
    alerts = [claim for claim in claims if claim.is_alert]
    must_arrive = alerts if case.expected is SendState.UNKNOWN else claims
    assert losses(journal, must_arrive) == []


@pytest.mark.timeout(90)
@pytest.mark.parametrize("fault", ["answer_lost", "deaf_after_send", "port_away"])
async def test_without_a_report_an_alert_gets_one_marked_copy_and_a_notice_none(
    fault: str, sqlite_url: str, tmp_path: Path
) -> None:
    """The text went out, its answer was lost, and no report ever comes."""
    async with sms_world(sqlite_url, tmp_path, modems=1) as world:
        for number in PEOPLE[:2]:
            await world.air.do("behave", number=number, report="never")
        options = {} if fault == "answer_lost" else {"seconds": 0.5, "is_sent": True}
        for class_, number in zip((MessageClass.ALERT, MessageClass.NOTICE), PEOPLE, strict=False):
            await world.air.fault(fault, "modem-1", **options)
            await world.send(f"{class_}", number, class_=class_)
            await world.until(world.is_settled)
        assert [claim.state for claim in await world.claims()] == ["unknown", "unknown"]
        world.clock.advance(POLICY_WAIT_S)
        await world.until(lambda: _is(world, ["sent", "unknown"]))
        texts = [await world.air.texts_of(number) for number in PEOPLE[:2]]
    assert texts == [["alert", "（补发）alert"], ["notice"]]


async def _is(world: SmsWorld, states: list[str]) -> bool:
    return [claim.state for claim in await world.claims()] == states


@pytest.mark.timeout(90)
async def test_two_modems_unplugged_and_returned_under_load(
    sqlite_url: str, tmp_path: Path
) -> None:
    """Three modems, two taken away in mid-flow: the third goes on, everything arrives once."""
    randomness = random.Random(SEED)
    numbers = [demo_number(n) for n in range(60)]
    async with sms_world(sqlite_url, tmp_path, modems=3) as world:
        await world.send("under load", *numbers)
        for modem in ("modem-1", "modem-2"):
            await world.air.fault("unplug", modem, seconds=randomness.uniform(0.5, 1.5))
        await world.until(world.is_settled, within_s=30)
        journal, claims = await world.journal(), await world.claims()
        await world.until(lambda: world.modems_in("ready"))
    assert violations(journal, claims) == []
    unknown = [claim for claim in claims if claim.state == "unknown"]
    assert len(unknown) <= 2  # at most what was on the air of each
    assert losses(journal, [claim for claim in claims if claim not in unknown]) == []
