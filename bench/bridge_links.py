"""Weak links: what a site hears and sees through loss, little bandwidth and long ways.

    python -m bench.bridge_links                       the whole matrix, and steps down
    python -m bench.bridge_links --rtt 120 --seconds 20

A real browser at the end of the link: bench/bridge_browser_links.py.
One site publishes three layers (150, 500 and 1500 kbit/s) and a voice; four links at a time have
a synthetic viewer each behind them, one on a clean link sits beside them. Loss and delay go both
ways, the rate is downwards; the link's queue holds 300 ms. Figures from the second half of a run,
switches from all of it. Writes bench/results/bridge_links.json. Exit 1 when a target is missed:
no rise within 10 s of the switch before, down within 1 s, 95 % of the voices at 30 % loss up to
120 ms, others' bitrate within 5 %.
"""

import argparse
import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise, product
from pathlib import Path

from conf.media import rtcp
from conf.media.client import StatsReport
from conf.media.lag import LagMeter
from tests.support.bridge import Bridge, running_bridge
from tests.support.bridge_client import Site
from tests.support.bridge_link import Impairment, Link, link_to
from tests.support.bridge_viewer import Viewer

LOSSES = (0.0, 0.05, 0.10, 0.30)
RATES = (2_000_000, 1_000_000, 500_000, 300_000)
TRIPS_MS = (20, 120, 400)
FEW = ((0.0, 2_000_000), (0.0, 300_000), (0.10, 500_000), (0.30, 1_000_000))
AT_ONCE = 4
VOICE_BYTES = 80  # 32 kbit/s
# Bytes per packet and packets per picture: 150, 500, 1500 kbit/s at 30 pictures a second, and the
# size tells the layer at the receiver.
LAYERS = {"q": (600, 1), "h": (1020, 2), "f": (1240, 5)}
ORDER = "qhf"
KEY_FACTOR = 5  # a key frame is so many times a picture
HOLD_S = 9.0  # 10 s at the bridge, less what a fall needs to show on the wire
DOWN_S = 1.0
RESULTS = Path(__file__).parent / "results" / "bridge_links.json"


@dataclass
class Cell:
    """One link and what came through it. `voices`: share played, 0..1.

    `switches`: seconds since the join, layer before, layer after.
    """

    loss: float
    rate_bps: int
    trip_ms: int
    voices: float = 0.0
    pictures_hz: float = 0.0
    freezes: int = 0
    frozen_s: float = 0.0
    layer: str = "-"
    switches: list[tuple[float, str, str]] = field(default_factory=list)
    carried_bps: float = 0.0
    estimate_bps: float = 0.0
    others: float = 1.0
    client_late_ms: float = 0.0

    @property
    def swings(self) -> int:
        """Rises that were taken back."""
        return sum(_is_rise(a) and not _is_rise(b) for a, b in pairwise(self.switches))

    def missed(self) -> list[str]:
        """Targets this link did not reach."""
        found = [f"rise after {after:.1f} s" for after in hasty_rises(self.switches)]
        if self.loss >= 0.3 and self.trip_ms <= 120 and self.voices < 0.95:
            found.append(f"voices {self.voices:.1%}")
        if self.others and abs(1 - self.others) >= 0.05:
            found.append(f"others at {self.others:.1%}")
        return found


def _is_rise(switch: tuple[float, str, str]) -> bool:
    return ORDER.index(switch[2]) > ORDER.index(switch[1])


def switches_of(sizes: Sequence[tuple[float, int]]) -> list[tuple[float, str, str]]:
    """When the layer changed, by the sizes of main's packets; from the first packet on."""
    told = [(at, layer_of(size)) for at, size in sizes]
    return [
        (round(at - told[0][0], 2), before, after)
        for (_, before), (at, after) in pairwise(told)
        if before != after
    ]


def hasty_rises(switches: Sequence[tuple[float, str, str]]) -> list[float]:
    """Seconds from a switch to a rise that came too soon; before the first fall all may rise."""
    falls = [i for i, switch in enumerate(switches) if not _is_rise(switch)]
    after_fall = switches[falls[0] :] if falls else []
    return [
        later[0] - earlier[0]
        for earlier, later in pairwise(after_fall)
        if _is_rise(later) and later[0] - earlier[0] < HOLD_S
    ]


async def publish(site: Site, seconds: float) -> None:
    """Voice and three layers with their key frames when asked, three temporal layers in each."""
    loop = asyncio.get_running_loop()
    start, tick = loop.time(), 0
    while loop.time() - start < seconds:
        tick += 1
        if tick % 50 == 1:
            tell_time(site)
        site.send_audio(size=VOICE_BYTES)
        if tick % 5 in (0, 2, 3):
            for rid, source in site.cameras.items():
                is_key = source.ssrc in site.keyframe_asked or source.packets == 0
                site.keyframe_asked.discard(source.ssrc)
                size, packets = LAYERS[rid]
                temporal = (0, 2, 1, 2)[source.picture % 4]
                site.send_frame(
                    rid,
                    packets=packets * (KEY_FACTOR if is_key else 1),
                    key=is_key,
                    size=size,
                    temporal=0 if is_key else temporal,
                )
        await asyncio.sleep(max(0.0, start + tick * 0.02 - loop.time()))


def tell_time(site: Site) -> None:
    """A sender report of each source: without it nobody is sent one, nor tells its round trip."""
    now = rtcp.ntp_time(time.time())
    sources = (site.audio, *site.cameras.values())
    site.send_rtcp(*(rtcp.SenderReport(s.ssrc, now, s.timestamp, s.packets, 0) for s in sources))


def layer_of(size: int) -> str:
    """By the packet's size."""
    return min(LAYERS, key=lambda rid: abs(LAYERS[rid][0] - size))


def fill(cell: Cell, viewer: Viewer, seconds: float, begun: float, spoken: int) -> None:
    """What the viewer noticed since the loop time `begun`, `seconds` ago; `spoken` voices ago."""
    cell.voices = min(1.0, len(viewer.voices) / max(spoken, 1))
    screen = viewer.screen
    screen.stop(begun, asyncio.get_running_loop().time())
    cell.pictures_hz, cell.freezes = screen.pictures / seconds, screen.freezes
    cell.frozen_s = screen.frozen_s
    layers = [layer_of(size) for at, size in viewer.sizes if at >= begun]
    cell.layer = max(set(layers), key=layers.count) if layers else "-"
    cell.switches = switches_of(viewer.sizes)


def forget(viewer: Viewer) -> None:
    """Count from now on; what the layer was is kept."""
    viewer.voices.clear()
    screen = viewer.screen
    screen.pictures = screen.freezes = 0
    screen.frozen_s = 0.0


async def seat(bridge: Bridge, viewer: Viewer, link: Link | None) -> None:
    """Join; through the link when there is one."""
    answer = (await bridge.worker.join("room", viewer.name, viewer.offer())).answer_sdp
    if link is not None:
        answer = answer.replace(f" {bridge.worker.port} typ", f" {link.port} typ")
    await viewer.connect(answer)


@dataclass
class Stage:
    """A room with who publishes, and a viewer on a clean link."""

    bridge: Bridge
    publisher: Site
    clean: Viewer
    lag: LagMeter = field(default_factory=LagMeter)
    unheard: int = 0  # voices the clean viewer missed while it counted

    async def watch_lag(self) -> None:
        """Run as a task: how late this process, the client of all, is."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + 0.02
            await asyncio.sleep(0.02)
            self.lag.add(loop.time(), loop.time() - due)


class Sent:
    """What the publisher has sent, and the clean viewer got, since this was made.

    Ratios of the two: a busy machine sends less, and is not to be taken for a bridge that does.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._before = self._now()

    def _now(self) -> tuple[int, int, int]:
        publisher = self._stage.publisher
        highest = publisher.cameras[ORDER[-1]]
        return publisher.audio.packets, highest.octets, self._stage.clean.main().octets

    def voices(self) -> int:
        """Of the publisher."""
        return self._now()[0] - self._before[0]

    def share_of_pictures(self) -> float:
        """Octets of main at the clean viewer, of those of the highest layer."""
        _, sent, came = (now - then for now, then in zip(self._now(), self._before, strict=True))
        return came / max(sent, 1)


@contextlib.asynccontextmanager
async def open_stage(names: Sequence[str]) -> AsyncIterator[Stage]:
    """A bridge with publisher and clean viewer seated; `names` may join."""
    with tempfile.TemporaryDirectory() as directory:
        async with running_bridge(Path(directory)) as bridge:
            stage = Stage(bridge, Site("pub"), Viewer("clean"))
            await bridge.open("room", "pub", "clean", *names, broadcast="pub")
            answer = await bridge.worker.join("room", "pub", stage.publisher.offer())
            await stage.publisher.connect(answer.answer_sdp)
            await seat(bridge, stage.clean, None)
            tasks = [
                asyncio.create_task(publish(stage.publisher, 36_000)),
                asyncio.create_task(stage.clean.repair()),
                asyncio.create_task(stage.watch_lag()),
            ]
            try:
                yield stage
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                for site in (stage.clean, stage.publisher):
                    await site.close(says_goodbye=False)


async def run(
    cells: Sequence[Cell], seconds: float, seed: int, settle_s: float = 12.0
) -> tuple[list[Cell], int]:
    """Four cells at a time; with them how many voices the clean viewer missed at most."""
    names = [f"v{i}" for i in range(len(cells))]
    async with open_stage(names) as stage:
        await asyncio.sleep(settle_s)  # until the clean viewer is shown the highest layer
        for at in range(0, len(cells), AT_ONCE):
            some = list(zip(cells, names, strict=True))[at : at + AT_ONCE]
            await run_some(stage, some, seconds, seed + 2 * at)
        return list(cells), stage.unheard


async def run_some(
    stage: Stage, some: Sequence[tuple[Cell, str]], seconds: float, seed: int
) -> None:
    """These cells at once, beside the clean viewer."""
    bridge, clean = stage.bridge, stage.clean
    sent = Sent(stage)
    await asyncio.sleep(3)
    alone = sent.share_of_pictures()
    viewers = [Viewer(name, round_trip_s=cell.trip_ms / 1000) for cell, name in some]
    async with contextlib.AsyncExitStack() as stack:
        joins, ways = [], []
        for i, ((cell, _), viewer) in enumerate(zip(some, viewers, strict=True)):
            up = Impairment(0.0, cell.trip_ms / 2000)
            down = Impairment(0.0, cell.trip_ms / 2000, cell.rate_bps)
            link = await stack.enter_async_context(
                link_to(bridge.worker.port, up=up, down=down, seed=seed + 2 * i)
            )
            ways.append((cell.loss, up, down))
            joins.append(seat(bridge, viewer, link))
        await asyncio.gather(*joins)
        for loss, up, down in ways:  # not before: a handshake lost for good is another matter
            up.loss = down.loss = loss
        repairs = [asyncio.create_task(viewer.repair()) for viewer in viewers]
        await asyncio.sleep(seconds)
        for viewer in viewers:
            forget(viewer)
        octets = [sum(s.octets for s in viewer.streams.values()) for viewer in viewers]
        begun, sent = asyncio.get_running_loop().time(), Sent(stage)
        stage.lag = LagMeter()
        forget(clean)
        await asyncio.sleep(seconds - 2)
        others, spoken = sent.share_of_pictures() / max(alone, 1e-9), sent.voices()
        stage.unheard = max(stage.unheard, spoken - len(clean.voices))
        reports = [event for event in bridge.seen if isinstance(event, StatsReport)]
        for (cell, name), viewer, old in zip(some, viewers, octets, strict=True):
            fill(cell, viewer, seconds - 2, begun, spoken)
            came = sum(s.octets for s in viewer.streams.values()) - old
            cell.carried_bps, cell.others = came * 8 / (seconds - 2), others
            cell.estimate_bps = reports[-1].participants.get(name, {}).get("estimate_bps", 0.0)
            cell.client_late_ms = stage.lag.p99() * 1000
        await end(repairs, viewers, bridge)


async def end(
    repairs: Sequence[asyncio.Task[None]], viewers: Sequence[Viewer], bridge: Bridge
) -> None:
    """These viewers leave."""
    for task in repairs:
        task.cancel()
    await asyncio.gather(*repairs, return_exceptions=True)
    for viewer in viewers:
        await viewer.close(says_goodbye=False)
        await bridge.worker.leave(viewer.name)


async def settled(viewer: Viewer, rid: str) -> None:
    """Wait until that layer has been shown for three seconds."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(0.5)
        late = [layer_of(size) for at, size in viewer.sizes if at > loop.time() - 3]
        if set(late) == {rid}:
            return


async def step_down(seed: int = 1) -> tuple[float, float]:
    """A good link falls to 300 kbit/s: (s until less is sent for the main picture, of a voice)."""
    viewer, down = Viewer("v"), Impairment(0.0, 0.02, 4_000_000)
    async with open_stage(["v"]) as stage:
        port = stage.bridge.worker.port
        async with link_to(port, up=Impairment(0.0, 0.02), down=down, seed=seed) as link:
            await seat(stage.bridge, viewer, link)
            repair = asyncio.create_task(viewer.repair())
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(120):
                await settled(viewer, "f")
            forget(viewer)
            down.rate_bps, fell, sent = 300_000, loop.time(), Sent(stage)
            await asyncio.sleep(8)
            later = [at for at, size in viewer.sizes if at >= fell and layer_of(size) == "f"]
            voices = min(1.0, len(viewer.voices) / max(sent.voices(), 1))
            await end([repair], [viewer], stage.bridge)
    return (later[-1] - fell if later else 0.0), voices


def print_table(cells: Sequence[Cell]) -> None:
    """A row per link."""
    print("\n| rtt ms | loss | link kbit/s | voices | layer | pictures/s | freezes (s) ", end="")
    print(
        "| switches at s | swings | carried kbit/s | estimate kbit/s | others | late ms | missed |"
    )
    print("|" + "---|" * 14)
    for c in cells:
        switches = " ".join(f"{at:.0f}{before}{after}" for at, before, after in c.switches)
        print(
            f"| {c.trip_ms} | {c.loss:.0%} | {c.rate_bps // 1000} | {c.voices:.1%} | {c.layer} | "
            f"{c.pictures_hz:.1f} | {c.freezes} ({c.frozen_s:.1f}) | {switches} | {c.swings} | "
            f"{c.carried_bps / 1000:.0f} | {c.estimate_bps / 1000:.0f} | {c.others:.1%} | "
            f"{c.client_late_ms:.0f} | {', '.join(c.missed())} |"
        )


def main() -> int:
    """Command line; see the module's text."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--rtt", type=int, action="append", help="ms")
    parser.add_argument("--loss", type=float, action="append", help="0..1")
    parser.add_argument("--rate", type=int, action="append", help="bit/s")
    parser.add_argument("--seconds", type=float, default=15.0, help="warm-up, then as long again")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--few", action="store_true", help="four links: for a busy machine")
    parser.add_argument("--steps", type=int, default=3, help="how often to step down")
    given = parser.parse_args()
    print(f"load before: {os.getloadavg()[0]:.1f}", file=sys.stderr)
    links = FEW if given.few else tuple(product(given.loss or LOSSES, given.rate or RATES))
    cells: list[Cell] = []
    for trip_ms in given.rtt or TRIPS_MS:
        some = [Cell(loss, rate, trip_ms) for loss, rate in links]
        cells += asyncio.run(run(some, given.seconds, given.seed))[0]
        print_table(some)
    downs = [asyncio.run(step_down(i)) for i in range(given.steps)]
    for fell_s, voices in downs:
        print(
            f"4 Mbit/s to 300 kbit/s: last packet of the high layer after {fell_s:.2f} s, ", end=""
        )
        print(f"voices in the 8 s after {voices:.1%}")
    load = os.getloadavg()[0]
    print(f"load {load:.1f}")
    RESULTS.parent.mkdir(exist_ok=True)
    told = {"load": load, "cells": [asdict(cell) for cell in cells], "downs": downs}
    RESULTS.write_text(json.dumps(told, indent=1))
    is_bad = any(cell.missed() for cell in cells) or any(fell > DOWN_S for fell, _ in downs)
    return 1 if is_bad else 0


if __name__ == "__main__":
    sys.exit(main())
