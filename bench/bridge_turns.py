"""What forwarding costs beside the peer, in turns of a second: both servers stand, one works.

    python -m bench.bridge_turns                    1x60 and 5x20, five minutes; bench/results/
    python -m bench.bridge_turns --shape 5x20 --turns 10

Load, sites, pinning and modes are those of bench.bridge. A machine's clock moves by a third within
minutes, so runs one after the other compare that as well. Here every ratio is of two seconds that
lie side by side, and the order is turned round each time: the median and its quartiles say what the
servers differ by. Each turn begins with load that is not counted. Needs Debian's janus.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from bench.bridge import RESULTS, Measured, measure, ours, send, theirs
from bench.bridge_janus import JANUS
from tests.support.bridge_client import Site

SHAPES: Final = ("1x60", "5x20")
SERVERS: Final = ("janus", "bare", "full")
UNCOUNTED_S: Final = 1.5
WANTED: Final = {"bare": 0.7, "full": 1.0}


@dataclass
class Compared:
    """One server's turns of one shape. `ratio`, `low`, `high`: to the peer's, and its quartiles."""

    shape: str
    server: str
    cpu_us: float
    ratio: float
    low: float
    high: float
    p50_ms: float
    p99_ms: float
    loss: float
    load: float


class Standing:
    """A server with its sites, and what its turns gave."""

    def __init__(self, process_id: int, publishers: list[Site], subscribers: list[Site]) -> None:
        self._process_id = process_id
        self._publishers = publishers
        self._subscribers = subscribers
        self.turns: list[Measured] = []

    async def take_turn(self, seconds: float) -> None:
        """Work for so long."""
        await send(self._publishers, UNCOUNTED_S)
        sites = (self._publishers, self._subscribers)
        self.turns.append(await measure(self._process_id, *sites, seconds))


async def compare(shape: str, turns: int, seconds: float) -> list[Compared]:
    """All servers, turn by turn."""
    async with AsyncExitStack() as stack:
        standing: dict[str, Standing] = {}
        for server in SERVERS:
            if server == "janus":
                standing[server] = Standing(*await stack.enter_async_context(theirs(shape)))
                continue
            bridge, *sites = await stack.enter_async_context(ours(shape, server))
            standing[server] = Standing(bridge.worker.process_id, *sites)
        for turn in range(turns):
            for server in SERVERS if turn % 2 else reversed(SERVERS):
                await standing[server].take_turn(seconds)
    peer = standing["janus"].turns
    return [compared(shape, server, one.turns, peer) for server, one in standing.items()]


def compared(shape: str, server: str, turns: list[Measured], peer: list[Measured]) -> Compared:
    """The middle of all turns; ratios turn by turn."""
    ratios = [ours.cpu_us / theirs.cpu_us for ours, theirs in zip(turns, peer, strict=True)]
    low, ratio, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return Compared(
        shape,
        server,
        statistics.median(turn.cpu_us for turn in turns),
        ratio,
        low,
        high,
        statistics.median(turn.p50_ms for turn in turns),
        statistics.median(turn.p99_ms for turn in turns),
        max(turn.loss for turn in turns),
        os.getloadavg()[0],
    )


def print_table(rows: list[Compared]) -> None:
    """One line a server and shape."""
    print(f"{'shape':6} {'server':6} {'µs':>6}  {'of Janus':22} {'wanted':>6}  p50 / p99 ms")
    for row in rows:
        ratio = f"{row.ratio:.2f} ({row.low:.2f}-{row.high:.2f})"
        wanted = f"{WANTED[row.server]}" if row.server in WANTED else ""
        print(
            f"{row.shape:6} {row.server:6} {row.cpu_us:6.2f}  {ratio:22} {wanted:>6}"
            f"  {row.p50_ms:.2f} / {row.p99_ms:.1f}  loss {row.loss:.2%}  load {row.load:.1f}"
        )


def main() -> None:
    """Command line; see the module's text."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--shape", action="append", help="publishers x subscribers, e.g. 1x60")
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--json", type=Path, default=RESULTS / "bridge_turns.json")
    arguments = parser.parse_args()
    if not JANUS.exists():
        sys.exit("no peer to compare with: apt-get install janus")
    os.sched_setaffinity(0, {1} if (os.cpu_count() or 1) > 1 else {0})
    rows: list[Compared] = []
    for shape in arguments.shape or SHAPES:
        rows += asyncio.run(compare(shape, arguments.turns, arguments.seconds))
    print_table(rows)
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()
