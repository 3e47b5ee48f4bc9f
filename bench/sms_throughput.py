"""How much of what the air allows the SMS pool uses, and what it costs the server.

    python -m bench.sms_throughput [--modems 1 4] [--radio-s 0.05 3.0] [--seconds 20]

One line per combination: messages on the air per minute, the share of the air's limit (one segment
per modem per radio time), server CPU seconds per 1 000 segments, and the delay of an alert behind
the queue. The journal of the simulated air is the witness; every attempt is journaled on disk.
"""

import argparse
import asyncio
import json
import resource
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from core.clock import SystemClock
from core.database import Base, Database
from core.events import EventDispatcher
from core.timers import TimerRunner
from sms.model import MessageClass, Recipient, Submission
from sms.numbers import demo_number
from sms.service import SmsPlatform
from sms.settings import ModemSettings, SmsSettings
from sms.simulator.client import SimulatorClient

NOTICE = "【县应急办】会议通知：今晚八点视频会商，请准时参加，回复1确认。"
LONG = "防汛工作通知：" + "请各乡镇立即组织转移危险区群众，落实责任到人。" * 7


@dataclass(frozen=True)
class Result:
    """One run. `share`: of the air's limit; `alert_behind`: segments that went before the alert."""

    modems: int
    radio_s: float
    parts: int
    segments: int
    per_minute: float
    share: float
    cpu_s_per_1000: float
    alert_behind: int


@asynccontextmanager
async def simulator(directory: Path, modems: int, radio_s: float) -> AsyncIterator[SimulatorClient]:
    """A simulator process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sms.simulator", "--directory", str(directory), "--modems",
        str(modems), "--radio-s", str(radio_s), "--forget", "--with-parent",
        stdin=asyncio.subprocess.PIPE,
    )  # fmt: skip
    socket = directory / "modem-sim.sock"
    client = SimulatorClient(socket)
    try:
        async with asyncio.timeout(10):
            while not socket.exists():  # noqa: ASYNC110 - a file of another process
                await asyncio.sleep(0.05)
        yield client
    finally:
        await client.close()
        process.terminate()
        await process.wait()


async def run(modems: int, radio_s: float, text: str, seconds: float) -> Result:
    """Send for about `seconds` and count what the air received."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        async with (
            simulator(directory, modems, radio_s) as air,
            Database(f"sqlite+aiosqlite:///{directory / 'bench.db'}") as database,
        ):
            async with database.engine.begin() as connection:
                await connection.run_sync(Base.metadata.create_all)
            settings = SmsSettings(
                signature="",
                modems=tuple(
                    ModemSettings(
                        name=f"m{n}", path=str(directory / f"modem-{n}"), is_simulated=True
                    )
                    for n in range(1, modems + 1)
                ),
            )
            platform = SmsPlatform(settings, database)
            return await _measure(platform, database, air, (modems, radio_s), text, seconds)


async def _measure(
    platform: SmsPlatform,
    database: Database,
    air: SimulatorClient,
    shape: tuple[int, float],
    text: str,
    seconds: float,
) -> Result:
    modems, radio_s = shape
    clock = SystemClock()
    timers, events = TimerRunner(database, clock), EventDispatcher(database, clock)
    platform.register(timers)
    count = max(20, int(seconds / radio_s * modems * 1.2))
    async with asyncio.TaskGroup() as tasks:
        for component in (timers, events, platform.pool):
            ready = asyncio.Event()
            tasks.create_task(component.run(ready))
            await ready.wait()
        while sum(view.state.value == "ready" for view in platform.modems()) < modems:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        await _submit(platform, database, MessageClass.NOTICE, text, range(count))
        await asyncio.sleep(min(2.0, seconds / 5))  # the first seconds are not counted
        began, cpu = datetime.now().astimezone(), _cpu_s()
        await asyncio.sleep(seconds)
        ended, cpu = datetime.now().astimezone(), _cpu_s() - cpu
        await _submit(platform, database, MessageClass.ALERT, "红色预警", [90_000])
        alert_at = datetime.now().astimezone()
        await asyncio.sleep(3 * radio_s + 0.5)
        journal: list[dict[str, Any]] = await air.do("journal")
        for component in (platform.pool, events, timers):
            component.stop()
    submitted = [entry for entry in journal if entry["kind"] == "submitted"]
    times = [(datetime.fromisoformat(entry["at"]), entry) for entry in submitted]
    counted = sum(began <= at < ended for at, _ in times)
    alert = next((at for at, entry in times if entry.get("recipient") == demo_number(90_000)), None)
    behind = sum(alert_at < at < alert for at, _ in times) if alert else -1
    per_minute = counted / (ended - began).total_seconds() * 60
    parts = max(1, len(text) // 66) if len(text) > 70 else 1
    return Result(
        modems, radio_s, parts, counted, round(per_minute, 1),
        round(per_minute / (60 / radio_s * modems), 3),
        round(cpu / max(counted, 1) * 1000, 2), behind,
    )  # fmt: skip


async def _submit(
    platform: SmsPlatform, database: Database, class_: MessageClass, text: str, people: Any
) -> None:
    recipients = tuple(Recipient(demo_number(number)) for number in people)
    async with database.write() as uow:
        await platform.submit(uow, Submission(class_, text, recipients, f"{class_}-bench"))


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def main() -> None:
    """Run every combination and print a table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--modems", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--radio-s", type=float, nargs="+", default=[0.05, 3.0])
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args()
    results = []
    print("modems radio_s parts segments  per_min  share cpu_s/1000 alert_behind")
    for modems in given.modems:
        for radio_s in given.radio_s:
            for text in (NOTICE, LONG):
                result = await run(modems, radio_s, text, given.seconds)
                results.append(asdict(result))
                print(
                    f"{result.modems:6} {result.radio_s:7} {result.parts:5} {result.segments:8} "
                    f"{result.per_minute:8} {result.share:6} {result.cpu_s_per_1000:10} "
                    f"{result.alert_behind:12}",
                    flush=True,
                )
    print(json.dumps(results))


if __name__ == "__main__":
    asyncio.run(main())
