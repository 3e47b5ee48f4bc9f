"""Time to resume after every fault of a modem, at full deadlines, as a table.

    python -m bench.sms_faults [--radio-s 0.2] [--only NAME …] > docs/sms-faults.md

One modem alone, a queue of notices, the fault at the third; counted is the time from the end of the
fault (for a lost answer: when it was due) until the next text is on the air, and, with a second
modem, until that one takes the queue. The journal of the simulated air is the witness.
"""

import argparse
import asyncio
import itertools
import logging
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from core.clock import SystemClock
from core.database import Base, Database
from core.events import EventDispatcher
from core.timers import TimerRunner
from sms.model import MessageClass, Recipient, Submission
from sms.numbers import demo_number
from sms.service import SmsPlatform
from sms.settings import ModemSettings, SmsSettings
from tests.support.driver_cases import CASES, FaultCase
from tests.support.modem_sim import ModemSim, modem_sim

MESSAGES = 12
WITH_TWO = 50
LONGEST_S = 90.0
DUE_S = {"answer_lost": 8.0, "ctrl_z_lost": 8.0, "no_prompt": 10.0}
"""A fault without a length ends when the answer was due: the deadlines of `DriverLimits`."""
STANDING = ("network_lost", "sim_removed", "garbage")


@dataclass(frozen=True)
class Row:
    """`after_s`: from the fault's end to the next text; negative: not even stopped by it."""

    words: str
    gap_s: float
    after_s: float
    other_s: float
    copies: str


async def run(case: FaultCase, radio_s: float) -> Row:
    """One fault alone, and once with a second modem."""
    gap, copies = await _trial(case, radio_s, 1)
    other, _ = await _trial(case, radio_s, 2)
    lasts = case.seconds or DUE_S.get(case.fault, 0.0)
    return Row(case.words, gap, gap - lasts - radio_s, other, copies)


async def _trial(case: FaultCase, radio_s: float, modems: int) -> tuple[float, str]:
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        async with (
            modem_sim(directory, modems=modems, radio_s=radio_s) as air,
            Database(f"sqlite+aiosqlite:///{directory / 'bench.db'}") as database,
        ):
            async with database.engine.begin() as connection:
                await connection.run_sync(Base.metadata.create_all)
            ports = tuple(
                ModemSettings(name=f"m{n}", path=str(directory / f"modem-{n}"), is_simulated=True)
                for n in range(1, modems + 1)
            )
            platform = SmsPlatform(SmsSettings(signature="", modems=ports), database)
            return await _measure(case, platform, database, air, modems)


async def _measure(
    case: FaultCase, platform: SmsPlatform, database: Database, air: ModemSim, modems: int
) -> tuple[float, str]:
    clock = SystemClock()
    timers, events = TimerRunner(database, clock), EventDispatcher(database, clock)
    platform.register(timers)
    async with asyncio.TaskGroup() as tasks:
        for component in (timers, events, platform.pool):
            ready = asyncio.Event()
            tasks.create_task(component.run(ready))
            await ready.wait()
        while sum(view.state.value == "ready" for view in platform.modems()) < modems:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        options: dict[str, Any] = dict(case.options)
        if case.seconds:
            options["seconds"] = case.seconds
        stands = case.fault in STANDING
        if not stands:
            await air.do("fault", modem="modem-1", fault=case.fault, after=2, **options)
        count = MESSAGES if modems == 1 else WITH_TWO
        people = tuple(Recipient(demo_number(n)) for n in range(count))
        async with database.write() as uow:
            await platform.submit(uow, Submission(MessageClass.NOTICE, "notice", people, "bench"))
        if stands:
            while len(await air.do("journal")) < 2:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.02)
            await air.do("fault", modem="modem-1", fault=case.fault, **options)
        sent = await _until_quiet(air, count)
        for component in (platform.pool, events, timers):
            component.stop()
    times = [datetime.fromisoformat(entry["at"]) for entry in sent]
    whole_queue = times if modems == 1 else times[: count * 3 // 4]  # not what waits for its retry
    gaps = [(b - a).total_seconds() for a, b in itertools.pairwise(whole_queue)]
    each = [sum(e["recipient"] == person.number for e in sent) for person in people]
    doubled = sum(count > 1 for count in each)
    return max(gaps, default=LONGEST_S), f"{sum(count > 0 for count in each)}/{doubled}"


async def _until_quiet(air: ModemSim, count: int) -> list[dict[str, Any]]:
    """Everything on the air, once all is out or nothing has come for long."""
    waited = 0.0
    sent: list[dict[str, Any]] = []
    while waited < LONGEST_S:
        journal = await air.do("journal")
        now = [entry for entry in journal if entry["kind"] == "submitted"]
        if len(now) >= count or (len(now) == count - 1 and waited > 6):
            return now
        waited = 0.0 if len(now) > len(sent) else waited + 0.1
        sent = now
        await asyncio.sleep(0.1)
    return sent


async def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--radio-s", type=float, default=0.2)
    parser.add_argument("--only", nargs="*", default=[])
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    print("# SMS: time to resume after each fault\n")
    print("Made by `python -m bench.sms_faults`: own AT driver, full deadlines, simulated modem,")
    print(f"{MESSAGES} notices, the fault at the third. *Pause*: longest silence on the air with")
    print("one modem. *After*: what of it lies behind the end of the fault. *Two modems*: longest")
    print("silence when another modem can take the queue. *Sent/doubled*: of the texts.\n")
    print("| fault | pause, s | after, s | two modems, s | sent/doubled |")
    print("|---|---|---|---|---|")
    cases = [c for c in CASES if not c.before_open and (not given.only or c.name in given.only)]
    for case in cases:
        row = await run(case, given.radio_s)
        print(
            f"| {row.words} | {row.gap_s:.1f} | {row.after_s:.1f} | {row.other_s:.1f} "
            f"| {row.copies} |",
            flush=True,
        )


if __name__ == "__main__":
    asyncio.run(main())
