"""What forwarding costs: server CPU per forwarded packet, latency, and the highest rate.

    python -m bench.bridge                 the table, and bench/results/bridge.json
    python -m bench.bridge --shape 1x60 --rounds 3 --seconds 8
    python -m bench.bridge --saturate 1x60

The worker is pinned to core 0, all synthetic sites to core 1 (one process, over loopback). Load per
publisher, as measured for the peers: 130 video packets/s of 1150 B in 30 pictures, 50 voices/s of
80 B; every subscriber is shown every publisher. *bare*: no transport feedback, no loss. *full*:
transport feedback, 1 % of what arrives thrown away and asked for again, VP8 rewriting, statistics.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.bridge_janus import JANUS, FullIce, running_janus
from conf.media import rtcp
from conf.media.client import ParticipantState, RoomState
from conf.settings import MediaSettings
from tests.support.bridge import Bridge, running_bridge
from tests.support.bridge_client import Site

# Janus 1.1.2 with event_loops = 1, AES-128-GCM, on the reference machine when it was quiet; used
# only where the peer is not measured in the same run.
JANUS_US = {"1x1": 84.0, "1x20": 19.8, "1x60": 12.8, "5x20": 10.3}
# What a C loop of sendmmsg and AES-GCM takes, paced like the load (1x60) or hot.
FLOOR_US = {"1x1": 48.0, "1x20": 6.2, "1x60": 4.4}
SETTINGS = MediaSettings.model_validate(
    {
        "port": 0,
        "listen": "127.0.0.1",
        "max_down_bps": 100_000_000,
        "start_down_bps": 20_000_000,
    }
)
PICTURES_HZ, VIDEO_BYTES, VOICE_BYTES = 30, 1150, 80


@dataclass
class Result:
    """One run. Times in microseconds or milliseconds as named; rates per second."""

    shape: str
    mode: str
    forwarded_hz: float
    cpu_us: float
    cpu_share: float
    loss: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    lag_p99_ms: float
    rtx_hz: float
    load: float  # of the machine over the last minute; 2 cores


def cpu_ns(process_id: int) -> int:
    """CPU time of all threads of a process from the scheduler."""
    tasks = Path(f"/proc/{process_id}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)


def pin(process_id: int, core: int) -> None:
    """Every thread of the process to one core."""
    for task in Path(f"/proc/{process_id}/task").iterdir():
        os.sched_setaffinity(int(task.name), {core})


class BenchSite(Site):
    """Asks again for the share of packets it throws away, and feeds back only in full mode."""

    is_full = False
    repaired = 0
    drop_share = 0.0

    def _on_rtp(self, view: memoryview, size: int) -> None:
        if self.drop_share and view[1] & 0x7F == 96 and random.random() < self.drop_share:
            ssrc = int.from_bytes(view[8:12], "big")
            sequence = view[2] << 8 | view[3]
            self.send_rtcp(rtcp.Nack(1, ssrc, (sequence,)))
            return
        super()._on_rtp(view, size)


class BareSite(BenchSite):
    """Negotiates no transport-wide numbers, so neither side spends anything on them."""

    def offer(self) -> str:
        """The offer without transport-cc."""
        lines = super().offer().split("\r\n")
        return "\r\n".join(line for line in lines if "transport" not in line)


class JanusSite(FullIce, BareSite):
    """The same towards the peer."""


async def join_all(bridge: Bridge, publishers: int, subscribers: int, full: bool) -> list[Site]:
    """Seats for everybody in one room; publishers come first and are single-layer."""
    names = [f"p{i}" for i in range(publishers)] + [f"s{i}" for i in range(subscribers)]
    states = {name: ParticipantState() for name in names}
    await bridge.open("bench")
    await bridge.worker.apply("bench", RoomState(2, states, broadcast="p0"))
    sites: list[Site] = []
    kind = BenchSite if full else BareSite
    for i, name in enumerate(names):
        site = kind(name, layers=(), thumbnails=8)
        site.drop_share = 0.01 if full and i >= publishers else 0.0
        answer = await bridge.worker.join("bench", name, site.offer())
        await site.connect(answer.answer_sdp)
        sites.append(site)
    return sites


async def send(publishers: list[Site], seconds: float, factor: float = 1.0) -> None:
    """The load of `seconds`; `factor` scales the picture rate."""
    loop = asyncio.get_running_loop()
    pictures_hz = PICTURES_HZ * factor
    events = [
        (start + i / hz, kind, site)
        for k, site in enumerate(publishers)
        for kind, hz in (("voice", 50.0), ("picture", pictures_hz))
        for start in (k / len(publishers) / hz,)
        for i in range(int(seconds * hz))
    ]
    events.sort(key=lambda event: event[0])
    begin = loop.time()
    for count, (at, kind, site) in enumerate(events):
        wait = begin + at - loop.time()
        if wait > 0:
            await asyncio.sleep(wait)
        elif count % 8 == 0:
            await asyncio.sleep(0)
        if kind == "voice":
            site.send_audio(size=VOICE_BYTES)
            continue
        source = site.cameras[""]
        asked = source.ssrc in site.keyframe_asked or source.packets == 0
        site.keyframe_asked.discard(source.ssrc)
        packets = 5 if source.picture % 3 == 0 else 4  # 130 packets/s at 30 pictures/s
        site.send_frame("", packets=packets, key=asked, size=VIDEO_BYTES)


def received(sites: list[Site]) -> int:
    """Media packets all sites got, repairs included."""
    return sum(site.received() for site in sites)


async def measure(
    process_id: int, sites: list[Site], publishers: int, seconds: float, factor: float = 1.0
) -> tuple[float, float, float, float, list[float]]:
    """(forwarded/s, CPU µs each, CPU share, loss, latencies ms) of one stretch of load."""
    senders, receivers = sites[:publishers], sites[publishers:]
    lost = sum(s.lost for site in receivers for s in site.streams.values())
    for site in receivers:
        site.wants_latency = True
        site.latencies.clear()
    before, got = cpu_ns(process_id), received(sites)
    start = time.monotonic()
    await send(senders, seconds, factor)
    await asyncio.sleep(0.1)
    elapsed = time.monotonic() - start
    used_us = (cpu_ns(process_id) - before) / 1000
    count = received(sites) - got
    lost = sum(s.lost for site in receivers for s in site.streams.values()) - lost
    latencies = sorted(x * 1000 for site in receivers for x in site.latencies)
    return (
        count / elapsed,
        used_us / max(count, 1),
        used_us / elapsed / 1e6,
        lost / max(count + lost, 1),
        latencies,
    )


def percentile(values: list[float], share: float) -> float:
    """Of a sorted list; 0 when empty."""
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def result(
    shape: str, mode: str, measured: tuple[float, float, float, float, list[float]], **more: float
) -> Result:
    """What one run says."""
    rate, cpu_us, share, loss, latencies = measured
    p50, p95, p99 = (percentile(latencies, x) for x in (0.5, 0.95, 0.99))
    figures = {"lag_p99_ms": 0.0, "rtx_hz": 0.0} | more
    return Result(
        shape, mode, rate, cpu_us, share, loss, p50, p95, p99, load=os.getloadavg()[0], **figures
    )


async def run(shape: str, mode: str, seconds: float) -> Result:
    """A fresh worker, everybody joined, seconds of warm-up, one measurement."""
    publishers, subscribers = (int(n) for n in shape.split("x"))
    with tempfile.TemporaryDirectory() as directory:
        async with running_bridge(Path(directory), SETTINGS) as bridge:
            pin(bridge.worker.process_id, 0)
            sites = await join_all(bridge, publishers, subscribers, mode == "full")
            await send(sites[:publishers], 4.0)
            before = await bridge.worker.stats()
            measured = await measure(bridge.worker.process_id, sites, publishers, seconds)
            stats = await bridge.worker.stats()
            repaired = sum(
                sign * (s["packets_sent_total"] - s["packets_forwarded_total"])
                for sign, s in ((1, stats), (-1, before))
            )
            for site in sites:
                await site.close(says_goodbye=False)
            lag_ms = stats["loop_lag_p99_s"] * 1000
            return result(shape, mode, measured, lag_p99_ms=lag_ms, rtx_hz=repaired / seconds)


async def run_janus(shape: str, seconds: float) -> Result:
    """The same load through Janus, without loss and feedback: its cheapest."""
    publishers, subscribers = (int(n) for n in shape.split("x"))
    with tempfile.TemporaryDirectory() as directory:
        async with running_janus(Path(directory)) as janus:
            pin(janus.process_id, 0)
            sites: list[Site] = [JanusSite(f"p{i}", layers=()) for i in range(publishers)]
            for i, publisher in enumerate(sites):
                await janus.publish(publisher, i + 1)
            await send(sites, 0.5)
            for i in range(subscribers):
                subscriber = JanusSite(f"s{i}", layers=())
                await janus.subscribe(subscriber, list(range(1, publishers + 1)))
                sites.append(subscriber)
            await send(sites[:publishers], 4.0)
            pin(janus.process_id, 0)
            measured = await measure(janus.process_id, sites, publishers, seconds)
            for site in sites:
                await site.close(says_goodbye=False)
            return result(shape, "janus", measured)


async def saturate(shape: str, step_s: float = 2.0) -> float:
    """Raise the picture rate until loss > 1 % or p99 > 100 ms; the highest rate that held."""
    publishers, subscribers = (int(n) for n in shape.split("x"))
    best, factor = 0.0, 2.0
    with tempfile.TemporaryDirectory() as directory:
        async with running_bridge(Path(directory), SETTINGS) as bridge:
            pin(bridge.worker.process_id, 0)
            sites = await join_all(bridge, publishers, subscribers, full=False)
            await send(sites[:publishers], 3.0)
            while factor < 40:
                rate, cpu_us, share, loss, latencies = await measure(
                    bridge.worker.process_id, sites, publishers, step_s, factor
                )
                p99 = percentile(latencies, 0.99)
                print(
                    f"  x{factor:4.1f}: {rate:8.0f}/s {cpu_us:5.2f} us {share:4.0%} "
                    f"loss {loss:.2%} p99 {p99:.1f} ms"
                )
                if loss > 0.01 or p99 > 100:
                    break
                best, factor = max(best, rate), factor * 1.3
            for site in sites:
                await site.close(says_goodbye=False)
    return best


def print_table(results: list[Result]) -> None:
    """Medians per shape and mode, the peer's recorded figure beside."""
    print(
        "\n| shape | mode | out/s | us/packet (range) | Janus loops1 | ratio | floor | core | loss "
        "| p50/p95/p99 ms | lag p99 ms | load |\n|---|---|---|---|---|---|---|---|---|---|---|---|"
    )
    for shape, mode in dict.fromkeys((r.shape, r.mode) for r in results):
        rows = [r for r in results if (r.shape, r.mode) == (shape, mode)]
        peers = [r.cpu_us for r in results if (r.shape, r.mode) == (shape, "janus")]
        costs = [r.cpu_us for r in rows]
        middle = sorted(rows, key=lambda r: r.cpu_us)[len(rows) // 2]
        cost = statistics.median(costs)
        janus = statistics.median(peers) if peers else JANUS_US.get(shape, 0.0)
        ratio = f"{cost / janus:.2f}" if janus else "-"
        loads = [r.load for r in rows]
        print(
            f"| {shape} | {mode} | {middle.forwarded_hz:.0f} | {cost:.1f} "
            f"({min(costs):.1f}-{max(costs):.1f}) | {janus:.1f}{'' if peers else ' recorded'} | "
            f"{ratio} | {FLOOR_US.get(shape, 2.9)} | {middle.cpu_share:.1%} | {middle.loss:.2%} | "
            f"{middle.p50_ms:.2f}/{middle.p95_ms:.2f}/{middle.p99_ms:.2f} | "
            f"{middle.lag_p99_ms:.1f} | {min(loads):.1f}-{max(loads):.1f} |"
        )


def main() -> None:
    """Command line; see the module's text."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--shape", action="append", help="publishers x subscribers, e.g. 1x60")
    parser.add_argument("--mode", action="append", choices=("janus", "bare", "full"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--saturate", metavar="SHAPE")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {1} if (os.cpu_count() or 1) > 1 else {0})
    if arguments.saturate:
        best = asyncio.run(saturate(arguments.saturate))
        print(f"highest sustained: {best:.0f} packets/s (Janus loops1: 113900 at 1x60)")
        return
    results = []
    modes = ["janus", "bare", "full"] if JANUS.exists() else ["bare", "full"]
    for _ in range(arguments.rounds):
        for shape in arguments.shape or ["1x1", "1x20", "1x60", "5x20"]:
            for mode in arguments.mode or modes:
                one = run_janus(shape, arguments.seconds) if mode == "janus" else None
                results.append(asyncio.run(one or run(shape, mode, arguments.seconds)))
                print(results[-1], file=sys.stderr)
    print_table(results)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(r) for r in results], indent=1))


if __name__ == "__main__":
    main()
