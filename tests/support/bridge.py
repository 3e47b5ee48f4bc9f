"""A running media worker for tests: spawned as in production, on a free port."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Container, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from conf.media.client import MediaWorker, ParticipantState, RoomState, WorkerEvent
from conf.settings import MediaSettings
from tests.support.bridge_client import VP8, Site, Source

LOOPBACK = MediaSettings.model_validate({"port": 0, "listen": "127.0.0.1"})

SCREEN = "screen"
FRAMES = {"q": (1, 300), "h": (1, 1000), "f": (3, 1100), SCREEN: (2, 1100)}
"""Packets and octets of a picture: 72, 240, 792 and 528 kbit/s at 30 a second."""


class Bridge:
    """The worker's handle, and every event it told so far."""

    def __init__(self, worker: MediaWorker) -> None:
        self.worker = worker
        self.seen: list[WorkerEvent] = []
        self._changed = asyncio.Condition()

    async def collect(self) -> None:
        """Run as a task: note the events."""
        async for event in self.worker.events():
            async with self._changed:
                self.seen.append(event)
                self._changed.notify_all()

    async def until(
        self, wanted: Callable[[WorkerEvent], bool], timeout_s: float = 25
    ) -> WorkerEvent:
        """The first event, past or to come, that is wanted."""
        async with asyncio.timeout(timeout_s), self._changed:
            while True:
                for event in self.seen:
                    if wanted(event):
                        return event
                await self._changed.wait()

    async def open(self, room_id: str, *participants: str, **orders: object) -> None:
        """A room in which these participants may do everything."""
        state = {"version": 1, "participants": {p: ParticipantState() for p in participants}}
        await self.worker.open_room(room_id)
        await self.worker.apply(room_id, RoomState(**(state | orders)))  # type: ignore[arg-type]


@asynccontextmanager
async def running_bridge(
    directory: Path,
    settings: MediaSettings = LOOPBACK,
    index: int = 0,
    command: Sequence[str] | None = None,
) -> AsyncIterator[Bridge]:
    """A worker process and its handle, ended with the block; `command` as of MediaWorker."""
    worker = MediaWorker(settings, index, directory / f"media-{index}.sock", command)
    bridge = Bridge(worker)
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        run = tasks.create_task(worker.run(ready))
        collector = tasks.create_task(bridge.collect())
        waiter = tasks.create_task(ready.wait())
        await asyncio.wait((run, waiter), return_when=asyncio.FIRST_COMPLETED)
        try:
            yield bridge
        finally:
            worker.stop()
            collector.cancel()
            waiter.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await collector


async def take_seat(bridge: Bridge, room_id: str, site: Site) -> Site:
    """Join and connect a synthetic site."""
    answer = await bridge.worker.join(room_id, site.name, site.offer())
    await site.connect(answer.answer_sdp)
    return site


def with_screen(site: Site) -> Site:
    """It shares a screen too."""
    site.cameras[SCREEN] = Source(secrets.randbits(32), VP8, "2", None)
    return site


async def stream(sites: Iterable[Site], seconds: float, *, packets: int = 2) -> None:
    """Each site talks and shows its camera, 30 pictures and 50 voices a second, on every layer.

    A key frame comes when the bridge asks for one.
    """
    loop = asyncio.get_running_loop()
    start, tick = loop.time(), 0
    while loop.time() - start < seconds:
        tick += 1
        for site in sites:
            site.send_audio()
            if tick % 5 in (0, 2, 3):
                for rid, source in site.cameras.items():
                    asked = source.ssrc in site.keyframe_asked
                    site.keyframe_asked.discard(source.ssrc)
                    site.send_frame(rid, packets=packets, key=asked or source.packets == 0)
        await asyncio.sleep(max(0.0, start + tick * 0.02 - loop.time()))


async def stream_until(
    sites: Sequence[Site], done: Callable[[], bool], within_s: float = 30, *, packets: int = 2
) -> None:
    """As `stream`, as long as it takes: the machine may be busy. Raises: TimeoutError."""
    async with asyncio.timeout(within_s):
        while not done():
            await stream(sites, 0.3, packets=packets)


async def speak(site: Site, seconds: float, only: Container[str] | None = None) -> float:
    """50 voices and 30 pictures a second of each layer, or of some. Returns: how long it took."""
    loop = asyncio.get_running_loop()
    start, tick = loop.time(), 0
    while loop.time() - start < seconds:
        tick += 1
        site.send_audio()
        if tick % 5 in (0, 2, 3):
            for rid, source in site.cameras.items():
                if only is not None and rid not in only:
                    continue
                packets, size = FRAMES[rid]
                key = source.ssrc in site.keyframe_asked or source.packets == 0
                site.keyframe_asked.discard(source.ssrc)
                site.send_frame(rid, packets=packets, size=size, key=key)
        await asyncio.sleep(max(0.0, start + tick * 0.02 - loop.time()))
    return loop.time() - start


def kernel_drops() -> int:
    """Datagrams the kernel has thrown away for want of room since it began: nobody else's gaps."""
    rows = [row.split() for row in Path("/proc/net/snmp").read_text().splitlines()]
    names, values = (row for row in rows if row[0] == "Udp:")
    drops = int(dict(zip(names, values, strict=True))["RcvbufErrors"])
    sixes = Path("/proc/net/snmp6")
    pairs = [row.split() for row in sixes.read_text().splitlines()] if sixes.exists() else []
    return drops + sum(int(value) for name, value in pairs if name == "Udp6RcvbufErrors")


async def eventually(condition: Callable[[], bool], within_s: float = 25) -> None:
    """Give the others time, as much as a busy machine takes. Raises: AssertionError."""
    for _ in range(int(within_s * 50)):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it does not happen")
