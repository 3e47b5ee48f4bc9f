"""How much of what the air allows the SMS pool uses, and what it costs the server.

    python -m bench.sms_throughput [--modems 1 4] [--radio-s 0.05 3.0] [--seconds 20] [--record]

Every attempt is journaled on disk, every text asks for a delivery report and gets it; the journal
of the simulated air is the witness. Exits with 1 when a share is below its target. `--record`
writes the table into docs/sms-measurements.md.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import structlog

from bench._document import write_section
from sms.model import MessageClass
from tests.support.sms_flow import TEXTS, cpu_s_of, flow, load, own_cpu_s, share_of_air

TARGETS = {0.05: 0.90, 3.0: 0.98}
HEAD = """## Share of the air

`python -m bench.sms_throughput --record`, journal on, delivery reports on, {machine} (the
simulator's process and whatever else the machine did included). CPU: seconds for 1 000 segments.

| modems | on the air | segments a text | sent | a minute | share | target | CPU | simulator's CPU |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class Result:
    """One run. `share`: of one segment per modem and radio time."""

    modems: int
    radio_s: float
    segments: int
    sent: int
    share: float
    cpu_s: float
    simulator_cpu_s: float

    @property
    def target(self) -> float:
        return TARGETS.get(self.radio_s, 0.0)

    def row(self) -> str:
        per_minute = self.share * 60 / self.radio_s * self.modems
        per_thousand = 1000 / max(1, self.sent)
        return (
            f"| {self.modems} | {self.radio_s:g} s | {self.segments} | {self.sent} "
            f"| {per_minute:.0f} | {self.share:.3f} | {self.target:.2f} "
            f"| {self.cpu_s * per_thousand:.1f} | {self.simulator_cpu_s * per_thousand:.1f} |"
        )


async def run(modems: int, radio_s: float, segments: int, seconds: float) -> Result:
    """Send for about `seconds` and count what the air received."""
    people = max(40, int(seconds / radio_s * modems * 1.5 / segments))
    with tempfile.TemporaryDirectory() as folder:
        async with flow(Path(folder), modems, radio_s) as ours:
            await ours.submit(MessageClass.NOTICE, TEXTS[segments], range(people))
            await asyncio.sleep(min(2.0, seconds / 5))  # the first seconds are not counted
            since, cpu = time.time(), own_cpu_s()
            simulator = cpu_s_of([ours.air.pid])
            await asyncio.sleep(seconds)
            until, cpu = time.time(), own_cpu_s() - cpu
            simulator = cpu_s_of([ours.air.pid]) - simulator
            journal = await ours.air.do("journal")
    sent, share = share_of_air(journal, modems, radio_s, since, until)
    return Result(modems, radio_s, segments, sent, share, cpu, simulator)


async def main() -> int:
    """Run every combination. Returns: 1 if a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--modems", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--radio-s", type=float, nargs="+", default=[0.05, 3.0])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--record", action="store_true")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    head = HEAD.format(machine=load())
    print(head, end="")
    results = []
    for modems in given.modems:
        for radio_s in given.radio_s:
            for segments in TEXTS:
                results.append(await run(modems, radio_s, segments, given.seconds))
                print(results[-1].row(), flush=True)
    if given.record:
        rows = "\n".join(result.row() for result in results)
        write_section("sms-measurements.md", "share", head + rows)
    missed = [result for result in results if result.share < result.target]
    print(f"targets missed: {len(missed)} of {len(results)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
