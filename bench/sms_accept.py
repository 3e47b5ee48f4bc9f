"""How long it takes to accept a message to many people: stored, segmented, deduplicated.

    python -m bench.sms_accept [--recipients 10000] [--runs 3] [--record]

On SQLite with `synchronous=FULL`, in one transaction; texts of one, three and personal parts. The
longest time the event loop stood still meanwhile shows whether the page stays live. Exits with 1
when the best run takes more than 2 s or its loop stood still for more than 100 ms: on a busy
machine the others tell more of its neighbours.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from pathlib import Path

import structlog

from bench._document import write_section
from core.database import Base, Database
from sms.model import MessageClass, Recipient, ReplySpec, Submission
from sms.numbers import demo_number
from sms.service import SmsPlatform
from sms.settings import SmsSettings
from tests.support.sms_flow import LONG, load

WITHIN_S, STALL_S = 2.0, 0.1
HEAD = """## Accepting a message

`python -m bench.sms_accept --record`: {recipients} recipients, a twentieth of them twice; stored,
cut, deduplicated in one transaction on SQLite; {machine}. Targets: 2 s, the event loop never
still for more than 100 ms.

| text | best, s | worst, s | CPU, s | loop still, best, ms | worst, ms |
| --- | --- | --- | --- | --- | --- |
"""


async def accept(database: Database, count: int, kind: str, key: str) -> tuple[float, float, float]:
    """Returns: seconds of wall, of CPU, and the longest stall of the loop."""
    platform = SmsPlatform(SmsSettings(), database)
    text = LONG if kind == "long" else "今晚八点视频会商，请准时参加，回复1确认。"
    people = tuple(
        Recipient(
            demo_number(n % count), f"干部{n}",
            text=f"干部{n}，{text}" if kind == "personal" else None,
        )
        for n in range(count + count // 20)  # a twentieth twice: to be found
    )  # fmt: skip
    asks = ReplySpec({"1": "参加", "2": "请假"})
    submission = Submission(MessageClass.NOTICE, text, people, key, expects_reply=asks)
    stalls = [0.0]
    watch = asyncio.create_task(_watch(stalls))
    wall, cpu = time.perf_counter(), time.process_time()
    async with database.write() as uow:
        await platform.submit(uow, submission)
    taken = time.perf_counter() - wall, time.process_time() - cpu
    watch.cancel()
    return *taken, stalls[0]


async def _watch(stalls: list[float]) -> None:
    before = time.perf_counter()
    while True:
        await asyncio.sleep(0.005)
        now = time.perf_counter()
        stalls[0] = max(stalls[0], now - before - 0.005)
        before = now


async def main() -> int:
    """Print a line per kind of text: the best and the worst of the runs. Returns: 1 if missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipients", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--record", action="store_true")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    head = HEAD.format(machine=load(), recipients=given.recipients)
    print(head, end="")
    rows, is_kept = [], True
    for kind in ("short", "long", "personal"):
        with tempfile.TemporaryDirectory() as folder:
            async with Database(f"sqlite+aiosqlite:///{Path(folder) / 'bench.db'}") as database:
                async with database.engine.begin() as connection:
                    await connection.run_sync(Base.metadata.create_all)
                runs = [
                    await accept(database, given.recipients, kind, f"{kind}-{run}")
                    for run in range(given.runs)
                ]
        walls, cpus, stalls = zip(*runs, strict=True)
        is_kept &= min(walls) <= WITHIN_S and min(stalls) <= STALL_S
        rows.append(
            f"| {kind} | {min(walls):.2f} | {max(walls):.2f} | {min(cpus):.2f} "
            f"| {min(stalls) * 1000:.0f} | {max(stalls) * 1000:.0f} |"
        )
        print(rows[-1], flush=True)
    if given.record:
        write_section("sms-measurements.md", "accepting", head + "\n".join(rows))
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
