"""A layer that comes or goes at its source is noticed soon by those who are shown it."""

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Container
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from conf.media.model import ParticipantState, RoomState, SlotKind, SourceKind
from conf.media.rtp import Packet, extension_table
from conf.media.seat import Seat
from conf.media.srtp import SrtpContexts
from conf.media.ticker import TICK_S
from conf.media.udp import Endpoint, pack_sockaddr
from conf.media.worker import Worker
from conf.settings import MediaSettings
from tests.support.bridge import LOOPBACK
from tests.support.bridge_client import Site
from tests.support.bridge_stage import KEYS

LAYERS = "qhf"
SIZES = {"q": 300, "h": 1_000, "f": 3_000}  # 50 a second: 120, 400 and 1200 kbit/s
STOPPED_AFTER_S = 1.0
SOON_S = 0.95  # two looks of a quarter of a second, two fifths until each seat's turn


class Show:
    """Site b is shown the camera of site a, on a clock of ours."""

    def __init__(self, worker: Worker, start: float) -> None:
        self._worker = worker
        self.now = start
        self._counts = itertools.count(1)
        worker.clock = lambda: self.now
        self._sent = 0

    async def open(self) -> None:
        """Both take their seats; b's line carries far more than is sent."""
        worker = self._worker
        worker.open_room("room")
        for name in "ab":
            site = Site(name)
            await worker.join("room", name, site.offer())
            site.socket.close()
        publisher = worker.seats["a"].publisher
        layers = publisher.tracks[SourceKind.CAMERA].layers
        publisher._sources = dict(enumerate(layers))  # as from their first packets on
        free = ParticipantState()
        worker.apply("room", RoomState(1, {"a": free, "b": free}))
        viewer = worker.seats["b"]
        viewer.session.srtp = SrtpContexts(KEYS)
        viewer.session.context = viewer.session.srtp.send
        viewer.session.endpoint = Endpoint(pack_sockaddr(socket.AF_INET, ("127.0.0.1", 9)))
        viewer.is_connected = viewer.budget.has_feedback = True

    @property
    def shown(self) -> str | None:
        """The layer b's main slot waits for or has."""
        slots = self._viewer.subscriber.slots
        slot = next(one for one in slots if one.kind is SlotKind.MAIN)
        layer = slot.wanted or slot.layer
        return layer.rid if layer is not None else None

    @property
    def is_probing(self) -> bool:
        """Is b's line tried for more?"""
        return self._viewer.budget.is_probing

    @property
    def repeats(self) -> int:
        """How often b is sent each packet of its pictures again, unasked."""
        return self._viewer.subscriber.guard.times

    def lose(self, seconds: float, share: float, round_trip_s: float) -> None:
        """So long b's line, which is so long, loses so much of all."""
        budget, lost = self._viewer.budget, round(share * 1000)
        for _ in range(round(seconds)):
            budget.on_round_trip(round_trip_s)
            budget.estimate.loss.add(int(self.now * 1e6), received=1000 - lost, lost=lost)
            self.run(1.0)

    @property
    def _viewer(self) -> Seat:
        return self._worker.seats["b"]

    def run(self, seconds: float, sending: Container[str] = LAYERS) -> None:
        """So long, while a sends these layers."""
        layers = self._worker.seats["a"].publisher.tracks[SourceKind.CAMERA].layers
        for _ in range(round(seconds / TICK_S)):
            self.now += TICK_S
            self._sent += 1
            for layer in layers:
                if layer.rid in sending:
                    packet = _packet(self._sent, SIZES[layer.rid])
                    layer.arrived(layer.extend(self._sent & 0xFFFF), packet, self.now)
            self._viewer.session.heard_at = self.now
            self._worker.ticker.tick(next(self._counts), self.now)


def _packet(number: int, size: int) -> Packet:
    head = bytes((0x80, 96)) + number.to_bytes(2, "big")
    memory = memoryview(bytearray(head + bytes(size - len(head))))
    packet = Packet()
    packet.read(memory, 0, len(memory), extension_table({}))
    return packet


@asynccontextmanager
async def showing(folder: Path, line_bps: int = 20_000_000) -> AsyncIterator[Show]:
    """A worker of this process with both sites in it."""
    given = LOOPBACK.model_dump() | {"start_down_bps": line_bps}
    async with asyncio.TaskGroup() as tasks:
        worker = Worker(MediaSettings.model_validate(given), 0, tasks, folder)
        show = Show(worker, worker.clock())
        await show.open()
        yield show
        await worker.close()


@pytest.mark.parametrize("part_s", [0.0, 0.5, 1.1, 1.6, 2.1])
async def test_a_layer_that_stops_is_left_soon(tmp_path: Path, part_s: float) -> None:
    """Its source lacks the line for it: who has room to spare must not look at a still for long.

    `part_s`: wherever in its rhythm the viewer's turn is.
    """
    async with showing(tmp_path) as show:
        show.run(10 + part_s)
        assert show.shown == "f"
        show.run(STOPPED_AFTER_S + SOON_S, "qh")
        assert show.shown == "h"


async def test_a_slow_source_is_shown_at_its_best(tmp_path: Path) -> None:
    """A picture in 1.06 s, the small one first: the others are behind for a moment each time."""
    async with showing(tmp_path) as show:
        show.run(10)
        for _ in range(60):
            show.run(0.02, "q")
            show.run(0.02, "h")
            show.run(0.02, "f")
            show.run(1.0, "")
            assert show.shown == "f"


@pytest.mark.parametrize("part_s", [0.0, 0.5, 1.1, 1.6, 2.1])
async def test_a_layer_that_comes_is_tried_soon(tmp_path: Path, part_s: float) -> None:
    """By a probe, as every rise."""
    async with showing(tmp_path) as show:
        show.run(10 + part_s, "q")
        assert show.shown == "q"
        assert not show.is_probing
        show.run(SOON_S, "qh")
        assert show.is_probing


async def test_a_long_lossy_line_is_shown_less_and_that_twice(tmp_path: Path) -> None:
    """Until ten seconds after the last loss; what goes up then takes a probe, as ever."""
    async with showing(tmp_path, line_bps=2_000_000) as show:
        show.run(10)
        assert (show.shown, show.repeats) == ("f", 0)
        show.lose(6, 0.05, round_trip_s=0.1)
        assert (show.shown, show.repeats) == ("f", 0)
        show.lose(18, 0.05, round_trip_s=0.5)
        assert (show.shown, show.repeats) == ("h", 1)
        show.lose(5, 0.0, round_trip_s=0.5)
        assert show.repeats == 1
        show.lose(12, 0.0, round_trip_s=0.5)
        assert show.repeats == 0
