"""Sixty sites join within ten seconds: when does each see, and what does it cost the others?

    python -m bench.bridge_joins --sites 60 --seconds 10

One site publishes; the others come one after the other. Counted from the click (the offer is made)
to the last packet of the first complete key frame of the main picture.
"""

import argparse
import asyncio
import contextlib
import os
import random
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bench.bridge_links import publish
from conf.settings import MediaSettings
from tests.support.bridge import LOOPBACK, Bridge, running_bridge
from tests.support.bridge_client import Site
from tests.support.bridge_viewer import Viewer

SETTINGS = MediaSettings.model_validate(LOOPBACK.model_dump() | {"start_down_bps": 2_000_000})

PATIENCE_S = 20  # for a picture, before it counts as never


@dataclass
class Joins:
    """Times in seconds, sorted; `plis_hz`: asked of the publisher per layer, the busiest second.

    `plis`: of the layer asked for most; `asking_s`: from the first click to the last of them.
    """

    to_picture_s: list[float]
    never: int
    plis_hz: float
    plis: int
    asking_s: float
    lost_by_others: int
    cpu_ms_per_join: float
    lag_p99_ms: float
    memory_kb_per_site: float
    waited: float  # share of the time the worker was ready and had no core

    def share(self, part: float) -> float:
        """The time within which `part` of the sites saw a picture."""
        return self.to_picture_s[
            min(len(self.to_picture_s) - 1, int(len(self.to_picture_s) * part))
        ]


class Newcomer(Viewer):
    """Notes when its first picture is whole."""

    clicked_at = 0.0
    seen_at = 0.0

    def _see(self, view: memoryview, at: int, number: int, now: float, ssrc: int) -> None:
        super()._see(view, at, number, now, ssrc)
        if self.screen.pictures and not self.seen_at:
            self.seen_at = now


class Asked(Site):
    """Notes when it is asked for key frames."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.asked: list[tuple[float, int]] = []

    def _on_rtcp(self, packet: bytes) -> None:
        before = self.plis
        super()._on_rtcp(packet)
        if self.plis > before:
            self.asked.append((asyncio.get_running_loop().time(), packet[-1]))


def resident_kb(process_id: int) -> int:
    """Memory of a process."""
    pages = int(Path(f"/proc/{process_id}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def cpu_ms(process_id: int) -> tuple[float, float]:
    """CPU time of a process, and how long it waited for a core."""
    ran, waited, _ = Path(f"/proc/{process_id}/schedstat").read_text().split()
    return int(ran) / 1e6, int(waited) / 1e6


async def come(bridge: Bridge, site: Newcomer, after_s: float) -> None:
    """Click `after_s` from now."""
    await asyncio.sleep(after_s)
    site.clicked_at = asyncio.get_running_loop().time()
    answer = await bridge.worker.join("room", site.name, site.offer())
    await site.connect(answer.answer_sdp)


async def run(sites: int, seconds: float, seed: int = 1) -> Joins:
    """All of it once."""
    rng = random.Random(seed)
    names = [f"s{i}" for i in range(sites)]
    newcomers = [Newcomer(name) for name in names]
    publisher, witness = Asked("pub"), Viewer("witness")
    with tempfile.TemporaryDirectory() as directory:
        async with running_bridge(Path(directory), SETTINGS) as bridge:
            await bridge.open("room", "pub", "witness", *names, broadcast="pub")
            for site in (publisher, witness):
                answer = await bridge.worker.join("room", site.name, site.offer())
                await site.connect(answer.answer_sdp)
            media = asyncio.create_task(publish(publisher, 600))
            await asyncio.sleep(4)
            lost = sum(s.lost for s in witness.streams.values())
            publisher.asked.clear()
            process_id = bridge.worker.process_id
            memory, (cpu, waited) = resident_kb(process_id), cpu_ms(process_id)
            begun = asyncio.get_running_loop().time()
            times = sorted(rng.uniform(0, seconds) for _ in newcomers)
            joins = [come(bridge, s, at) for s, at in zip(newcomers, times, strict=True)]
            await asyncio.gather(*joins)
            await asyncio.sleep(3)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_S):
                    while not all(s.seen_at for s in newcomers):  # noqa: ASYNC110 - packets' work
                        await asyncio.sleep(0.1)
            used, waits = (
                now - then for now, then in zip(cpu_ms(process_id), (cpu, waited), strict=True)
            )
            took_ms = (asyncio.get_running_loop().time() - begun) * 1000
            stats = await bridge.worker.stats()
            result = Joins(
                sorted(s.seen_at - s.clicked_at for s in newcomers if s.seen_at),
                sum(not s.seen_at for s in newcomers),
                busiest(publisher.asked),
                max(Counter(layer for _, layer in publisher.asked).values(), default=0),
                max((at for at, _ in publisher.asked), default=begun) - begun,
                sum(s.lost for s in witness.streams.values()) - lost,
                used / sites,
                stats["loop_lag_p99_s"] * 1000,
                (resident_kb(process_id) - memory) / sites,
                waits / took_ms,
            )
            media.cancel()
            await asyncio.gather(media, return_exceptions=True)
            for one in (*newcomers, publisher, witness):
                await one.close(says_goodbye=False)
    return result


def busiest(asked: list[tuple[float, int]]) -> float:
    """The most requests for one layer in any one second."""
    return float(
        max(
            (sum(0 <= at - t < 1 and layer == which for at, layer in asked) for t, which in asked),
            default=0,
        )
    )


def main() -> None:
    """Command line; see the module's text."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--sites", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    joins = asyncio.run(run(arguments.sites, arguments.seconds))
    print(
        f"{arguments.sites} joins in {arguments.seconds:.0f} s: picture after p50 "
        f"{joins.share(0.5):.2f} s, p95 {joins.share(0.95):.2f} s, worst {joins.share(1.0):.2f} s, "
        f"never {joins.never}; {joins.plis_hz:.0f} PLI in a layer's busiest second; "
        f"{joins.lost_by_others} packets lost by a site already there; worker CPU "
        f"{joins.cpu_ms_per_join:.0f} ms per join with the media; loop lag p99 "
        f"{joins.lag_p99_ms:.1f} ms; memory {joins.memory_kb_per_site:.0f} kB per site; "
        f"no core for {joins.waited:.0%} of the time; "
        f"load {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
