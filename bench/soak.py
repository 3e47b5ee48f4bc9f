"""The long trials: `python -m bench.soak [--hours 4] [--kills 200] [--seed N]`.

SMS: the server killed with SIGKILL at random points, again and again, in trials of twenty, each on
a fresh database: in turns one server on SQLite, and two on one PostgreSQL of which one is killed.
An independent checker compares the simulated air with the board after each. Ends when both the
kills and the hours are done, or at the first broken promise.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from bench._databases import KINDS, new_database
from tests.support.sms_killing import kill_again_and_again

KILLS_IN_A_TRIAL = 20
SECONDS_IN_AN_HOUR = 3600
SERVERS = {"sqlite": 1, "postgresql": 2}


def trial(kind: str, seed: int, kills: int) -> dict[str, object]:
    """One trial. Returns: its record, `broken` empty if every promise was kept."""
    with tempfile.TemporaryDirectory(prefix="fengsui-soak-") as folder, new_database(kind) as url:
        done = asyncio.run(
            kill_again_and_again(
                url, Path(folder), runs=kills, seed=seed, servers=SERVERS[kind], settle_s=120
            )
        )
    return {
        "database": kind, "servers": SERVERS[kind], "seed": seed, "kills": done.kills,
        "in_flight": done.in_flight, "accepted": len(done.accepted), "unknown": done.unknown,
        "broken": done.broken,
    }  # fmt: skip


def main() -> int:
    """Run trials; a JSON line each. Returns: 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=0.0)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    until = time.monotonic() + given.hours * SECONDS_IN_AN_HOUR
    kills, seed = 0, given.seed
    while kills < given.kills or time.monotonic() < until:
        kind = KINDS[seed % len(KINDS)]
        record = trial(kind, seed, min(KILLS_IN_A_TRIAL, max(1, given.kills - kills)))
        print(json.dumps(record, ensure_ascii=False), flush=True)
        if record["broken"]:
            return 1
        kills, seed = kills + KILLS_IN_A_TRIAL, seed + 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
