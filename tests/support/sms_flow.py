"""A queue that flows at full deadlines on the machine's clock, for measurements."""

import asyncio
import os
import resource
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from core.clock import SystemClock
from core.database import Base, Database
from sms.model import MessageClass, Recipient, Submission
from sms.numbers import demo_number
from sms.pool import driver_of
from sms.service import SmsPlatform
from tests.support.modem_sim import ModemSim, modem_sim
from tests.support.sms_world import running, settings_for

NOTICE = "【县应急办】会议通知：今晚八点视频会商，请准时参加，回复1确认。"
LONG = "防汛工作通知：" + "请各乡镇立即组织转移危险区群众，落实责任到人。" * 7
TEXTS = {1: NOTICE, 3: LONG}
"""By the number of segments."""


@dataclass
class Flow:
    """Our platform over a simulated air."""

    platform: SmsPlatform
    database: Database
    air: ModemSim

    async def submit(self, class_: MessageClass, text: str, people: Iterable[int]) -> None:
        recipients = tuple(Recipient(demo_number(number)) for number in people)
        key = f"{class_}-{recipients[0].number}-{len(recipients)}"
        async with self.database.write() as uow:
            await self.platform.submit(uow, Submission(class_, text, recipients, key))


@asynccontextmanager
async def flow(directory: Path, modems: int, radio_s: float) -> AsyncIterator[Flow]:
    """All modems ready; SQLite in a file, every attempt journaled with a disk write."""
    clock = SystemClock()
    async with (
        modem_sim(directory, modems=modems, radio_s=radio_s) as air,
        Database(f"sqlite+aiosqlite:///{directory / 'flow.db'}", clock=clock) as database,
    ):
        async with database.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        settings = settings_for(directory, modems).model_copy(update={"sweep_every_s": 10.0})
        platform = SmsPlatform(settings, database, driver_of)
        async with running(platform, database, clock), asyncio.timeout(3600):
            while any(view.state.value != "ready" for view in platform.modems()):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            yield Flow(platform, database, air)


def moments(journal: Sequence[dict[str, Any]]) -> dict[str, list[float]]:
    """When each modem's segments were on the air (the end of each), in seconds."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for entry in journal:
        if entry["kind"] == "submitted":
            found[entry["modem"]].append(datetime.fromisoformat(entry["at"]).timestamp())
    return dict(found)


def share_of_air(
    journal: Sequence[dict[str, Any]], modems: int, radio_s: float, since: float, until: float
) -> tuple[int, float]:
    """Segments between two moments and their share of what the air allows.

    Measured between the first and the last of each modem; a modem that sent fewer than two has a
    share of 0.
    """
    count, shares = 0, 0.0
    for times in moments(journal).values():
        counted = [at for at in times if since <= at <= until]
        count += len(counted)
        if len(counted) > 1:
            shares += (len(counted) - 1) * radio_s / (counted[-1] - counted[0])
    return count, shares / modems


def own_cpu_s() -> float:
    """CPU seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def cpu_s_of(processes: Iterable[int]) -> float:
    """CPU seconds of other processes; those that have ended count as 0."""
    return sum(map(_cpu_s, processes))


def _cpu_s(process: int) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load() -> str:
    """The machine, for the heading of a table."""
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.0f}"
