"""Killing the server again and again; `tests` runs it ten times, `make soak` two hundred."""

import asyncio
import random
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func, select

from core.database import Database
from sms.model import AttemptState, MessageClass
from sms.numbers import demo_number
from sms.service import SmsPlatform
from sms.settings import SmsSettings
from sms.store.rows import AttemptRow
from tests.support.modem_sim import ModemSim, modem_sim
from tests.support.sms_checker import Claim, losses, violations
from tests.support.sms_server import SmsServer, sms_server
from tests.support.sms_world import SETTLED

CLASSES = (MessageClass.ALERT, MessageClass.NOTICE)
MID_FLOW_S = 0.15
LONG = "各乡镇立即转移危险区群众，落实责任到人，逐户清点。" * 6


@dataclass
class Trial:
    """What was accepted, and what is broken in the end.

    `in_flight`: kills that left attempts begun and not ended, whose outcome nobody had told yet.
    """

    accepted: dict[str, MessageClass] = field(default_factory=dict)
    kills: int = 0
    in_flight: int = 0
    unknown: int = 0
    broken: list[str] = field(default_factory=list)


async def kill_again_and_again(
    url: str, directory: Path, *, runs: int, seed: int, servers: int = 1, settle_s: float = 40
) -> Trial:
    """`runs` times: submit an alert, a notice and a long notice, kill one server.

    In turns while texts go out and at any moment, its start included.

    Of several servers on one database one is killed, any may have accepted; the others go on.
    """
    randomness = random.Random(seed)
    trial = Trial()
    async with (
        modem_sim(directory, modems=2, radio_s=0.08, keeps_journal=True) as air,
        Database(url) as database,
        AsyncExitStack() as stack,
    ):

        async def start() -> SmsServer:
            return await stack.enter_async_context(sms_server(url, directory, modems=2))

        alive = [await start() for _ in range(servers)]
        for run in range(runs):
            before = len(await air.on_air())
            await _submit(randomness.choice(alive), trial, run, randomness)
            if run % 2:
                await asyncio.sleep(randomness.uniform(0.0, 1.2))
            else:
                await _until_under_way(air, before)
                await asyncio.sleep(randomness.uniform(0.0, MID_FLOW_S))
            victim = randomness.randrange(servers)
            await alive[victim].kill()
            trial.kills += 1
            trial.in_flight += await _is_some_open(database)
            alive[victim] = await start()
        await _check(trial, database, air, settle_s)
    return trial


async def _until_under_way(air: ModemSim, before: int) -> None:
    """Something went on the air since: the server is up and in the middle of what it has."""
    async with asyncio.timeout(20):
        while len(await air.on_air()) <= before:  # noqa: ASYNC110 - the air is another process
            await asyncio.sleep(0.01)


async def _is_some_open(database: Database) -> bool:
    async with database.read() as uow:
        found = select(func.count()).where(AttemptRow.state == AttemptState.STARTED)
        return bool(await uow.session.scalar(found))


async def _submit(server: SmsServer, trial: Trial, run: int, randomness: random.Random) -> None:
    for class_ in CLASSES:
        for text in ("short", "long") if class_ is MessageClass.NOTICE else ("short",):
            numbers = [demo_number(randomness.randrange(50) + run * 100 + n * 50) for n in (0, 1)]
            body = f"{class_} {run}" if text == "short" else f"{run} {LONG}"
            order = {"class": class_.value, "text": body, "numbers": numbers}
            message_id = await server.submit(**order, key=f"{run}-{class_}-{text}")
            trial.accepted[message_id] = class_


async def _check(trial: Trial, database: Database, air: ModemSim, settle_s: float) -> None:
    platform = SmsPlatform(SmsSettings(signature=""), database)
    claims: list[Claim] = []
    async with asyncio.timeout(settle_s):
        while True:
            claims = await _claims(platform, database, trial)
            is_done = all(claim.state in SETTLED for claim in claims)
            if is_done and not any(c.is_alert and c.state == "unknown" for c in claims):
                break
            await asyncio.sleep(0.2)
    journal = await air.do("journal")
    trial.unknown = sum(claim.state == "unknown" for claim in claims)
    must = [claim for claim in claims if claim.is_alert or claim.state != "unknown"]
    trial.broken = violations(journal, claims) + losses(journal, must)


async def _claims(platform: SmsPlatform, database: Database, trial: Trial) -> list[Claim]:
    claims: list[Claim] = []
    async with database.read() as uow:
        for message_id, class_ in trial.accepted.items():
            view = await platform.message(uow, message_id)
            for row in await platform.recipients(uow, message_id):
                attempts = await platform.attempts(uow, row.id)
                extra = sum(attempt.is_extra_copy for attempt, _ in attempts)
                is_alert = class_ is MessageClass.ALERT
                claims.append(Claim(row.number, view.wire_text, is_alert, row.state.value, extra))
    return claims
