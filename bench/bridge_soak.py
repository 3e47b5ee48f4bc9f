"""Hours of a meeting of sixty, sped up: does the media worker grow, does its loop stay on time?

    python -m bench.bridge_soak --hours 4 [--sites 60] [--seed N] [--changes 2]

Every change (two a second) is a page reloaded, a site vanished and back, an ICE restart from a new
address, a room opened and closed, or a chair's order; meanwhile four sites show their cameras and
two speak. One JSON line every ten seconds. Exit 1 when memory, descriptors or objects of the worker
grew by 5 % or more after the warm-up, or the loop was 10 ms late or more (p99).
"""

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

from conf.media.client import ParticipantState, RoomState
from core.errors import Unavailable
from tests.support.bridge import LOOPBACK, Bridge, running_bridge
from tests.support.bridge_client import Site
from tests.support.bridge_tcp import TcpSite
from tests.support.counted_worker import command, count

GROWTH = 1.05
LATE_MS = 10.0
EVERY_S = 10.0
FORGOTTEN_S = 2.5  # until statistics have let go of who left
CAMERAS, VOICES = 4, 2
BOUNDED = {"Endpoint", "Credentials", "Picture"}  # so many a seat at most: more is no leak
OVER_TCP = 10  # every tenth site


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


def faults(samples: Sequence[Sample]) -> list[str]:
    """What broke the promise, from samples after the warm-up: last quarter against the first."""
    if len(samples) < 4:
        return ["too short to tell"]
    part = max(1, len(samples) // 4)
    found = []
    for name, unit in (("rss_kb", "kB"), ("fds", "descriptors")):
        first = median(getattr(one, name) for one in samples[:part])
        last = median(getattr(one, name) for one in samples[-part:])
        if last >= GROWTH * first:
            found.append(f"{first:.0f} grew to {last:.0f} {unit}")
    late = median(one.lag_p99_ms for one in samples)
    if late >= LATE_MS:
        waited = median(one.waited for one in samples)
        found.append(f"loop lag p99 {late:.1f} ms (no core for {waited:.1%} of the time)")
    return found


def grown(before: dict[str, int], after: dict[str, int]) -> dict[str, tuple[int, int]]:
    """Classes of which 5 % and more than two more live than before."""
    return {
        name: (before.get(name, 0), number)
        for name, number in after.items()
        if name not in BOUNDED
        and number >= GROWTH * before.get(name, 0)
        and number > before.get(name, 0) + 2
    }


class Meeting:
    """Sixty sites in one room, and what happens to them. Owner of all sites."""

    def __init__(self, bridge: Bridge, sites: int, seed: int) -> None:
        self._bridge = bridge
        self._random = random.Random(seed)
        self.names = [f"s{i}" for i in range(sites)]
        self._sites: dict[str, Site] = {}
        self._state = RoomState(1, {name: ParticipantState() for name in self.names})
        self.changes = self.unanswered = 0

    async def begin(self) -> None:
        """Everybody joins."""
        await self._bridge.worker.open_room("room")
        await self._bridge.worker.apply("room", self._state)
        for name in self.names:
            await self._join(name)

    async def complete(self) -> None:
        """Whoever is not there joins."""
        for name in self.names:
            if name not in self._sites:
                await self._join(name)

    async def end(self) -> None:
        """Everybody leaves."""
        for name in list(self._sites):
            await self._bridge.worker.leave(name)
            await self._sites.pop(name).close(says_goodbye=False)

    async def _join(self, name: str, room: str = "room") -> None:
        is_tcp = self.names.index(name) % OVER_TCP == 1
        site = (TcpSite if is_tcp else Site)(name, layers=("q", "h"), thumbnails=4)
        answer = await self._bridge.worker.join(room, name, site.offer())
        self._sites[name] = site
        await site.connect(answer.answer_sdp)

    async def _go(self, name: str, *, says_goodbye: bool) -> None:
        await self._sites.pop(name).close(says_goodbye=says_goodbye)

    async def change(self) -> None:
        """One of what happens in a meeting, to one site; on a starved machine it may time out."""
        self.changes += 1
        name = self._random.choice(self.names)
        try:
            if name not in self._sites:
                await self._join(name)
            await self._happen(name)
        except (TimeoutError, Unavailable):
            self.unanswered += 1
            if name in self._sites:
                await self._go(name, says_goodbye=False)

    async def _happen(self, name: str) -> None:
        happens: Sequence[Callable[[str], object]] = (
            self._reload, self._vanish, self._restart, self._aside, self._order, self._order,
        )  # fmt: skip
        happening = self._random.choice(happens)(name)
        assert asyncio.iscoroutine(happening)
        await happening

    async def _reload(self, name: str) -> None:
        await self._go(name, says_goodbye=True)
        await self._bridge.worker.leave(name)
        await self._join(name)

    async def _vanish(self, name: str) -> None:
        await self._go(name, says_goodbye=False)
        await self._join(name)

    async def _restart(self, name: str) -> None:
        site = self._sites[name]
        site.new_credentials()
        answer = await self._bridge.worker.restart(name, site.offer())
        if not isinstance(site, TcpSite):
            site.move()
            site.accept(answer.answer_sdp)
            await site.check()

    async def _aside(self, name: str) -> None:
        """Into a room of its own and back."""
        await self._go(name, says_goodbye=True)
        await self._bridge.open("aside", name)
        await self._join(name, "aside")
        await self._go(name, says_goodbye=False)
        await self._bridge.worker.close_room("aside")
        await self._join(name)

    async def _order(self, name: str) -> None:
        rights = dict(self._state.participants)
        rights[name] = replace(rights[name], view=self._random.choice(self.names[:CAMERAS]))
        speaker = self._random.choice(self.names)
        rights[speaker] = replace(rights[speaker], may_audio=not rights[speaker].may_audio)
        on_air = self._random.choice((None, *self.names[:CAMERAS]))
        self._state = RoomState(self._state.version + 1, rights, broadcast=on_air)
        await self._bridge.worker.apply("room", self._state)

    async def talk(self) -> None:
        """Run as a task: two voices, four cameras of ten small pictures a second."""
        loop = asyncio.get_running_loop()
        start, tick = loop.time(), 0
        while True:
            tick += 1
            for name in self.names[:VOICES]:
                if (site := self._sites.get(name)) is not None and site.srtp is not None:
                    site.send_audio()
            for name in self.names[:CAMERAS] if tick % 5 == 0 else ():
                if (site := self._sites.get(name)) is not None and site.srtp is not None:
                    _show(site)
            await asyncio.sleep(max(0.0, start + tick * 0.02 - loop.time()))


def _show(site: Site) -> None:
    """One small picture of each layer."""
    for rid, source in site.cameras.items():
        is_key = source.ssrc in site.keyframe_asked or source.packets == 0
        site.keyframe_asked.discard(source.ssrc)
        site.send_frame(rid, key=is_key)


async def churn(meeting: Meeting, changes_hz: float) -> None:
    """Run as a task: changes, evenly."""
    while True:
        due = time.monotonic() + 1 / changes_hz
        await meeting.change()
        await asyncio.sleep(max(0.0, due - time.monotonic()))


class Watch:
    """Looks at the worker's process from outside."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._began = self._looked = time.monotonic()
        self._waited_ns = self._waits()

    def _waits(self) -> int:
        process_id = self._bridge.worker.process_id
        return int(Path(f"/proc/{process_id}/schedstat").read_text().split()[1])

    async def look(self) -> Sample:
        """Now."""
        stats = await self._bridge.worker.stats()
        now, waited_ns = time.monotonic(), self._waits()
        waited = (waited_ns - self._waited_ns) / 1e9 / max(0.001, now - self._looked)
        self._looked, self._waited_ns = now, waited_ns
        process = Path(f"/proc/{self._bridge.worker.process_id}")
        pages = int((process / "statm").read_text().split()[1])
        return Sample(
            round(now - self._began, 1),
            pages * os.sysconf("SC_PAGE_SIZE") // 1024,
            len(list((process / "fd").iterdir())),
            int(stats["participants"]),
            round(stats["loop_lag_p99_s"] * 1000, 2),
            round(waited, 4),
            round(os.getloadavg()[0], 1),
        )


async def soak(
    directory: Path,
    *,
    sites: int,
    seconds: float,
    changes_hz: float,
    seed: int,
    every_s: float = EVERY_S,
    show: Callable[[Sample], None] = lambda _: None,
) -> tuple[list[Sample], dict[str, tuple[int, int]], dict[str, int]]:
    """The trial; the first quarter is warm-up. Returns: samples after it, what grew, what is left.

    `left`: living objects once everybody has gone.
    """
    counts = directory / "counts.json"
    samples: list[Sample] = []
    async with running_bridge(directory, command=command(counts, LOOPBACK)) as bridge:
        meeting = Meeting(bridge, sites, seed)
        await meeting.begin()
        process_id = bridge.worker.process_id
        async with asyncio.TaskGroup() as tasks:
            talking = tasks.create_task(meeting.talk())
            changing = tasks.create_task(churn(meeting, changes_hz))
            await asyncio.sleep(seconds / 4)
            before = await count(process_id, counts)
            watch = Watch(bridge)
            while watch_s(samples) + every_s <= 0.75 * seconds:
                await asyncio.sleep(every_s)
                samples.append(await watch.look())
                show(samples[-1])
            changing.cancel()
            with suppress(asyncio.CancelledError):
                await changing
            after = await count(process_id, counts)
            talking.cancel()
        print(f"{meeting.changes} changes, {meeting.unanswered} unanswered", file=sys.stderr)
        await meeting.end()
        await asyncio.sleep(FORGOTTEN_S)
        left = await count(process_id, counts)
        assert bridge.worker.restarts == 0
    return samples, grown(before, after), left


def watch_s(samples: Sequence[Sample]) -> float:
    """How long has been looked on."""
    return samples[-1].at_s if samples else 0.0


def main() -> int:
    """Command line; see the module's text."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--hours", type=float, default=4.0)
    parser.add_argument("--sites", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--changes", type=float, default=2.0, help="a second")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fengsui-soak-") as folder:
        samples, more, left = asyncio.run(
            soak(
                Path(folder),
                sites=given.sites,
                seconds=given.hours * 3600,
                changes_hz=given.changes,
                seed=given.seed,
                show=lambda sample: print(json.dumps(asdict(sample)), flush=True),
            )
        )
    broken = faults(samples) + [f"{n}: {a} grew to {b}" for n, (a, b) in more.items()]
    broken += [f"{left[name]} {name} left" for name in ("Seat", "Session") if left.get(name)]
    print(json.dumps({"load": os.getloadavg()[0], "broken": broken}), flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
