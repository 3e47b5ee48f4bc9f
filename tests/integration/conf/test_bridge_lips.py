"""Lips stay with the voice: reports of the slots map one moment to one time, across any switch."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from conf.media import rtcp
from conf.media.client import ParticipantState, RoomState, SourceKind
from conf.media.sdp import Role
from conf.media.worker import Worker
from tests.support.bridge import LOOPBACK, running_bridge, take_seat
from tests.support.bridge_client import Site, Source
from tests.support.bridge_stage import Stage

pytestmark = pytest.mark.timeout(60)
STAGE_AUDIO, MAIN = "3", "6"
TICK_S = 0.02
IN_STEP_S = 0.045
SIZES = {"q": 150, "h": 500, "f": 1100}


class Actor(Site):
    """Sends voice and picture of one clock, each packet named by its moment; and reports.

    `slow`: ticks its pictures take longer than its voices to get here. `skew`: by what share its
    wall clock runs faster than what counts the timestamps.
    """

    def __init__(self, name: str, wall_s: int, slow: int, skew: float = 0.0) -> None:
        super().__init__(name)
        self._slow = slow
        self._skew = skew
        self._wall_ntp = wall_s << 32
        self._began = {s.ssrc: random.getrandbits(32) for s in self._sources()}

    def _sources(self) -> list[Source]:
        return [self.audio, *self.cameras.values()]

    def _timestamp(self, source: Source, tick: int) -> int:
        rate = 960 if source is self.audio else 1800
        return (self._began[source.ssrc] + tick * rate) & 0xFFFFFFFF

    def act(self, tick: int) -> None:
        """20 ms of voice, every second time a picture; now and then a report of one source."""
        letter = self.name[0]
        self.name = f"{letter}{tick:06d}"
        shot = tick - self._slow
        self.audio.timestamp = self._timestamp(self.audio, tick) - 960 & 0xFFFFFFFF
        self.send_audio()
        self.name = f"{letter}{shot:06d}"
        for rid, source in self.cameras.items() if tick % 2 else ():
            asked = source.ssrc in self.keyframe_asked
            self.keyframe_asked.discard(source.ssrc)
            source.timestamp = self._timestamp(source, shot) - 3000 & 0xFFFFFFFF
            self.send_frame(rid, key=asked or source.packets == 0, size=SIZES[rid])
        for place, source in enumerate(self._sources()):
            if tick % 40 == 9 * place + 3:
                ntp = self._wall_ntp + int(tick * TICK_S * (1 + self._skew) * (1 << 32))
                now = self._timestamp(source, tick)
                self.send_rtcp(rtcp.SenderReport(source.ssrc, ntp, now, source.packets, 0))


class Ear(Site):
    """Notes at which wall time each moment is to be heard, and to be seen, by what it was told."""

    def __init__(self, name: str) -> None:
        super().__init__(name, keep=True)
        self._lines: dict[str, tuple[int, int]] = {}
        self.times_s: dict[tuple[str, bytes], float] = {}
        self.reports_of: list[str] = []
        self.longest = 0  # packet of the main picture, since somebody set it to 0

    def _on_rtcp(self, packet: bytes) -> None:
        for report in rtcp.parse(packet):
            if isinstance(report, rtcp.SenderReport):
                mid = self.answer.ssrcs[report.ssrc]
                self._lines[mid] = (report.ntp, report.timestamp)
                self.reports_of.append(mid)

    def _on_rtp(self, view: memoryview, size: int) -> None:
        before = self.mid(MAIN).packets
        super()._on_rtp(view, size)
        if self.mid(MAIN).packets > before:
            self.longest = max(self.longest, size)
        for mid, rate in ((STAGE_AUDIO, 48_000), (MAIN, 90_000)):
            stream = self.mid(mid)
            if stream.origins and mid in self._lines:
                ntp, timestamp = self._lines[mid]
                step = (stream.timestamps[-1] - timestamp + (1 << 31)) & 0xFFFFFFFF
                moment = (mid, stream.origins[-1].rstrip(b"\0"))
                self.times_s.setdefault(moment, ntp / (1 << 32) + (step - (1 << 31)) / rate)

    def apart_s(self, since: int) -> dict[bytes, float]:
        """Of each moment from tick `since` on that was both heard and seen: how far apart."""
        heard = {m: at for (mid, m), at in self.times_s.items() if mid == STAGE_AUDIO}
        seen = {m: at for (mid, m), at in self.times_s.items() if mid == MAIN}
        both = [m for m in seen if m in heard and int(m[1:]) >= since]
        return {moment: seen[moment] - heard[moment] for moment in both}


async def play(actors: Sequence[Actor], first: int, ticks: int) -> int:
    """Act at the pace of the clock. Returns: the next tick."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    for tick in range(first, first + ticks):
        for actor in actors:
            actor.act(tick)
        await asyncio.sleep(max(0.0, start + (tick + 1 - first) * TICK_S - loop.time()))
    return first + ticks


async def test_voice_and_picture_stay_in_step_across_switches(tmp_path: Path) -> None:
    """Two sites with clocks years apart take turns; every moment of either is heard as it is seen.

    Then the line gets narrow, and another layer of the same camera takes over. One site's pictures
    come 160 ms after its voices: arrival says nothing of what belongs together; and its clock runs
    0.05 % fast.
    Their reports come every 0.8 s, of voice and picture at different times: what is told at the
    switch is counted on from the last.
    """
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a", "b", "c")
        a, b = Actor("a", 3_000_000_000, slow=0), Actor("b", 3_900_000_000, slow=8, skew=5e-4)
        ear = Ear("c")
        for site in (a, b, ear):
            await take_seat(bridge, "room", site)
        rights = {name: ParticipantState() for name in "abc"}
        await bridge.worker.apply("room", RoomState(2, rights, broadcast="a"))
        settled = tick = await play([a, b], 0, 150)  # clocks are compared five times first
        for version, on_air in enumerate("baba", start=3):
            await bridge.worker.apply("room", RoomState(version, rights, broadcast=on_air))
            tick = await play([a, b], tick, 45)
        while ear.longest <= SIZES["f"]:  # the line has not proved itself yet
            tick = await play([a, b], tick, 45)
        narrow = rights | {"c": ParticipantState(max_down_bps=200_000)}
        await bridge.worker.apply("room", RoomState(9, narrow, broadcast="b"))
        tick = await play([a, b], tick, 60)
        for _ in range(15):
            ear.longest, smaller = 0, tick
            tick = await play([a, b], tick, 45)
            if 0 < ear.longest < SIZES["h"]:
                break
        else:
            pytest.fail("no smaller layer takes over")
        assert sum(int(moment[1:]) >= smaller for moment in ear.apart_s(settled)) > 10
        apart = ear.apart_s(settled)
        print(len(apart), "moments, apart at most", max(map(abs, apart.values())), "s")
        for letter in (b"a", b"b"):
            assert sum(moment.startswith(letter) for moment in apart) > 20
        assert max(abs(seconds) for seconds in apart.values()) < IN_STEP_S
        for site in (a, b, ear):
            await site.close()


async def test_a_sources_first_report_is_told_to_its_listeners_at_once(tmp_path: Path) -> None:
    """Until then they cannot put lips in step; the later ones go with the second's reports."""
    stage = Stage(Role.AUDIO_UP, Role.AUDIO_DOWN)
    async with asyncio.TaskGroup() as tasks:
        worker = Worker(LOOPBACK, 0, tasks, tmp_path)
        worker.open_room("room")
        site = Site("a")
        await worker.join("room", "a", site.offer())
        site.socket.close()
        seat = worker.seats["a"]
        track = seat.publisher.tracks[SourceKind.AUDIO]
        track.is_allowed = True
        stage.layer = track.layers[0]
        stage.layer.ssrc = 5
        seat.publisher._sources[5] = stage.layer
        stage.slot.assign(track)
        stage.slot.want(stage.layer)
        stage.voice(1, bytes(80))
        assert len(stage.read()) == 1
        told = []
        for n in range(2):
            report = rtcp.SenderReport(5, rtcp.ntp_time(1.8e9 + n), 960, 1, 4)
            data = rtcp.build([report])
            seat.on_rtcp(memoryview(bytearray(data)), 0, len(data), worker.clock(), 0.0)
            with suppress(TimeoutError):
                told.append((n, stage.socket.recv(2048)[1]))
        assert told == [(0, 200)]  # RFC 3550 §12.1: SR
        await worker.close()
    stage.close()
