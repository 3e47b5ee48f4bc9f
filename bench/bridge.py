"""What forwarding costs: server CPU per forwarded packet, latency, and the highest rate.

    python -m bench.bridge                 everything, about nine minutes; writes bench/results/
    python -m bench.bridge --shape 1x60 --mode full --rounds 1 --no-highest
    python -m bench.bridge --shape 20x20 --layers q,h,f --pictures 6     six times as many a second
    python -m bench.bridge --highest-only

The worker is pinned to core 0, all synthetic sites to core 1 (one process, over loopback). PxS: P
sites publish and watch nobody, S others subscribe and are shown all they have slots for. Load per
publisher, as measured for the peers: 130 video packets/s of 1150 B in 30 pictures, 50 voices/s of
80 B; with layers, a packet and two more per picture in the smaller ones, but for those the bridge
has asked it to pause, as it asks a page. *bare*: no transport feedback, no loss. *full*: transport
feedback, 1 % of the pictures' packets thrown away and asked for again, VP8 rewriting, statistics.
Subscribers count packets and decrypt one picture's packet in fifty (bench/bridge_sink.py). Where
Debian's janus is installed it alternates with ours, round by round.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from bench.bridge_janus import JANUS, FullIce, running_janus
from bench.bridge_sink import CountingSite
from conf.media.client import LayersWanted, ParticipantState, RoomState
from conf.settings import MediaSettings
from core.errors import AppError
from tests.support.bridge import Bridge, running_bridge
from tests.support.bridge_client import Site

# Janus 1.1.2 with event_loops = 1, AES-128-GCM, on the reference machine when it was quiet; used
# only where the peer is not measured in the same run.
JANUS_US = {"1x1": 84.0, "1x20": 19.8, "1x60": 12.8, "5x20": 10.3}
# What a C loop of sendmmsg and AES-GCM takes, paced like the load (1x60) or hot.
FLOOR_US = {"1x1": 48.0, "1x20": 6.2, "1x60": 4.4}
HOT_FLOOR_US = 2.9
GOALS_US = {"1x60": 9.0, "5x20": 8.0, "7x60": 6.0, "20x20": 6.0}  # of full
P99_MS = {"1x60": 3.6}  # targets of added latency; p50 1 ms everywhere
SHAPES = ("1x60", "5x20", "7x60", "20x20")  # 7x60: 63 600 packets a second
SIMULCAST = {"20x20": ("q", "h", "f")}
PACKETS = {"q": (1,), "h": (2,), "f": (5, 4, 4), "": (5, 4, 4)}  # of a picture, in turns
T = TypeVar("T")
RESULTS = Path(__file__).parent / "results"
SETTINGS = MediaSettings.model_validate(
    {
        "port": 0,
        "listen": "127.0.0.1",
        "max_down_bps": 100_000_000,
        "max_up_bps": 100_000_000,
        "start_down_bps": 20_000_000,
    }
)
PICTURES_HZ, VIDEO_BYTES, VOICE_BYTES = 30, 1150, 80
WARM_UP_S = 4.0
PAUSED_S = 5.0  # longer with layers, until those nobody watches have been paused at the source
FIRST_FACTOR, STEP = 4.0, 1.25  # of the picture rate, when looking for the highest


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
    p99_ms: float
    lag_p99_ms: float
    rtx_hz: float
    segments: float  # packets a message to the kernel
    load: float  # of the machine over the last minute; 2 cores


@dataclass
class Highest:
    """One search for the highest sustained rate; `limit`: what ended it."""

    server: str
    shape: str
    forwarded_hz: float
    cpu_us: float
    limit: str
    load: float


def cpu_ns(process_id: int) -> int:
    """CPU time of all threads of a process from the scheduler."""
    tasks = Path(f"/proc/{process_id}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)


def pin(process_id: int, core: int) -> None:
    """Every thread of the process to one core."""
    for task in Path(f"/proc/{process_id}/task").iterdir():
        os.sched_setaffinity(int(task.name), {core})


class FullSite(CountingSite):
    """Feeds back, throws away and asks again."""

    drops = True


class BareSite(CountingSite):
    """Negotiates no transport-wide numbers, so neither side spends anything on them."""

    def offer(self) -> str:
        """The offer without transport-cc."""
        lines = super().offer().split("\r\n")
        return "\r\n".join(line for line in lines if "transport" not in line)


class JanusSite(FullIce, BareSite):
    """The same towards the peer."""


async def join_all(
    bridge: Bridge, shape: str, mode: str, layers: tuple[str, ...] = ()
) -> tuple[list[Site], list[Site]]:
    """Seats for everybody in one room: publishers, subscribers."""
    count, subscribers = (int(n) for n in shape.split("x"))
    names = [f"p{i}" for i in range(count)] + [f"s{i}" for i in range(subscribers)]
    states = {name: ParticipantState() for name in names}
    await bridge.open("bench")
    await bridge.worker.apply("bench", RoomState(2, states, broadcast="p0"))
    sites: list[Site] = []
    kind = FullSite if mode == "full" else BareSite
    for i, name in enumerate(names):
        site = kind(name, layers=layers if i < count else (), thumbnails=8)
        site.watches = i >= count  # as with the peer: what goes to a publisher would not be counted
        answer = await bridge.worker.join("bench", name, site.offer())
        await site.connect(answer.answer_sdp)
        sites.append(site)
    return sites[:count], sites[count:]


async def send(publishers: list[Site], seconds: float, factor: float = 1.0) -> None:
    """The load of `seconds`; `factor` scales the picture rate."""
    loop = asyncio.get_running_loop()
    events = [
        (start + i / hz, kind, site)
        for k, site in enumerate(publishers)
        for kind, hz in (("voice", 50.0), ("picture", PICTURES_HZ * factor))
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
        else:
            send_picture(site)


async def obey(bridge: Bridge, publishers: list[Site]) -> None:
    """Run as a task: they stop and begin layers as the bridge asks, as a page does."""
    names, seen = {site.name: site for site in publishers}, 0
    while True:
        for event in bridge.seen[seen:]:
            if isinstance(event, LayersWanted) and event.participant_id in names:
                site = names[event.participant_id]
                assert isinstance(site, CountingSite)
                site.unwanted = frozenset(site.cameras) - frozenset(event.rids)
        seen = len(bridge.seen)
        await asyncio.sleep(0.1)


def send_picture(site: Site) -> None:
    """One picture of each layer that is wanted, a key frame where one was asked for."""
    unwanted = site.unwanted if isinstance(site, CountingSite) else frozenset()
    for rid, source in site.cameras.items():
        if rid in unwanted:
            continue
        asked = source.ssrc in site.keyframe_asked or source.packets == 0
        site.keyframe_asked.discard(source.ssrc)
        sizes = PACKETS[rid]
        packets = sizes[source.picture % len(sizes)]
        site.send_frame(rid, packets=packets, key=asked, size=VIDEO_BYTES)


def received(sites: list[Site]) -> int:
    """Media packets all sites got, repairs included."""
    return sum(site.received() for site in sites)


@dataclass
class Measured:
    """One stretch of load."""

    forwarded_hz: float
    cpu_us: float
    cpu_share: float
    loss: float
    p50_ms: float
    p99_ms: float


async def measure(
    process_id: int,
    publishers: list[Site],
    subscribers: list[Site],
    seconds: float,
    factor: float = 1.0,
) -> Measured:
    """What the server spent and what came."""
    lost = lost_by(subscribers)
    for site in subscribers:
        site.wants_latency = True
        site.latencies.clear()
    before, got = cpu_ns(process_id), received(subscribers)
    start = time.monotonic()
    await send(publishers, seconds, factor)
    await asyncio.sleep(0.1)
    elapsed = time.monotonic() - start
    used_us = (cpu_ns(process_id) - before) / 1000
    count, lost = received(subscribers) - got, lost_by(subscribers) - lost
    latencies = sorted(x * 1000 for site in subscribers for x in site.latencies)
    return Measured(
        count / elapsed,
        used_us / max(count, 1),
        used_us / elapsed / 1e6,
        lost / max(count + lost, 1),
        percentile(latencies, 0.5),
        percentile(latencies, 0.99),
    )


def lost_by(sites: list[Site]) -> int:
    """Gaps in all their streams."""
    return sum(stream.lost for site in sites for stream in site.streams.values())


def percentile(values: list[float], share: float) -> float:
    """Of a sorted list; 0 when empty."""
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0.0


async def close_all(*groups: list[Site]) -> None:
    """Fall silent."""
    for sites in groups:
        for site in sites:
            await site.close(says_goodbye=False)


@asynccontextmanager
async def ours(
    shape: str, mode: str, layers: tuple[str, ...] = (), factor: float = 1.0
) -> AsyncIterator[tuple[Bridge, list[Site], list[Site]]]:
    """A fresh pinned worker and everybody joined and warm."""
    with tempfile.TemporaryDirectory() as directory:
        async with running_bridge(Path(directory), SETTINGS) as bridge:
            pin(bridge.worker.process_id, 0)
            publishers, subscribers = await join_all(bridge, shape, mode, layers)
            obedience = asyncio.create_task(obey(bridge, publishers))
            await send(publishers, WARM_UP_S + (PAUSED_S if layers else 0.0), factor)
            yield bridge, publishers, subscribers
            obedience.cancel()
            await close_all(publishers, subscribers)


@asynccontextmanager
async def theirs(
    shape: str, factor: float = 1.0
) -> AsyncIterator[tuple[int, list[Site], list[Site]]]:
    """The same with the peer, without loss and feedback: its cheapest."""
    count, others = (int(n) for n in shape.split("x"))
    with tempfile.TemporaryDirectory() as directory:
        async with running_janus(Path(directory)) as janus:
            pin(janus.process_id, 0)
            publishers: list[Site] = [JanusSite(f"p{i}", layers=()) for i in range(count)]
            for i, publisher in enumerate(publishers):
                await janus.publish(publisher, i + 1)
            await send(publishers, 0.5)
            subscribers: list[Site] = []
            for i in range(others):
                subscriber = JanusSite(f"s{i}", layers=())
                await janus.subscribe(subscriber, list(range(1, count + 1)))
                subscribers.append(subscriber)
            await send(publishers, WARM_UP_S, factor)
            pin(janus.process_id, 0)
            yield janus.process_id, publishers, subscribers
            await close_all(publishers, subscribers)


async def run(
    shape: str, mode: str, seconds: float, layers: tuple[str, ...] = (), factor: float = 1.0
) -> Result:
    """One measurement of ours; `factor` scales the picture rate."""
    async with ours(shape, mode, layers, factor) as (bridge, publishers, subscribers):
        before = await bridge.worker.stats()
        measured = await measure(bridge.worker.process_id, publishers, subscribers, seconds, factor)
        stats = await bridge.worker.stats()
        grown = {name: stats[name] - before.get(name, 0.0) for name in stats}
        sent = grown["packets_sent_total"]
        return Result(
            name_of(shape, layers, factor),
            mode,
            **asdict(measured),
            lag_p99_ms=stats["loop_lag_p99_s"] * 1000,
            rtx_hz=(sent - grown["packets_forwarded_total"]) / seconds,
            segments=sent / max(1.0, grown["messages_sent_total"]),
            load=os.getloadavg()[0],
        )


async def run_janus(shape: str, seconds: float, factor: float = 1.0) -> Result:
    """One measurement of the peer."""
    async with theirs(shape, factor) as (process_id, publishers, subscribers):
        measured = await measure(process_id, publishers, subscribers, seconds, factor)
        none = {"lag_p99_ms": 0.0, "rtx_hz": 0.0, "segments": 1.0}
        return Result(
            name_of(shape, (), factor), "janus", **asdict(measured), **none, load=os.getloadavg()[0]
        )


def name_of(shape: str, layers: tuple[str, ...], factor: float) -> str:
    """As the table says it."""
    name = f"{shape} {','.join(layers)}" if layers else shape
    return name if factor == 1.0 else f"{name} pictures x{factor:g}"


def holds(measured: Measured) -> bool:
    """Is the rate sustained?"""
    return measured.loss <= 0.01 and measured.p99_ms <= 100


async def highest(server: str, shape: str, step_s: float = 1.5) -> Highest:
    """Raise the picture rate until loss > 1 % or p99 > 100 ms; the highest rate that held."""
    async with AsyncExitStack() as stack:
        if server == "janus":
            process_id, publishers, subscribers = await stack.enter_async_context(theirs(shape))
        else:
            bridge, publishers, subscribers = await stack.enter_async_context(ours(shape, server))
            process_id = bridge.worker.process_id
        best, factor, limit = Highest(server, shape, 0.0, 0.0, "", 0.0), FIRST_FACTOR, "none"
        while factor < 60:
            now = await measure(process_id, publishers, subscribers, step_s, factor)
            if not holds(now):  # once more: something else may have run on the core
                now = await measure(process_id, publishers, subscribers, step_s, factor)
            print(f"  {server} x{factor:4.1f}: {now}", file=sys.stderr)
            if not holds(now):
                limit = f"loss {now.loss:.1%}" if now.loss > 0.01 else f"p99 {now.p99_ms:.0f} ms"
                break
            if now.forwarded_hz > best.forwarded_hz:
                best = Highest(server, shape, now.forwarded_hz, now.cpu_us, "", 0.0)
            factor *= STEP
        best.limit, best.load = f"{limit} at {now.cpu_share:.0%} of the core", os.getloadavg()[0]
        return best


def print_table(results: list[Result]) -> None:
    """Medians per shape and mode; beside them the peer, the floor and what is wanted."""
    print(
        "\n| shape | mode | out/s | us/packet (range) | goal | Janus | ratio (wanted) | floor "
        "| core | loss | p50 ms (1) | p99 ms (wanted) | lag p99 ms (10) | packets/send | load |"
    )
    print("|---" * 15 + "|")
    for shape, mode in dict.fromkeys((r.shape, r.mode) for r in results):
        rows = [r for r in results if (r.shape, r.mode) == (shape, mode)]
        peers = [r.cpu_us for r in results if (r.shape, r.mode) == (shape, "janus")]
        costs, loads = [r.cpu_us for r in rows], [r.load for r in rows]
        middle = sorted(rows, key=lambda r: r.cpu_us)[len(rows) // 2]
        cost = statistics.median(costs)
        janus = statistics.median(peers) if peers else JANUS_US.get(shape, 0.0)
        bare_shape = shape.split(" ")[0]
        goal = GOALS_US.get(bare_shape, 0.0) if mode == "full" else 0.0
        wanted = {"bare": " (0.7)", "full": " (1.0)"}.get(mode, "")
        p50, p99 = (statistics.median(getattr(r, n) for r in rows) for n in ("p50_ms", "p99_ms"))
        cells = (
            shape, mode, f"{middle.forwarded_hz:.0f}",
            f"{cost:.1f} ({min(costs):.1f}-{max(costs):.1f})", goal or "-",
            f"{janus:.1f}{'' if peers else ' recorded'}" if janus else "-",
            f"{cost / janus:.2f}{wanted}" if janus else "-",
            FLOOR_US.get(shape, HOT_FLOOR_US), f"{middle.cpu_share:.0%}", f"{middle.loss:.2%}",
            f"{p50:.2f}", f"{p99:.1f} ({P99_MS.get(bare_shape, 5.0)})",
            f"{middle.lag_p99_ms:.1f}", f"{middle.segments:.2f}",
            f"{min(loads):.1f}-{max(loads):.1f}",
        )  # fmt: skip
        print("| " + " | ".join(map(str, cells)) + " |")


def print_highest(found: list[Highest]) -> None:
    """Medians; wanted is half as much again as the peer."""
    print("\n| highest sustained | shape | packets/s (range) | us/packet | ended by | load |")
    print("|---" * 6 + "|")
    rates: dict[str, float] = {}
    for server in dict.fromkeys(one.server for one in found):
        rows = sorted((x for x in found if x.server == server), key=lambda x: x.forwarded_hz)
        middle = rows[len(rows) // 2]
        rates[server] = middle.forwarded_hz
        span = f"{rows[0].forwarded_hz:.0f}-{rows[-1].forwarded_hz:.0f}"
        cells = (
            server, middle.shape, f"{middle.forwarded_hz:.0f} ({span})",
            f"{middle.cpu_us:.2f}", middle.limit, f"{middle.load:.1f}",
        )  # fmt: skip
        print("| " + " | ".join(cells) + " |")
    if rates.get("janus"):
        ratios = [f"{s} {rates[s] / rates['janus']:.2f}" for s in rates if s != "janus"]
        print(f"\nof Janus' rate: {', '.join(ratios)} (wanted 1.5)")


def modes_for(arguments: argparse.Namespace) -> list[str]:
    """What alternates."""
    modes: list[str] = arguments.mode or ["janus", "bare", "full"]
    return [mode for mode in modes if mode != "janus" or JANUS.exists()]


def run_all(arguments: argparse.Namespace) -> list[Result]:
    """All shapes and modes, round by round."""
    results: list[Result] = []
    for _ in range(arguments.rounds):
        for shape in arguments.shape or SHAPES:
            asked = arguments.layers.split(",") if arguments.layers else SIMULCAST.get(shape, ())
            layers = tuple(asked)
            for mode in modes_for(arguments):
                if mode == "janus" and layers:
                    continue  # its simulcast is another thing: one layer of each for everybody
                seconds, factor = arguments.seconds, arguments.pictures
                one = run_janus(shape, seconds, factor) if mode == "janus" else None
                attempt(one or run(shape, mode, seconds, layers, factor), results)
    return results


def attempt(run_once: Coroutine[Any, Any, T], into: list[T]) -> None:
    """Keep what a run found; one that fails (a server that does not come up) costs not the rest."""
    try:
        into.append(asyncio.run(run_once))
        print(into[-1], file=sys.stderr)
    except (ExceptionGroup, AppError, RuntimeError, OSError) as error:
        print(f"failed: {error!r}", file=sys.stderr)


def main() -> None:
    """Command line; see the module's text."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--shape", action="append", help="publishers x subscribers, e.g. 1x60")
    parser.add_argument("--mode", action="append", choices=("janus", "bare", "full"))
    parser.add_argument("--layers", help="of every publisher, e.g. q,h,f")
    parser.add_argument("--pictures", type=float, default=1.0, metavar="TIMES")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--highest", default="1x60", metavar="SHAPE")
    parser.add_argument("--highest-only", action="store_true")
    parser.add_argument("--no-highest", action="store_true")
    parser.add_argument("--json", type=Path, default=RESULTS / "bridge.json")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {1} if (os.cpu_count() or 1) > 1 else {0})
    results = [] if arguments.highest_only else run_all(arguments)
    found: list[Highest] = []
    for _ in range(0 if arguments.no_highest else arguments.rounds):
        for server in modes_for(arguments):
            attempt(highest(server, arguments.highest), found)
    if results:
        print_table(results)
    if found:
        print_highest(found)
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    both = {"runs": [asdict(r) for r in results], "highest": [asdict(h) for h in found]}
    arguments.json.write_text(json.dumps(both, indent=1))


if __name__ == "__main__":
    main()
