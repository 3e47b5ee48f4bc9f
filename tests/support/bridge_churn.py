"""A meeting in which something happens all the time: reloads, lost lines, restarts, orders."""

import asyncio
import itertools
import os
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from conf.media import rtcp
from conf.media.client import ParticipantState, RoomState
from conf.watchdog import how_it_ran
from core.errors import Unavailable
from tests.support.bridge import Bridge
from tests.support.bridge_client import Site, Stream
from tests.support.bridge_tcp import TcpSite

CAMERAS, VOICES = 4, 2
CAMERA_ROUNDS = 4  # a camera is changed in every fourth round: its rings need a while to fill
OVER_TCP = 10  # every tenth site
LOST = 0.01  # share of the cameras' packets that the bridge must ask for, in vain
SIZES = range(60, 1160)  # bytes of a picture's packet
T = TypeVar("T")


@dataclass(frozen=True)
class Missed:
    """A change that came to nothing. `waited`: share of the time bridge or sites had no core."""

    seconds: float
    waited: float


class _Share:
    """How much of the time from now on the bridge, or these sites, want a core and have none."""

    def __init__(self, *process_ids: int) -> None:
        self._before = {process_id: self._waited_s(process_id) for process_id in process_ids}
        self._began = time.monotonic()

    @staticmethod
    def _waited_s(process_id: int) -> float:
        ran = how_it_ran(process_id)
        return ran.waited_s if ran is not None else 0.0

    def missed(self) -> Missed:
        """So long it took, and so much of it they waited: the one that waited longer."""
        seconds = time.monotonic() - self._began
        waits = (self._waited_s(process_id) - was for process_id, was in self._before.items())
        return Missed(round(seconds, 1), round(max(waits) / max(seconds, 0.001), 2))


class Meeting:
    """Sites in one room, and what happens to them. Owner of all sites."""

    def __init__(self, bridge: Bridge, sites: int, seed: int) -> None:
        self._bridge = bridge
        self._random = random.Random(seed)
        self.names = [f"s{i}" for i in range(sites)]
        self._sites: dict[str, Site] = {}
        self._state = RoomState(1, {name: ParticipantState() for name in self.names})
        self._turns = self._rounds()
        self._sizes = itertools.cycle(SIZES)
        self.changes = self.rounds = 0
        self.answers_s: list[float] = []
        self.missed: list[Missed] = []

    def _rounds(self) -> Iterator[str]:
        """Everybody in turn, each round in another order."""
        while True:
            skipped = 0 if self.rounds % CAMERA_ROUNDS == 0 else CAMERAS
            names = self.names[skipped:]
            yield from self._random.sample(names, len(names))
            self.rounds += 1

    async def begin(self, sites: int | None = None) -> None:
        """Everybody joins, or the first `sites`; who has joined stays."""
        if not self._sites:
            await self._bridge.worker.open_room("room")
            await self._bridge.worker.apply("room", self._state)
        for name in self.names[:sites]:
            if name not in self._sites:
                await self._join(name)

    async def end(self) -> None:
        """Everybody leaves, also who was about to join."""
        for name in self.names:
            await self._bridge.worker.leave(name)
            if name in self._sites:
                await self._go(name, says_goodbye=False)
        for room in ("room", "aside"):
            await self._bridge.worker.close_room(room)

    async def _join(self, name: str, room: str = "room") -> None:
        is_tcp = self.names.index(name) % OVER_TCP == 1
        site = (TcpSite if is_tcp else Site)(name, layers=("q", "h"), thumbnails=4)
        answer = await self._ask(self._bridge.worker.join(room, name, site.offer()))
        self._sites[name] = site
        await site.connect(answer.answer_sdp)

    async def _ask(self, answer: Awaitable[T]) -> T:
        """Note how long the bridge takes to answer."""
        begun = time.monotonic()
        try:
            return await answer
        finally:
            self.answers_s.append(time.monotonic() - begun)

    async def _go(self, name: str, *, says_goodbye: bool) -> None:
        await self._sites.pop(name).close(says_goodbye=says_goodbye)

    async def change(self) -> None:
        """One of what happens in a meeting, to one site; on a starved machine it may time out."""
        self.changes += 1
        name, share = next(self._turns), _Share(self._bridge.worker.process_id, os.getpid())
        try:
            if name not in self._sites:
                await self._join(name)
            await self._happen(name)
        except (TimeoutError, Unavailable):
            self.missed.append(share.missed())
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
        await self._ask(self._bridge.worker.leave(name))
        await self._join(name)

    async def _vanish(self, name: str) -> None:
        await self._go(name, says_goodbye=False)
        await self._join(name)

    async def _restart(self, name: str) -> None:
        site = self._sites[name]
        site.new_credentials()
        answer = await self._ask(self._bridge.worker.restart(name, site.offer()))
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
        await self._ask(self._bridge.worker.close_room("aside"))
        await self._join(name)

    async def _order(self, name: str) -> None:
        """Who talks is muted until the next order only, or some rings would not fill for long."""
        rights = dict(self._state.participants)
        rights[name] = replace(rights[name], view=self._random.choice(self.names[:CAMERAS]))
        speaker = self._random.choice(self.names)
        rights |= {name: replace(rights[name], may_audio=True) for name in self.names[:VOICES]}
        rights[speaker] = replace(rights[speaker], may_audio=not rights[speaker].may_audio)
        on_air = (None, *self.names[:CAMERAS])[self.rounds % (CAMERAS + 1)]
        self._state = RoomState(self._state.version + 1, rights, broadcast=on_air)
        await self._ask(self._bridge.worker.apply("room", self._state))

    async def talk(self) -> None:
        """Run as a task: two voices, four cameras of ten pictures a second, a few losses."""
        loop = asyncio.get_running_loop()
        start, tick = loop.time(), 0
        while True:
            tick += 1
            for site in self._ready(self.names[:VOICES]):
                site.send_audio(drop=self._random.random() < LOST)
            for site in self._ready(self.names[:CAMERAS]) if tick % 5 == 0 else ():
                self._show(site)
            for site in self._ready([self._random.choice(self.names)]) if tick % 5 == 1 else ():
                _ask_again(site)
            await asyncio.sleep(max(0.0, start + tick * 0.02 - loop.time()))

    def _ready(self, names: Sequence[str]) -> list[Site]:
        sites = [self._sites[name] for name in names if name in self._sites]
        return [site for site in sites if site.srtp is not None]

    def _show(self, site: Site) -> None:
        """One picture of two packets of each layer, each of another size."""
        drop = (1,) if self._random.random() < 2 * LOST else ()
        for rid, source in site.cameras.items():
            is_key = source.ssrc in site.keyframe_asked or source.packets == 0
            site.keyframe_asked.discard(source.ssrc)
            site.send_frame(rid, packets=2, key=is_key, size=next(self._sizes), drop=drop)


def _ask_again(site: Site) -> None:
    """Say that the last five packets of each source did not come."""
    for ssrc, stream in list(site.streams.items()):
        if not stream.mid.startswith("rtx") and stream.highest >= 0:
            site.send_rtcp(rtcp.Nack(1, ssrc, _last(stream)))


def _last(stream: Stream) -> tuple[int, ...]:
    return tuple((stream.highest - i) & 0xFFFF for i in range(4, -1, -1))


async def churn(meeting: Meeting, changes_hz: float) -> None:
    """Run as a task: changes, evenly; one that took too long makes the next ones come at once."""
    start = time.monotonic() - meeting.changes / changes_hz
    while True:
        await meeting.change()
        await asyncio.sleep(max(0.0, start + meeting.changes / changes_hz - time.monotonic()))
