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
PEOPLE = [demo_number(n) for n in range(4)]
LONG = "各乡镇立即转移危险区群众，落实责任到人，逐户清点。" * 7
COPY = "（补发）"
POLICY_WAIT_S = 31.0
BY_NAME = {case.name: case for case in CASES}
ON_POSTGRESQL = ("cms_38", "answer_lost", "answer_late_alive", "port_away_sent")
NEVER_KNOWN = [
    case.name for case in CASES if case.expected is SendState.UNKNOWN and case.final is None
]
LONG_TOO = ("answer_lost", "port_away_unsent", "port_away_sent")  # each takes its modem a while


async def _arm(world: SmsWorld, case: FaultCase, randomness: random.Random) -> None:
    options = dict(case.options)
    if case.seconds:
        options["seconds"] = case.seconds * QUICK_SCALE
    if not case.before_open and case.fault not in ("network_lost", "sim_removed", "garbage"):
        options["after"] = randomness.randrange(3)
    await world.air.fault(case.fault, "modem-1", **options)


async def _settle(world: SmsWorld) -> None:
    await world.until(world.is_settled, within_s=40)
    world.clock.advance(POLICY_WAIT_S)  # an alert's copy is ordered now
    await world.until(lambda: _alerts_are_out(world), within_s=40)


async def _alerts_are_out(world: SmsWorld) -> bool:
    alerts = [claim for claim in await world.claims() if claim.is_alert]
    return await world.is_settled() and all(a.state in ("sent", "delivered") for a in alerts)


async def _neither_lost_nor_doubled(case: FaultCase, url: str, directory: Path) -> None:
    randomness = random.Random(f"{SEED}{case.name}")
    async with sms_world(url, directory) as world:
        await _arm(world, case, randomness)
        for class_ in MessageClass:
            await world.send(f"{class_} {case.name}", *PEOPLE, class_=class_)
        await world.send(f"{case.name} {LONG}", *PEOPLE[:2], class_=MessageClass.COMMAND)
        await _settle(world)
        journal, claims = await world.journal(), await world.claims()
    assert violations(journal, claims) == []
    alerts = [claim for claim in claims if claim.is_alert]
    must_arrive = alerts if case.expected is SendState.UNKNOWN else claims
    assert losses(journal, must_arrive) == []


@pytest.mark.timeout(90)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_fault_neither_loses_nor_doubles(
    case: FaultCase, sqlite_url: str, tmp_path: Path
) -> None:
    await _neither_lost_nor_doubled(case, sqlite_url, tmp_path)


@pytest.mark.timeout(90)
@pytest.mark.parametrize("name", ON_POSTGRESQL)
async def test_a_fault_neither_loses_nor_doubles_on_postgresql(
    name: str, postgresql_url: str, tmp_path: Path
) -> None:
    await _neither_lost_nor_doubled(BY_NAME[name], postgresql_url, tmp_path)


@pytest.mark.timeout(90)
@pytest.mark.parametrize(
    ("name", "segments"), [*((n, 1) for n in NEVER_KNOWN), *((n, 3) for n in LONG_TOO)]
)
async def test_unknown_and_never_reported_only_an_alert_is_sent_again(
    name: str, segments: int, sqlite_url: str, tmp_path: Path
) -> None:
    """Every class meets the fault, in the middle of a long text; no report ever comes."""
    case = BY_NAME[name]
    texts = [f"{class_} {LONG if segments > 1 else name}" for class_ in MessageClass]
    numbers = [demo_number(n) for n in range(len(texts))]
    options = {**case.options, "after": segments // 2, "count": 5 if segments == 1 else 1}
    if case.seconds:
        options["seconds"] = case.seconds * QUICK_SCALE
    async with sms_world(sqlite_url, tmp_path, modems=len(texts)) as world:
        for n, number in enumerate(numbers, 1):
            await world.air.do("behave", number=number, report="never")
            await world.air.fault(case.fault, f"modem-{n}", **options)
        for class_, text, number in zip(MessageClass, texts, numbers, strict=True):
            await world.send(text, number, class_=class_)
        await world.until(lambda: _have_ended(world, len(texts) * segments), within_s=30)
        assert await world.all_in("unknown")
        for n in range(1, len(texts) + 1):
            await world.air.do("heal", modem=f"modem-{n}")
        world.clock.advance(POLICY_WAIT_S)
        states = ["sent", *["unknown"] * (len(texts) - 1)]
        await world.until(lambda: _is(world, states), within_s=30)
        shown = [await world.air.texts_of(number) for number in numbers]
    first = [[text] * case.copies for text in texts]
    again = [COPY + texts[0]] if segments == 1 else [texts[0]][case.copies :]
    assert shown == [first[0] + again, *first[1:]]


async def _have_ended(world: SmsWorld, segments: int) -> bool:
    """Nothing runs, and each of `segments` is on the air or may be."""
    attempts = []
    async with world.database.read() as uow:
        for message_id in world.messages:
            for recipient in await world.platform.recipients(uow, message_id):
                attempts += await world.platform.attempts(uow, recipient.id)
    over = {a.segment_id for a, _ in attempts if a.state.value in ("sent", "unknown")}
    return len(over) == segments and all(a.ended_at is not None for a, _ in attempts)


async def _is(world: SmsWorld, states: list[str]) -> bool:
    return [claim.state for claim in await world.claims()] == states


@pytest.mark.timeout(90)
async def test_two_modems_unplugged_and_returned_under_load(
    database_url: str, tmp_path: Path
) -> None:
    """Three modems, two taken away in mid-flow: the third goes on, everything arrives once."""
    randomness = random.Random(SEED)
    numbers = [demo_number(n) for n in range(60)]
    async with sms_world(database_url, tmp_path, modems=3) as world:
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
