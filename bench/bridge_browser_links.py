"""Weak links with a real Chromium at their end: what its decoder says came through.

    python -m bench.bridge_browser_links [--rtt MS …] [--loss SHARE …] [--rate BPS …]

A synthetic site publishes really encoded VP8 in three layers (150, 500 and 1500 kbit/s, a key frame
every two seconds) and Opus; for each link a fresh page joins through it. Voices are what the
browser's jitter buffer did not conceal. Writes bench/results/bridge_browser_links.json. Exit 1 when
a target of bench/bridge_links.py is missed.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import av

from bench.bridge_links import Cell, print_table, tell_time
from conf.settings import MediaSettings
from tests.support.bridge import LOOPBACK, Bridge, running_bridge, take_seat
from tests.support.bridge_browser import Browsers, BrowserSite, browsers
from tests.support.bridge_client import Site
from tests.support.bridge_link import Impairment, link_to
from tests.support.encoded import opus_packets

UDP_ONLY = MediaSettings.model_validate(LOOPBACK.model_dump() | {"is_tcp_enabled": False})
LOSSES = (0.0, 0.05, 0.30)
RATES = (1_000_000, 300_000)
TRIPS_MS = (20, 120, 400)
SIZES = {"q": (320, 180, 150_000), "h": (640, 360, 500_000), "f": (1280, 720, 1_500_000)}
FIRST_AUDIO, MAIN = "3", "6"
FRAMES, RATE = 50, 25
GRAIN = bytes(100 + value % 24 for value in range(256))  # noise takes all bits it is given
RESULTS = Path(__file__).parent / "results" / "bridge_browser_links.json"


def encode(width: int, height: int, bps: int) -> list[bytes]:
    """Two seconds of VP8 of about that rate, from a key frame on."""
    encoder: Any = av.CodecContext.create("libvpx", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, RATE), Fraction(RATE)
    encoder.bit_rate, encoder.gop_size = bps, FRAMES
    encoder.options = {
        "deadline": "realtime", "cpu-used": "12", "lag-in-frames": "0",
        "minrate": str(bps), "maxrate": str(bps), "bufsize": str(bps // 2),
    }  # fmt: skip
    rng, packets = random.Random(1), []
    for number in range(FRAMES):
        frame = av.VideoFrame(width, height, "yuv420p")
        for i, plane in enumerate(frame.planes):
            size = plane.line_size * plane.height
            plane.update(bytes((128,)) * size if i else rng.randbytes(size).translate(GRAIN))
        frame.pts = number
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return packets


async def publish(site: Site, layers: dict[str, list[bytes]], seconds: float) -> None:
    """The two seconds again and again, a layer from its key frame on when one is asked for."""
    loop, voices = asyncio.get_running_loop(), opus_packets()
    start, tick, at = loop.time(), 0, dict.fromkeys(layers, 0)
    while loop.time() - start < seconds:
        tick += 1
        if tick % 50 == 1:
            tell_time(site)
        site.send_payload(site.audio, voices[tick % len(voices)], 960)
        for rid, frames in layers.items() if tick % 2 else ():
            source = site.cameras[rid]
            if source.ssrc in site.keyframe_asked:
                site.keyframe_asked.discard(source.ssrc)
                at[rid] = 0
            site.send_vp8(source, frames[at[rid] % FRAMES], 90_000 // RATE)
            at[rid] += 1
        await asyncio.sleep(max(0.0, start + tick * 0.02 - loop.time()))


async def watch(page: BrowserSite, cell: Cell, seconds: float) -> None:
    """Look twice a second; the first half is warm-up."""
    loop = asyncio.get_running_loop()
    start, first, layer = loop.time(), None, "-"
    while (now := loop.time() - start) < 2 * seconds:
        await asyncio.sleep(0.5)
        stats = (await page.stats())["inbound"]
        main = stats.get(MAIN, {})
        width = main.get("width", 0)
        shown = next((rid for rid, (w, _, _) in SIZES.items() if w == width), "-")
        if shown != layer and "-" not in (shown, layer):
            cell.switches.append((round(now, 1), layer, shown))
        layer = shown
        if first is None and now >= seconds:
            first = stats
    voice, picture = (stats.get(mid, {}) for mid in (FIRST_AUDIO, MAIN))
    old_voice, old_picture = ((first or {}).get(mid, {}) for mid in (FIRST_AUDIO, MAIN))
    samples = voice.get("samples", 0) - old_voice.get("samples", 0)
    concealed = voice.get("concealed", 0) - old_voice.get("concealed", 0)
    cell.voices = 1 - concealed / samples if samples else 0.0
    cell.pictures_hz = (picture.get("frames", 0) - old_picture.get("frames", 0)) / seconds
    cell.freezes = picture.get("freezes", 0) - old_picture.get("freezes", 0)
    cell.layer = layer


async def one(bridge: Bridge, chromium: Browsers, cell: Cell, seconds: float, seed: int) -> None:
    """A page behind this link."""
    up = Impairment(0.0, cell.trip_ms / 2000)
    down = Impairment(0.0, cell.trip_ms / 2000, cell.rate_bps)
    async with link_to(bridge.worker.port, up=up, down=down, seed=seed) as link:
        page = await chromium.site()
        offer = await page.offer(thumbnails=2, camera=False, simulcast=False)
        answer = (await bridge.worker.join("room", "v", offer)).answer_sdp
        await page.answer(answer.replace(f" {bridge.worker.port} typ", f" {link.port} typ"))
        async with asyncio.timeout(30):
            while (await page.stats())["state"] != "connected":  # noqa: ASYNC110 - a browser's
                await asyncio.sleep(0.2)
        up.loss = down.loss = cell.loss
        await watch(page, cell, seconds)
        await page.page.context.close()
        await bridge.worker.leave("v")


async def run(cells: Sequence[Cell], seconds: float, seed: int) -> None:
    """One link after the other, on one bridge and one publisher."""
    layers = {rid: encode(*size) for rid, size in SIZES.items()}
    for rid, frames in layers.items():
        rate = sum(map(len, frames)) * 8 * RATE / FRAMES
        print(f"layer {rid}: {rate / 1000:.0f} kbit/s", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        async with running_bridge(Path(folder), UDP_ONLY) as bridge, browsers() as chromium:
            await bridge.open("room", "pub", "v", broadcast="pub")
            publisher = await take_seat(bridge, "room", Site("pub"))
            sending = asyncio.create_task(publish(publisher, layers, 36_000))
            for i, cell in enumerate(cells):
                cell.others = 0.0  # nobody else is there
                await one(bridge, chromium, cell, seconds, seed + 2 * i)
                print_table([cell])
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            await publisher.close(says_goodbye=False)


def main() -> int:
    """Command line; see the module's text."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--rtt", type=int, action="append", help="ms")
    parser.add_argument("--loss", type=float, action="append", help="0..1")
    parser.add_argument("--rate", type=int, action="append", help="bit/s")
    parser.add_argument("--seconds", type=float, default=12.0, help="warm-up, then as long again")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    cells = [
        Cell(loss, rate, trip_ms)
        for trip_ms, loss, rate in product(
            given.rtt or TRIPS_MS, given.loss or LOSSES, given.rate or RATES
        )
    ]
    asyncio.run(run(cells, given.seconds, given.seed))
    print_table(cells)
    print(f"load {os.getloadavg()[0]:.1f}")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(cell) for cell in cells], indent=1))
    return 1 if any(cell.missed() for cell in cells) else 0


if __name__ == "__main__":
    sys.exit(main())
