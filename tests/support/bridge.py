"""A running media worker for tests: spawned as in production, on a free port."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from conf.media.client import MediaWorker, ParticipantState, RoomState, WorkerEvent
from conf.settings import MediaSettings

LOOPBACK = MediaSettings.model_validate({"port": 0, "listen": "127.0.0.1"})


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
        self, wanted: Callable[[WorkerEvent], bool], timeout_s: float = 10
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
    directory: Path, settings: MediaSettings = LOOPBACK, index: int = 0
) -> AsyncIterator[Bridge]:
    """A worker process and its handle, ended with the block."""
    worker = MediaWorker(settings, index, directory / f"media-{index}.sock")
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
            await worker.stop()
            collector.cancel()
            waiter.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await collector
