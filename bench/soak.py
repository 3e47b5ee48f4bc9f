"""The long trials: `python -m bench.soak [--hours 4] [--kills 200] [--seed N]`.

SMS: the server killed with SIGKILL at random points, again and again, in trials of twenty, each on
a fresh database; an independent checker compares the simulated air with the board after each. Ends
when both the kills and the hours are done, or at the first broken promise.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from core.database import Base, Database
from tests.support.sms_killing import kill_again_and_again

KILLS_IN_A_TRIAL = 20
SECONDS_IN_AN_HOUR = 3600


async def trial(seed: int, kills: int) -> dict[str, object]:
    """One trial. Returns: its record, `broken` empty if every promise was kept."""
    with tempfile.TemporaryDirectory(prefix="fengsui-soak-") as folder:
        directory = Path(folder)
        url = f"sqlite+aiosqlite:///{directory / 'soak.db'}"
        async with Database(url) as database, database.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        done = await kill_again_and_again(url, directory, runs=kills, seed=seed, settle_s=120)
    return {
        "seed": seed, "kills": done.kills, "accepted": len(done.accepted),
        "unknown": done.unknown, "broken": done.broken,
    }  # fmt: skip


async def main() -> int:
    """Run trials; a JSON line each. Returns: 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=0.0)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    until = time.monotonic() + given.hours * SECONDS_IN_AN_HOUR
    kills, seed = 0, given.seed
    while kills < given.kills or time.monotonic() < until:
        record = await trial(seed, min(KILLS_IN_A_TRIAL, max(1, given.kills - kills) or 1))
        print(json.dumps(record, ensure_ascii=False), flush=True)
        if record["broken"]:
            return 1
        kills, seed = kills + KILLS_IN_A_TRIAL, seed + 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
