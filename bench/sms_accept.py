"""How long it takes to accept a message to many people: stored, segmented, deduplicated.

    python -m bench.sms_accept [--recipients 10000] [--runs 3]

On SQLite with `synchronous=FULL`, in one transaction; texts of one, three and personal parts. The
longest time the event loop stood still meanwhile shows whether the page stays live.
"""

import argparse
import asyncio
import logging
import tempfile
import time
from pathlib import Path

import structlog

from core.database import Base, Database
from sms.model import MessageClass, Recipient, ReplySpec, Submission
from sms.numbers import demo_number
from sms.service import SmsPlatform
from sms.settings import SmsSettings

LONG = "防汛工作通知：" + "请各乡镇立即组织转移危险区群众，落实责任到人。" * 7


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


async def main() -> None:
    """Print a line per kind of text: the best and the worst of the runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipients", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    print("text      recipients  best_s  worst_s  cpu_s  stall_s")
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
        print(
            f"{kind:9} {given.recipients:10} {min(walls):7.2f} {max(walls):8.2f} "
            f"{min(cpus):6.2f} {max(stalls):8.2f}",
            flush=True,
        )


if __name__ == "__main__":
    asyncio.run(main())
