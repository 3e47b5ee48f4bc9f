"""Our SMPP line against an SMSC of another hand: bind, long text, receipts, refusal, speed.

    python -m bench.sms_smpp [--texts 500] [--python PATH] [--via PORT BEHIND]

The peer is the server of `smpp34` from PyPI (MIT, no dependencies), one of the test dependencies.
`--via`: a router (Jasmin) stands between, listening at PORT, bound as a client to this SMSC at
BEHIND. Exits with 1 if a promise is broken. `tests/integration/sms/test_smpp_peer.py` is the short
form.
"""

import argparse
import asyncio
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from bench._databases import new_database
from core.clock import SystemClock
from core.database import Database
from services.ports import free_port
from sms.model import MessageClass, Recipient, Submission
from sms.numbers import demo_number
from sms.pool import driver_of
from sms.service import SmsPlatform
from sms.settings import ModemSettings, SmsSettings
from tests.support.sms_flow import LONG, NOTICE, own_cpu_s
from tests.support.sms_world import SETTLED, running

SERVER = Path(__file__).with_name("_smpp34_server.py")
REFUSED, BUSY, READER = demo_number(1), demo_number(2), demo_number(3)


@dataclass(frozen=True)
class Via:
    """A router on 127.0.0.1 that listens at `port` and binds to the SMSC at `behind`."""

    port: int
    behind: int


@dataclass
class Line:
    """The platform with one SMPP line, and what the SMSC says it took."""

    platform: SmsPlatform
    database: Database
    taken: list[dict[str, Any]] = field(default_factory=list)

    async def send(self, key: str, text: str, *numbers: str) -> str:
        order = Submission(MessageClass.NOTICE, text, tuple(map(Recipient, numbers)), key)
        async with self.database.write() as uow:
            return await self.platform.submit(uow, order)

    async def states(self, message_id: str, *wanted: str, within_s: float = 60) -> dict[str, str]:
        """The state of each number, once all are among `wanted`, or after `within_s`."""
        until = time.monotonic() + within_s
        while True:
            async with self.database.read() as uow:
                rows = await self.platform.recipients(uow, message_id)
            states = {row.number: row.state.value for row in rows}
            if set(states.values()) <= set(wanted) or time.monotonic() > until:
                return states
            await asyncio.sleep(0.05)

    def texts_to(self, number: str) -> str:
        """What the SMSC took for `number`, the parts put together by their headers."""
        parts: dict[int, str] = {}
        for fact in self.taken:
            if fact["number"] == number.removeprefix("+"):
                content, at = bytes.fromhex(fact["hex"]), 1
                if fact["esm_class"] & 0x40:
                    at, content = content[content[0]], content[content[0] + 1 :]
                parts[at] = content.decode("utf-16-be" if fact["coding"] == 8 else "latin-1")
        return "".join(parts[at] for at in sorted(parts))


@asynccontextmanager
async def line(python: str, url: str, via: Via | None = None) -> AsyncIterator[Line]:
    """The SMSC's process and our platform, bound; `via`: a router between them."""
    port = via.behind if via else free_port()
    process = await asyncio.create_subprocess_exec(
        python, str(SERVER), str(port), REFUSED.removeprefix("+"), BUSY.removeprefix("+"),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert b"ready" in await process.stdout.readline()
    if via is not None:
        assert b"bound" in await process.stdout.readline()
        port = via.port
    modem = ModemSettings(
        name="line", path=f"smpp://county@127.0.0.1:{port}?source=10690000", driver="smpp",
        pin="secret", is_simulated=True,
    )  # fmt: skip
    clock = SystemClock()
    try:
        async with Database(url, clock=clock) as database:
            platform = SmsPlatform(SmsSettings(signature="", modems=(modem,)), database, driver_of)
            async with running(platform, database, clock):
                ours = Line(platform, database)
                reading = asyncio.create_task(_read(process.stdout, ours.taken))
                yield ours
                reading.cancel()
    finally:
        process.terminate()
        await process.wait()


async def _read(stream: asyncio.StreamReader, taken: list[dict[str, Any]]) -> None:
    while said := await stream.readline():
        fact = json.loads(said)
        if "number" in fact:
            taken.append(fact)


async def check(ours: Line, texts: int, *, is_direct: bool) -> list[str]:
    """Every broken promise, in words; prints what was seen. A router hides refusals from us."""
    broken = await _check_texts(ours)
    if is_direct:
        broken += await _check_refusals(ours)
    return broken + await _check_many(ours, texts)


async def _check_texts(ours: Line) -> list[str]:
    broken = []
    short = await ours.states(await ours.send("short", NOTICE, READER), "delivered")
    whole = ours.texts_to(READER)
    broken += [] if (short, whole) == ({READER: "delivered"}, NOTICE) else [f"short: {short}"]
    other = demo_number(4)
    long = await ours.states(await ours.send("long", LONG, other), "delivered")
    if (long, ours.texts_to(other)) != ({other: "delivered"}, LONG):
        broken.append(f"long: {long}")
    print(f"short {short}, long {long}")
    return broken


async def _check_refusals(ours: Line) -> list[str]:
    broken = []
    refused = await ours.states(await ours.send("refused", NOTICE, REFUSED), "failed")
    broken += [] if refused == {REFUSED: "failed"} else [f"refused: {refused}"]
    busy = await ours.states(await ours.send("busy", NOTICE, BUSY), "delivered")
    broken += [] if busy == {BUSY: "delivered"} else [f"busy, then free: {busy}"]
    print(f"refused {refused}, busy {busy}")
    return broken


async def _check_many(ours: Line, texts: int) -> list[str]:
    began, cpu = time.perf_counter(), own_cpu_s()
    many = await ours.send("many", NOTICE, *(demo_number(n) for n in range(100, 100 + texts)))
    await ours.states(many, *SETTLED)
    took, cpu = time.perf_counter() - began, own_cpu_s() - cpu
    states = await ours.states(many, "delivered")
    rate, cpu = texts / took, cpu / texts * 1000
    print(f"{texts} texts in {took:.1f} s: {rate:.0f} a second, CPU {cpu:.1f} s for 1 000")
    copies = Counter(fact["number"] for fact in ours.taken)
    once = [number for number in states if copies[number.removeprefix("+")] == 1]
    if set(states.values()) == {"delivered"} and len(once) == texts:
        return []
    return [f"many: {len(once)} of {texts} arrived once"]


async def _run(python: str, url: str, texts: int, via: Via | None) -> int:
    async with line(python, url, via) as ours:
        broken = await check(ours, texts, is_direct=via is None)
    print("\n".join(broken) or "all promises kept")
    return 1 if broken else 0


def main() -> int:
    """Returns: 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=500)
    parser.add_argument("--python", default=sys.executable, help="that has smpp34")
    parser.add_argument("--via", type=int, nargs=2, metavar=("PORT", "BEHIND"))
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    via = Via(*given.via) if given.via else None
    with new_database("sqlite") as url:
        return asyncio.run(_run(given.python, url, given.texts, via))


if __name__ == "__main__":
    sys.exit(main())
