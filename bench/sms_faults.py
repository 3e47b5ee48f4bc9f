"""Time to resume after every fault of a modem, at full deadlines, as a table.

    python -m bench.sms_faults [--only NAME …] [--part 1/3] [--together 4] [--record]

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

from bench._document import write_rows
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
HEAD = """| fault | pause, s | after, s | two modems, s | sent/doubled |
|---|---|---|---|---|
"""
STANDING = ("network_lost", "sim_removed", "garbage")


@dataclass(frozen=True)
class Row:
    """`after_s`: from the fault's end to the next text; negative: not even stopped by it."""

    words: str
    gap_s: float
    after_s: float
    other_s: float
    copies: str

    def as_text(self) -> str:
        return (
            f"| {self.words} | {self.gap_s:.1f} | {self.after_s:.1f} | {self.other_s:.1f} "
            f"| {self.copies} |"
        )


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
    """Print the table, with `--record` write its rows; those of faults not asked for stay."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--radio-s", type=float, default=0.2)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--part", default="1/1", help="2/3: the second third of the faults")
    parser.add_argument("--together", type=int, default=1, help="faults at a time")
    parser.add_argument("--record", action="store_true")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    cases = [c for c in CASES if not c.before_open and (not given.only or c.name in given.only)]
    part, parts = map(int, given.part.split("/"))
    cases = cases[len(cases) * (part - 1) // parts : len(cases) * part // parts]
    print(HEAD, end="")
    rows = []
    for start in range(0, len(cases), given.together):
        chunk = cases[start : start + given.together]
        for row in await asyncio.gather(*(run(case, given.radio_s) for case in chunk)):
            rows.append(row.as_text())
            print(rows[-1], flush=True)
    if given.record:
        write_rows("sms-faults.md", "faults", HEAD, rows, keys=1)


if __name__ == "__main__":
    asyncio.run(main())
