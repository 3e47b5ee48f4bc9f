"""How much of what the air allows the SMS pool uses, and what it costs the server.

    python -m bench.sms_throughput [--modems 1 4] [--radio-s 0.05 3.0] [--seconds 20] [--record]

Every attempt is journaled on disk, every text asks for a delivery report and gets it; the journal
of the simulated air is the witness. The share of a modem is (texts − 1) × time on the air ÷ time
from its first to its last counted text, so the window's ends do not count; at 3 s a window is three
times as long, for fifteen texts of a modem. Exits with 1 when a share is below its target.
`--record` writes the rows into docs/sms-measurements.md; those of other runs stay.
"""

import asyncio
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import AsyncIterator
from pathlib import Path

from bench._air import Seen, Shape, arguments, shapes, table, watch
from sms.model import MessageClass
from tests.support.sms_flow import TEXTS, flow, load, own_cpu_s

TARGETS = {0.05: 0.90, 3.0: 0.98}
HEAD = """## Share of the air

`python -m bench.sms_throughput --record`, journal on, delivery reports on, {machine} (the
simulator's process and whatever else the machine did included). CPU: seconds for 1 000 segments.

| modems | on the air | segments a text | sent | a minute | share | target | CPU | simulator's CPU |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""


def row(shape: Shape, segments: int, seen: Seen) -> str:
    return (
        f"| {shape.modems} | {shape.radio_s:g} s | {segments} | {seen.sent} "
        f"| {shape.per_minute(seen.share):.0f} | {seen.share:.3f} "
        f"| {TARGETS.get(shape.radio_s, 0.0):.2f} | {seen.per_thousand(seen.cpu_s):.1f} "
        f"| {seen.per_thousand(seen.simulator_cpu_s):.1f} |"
    )


async def run(shape: Shape, segments: int) -> Seen:
    """Send for the time of `shape` and count what the air received."""
    people = max(40, int(shape.seconds / shape.radio_s * shape.modems * 1.5 / segments))
    with tempfile.TemporaryDirectory() as folder:
        async with flow(Path(folder), shape.modems, shape.radio_s) as ours:
            began = time.time()
            await ours.submit(MessageClass.NOTICE, TEXTS[segments], range(people))
            return await watch(ours.air, own_cpu_s, began, shape)


async def rows(given: Namespace, missed: list[Shape]) -> AsyncIterator[str]:
    for shape in shapes(given):
        for segments in TEXTS:
            seen = await run(shape, segments)
            if seen.share < TARGETS.get(shape.radio_s, 0.0):
                missed.append(shape)
            yield row(shape, segments, seen)


async def main() -> int:
    """Run every combination. Returns: 1 if a target was missed."""
    given, missed = arguments(__doc__), list[Shape]()
    made = await table(given, "share", HEAD.format(machine=load()), rows(given, missed), keys=3)
    print(f"targets missed: {len(missed)} of {len(made)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
