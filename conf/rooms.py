"""All rooms of this node and the media workers they live on: a component."""

import asyncio
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from conf import store
from conf.cameras.service import Cameras, StreamState
from conf.media import model as media
from conf.media.client import MediaWorker
from conf.model import MeetingState, Order
from conf.pages import Emit
from conf.placement import Placement
from conf.ports import RoomAudit
from conf.quality import exposition, site_qualities, slot_rows
from conf.recording.lamp import Lamp
from conf.recording.service import Recordings
from conf.room import Room
from conf.room_topic import Deliver
from conf.seating import Applicant, Joined
from conf.service import MeetingEnded, Meetings
from conf.settings import MediaSettings
from core.changes import Change
from core.clock import Clock
from core.database import Database, UnitOfWork
from core.errors import AppError, Conflict, NotFound, Unavailable
from core.events import EventDispatcher
from core.ids import ParticipantId

log = structlog.get_logger(__name__)

_TIDY_EVERY_S = 5.0
_SWEEP_EVERY_S = 60.0
_FORGOTTEN_AFTER = timedelta(minutes=10)


@dataclass(frozen=True)
class WorkerLoad:
    """A media worker, its rooms and connected participants; draining: it gets no new room."""

    index: int
    port: int
    restarts: int
    rooms: int
    sites: int
    is_draining: bool


@dataclass(frozen=True)
class Drained:
    """How many rooms have left a worker, and which could not."""

    moved: int
    left: tuple[str, ...]


class Rooms:
    """Opens rooms when somebody joins, routes media events to them, supervises the workers."""

    name = "rooms"
    stop_deadline_s = 10.0

    def __init__(
        self,
        settings: MediaSettings,
        sockets: Path,
        database: Database,
        clock: Clock,
        meetings: Meetings,
        audit: RoomAudit,
        recordings: Recordings,
        cameras: Cameras,
        placement: Placement,
        worker_command: Sequence[str] | None = None,
    ) -> None:
        """`sockets`: folder of the workers' control sockets. `worker_command`: see MediaWorker."""
        self.workers = [
            MediaWorker(settings, index, sockets / f"media-{index}.sock", worker_command)
            for index in range(settings.workers)
        ]
        self._database = database
        self._clock = clock
        self._meetings = meetings
        self._audit = audit
        self._placement = placement
        self.recordings = recordings
        recordings.show_with(self._show_lamp)
        self.cameras = cameras
        cameras.show_with(self._show_camera)
        self._rooms: dict[str, Room] = {}
        self._room_of: dict[ParticipantId, Room] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._stopping = asyncio.Event()
        self._deliver: Deliver = lambda change: None
        self.stats: dict[int, media.StatsReport] = {}
        self.slots: dict[str, tuple[media.SlotFigures, ...]] = {}
        self._draining: set[int] = set()
        self._is_draining = False

    def deliver_with(self, deliver: Callable[[Change], None]) -> None:
        """How numbered changes reach browsers (signaling.topics)."""
        self._deliver = deliver

    async def run(self, ready: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            helpers = []
            are_ready = [asyncio.Event() for _ in self.workers]
            for worker, is_ready in zip(self.workers, are_ready, strict=True):
                tasks.create_task(worker.run(is_ready), name=worker.name)
                helpers.append(tasks.create_task(self._pump(worker), name=f"{worker.name}:events"))
            for is_ready in are_ready:
                await is_ready.wait()
            helpers.append(tasks.create_task(self._tidy(), name="rooms:tidy"))
            helpers.append(tasks.create_task(self._keep_rooms(), name="rooms:keep"))
            helpers.append(tasks.create_task(self._sweep(), name="rooms:sweep"))
            ready.set()
            await self._stopping.wait()
            for helper in helpers:
                helper.cancel()
            for room in self._rooms.values():
                room.close()
            for worker in self.workers:
                worker.stop()
        self._tasks = None
        with suppress(AppError):
            await self._placement.give_up(tuple(self._rooms))

    def stop(self) -> None:
        self._stopping.set()

    # -- joins and orders ------------------------------------------------------------------------

    async def join(
        self,
        meeting_id: str,
        applicant: Applicant,
        offer: str,
        *,
        resume: str | None,
        connection: object,
        emit: Emit,
    ) -> tuple[Room, Joined]:
        """Take a seat. Raises: NotFound, Conflict, NotAllowed, InvalidInput, Unavailable."""
        room = await self._room(meeting_id)
        joined = await room.ask(lambda: room.join(applicant, offer, resume, connection, emit))
        self._room_of[joined.participant_id] = room
        return room, joined

    def room_of(self, participant_id: ParticipantId) -> Room:
        """The room a participant sits in. Raises: NotFound."""
        room = self._room_of.get(participant_id)
        if room is None:
            raise NotFound("you are not in this room; join again", code="not_in_room")
        return room

    async def order(self, meeting_id: str, order: Order, by: str, by_name: str) -> None:
        """An order from outside the room (the console); the caller has checked the permission."""
        room = await self._room(meeting_id)
        await room.ask(lambda: room.obey(order, by, by_name))

    def subscribe(self, events: EventDispatcher) -> None:
        """Close the room of a meeting ended from outside; another node's tidying closes its own."""

        async def ended(_: UnitOfWork, fact: MeetingEnded) -> None:
            room = self._rooms.get(fact.meeting_id)
            if room is not None:
                room.tell(room.close_if_over)

        events.subscribe(MeetingEnded, "conf.rooms", ended)

    def recap(self) -> None:
        """Some line's ceilings were changed: every room looks, and follows at once."""
        for room in self._rooms.values():
            room.tell(room.recap)

    async def _room(self, meeting_id: str) -> Room:
        room = self._rooms.get(meeting_id)
        if room is not None:
            return room
        meeting = await self._placement.claim(meeting_id)
        if meeting.state is MeetingState.ENDED:
            raise Conflict("this meeting is over", code="meeting_over")
        if meeting_id in self._rooms:  # somebody was faster while we read
            return self._rooms[meeting_id]
        if self._tasks is None or self._stopping.is_set() or self._is_draining:
            raise Unavailable("the server is stopping; try again shortly", code="draining")
        worker = self._worker_for(meeting_id)
        room = Room(
            meeting, self._database, self._clock, worker, self._meetings, self._audit,
            self._deliver, self.recordings, self.cameras,
        )  # fmt: skip
        self._rooms[meeting_id] = room
        self._tasks.create_task(room.run(), name=f"room:{meeting_id}")
        room.tell(room.go_on)
        return room

    # -- upgrades ----------------------------------------------------------------------------------

    async def drain(self, within_s: float) -> None:
        """Open no room any more; return when nobody is in one, or after `within_s`."""
        self._is_draining = True
        deadline = self._clock.monotonic() + within_s
        while self._clock.monotonic() < deadline and any(
            room.state.is_open and room.is_attended for room in self._rooms.values()
        ):
            await self._clock.sleep(0.5)

    async def drain_worker(self, index: int) -> Drained:
        """Move a worker's rooms to the others and give it no new ones.

        Raises: NotFound; Conflict: there is no other worker.
        """
        self._worker(index)
        if not {worker.index for worker in self.workers} - self._draining - {index}:
            raise Conflict("this is the only media worker left")
        self._draining.add(index)
        moving = [room for room in self._rooms.values() if room.worker.index == index]
        for room in moving:
            try:
                await room.ask(partial(room.move, self._worker_for(room.meeting_id)))
            except AppError as error:  # it stays; the others go
                log.warning("room_not_moved", room_id=room.meeting_id, cause=error.message)
        left = [
            room.meeting_id for room in self._rooms.values()
            if room in moving and room.worker.index == index
        ]  # fmt: skip
        return Drained(len(moving) - len(left), tuple(left))

    def undrain_worker(self, index: int) -> None:
        """The worker takes new rooms again."""
        self._draining.discard(index)

    def restart_worker(self, index: int) -> None:
        """A new process in place of a drained worker's; it stays drained.

        Raises: NotFound; Conflict: it takes rooms, or has some.
        """
        worker = self._worker(index)
        if index not in self._draining or self.worker_loads()[index].rooms:
            raise Conflict("only a drained media worker without meetings is restarted")
        worker.renew()

    def _worker(self, index: int) -> MediaWorker:
        if not 0 <= index < len(self.workers):
            raise NotFound("there is no such media worker")
        return self.workers[index]

    def worker_loads(self) -> list[WorkerLoad]:
        """What lies on each media worker of this node, by index."""
        loads = []
        for worker in self.workers:
            here = [room for room in self._rooms.values() if room.worker.index == worker.index]
            sites = sum(seat.is_connected for room in here for seat in room.state.seats.values())
            loads.append(
                WorkerLoad(
                    worker.index, worker.port, worker.restarts, len(here), sites,
                    is_draining=worker.index in self._draining,
                )
            )  # fmt: skip
        return loads

    def _worker_for(self, meeting_id: str) -> MediaWorker:
        """Of those that take rooms: one that runs, with the fewest sites, then rooms.

        Among equals the meeting's id decides. A room stays where it began, until it is moved.
        """
        loads = self.worker_loads()
        willing = [worker for worker in self.workers if worker.index not in self._draining]
        start = zlib.crc32(meeting_id.encode()) % len(willing)

        def burden(worker: MediaWorker) -> tuple[bool, int, int]:
            load = loads[worker.index]
            return not worker.is_serving, load.sites, load.rooms

        return min(willing[start:] + willing[:start], key=burden)

    # -- figures -----------------------------------------------------------------------------------

    @property
    def figures(self) -> dict[str, Mapping[str, float]]:
        """Every participant's line, as the workers last told."""
        return {
            participant_id: link
            for report in self.stats.values()
            for participant_id, link in report.participants.items()
        }

    async def quality(self, meeting_id: str) -> list[dict[str, Any]]:
        """A room's lines with every filled slot, worst first."""
        room = await self._room(meeting_id)
        rows = site_qualities(room.state, self.figures, room.page_stats)
        return [
            {**row, "slots": slot_rows(self.slots.get(row["participant_id"], ()))} for row in rows
        ]

    def metrics(self) -> str:
        """For Prometheus."""
        pages = {
            participant_id: told
            for room in self._rooms.values()
            for participant_id, told in room.page_stats.items()
        }
        return exposition(self.stats, self.slots, pages)

    def _note(self, index: int, report: media.StatsReport) -> None:
        self.stats[index] = report
        known = self.figures
        slots = {**self.slots, **report.slots}
        self.slots = {key: filled for key, filled in slots.items() if key in known}

    # -- topics kept in memory (signaling.topics.OwnedTopics) --------------------------------------

    async def snapshot(self, visitor: object, key: str) -> tuple[str, int, dict[str, Any]]:
        """Epoch, number and state of the room `key`."""
        room = await self._room(key)
        return room.epoch, room.seq, room.snapshot()

    async def since(self, key: str, epoch: str, seq: int) -> Sequence[Change] | None:
        """The changes of room `key` after (`epoch`, `seq`)."""
        room = await self._room(key)
        return room.since(epoch, seq)

    # -- inside ------------------------------------------------------------------------------------

    async def _pump(self, worker: MediaWorker) -> None:
        async for event in worker.events():
            if isinstance(event, media.StatsReport):
                self._note(worker.index, event)
            elif isinstance(event, media.WorkerRestarted):
                for room in list(self._rooms.values()):
                    self._tell(room, worker, event)
            else:
                known = self._rooms.get(event.room_id)
                if known is not None:
                    self._tell(known, worker, event)

    async def add_camera(self, meeting_id: str, camera_id: str) -> ParticipantId:
        """Bring a camera into a room; the caller has checked the permission.

        Raises: NotFound, Conflict, Unavailable.
        """
        room = await self._room(meeting_id)
        return await room.ask(lambda: room.add_camera(camera_id))

    def _show_camera(self, meeting_id: str, participant_id: str, state: StreamState) -> None:
        room = self._rooms.get(meeting_id)
        if room is not None:
            room.tell(lambda: room.show_camera(ParticipantId(participant_id), state))

    def _show_lamp(self, meeting_id: str, lamp: Lamp) -> None:
        room = self._rooms.get(meeting_id)
        if room is not None:
            room.tell(lambda: room.show_lamp(lamp))

    def _tell(self, room: Room, worker: MediaWorker, event: media.WorkerEvent) -> None:
        room.tell(lambda: room.media_event(worker, event))

    async def _tidy(self) -> None:
        while True:
            await self._clock.sleep(_TIDY_EVERY_S)
            for meeting_id, room in list(self._rooms.items()):
                try:
                    await room.ask(room.tidy)
                    await room.ask(partial(room.share_quality, self.figures))
                except AppError as error:
                    log.warning("room_not_tidied", room_id=meeting_id, cause=error.message)
                if not room.state.is_open:
                    room.close()
                    self._forget(meeting_id)

    async def _keep_rooms(self) -> None:
        """Beside the tidying, which waits for workers: no other node may take a room meanwhile."""
        while True:
            await self._clock.sleep(_TIDY_EVERY_S)
            try:
                await self._placement.keep(tuple(self._rooms))
            except AppError as error:
                log.warning("room_leases_not_renewed", cause=error.message)

    async def _sweep(self) -> None:
        while True:
            await self._clock.sleep(_SWEEP_EVERY_S)
            try:
                await self._end_forgotten()
            except AppError as error:
                log.warning("meetings_not_swept", cause=error.message)

    async def _end_forgotten(self) -> None:
        """End meetings past their time that nobody came to, or came back to after a restart."""
        before = self._clock.now() - _FORGOTTEN_AFTER
        async with self._database.read() as uow:
            overdue = await store.overdue(uow, before)
        for meeting_id in overdue:
            if meeting_id not in self._rooms:
                async with self._database.write() as uow:
                    await self._meetings.end(uow, meeting_id)
                await self.recordings.finish(meeting_id, "ended")

    def _forget(self, meeting_id: str) -> None:
        room = self._rooms.pop(meeting_id)
        self._room_of = {key: value for key, value in self._room_of.items() if value is not room}
