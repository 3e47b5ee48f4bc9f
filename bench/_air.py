"""What the benchmarks of the SMS pool share: modems × time on the air, a sender that is watched."""

import argparse
import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from itertools import product

import structlog

from bench._document import write_rows
from tests.support.modem_sim import ModemSim
from tests.support.sms_flow import cpu_s_of, moments, share_of_air

Cpu = Callable[[], float]
FIRST_WITHIN_S = 40.0


@dataclass(frozen=True)
class Shape:
    """One run. `seconds`: how long it is watched, at least fifteen texts of a modem."""

    modems: int
    radio_s: float
    seconds: float

    def per_minute(self, share: float) -> float:
        return share * 60 / self.radio_s * self.modems


@dataclass(frozen=True)
class Seen:
    """What a sender did. `share`: of one segment per modem and radio time; CPU in seconds."""

    sent: int
    share: float
    cpu_s: float
    first_s: float
    simulator_cpu_s: float

    def per_thousand(self, seconds: float) -> float:
        return seconds * 1000 / max(1, self.sent)


async def watch(air: ModemSim, cpu: Cpu, began: float, shape: Shape) -> Seen:
    """From the first text of every modem on, for the time of `shape`. `began`: wall time."""
    while time.time() - began < FIRST_WITHIN_S:
        if len(moments(await air.on_air())) >= shape.modems:
            break
        await asyncio.sleep(0.1)
    times = moments(await air.on_air())
    first_s = min((each[0] for each in times.values()), default=began) - began - shape.radio_s
    await asyncio.sleep(1)
    since, used, simulator = time.time(), cpu(), cpu_s_of([air.pid])
    await asyncio.sleep(shape.seconds)
    until, used = time.time(), cpu() - used
    simulator = cpu_s_of([air.pid]) - simulator
    sent, share = share_of_air(await air.on_air(), shape.modems, shape.radio_s, since, until)
    return Seen(sent, share, used, first_s, simulator)


def arguments(description: str | None) -> argparse.Namespace:
    """The command line; also makes the log quiet."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--modems", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--radio-s", type=float, nargs="+", default=[0.05, 3.0])
    parser.add_argument("--seconds", type=float, default=15.0, help="at 3 s on the air thrice that")
    parser.add_argument("--record", action="store_true")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    return parser.parse_args()


def shapes(given: argparse.Namespace) -> list[Shape]:
    """Every combination asked for."""
    return [
        Shape(modems, radio_s, given.seconds * (3 if radio_s >= 1 else 1))
        for modems, radio_s in product(given.modems, given.radio_s)
    ]


async def table(
    given: argparse.Namespace, name: str, head: str, rows: AsyncIterator[str], keys: int
) -> Sequence[str]:
    """Print the rows as they come; with `--record` they replace those of an earlier run."""
    print(head, end="")
    made = []
    async for row in rows:
        made.append(row)
        print(row, flush=True)
    if given.record:
        write_rows("sms-measurements.md", name, head, made, keys)
    return made
