"""Weak links: what a site hears and sees through loss, little bandwidth and long ways.

    python -m bench.bridge_links                       the whole matrix, and one step down
    python -m bench.bridge_links --rtt 120 --seconds 20

One site publishes three layers (150, 500 and 1500 kbit/s) and a voice; a synthetic viewer per cell
of the matrix sits behind its own link, one on a clean link beside them. Loss and delay go both
ways, the rate is downwards; the link's queue holds 300 ms. Times from the second half of a run.
"""

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path

from conf.media.client import StatsReport
from tests.support.bridge import Bridge, running_bridge
from tests.support.bridge_client import Site
from tests.support.bridge_link import Impairment, Link, link_to
from tests.support.bridge_viewer import Viewer

LOSSES = (0.0, 0.05, 0.10, 0.30)
RATES = (2_000_000, 1_000_000, 500_000, 300_000)
TRIPS_MS = (20, 120, 400)
FEW = ((0.0, 2_000_000), (0.0, 300_000), (0.10, 500_000), (0.30, 1_000_000))
VOICE_BYTES = 80  # 32 kbit/s
# Bytes per packet and packets per picture: 150, 500, 1500 kbit/s at 30 pictures a second, and the
# size tells the layer at the receiver.
LAYERS = {"q": (600, 1), "h": (1020, 2), "f": (1240, 5)}
KEY_FACTOR = 5  # a key frame is so many times a picture
OVERHEAD = 60


@dataclass
class Cell:
    """One link and what came through it. `voices`: share played, 0..1."""

    loss: float
    rate_bps: int
    trip_ms: int
    voices: float = 0.0
    pictures_hz: float = 0.0
    freezes: int = 0
    frozen_s: float = 0.0
    layer: str = "-"
    switches: int = 0
    carried_bps: float = 0.0
    estimate_bps: float = 0.0


async def publish(site: Site, seconds: float) -> None:
    """Voice and three layers with their key frames when asked, three temporal layers in each."""
    loop = asyncio.get_running_loop()
    start, tick = loop.time(), 0
    while loop.time() - start < seconds:
        tick += 1
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


def layer_of(size: int) -> str:
    """By the packet's size."""
    return min(LAYERS, key=lambda rid: abs(LAYERS[rid][0] - size))


def fill(cell: Cell, viewer: Viewer, seconds: float, begun: float) -> None:
    """What the viewer noticed since the loop time `begun`, `seconds` ago."""
    cell.voices = min(1.0, len(viewer.voices) / (50 * seconds))
    screen = viewer.screen
    cell.pictures_hz, cell.freezes = screen.pictures / seconds, screen.freezes
    cell.frozen_s = screen.frozen_s
    sizes = [(at, size) for at, size in viewer.sizes if at >= begun]
    layers = [layer_of(size) for _, size in sizes]
    cell.layer = max(set(layers), key=layers.count) if layers else "-"
    cell.switches = sum(1 for a, b in pairwise(layers) if a != b)


def forget(viewer: Viewer) -> None:
    """Count from now on."""
    viewer.voices.clear()
    viewer.sizes.clear()
    screen = viewer.screen
    screen.pictures = screen.freezes = 0
    screen.frozen_s = 0.0


async def seat(bridge: Bridge, viewer: Viewer, link: Link | None) -> None:
    """Join; through the link when there is one."""
    answer = (await bridge.worker.join("room", viewer.name, viewer.offer())).answer_sdp
    if link is not None:
        answer = answer.replace(f" {bridge.worker.port} typ", f" {link.port} typ")
    await viewer.connect(answer)


async def run(
    cells: Sequence[Cell], seconds: float, seed: int, settle_s: float = 12.0
) -> tuple[list[Cell], float]:
    """All cells at once; the clean viewer's bitrate, second half over first, comes with them."""
    names = [f"v{i}" for i in range(len(cells))]
    viewers = [Viewer(name) for name in names]
    clean, publisher = Viewer("clean"), Site("pub")
    async with contextlib.AsyncExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        bridge = await stack.enter_async_context(running_bridge(Path(directory)))
        await bridge.open("room", "pub", "clean", *names, broadcast="pub")
        answer = await bridge.worker.join("room", "pub", publisher.offer())
        await publisher.connect(answer.answer_sdp)
        await seat(bridge, clean, None)
        tasks = [asyncio.create_task(publish(publisher, 600))]
        tasks.append(asyncio.create_task(clean.repair()))
        await asyncio.sleep(settle_s)  # until it shows the highest layer
        before = clean.main().octets
        await asyncio.sleep(3)
        alone = clean.main().octets - before
        joins, ways = [], []
        for i, (cell, viewer) in enumerate(zip(cells, viewers, strict=True)):
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
        tasks += [asyncio.create_task(viewer.repair()) for viewer in viewers]
        await asyncio.sleep(seconds)
        for viewer in viewers:
            forget(viewer)
        octets = [sum(s.octets for s in viewer.streams.values()) for viewer in viewers]
        begun, before = asyncio.get_running_loop().time(), clean.main().octets
        await asyncio.sleep(seconds - 2)
        with_them = (clean.main().octets - before) * 3 / (seconds - 2)
        for cell, viewer, old in zip(cells, viewers, octets, strict=True):
            fill(cell, viewer, seconds - 2, begun)
            came = sum(s.octets for s in viewer.streams.values()) - old
            cell.carried_bps = came * 8 / (seconds - 2)
        reports = [event for event in bridge.seen if isinstance(event, StatsReport)]
        for cell, name in zip(cells, names, strict=True):
            cell.estimate_bps = reports[-1].participants.get(name, {}).get("estimate_bps", 0.0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for site in (*viewers, clean, publisher):
            await site.close(says_goodbye=False)
    return list(cells), with_them / max(alone, 1)


async def step_down(seed: int = 1) -> tuple[float, float]:
    """A good link falls to 300 kbit/s: (s until less is sent for the main picture, of a voice)."""
    publisher, viewer = Site("pub"), Viewer("v")
    down = Impairment(0.0, 0.02, 4_000_000)
    async with contextlib.AsyncExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        bridge = await stack.enter_async_context(running_bridge(Path(directory)))
        await bridge.open("room", "pub", "v", broadcast="pub")
        answer = await bridge.worker.join("room", "pub", publisher.offer())
        await publisher.connect(answer.answer_sdp)
        link = await stack.enter_async_context(
            link_to(bridge.worker.port, up=Impairment(0.0, 0.02), down=down, seed=seed)
        )
        await seat(bridge, viewer, link)
        task = asyncio.create_task(publish(publisher, 60))
        repair = asyncio.create_task(viewer.repair())
        await asyncio.sleep(25)
        loop = asyncio.get_running_loop()
        high = layer_of(viewer.sizes[-1][1])
        forget(viewer)
        down.rate_bps, fell = 300_000, loop.time()
        await asyncio.sleep(8)
        later = [at for at, size in viewer.sizes if layer_of(size) == high]
        voices = len(viewer.voices) / 400
        for one in (task, repair):
            one.cancel()
        await asyncio.gather(task, repair, return_exceptions=True)
        for site in (viewer, publisher):
            await site.close(says_goodbye=False)
    return (later[-1] - fell if later else 0.0), voices


def print_table(cells: Sequence[Cell]) -> None:
    """A row per link."""
    print(
        "\n| rtt ms | loss | link kbit/s | voices | layer | pictures/s | freezes | frozen s |",
        end="",
    )
    print(" switches | carried kbit/s | estimate kbit/s |\n|" + "---|" * 11)
    for c in cells:
        print(
            f"| {c.trip_ms} | {c.loss:.0%} | {c.rate_bps // 1000} | {c.voices:.1%} | {c.layer} | "
            f"{c.pictures_hz:.1f} | {c.freezes} | {c.frozen_s:.1f} | {c.switches} | "
            f"{c.carried_bps / 1000:.0f} | {c.estimate_bps / 1000:.0f} |"
        )


def main() -> None:
    """Command line; see the module's text."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--rtt", type=int, action="append", help="ms")
    parser.add_argument("--seconds", type=float, default=15.0, help="warm-up, then as long again")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--few", action="store_true", help="four links: for a busy machine")
    parser.add_argument("--step", action="store_true", help="only the step down")
    arguments = parser.parse_args()
    print(f"load before: {os.getloadavg()[0]:.1f}", file=sys.stderr)
    if not arguments.step:
        for trip_ms in arguments.rtt or TRIPS_MS:
            links = FEW if arguments.few else tuple(product(LOSSES, RATES))
            cells = [Cell(loss, rate, trip_ms) for loss, rate in links]
            cells, clean = asyncio.run(run(cells, arguments.seconds, arguments.seed))
            print_table(cells)
            print(f"\nclean site's bitrate with all of them, against alone: {clean:.1%}")
    fell_s, voices = asyncio.run(step_down(arguments.seed))
    print(f"\n4 Mbit/s → 300 kbit/s: last packet of the high layer after {fell_s:.2f} s, ", end="")
    print(f"voices in the 8 s after {voices:.1%}; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
