"""Four hours of a county's meeting in less than half an hour: does the media worker grow?

    python -m bench.bridge_soak [--hours 4] [--faster 10] [--sites 60] [--seed N]

The meeting: sixty sites in one room, four cameras of two layers, two voices, a hundredth of it
lost, sites that ask for packets again. Once in five seconds something happens: a page is reloaded,
a site vanishes and is back, restarts ICE from a new address, goes into a room of its own and
returns, or the chair gives an order (two in six). In four hours that is 2 880 changes: 48 to a
site, 24 new DTLS associations among them, 480 rooms opened and closed, 960 orders, each with the
key frames and changes of slots it brings; more than any real meeting sees.

What is sped up, and why memory cannot tell (with the defaults, hours / faster = 24 minutes):

* changes ×10, to two a second: what a change leaves behind, it leaves however soon the next comes.
  One seat left whole (a quarter of a megabyte) in a hundred changes breaks the promise.
* days ×480: a certificate every three minutes, as eight days would bring, not four hours.
* packets ×1, a tenth of four hours', about fourteen million forwarded: what is kept of packets lies
  in rings and windows that have been turned over hundreds of times by then, and a leak of one
  pointer a packet (8 bytes) would be 110 MB.
* timers ×1, as they run against real lines: what a turn keeps it keeps for each site, and one
  object kept for each site and second would be 86 000 more pieces of memory, which are counted.

First every bounded store is filled; the warm-up ends when the rings of all cameras and voices have
been full, remembered results of functions are full or grow no more, and every site has been through
three rounds of changes. Then memory and descriptors (medians), pieces of memory and objects by
class (the lowest: rings empty and fill with who is on air, a leak lifts the lowest too) of the last
quarter are compared with the first. One JSON line every twenty seconds.

Exit 1 when anything grew by 5 % or more, something stayed when all had left, the loop was 10 ms
late or more (p99) although the worker had its core (`waited`: share of the time it had none), one
order took 100 ms of the processor (media wait for it), or a change came to nothing although bridge
and sites had their cores. Beside other work answers are late, and told: the server would have given
up after five seconds, the bench waits for two minutes.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from unittest.mock import patch

from conf import child
from conf.media.worker import LEAVERS
from tests.support.bridge import LOOPBACK, Bridge, running_bridge
from tests.support.bridge_churn import CAMERAS, VOICES, Meeting, Missed, churn
from tests.support.counted_worker import Living, command, count

GROWTH = 1.05
LATE_MS = 10.0
OWN_CORE = 0.02  # a worker that waited longer cannot be blamed for being late
ORDER_MS = 100.0  # of the processor; media wait so long, and a full machine doubles it
NO_CORE = 0.1  # who waited longer may well take ten seconds for what takes one
PATIENCE_S = 120.0
IS_BYTES = 10_000_000  # pieces are never so many, bytes never so few
EVERY_S = 20.0
FORGOTTEN_S = 30.0  # until statistics, goodbyes and cut lines have let go of who left
CHANGE_EVERY_S = 5.0  # in the meeting's time
ROUNDS = 3  # every site through so many changes before anything is judged
STEADY = 1.01  # a store that grew less between two looks has all it will get
LONGEST_WARM_UP_S = 1200.0
FEW, ROOMS = 10, 100
OF_A_SITE = (
    "Seat", "Session", "KeptFeedback", "DownSlot", "Layer", "DtlsLink", "Endpoint",
    "OpenSSL.Connection",
)  # fmt: skip
# So many at most (voice rings: three a site, each made when its slot is first heard): no leak.
BOUNDED = {"Endpoint", "Credentials", "Picture", "Sent", "VoiceRing"}
# What goes with a leaver only when the worker looks for garbage: between two looks, so many more.
LATE = {"OpenSSL._VerifyHelper": LEAVERS}


@dataclass(frozen=True)
class Sample:
    """The worker at one moment. `waited`: share of the time it was ready and had no core."""

    at_s: float
    rss_kb: int
    fds: int
    seats: int
    lag_p99_ms: float
    waited: float
    load: float
    forwarded: int = 0
    held: int = 0  # see Living
    objects: dict[str, int] = field(default_factory=dict, repr=False)


def faults(samples: Sequence[Sample]) -> list[str]:
    """What broke the promise, from samples after the warm-up: last quarter against the first."""
    if len(samples) < 4:
        return ["too short to tell"]
    part = max(1, len(samples) // 4)
    first, last = samples[:part], samples[-part:]
    found = []
    for name, unit, of in (
        ("rss_kb", "kB", median),
        ("fds", "descriptors", median),
        ("held", "bytes or pieces given out", min),
    ):
        then, now = (of([getattr(one, name) for one in some]) for some in (first, last))
        if now >= GROWTH * then > 0:
            found.append(f"{then:.0f} grew to {now:.0f} {unit}")
    found += [f"{name}: {then} grew to {now}" for name, (then, now) in grown(first, last).items()]
    fair = [one for one in samples if one.waited < OWN_CORE]
    late = median(one.lag_p99_ms for one in fair) if len(fair) >= len(samples) / 4 else 0.0
    if late >= LATE_MS:
        found.append(f"loop lag p99 {late:.1f} ms in the {len(fair)} looks when it had its core")
    return found


def grown(first: Sequence[Sample], last: Sequence[Sample]) -> dict[str, tuple[int, int]]:
    """Classes of which never fewer live than 5 % and two (or what is late) more than before."""
    names = {name for one in (*first, *last) for name in one.objects} - BOUNDED
    told = {name: (_least(first, name), _least(last, name)) for name in sorted(names)}
    return {
        name: (then, now)
        for name, (then, now) in told.items()
        if now >= GROWTH * then and now > then + LATE.get(name, 2)
    }


def _least(samples: Sequence[Sample], name: str) -> int:
    """What rings hold goes up and down with who is on air; what leaks lifts the lowest too."""
    return min(one.objects.get(name, 0) for one in samples)


class Filling:
    """Which bounded stores have been full, or have stopped growing."""

    def __init__(self) -> None:
        cameras = {f"ring:s{i}:camera:q" for i in range(CAMERAS)}
        self._missing = cameras | {f"ring:s{i}:audio:" for i in range(VOICES)}
        self._before: dict[str, tuple[int, int]] = {}

    def look(self, living: Living) -> set[str]:
        """The stores that are still to be filled."""
        self._missing -= living.full
        functions = {n: held for n, held in living.stores.items() if not n.startswith("ring")}
        growing = {
            name
            for name, (held, room) in functions.items()
            if held < room and held > STEADY * self._before.get(name, (0, 0))[0]
        }
        self._before = functions
        return self._missing | growing


class Watch:
    """Looks at the worker's process from outside."""

    def __init__(self, bridge: Bridge, counts: Path) -> None:
        self._bridge = bridge
        self._counts = counts
        self._began = self._looked = time.monotonic()
        self._waited_ns = self._waits()

    @property
    def _process(self) -> Path:
        return Path(f"/proc/{self._bridge.worker.process_id}")

    def _waits(self) -> int:
        return int((self._process / "schedstat").read_text().split()[1])

    def rss_kb(self) -> int:
        """Memory now."""
        pages = int((self._process / "statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") // 1024

    async def kb(self) -> dict[str, float]:
        """Memory now: as the kernel sees it and, under glibc's allocator, in use."""
        held = (await self.living()).held
        return {"kb": self.rss_kb(), "kb_in_use": held / 1024 if held > IS_BYTES else 0.0}

    async def living(self) -> Living:
        """What lives in it."""
        return await count(self._bridge.worker.process_id, self._counts)

    async def look(self) -> Sample:
        """Now."""
        stats = await self._bridge.worker.stats()
        now, waited_ns = time.monotonic(), self._waits()
        waited = (waited_ns - self._waited_ns) / 1e9 / max(0.001, now - self._looked)
        self._looked, self._waited_ns = now, waited_ns
        living = await self.living()
        return Sample(
            round(now - self._began, 1),
            self.rss_kb(),
            len(list((self._process / "fd").iterdir())),
            int(stats["participants"]),
            round(stats["loop_lag_p99_s"] * 1000, 2),
            round(waited, 4),
            round(os.getloadavg()[0], 1),
            int(stats["packets_forwarded_total"]),
            living.held,
            living.objects,
        )


async def gather(meeting: Meeting, bridge: Bridge, watch: Watch) -> dict[str, float]:
    """Open rooms, then let everybody join. Returns: kB a room, and a site that sends nothing.

    The kernel gives huge pages, each as large as two hundred rooms; what is in use is exact.
    """
    await bridge.open("first", *meeting.names)
    before = await watch.kb()
    for i in range(ROOMS):
        await bridge.open(f"room {i}", *meeting.names)
    room = _each(before, await watch.kb(), ROOMS)
    for i in range(ROOMS):
        await bridge.worker.close_room(f"room {i}")
    await bridge.worker.close_room("first")
    few = min(FEW, len(meeting.names) - 1)
    await meeting.begin(few)
    before = await watch.kb()
    await meeting.begin()
    site = _each(before, await watch.kb(), len(meeting.names) - few)
    sizes = {f"{name}_a_room": kb for name, kb in room.items()}
    return sizes | {f"{name}_a_site": kb for name, kb in site.items()}


def _each(before: dict[str, float], after: dict[str, float], number: int) -> dict[str, float]:
    return {name: round((after[name] - before[name]) / number, 1) for name in before}


async def fill(meeting: Meeting, watch: Watch, every_s: float) -> None:
    """The warm-up. Raises: TimeoutError: a store never fills."""
    filling, missing = Filling(), {""}
    async with asyncio.timeout(LONGEST_WARM_UP_S):
        while missing or meeting.rounds < ROUNDS:
            await asyncio.sleep(every_s)
            missing = filling.look(await watch.living())
            told = {"rounds": meeting.rounds, "to_fill": sorted(missing), "kb": watch.rss_kb()}
            print(json.dumps(told), flush=True)


async def remains(watch: Watch) -> tuple[dict[str, int], dict[str, float]]:
    """What lives once everybody has left, as soon as that is nobody's, or after a while.

    Returns: objects by class; `Living.longest_ms`.
    """
    until = time.monotonic() + FORGOTTEN_S
    while True:
        living = await watch.living()
        left = {name: living.objects[name] for name in OF_A_SITE if living.objects.get(name)}
        if not left or time.monotonic() > until:
            return left, living.longest_ms
        await asyncio.sleep(1.0)


@dataclass
class Soaked:
    """The trial. `left`: of objects that belong to sites, once everybody has gone."""

    samples: list[Sample]
    sizes: dict[str, float]
    left: dict[str, int]
    longest_ms: dict[str, float]
    answers_s: list[float]
    missed: list[Missed]
    changes: int = 0

    def faults(self) -> list[str]:
        """What broke the promise."""
        broken = faults(self.samples)
        broken += [f"{number} {name} left" for name, number in self.left.items()]
        broken += [f"{op} took {ms} ms" for op, ms in self.longest_ms.items() if ms >= ORDER_MS]
        blamed = [one for one in self.missed if one.waited < NO_CORE]
        return broken + [f"a change missed after {one.seconds} s" for one in blamed]

    def told(self) -> dict[str, object]:
        """The figures of the whole trial. `given_up`: answers the server would not have awaited."""
        answers = sorted(self.answers_s)
        at = {"p50": 0.5, "p99": 0.99, "worst": 1.0}
        last = len(answers) - 1
        return self.sizes | {
            "changes": self.changes,
            "answers": len(answers),
            "answers_ms": {n: round(answers[int(last * k)] * 1000, 1) for n, k in at.items()},
            "given_up": sum(one >= child.REQUEST_TIMEOUT_S for one in answers),
            "missed": [asdict(one) for one in self.missed],
            "longest_ms": self.longest_ms,
        }


async def soak(
    directory: Path,
    *,
    sites: int,
    seconds: float,
    changes_hz: float,
    seed: int,
    show: Callable[[Sample], None] = lambda _: None,
) -> Soaked:
    """Gather, fill, watch for `seconds`, leave."""
    counts = directory / "counts.json"
    samples: list[Sample] = []
    async with running_bridge(directory, command=command(counts, LOOPBACK)) as bridge:
        watch, meeting = Watch(bridge, counts), Meeting(bridge, sites, seed)
        sizes = await gather(meeting, bridge, watch)
        print(json.dumps(sizes), flush=True)
        async with asyncio.TaskGroup() as tasks:
            talking = tasks.create_task(meeting.talk())
            changing = tasks.create_task(churn(meeting, changes_hz))
            await fill(meeting, watch, EVERY_S / 2)
            until, before = time.monotonic() + seconds, meeting.changes
            while time.monotonic() + EVERY_S <= until:
                await asyncio.sleep(EVERY_S)
                samples.append(await watch.look())
                show(samples[-1])
            changes = meeting.changes - before
            changing.cancel()
            with suppress(asyncio.CancelledError):
                await changing
            talking.cancel()
        await meeting.end()
        left, longest_ms = await remains(watch)
        assert bridge.worker.restarts == 0
    return Soaked(samples, sizes, left, longest_ms, meeting.answers_s, meeting.missed, changes)


def _show(sample: Sample) -> None:
    told = asdict(sample)
    told["seats_living"] = told.pop("objects").get("Seat", 0)
    print(json.dumps(told), flush=True)


def main() -> int:
    """Command line; see the module's text."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--hours", type=float, default=4.0, help="of the meeting")
    parser.add_argument("--faster", type=float, default=10.0, help="than the meeting")
    parser.add_argument("--sites", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="fengsui-soak-") as folder,
        patch.object(child, "REQUEST_TIMEOUT_S", PATIENCE_S),
    ):
        soaked = asyncio.run(
            soak(
                Path(folder),
                sites=given.sites,
                seconds=given.hours * 3600 / given.faster,
                changes_hz=given.faster / CHANGE_EVERY_S,
                seed=given.seed,
                show=_show,
            )
        )
    broken = soaked.faults()
    print(json.dumps(soaked.told() | {"load": os.getloadavg()[0], "broken": broken}), flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
