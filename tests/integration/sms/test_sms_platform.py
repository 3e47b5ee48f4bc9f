"""The platform over simulated modems: accepted, on the air, reported, answered; faults between."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.clock import MovableClock
from core.database import Database
from core.errors import InvalidInput
from core.events import EventDispatcher
from core.timers import TimerRunner
from sms.model import MessageClass, Recipient, RecipientAnswered, ReplySpec, Submission
from sms.numbers import demo_number
from sms.service import SmsPlatform
from sms.settings import ModemSettings, SmsSettings
from sms.simulator.client import SimulatorClient

SHORT, LONG = "水厂氯气泄漏，请立即到岗", "立即转移危险区群众，落实责任到人，逐户清点。" * 6
ALICE, BORIS = demo_number(1), demo_number(2)


@asynccontextmanager
async def simulator(directory: Path, modems: int, radio_s: float) -> AsyncIterator[SimulatorClient]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sms.simulator", "--directory", str(directory), "--modems",
        str(modems), "--radio-s", str(radio_s), "--with-parent", stdin=asyncio.subprocess.PIPE,
    )  # fmt: skip
    client = SimulatorClient(directory / "modem-sim.sock")
    try:
        async with asyncio.timeout(30):
            while not (directory / "modem-sim.sock").exists():  # noqa: ASYNC110 - a file
                await asyncio.sleep(0.02)
        yield client
    finally:
        await client.close()
        process.terminate()
        await process.wait()


@dataclass
class County:
    """A running platform and its air."""

    platform: SmsPlatform
    database: Database
    clock: MovableClock
    air: SimulatorClient
    events: EventDispatcher
    answers: list[RecipientAnswered]

    async def send(self, text: str, *numbers: str, **more: Any) -> str:
        async with self.database.write() as uow:
            return await self.platform.submit(
                uow,
                Submission(
                    class_=more.pop("class_", MessageClass.NOTICE), text=text,
                    recipients=tuple(Recipient(number) for number in numbers),
                    idempotency_key=more.pop("key", text[:20]), **more,
                ),
            )  # fmt: skip

    async def state(self, message_id: str) -> dict[str, int]:
        async with self.database.read() as uow:
            return (await self.platform.message(uow, message_id)).counts

    async def received(self, number: str) -> list[str]:
        handset = await self.air.do("handset", number=number)
        return [text["text"] for text in handset["received"]]


async def until(check: Callable[[], Awaitable[bool]], within_s: float = 40.0) -> None:
    async with asyncio.timeout(within_s):
        while not await check():  # noqa: ASYNC110 - the air is another process
            await asyncio.sleep(0.02)


@pytest.fixture
async def county(database: Database, tmp_path: Path) -> AsyncIterator[County]:
    clock = MovableClock()
    database.clock = clock
    async with simulator(tmp_path, 2, 0.05) as air:
        settings = SmsSettings(
            signature="",
            modems=tuple(
                ModemSettings(name=f"m{n}", path=str(tmp_path / f"modem-{n}"), is_simulated=True)
                for n in (1, 2)
            ),
        )
        platform = SmsPlatform(settings, database)
        timers, events = TimerRunner(database, clock), EventDispatcher(database, clock)
        platform.register(timers)
        answers: list[RecipientAnswered] = []

        async def note(uow: Any, event: RecipientAnswered) -> None:
            answers.append(event)

        events.subscribe(RecipientAnswered, "test", note)
        async with asyncio.TaskGroup() as tasks:
            for component in (timers, events, platform.pool):
                ready = asyncio.Event()
                tasks.create_task(component.run(ready))
                await ready.wait()
            yield County(platform, database, clock, air, events, answers)
            for component in (platform.pool, events, timers):
                component.stop()


async def test_a_text_reaches_the_handset_and_its_report_the_board(county: County) -> None:
    message = await county.send("水厂氯气泄漏，请立即到岗。回复1确认", ALICE)

    async def delivered() -> bool:
        return (await county.state(message)).get("delivered") == 1

    await until(delivered)
    assert await county.received(ALICE) == ["水厂氯气泄漏，请立即到岗。回复1确认"]


async def test_a_long_text_arrives_whole_and_once(county: County) -> None:
    text = "防汛通知：" + "各乡镇立即转移危险区群众。" * 20
    message = await county.send(text, ALICE, BORIS)

    async def delivered() -> bool:
        return (await county.state(message)).get("delivered") == 2

    await until(delivered)
    assert await county.received(ALICE) == [text]
    assert await county.received(BORIS) == [text]


@pytest.mark.timeout(60)
async def test_an_alert_can_be_shown_at_once_on_the_handset(county: County) -> None:
    """Class 0, in every part of a long text; what is no alert may not do it."""
    for text in (SHORT, LONG):
        await county.send(text, ALICE, class_=MessageClass.ALERT, is_flash=True)

    async def are_received() -> bool:
        return len(await county.received(ALICE)) == 2

    await until(are_received, within_s=30)
    handset = await county.air.do("handset", number=ALICE)
    shown = {one["text"]: one["is_flash"] for one in handset["received"]}
    assert shown == {SHORT: True, LONG: True}
    with pytest.raises(InvalidInput):
        await county.send("会议通知", ALICE, class_=MessageClass.NOTICE, is_flash=True)


async def test_an_answer_finds_its_question(county: County) -> None:
    await county.send(
        "回复1确认", ALICE, expects_reply=ReplySpec({"1": "confirm"}), context={"incident_id": "i1"}
    )

    async def arrived() -> bool:
        return len(await county.received(ALICE)) == 1

    await until(arrived)
    await county.air.do("reply", number=ALICE, text="１")

    async def answered() -> bool:
        return len(county.answers) == 1

    await until(answered)
    assert county.answers[0].choice == "1"
    assert county.answers[0].context == {"incident_id": "i1"}


async def test_the_same_submission_twice_is_one_message(county: County) -> None:
    first = await county.send("once", ALICE, key="k")
    assert await county.send("once", ALICE, key="k") == first
    await county.send("after", ALICE, key="k2")

    async def arrived() -> bool:  # two modems send: in any order
        return {"after", "once"} <= set(await county.received(ALICE))

    await until(arrived)
    assert sorted(await county.received(ALICE)) == ["after", "once"]


async def test_a_real_number_never_reaches_the_simulator(county: County) -> None:
    """Two recipients, one real: the demo one is served, the real one waits for a real modem."""
    message = await county.send("hello", "+8613800138000", ALICE)

    async def demo_served() -> bool:
        return (await county.state(message)).get("delivered") == 1

    await until(demo_served)
    assert (await county.state(message))["queued"] == 1
    journal = await county.air.do("journal")
    assert "+8613800138000" not in str(journal)
