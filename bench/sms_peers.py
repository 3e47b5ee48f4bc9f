"""gammu-smsd and smstools beside ours, on the same simulated modems, in turns in one run.

    apt-get install gammu-smsd smstools libdbd-sqlite3    # without starting their services
    .venv/bin/python -m bench.sms_peers [--modems 1 4] [--radio-s 0.05 3.0] [--record]

Each gets one-segment Chinese texts and asks for delivery reports. The peers are set as fast as
they go: gammu LoopSleep 0, CommTimeout 1, no checks; smstools delaytime 1, trust_outgoing.
"""

import asyncio
import shutil
import sqlite3
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench._air import FIRST_WITHIN_S, Cpu, Seen, Shape, arguments, shapes, table, watch
from sms.model import MessageClass
from sms.numbers import demo_number
from tests.support.modem_sim import modem_sim
from tests.support.sms_flow import NOTICE, cpu_s_of, flow, load, own_cpu_s

SCHEMA = Path("/usr/share/doc/gammu-smsd/examples/sqlite.sql")
HEAD = """## Beside others

`python -m bench.sms_peers --record`: gammu-smsd and smstools from Debian 12 with their fastest
settings, the same simulated modems, one after another in one run; {machine}. CPU: seconds for
1 000 texts. First: from the start of the peer, or from the submission to ours, to the first text
on the air.

| sender | modems | on the air | a minute | share | CPU | first |
| --- | --- | --- | --- | --- | --- | --- |
"""
GAMMU = """[gammu]
device = {device}
connection = at115200
[smsd]
debuglevel = 0
logfile = {folder}/gammu-{number}.log
commtimeout = 1
loopsleep = 0
checksecurity = 0
checkbattery = 0
checksignal = 0
checknetwork = 0
resetfrequency = 0
deliveryreport = sms
{service}
"""
SMSTOOLS = """devices = {names}
outgoing = {folder}/outgoing
checked = {folder}/checked
incoming = {folder}/incoming
failed = {folder}/failed
sent = {folder}/sent
report = {folder}/reports
logfile = {folder}/smsd.log
infofile = {folder}/smsd.info
pidfile = {folder}/smsd.pid
loglevel = 4
delaytime = 1
errorsleeptime = 1
trust_outgoing = yes
"""
SMSTOOLS_MODEM = """[{name}]
device = {device}
baudrate = 115200
rtscts = no
incoming = yes
report = yes
device_open_retries = -1
"""


@dataclass(frozen=True)
class Job:
    """What a sender is to do."""

    folder: Path
    devices: tuple[str, ...]
    numbers: tuple[str, ...]


@asynccontextmanager
async def _processes(commands: Sequence[Sequence[str]]) -> AsyncIterator[Cpu]:
    """Run daemons, each in a session of its own; ends the session, so also what they forked."""
    started = [
        await asyncio.create_subprocess_exec(
            *command, start_new_session=True,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )
        for command in commands
    ]  # fmt: skip
    sessions = {process.pid for process in started}
    try:
        yield lambda: cpu_s_of(_members(sessions))
    finally:
        for process in started:
            if process.returncode is None:
                process.terminate()
        for process in started:
            try:
                await asyncio.wait_for(process.wait(), 10)
            except TimeoutError:
                process.kill()
                await process.wait()


def _members(sessions: set[int]) -> list[int]:
    """Processes of the sessions we opened."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) in sessions:
            found.append(int(stat.parent.name))
    return found


@asynccontextmanager
async def gammu_files(job: Job) -> AsyncIterator[Cpu]:
    commands = []
    for number, device in enumerate(job.devices, 1):
        box = job.folder / f"box-{number}"
        for name in ("inbox", "outbox", "sent", "error"):
            (box / name).mkdir(parents=True)
        for place, recipient in enumerate(job.numbers[number - 1 :: len(job.devices)]):
            name = f"OUTB20260101_000000_{place:05}_{recipient}_x.txtd"
            (box / "outbox" / name).write_bytes(b"\xff\xfe" + NOTICE.encode("utf-16-le"))
        service = (
            f"service = files\ninboxpath = {box}/inbox/\noutboxpath = {box}/outbox/\n"
            f"sentsmspath = {box}/sent/\nerrorsmspath = {box}/error/\n"
        )
        commands.append(_gammu(job, number, device, service))
    async with _processes(commands) as cpu:
        yield cpu


@asynccontextmanager
async def gammu_sql(job: Job) -> AsyncIterator[Cpu]:
    _fill_gammu(job)
    service = f"service = sql\ndriver = sqlite3\ndatabase = gammu.db\ndbdir = {job.folder}/\n"
    async with _processes(
        [
            _gammu(job, number, device, f"phoneid = m{number}\n{service}")
            for number, device in enumerate(job.devices, 1)
        ]
    ) as cpu:
        yield cpu


def _fill_gammu(job: Job) -> None:
    with closing(sqlite3.connect(job.folder / "gammu.db")) as database, database:
        database.executescript(SCHEMA.read_text())
        database.executemany(
            "INSERT INTO outbox (DestinationNumber, TextDecoded, Coding, Class, DeliveryReport,"
            " CreatorID) VALUES (?, ?, 'Unicode_No_Compression', -1, 'yes', 'bench')",
            [(number, NOTICE) for number in job.numbers],
        )


def _gammu(job: Job, number: int, device: str, service: str) -> list[str]:
    config = job.folder / f"gammu-{number}.conf"
    config.write_text(
        GAMMU.format(device=device, folder=job.folder, number=number, service=service)
    )
    return ["gammu-smsd", "-c", str(config)]


@asynccontextmanager
async def smstools(job: Job) -> AsyncIterator[Cpu]:
    for name in ("outgoing", "checked", "incoming", "failed", "sent", "reports"):
        (job.folder / name).mkdir()
    names = [f"m{number}" for number in range(1, len(job.devices) + 1)]
    config = job.folder / "smsd.conf"
    config.write_text(
        SMSTOOLS.format(names=",".join(names), folder=job.folder)
        + "".join(
            SMSTOOLS_MODEM.format(name=name, device=device)
            for name, device in zip(names, job.devices, strict=True)
        )
    )
    for number in job.numbers:
        head = f"To: {number.removeprefix('+')}\nAlphabet: UCS\nReport: yes\n\n"
        body = head.encode() + NOTICE.encode("utf-16-be")
        (job.folder / "outgoing" / f"text-{number}").write_bytes(body)
    async with _processes([["smsd", "-c", str(config), "-t"]]) as cpu:
        yield cpu


PEERS: dict[str, tuple[str, Callable[[Job], Any]]] = {
    "gammu-smsd, files": ("gammu-smsd", gammu_files),
    "gammu-smsd, SQLite": ("gammu-smsd", gammu_sql),
    "smstools": ("smsd", smstools),
}


def row(name: str, shape: Shape, seen: Seen | None) -> str:
    words = f"| {name} | {shape.modems} | {shape.radio_s:g} s |"
    if seen is None:
        return f"{words} not installed | | | |"
    if not seen.sent:
        return f"{words} 0 | – | – | not within {FIRST_WITHIN_S:.0f} s |"
    return (
        f"{words} {shape.per_minute(seen.share):.0f} | {seen.share:.3f} "
        f"| {seen.per_thousand(seen.cpu_s):.1f} | {seen.first_s:.1f} s |"
    )


async def trial(name: str, shape: Shape) -> Seen | None:
    """One sender for the time of `shape`. Returns: None if it is not installed."""
    count = max(60, int(shape.seconds / shape.radio_s * shape.modems * 1.5))
    with tempfile.TemporaryDirectory() as folder:
        if name == "ours":
            async with flow(Path(folder), shape.modems, shape.radio_s) as ours:
                began = time.time()
                await ours.submit(MessageClass.NOTICE, NOTICE, range(count))
                return await watch(ours.air, own_cpu_s, began, shape)
        program, sender = PEERS[name]
        if shutil.which(program) is None:
            return None
        async with modem_sim(Path(folder), modems=shape.modems, radio_s=shape.radio_s) as air:
            devices = tuple(air.path(number) for number in range(1, shape.modems + 1))
            job = Job(Path(folder), devices, tuple(demo_number(n) for n in range(count)))
            began = time.time()
            async with sender(job) as cpu:
                return await watch(air, cpu, began, shape)


async def rows(given: Namespace, beaten: list[str]) -> AsyncIterator[str]:
    for shape in shapes(given):
        best = 0.0
        for name in ("ours", *PEERS):
            seen = await trial(name, shape)
            if seen is not None and name == "ours":
                best = seen.share
            elif seen is not None and seen.share >= best:
                beaten.append(name)
            yield row(name, shape, seen)


async def main() -> int:
    """Run all in turns. Returns: 1 if a peer was faster."""
    given, beaten = arguments(__doc__), list[str]()
    await table(given, "peers", HEAD.format(machine=load()), rows(given, beaten), keys=3)
    return 1 if beaten else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
