"""The owner of one room: one task, one inbox; joins, orders and media events take their turn.

An order is checked (conf.orders), stored, sent to the forwarder, and acknowledged once the
forwarder enforces it. The deciding is in pure files (conf.orders, conf.facts, conf.wire). What is
written down, whose page is where, and the numbered changes are in conf.room_book, conf.pages and
conf.room_topic, owned by the room and called in its turn.
"""

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import replace
from typing import Any

import structlog

from conf import facts, orders
from conf.camera_seats import CameraSeats
from conf.cameras.service import Cameras, StreamState
from conf.media import model as media
from conf.media.client import MediaWorker
from conf.model import ChatLine, MeetingState, Order, OrderKind, RoomView, Seat, SiteRole
from conf.pages import Emit, Pages
from conf.ports import RoomAudit
from conf.quality import Figures, site_qualities
from conf.recording.lamp import Lamp
from conf.recording.service import Recordings
from conf.room_book import RoomBook
from conf.room_topic import Deliver, RoomTopic
from conf.seating import Applicant, Joined, Seating
from conf.service import Meetings
from conf.store import MeetingRow
from conf.turns import Turns
from conf.wire import chat_wire, room_state, slot_wire, stored_into
from core.changes import Change
from core.clock import Clock
from core.database import Database
from core.errors import AppError, Conflict, InvalidInput, NotAllowed, NotFound, Unavailable
from core.ids import MeetingId, ParticipantId, new_id

log = structlog.get_logger(__name__)

CHAT_KEPT = 200
CHAT_LONGEST = 500


class Room(Turns):
    """Owner of its `RoomView`; what changes it is called through `ask` or `tell`."""

    def __init__(
        self,
        meeting: MeetingRow,
        database: Database,
        clock: Clock,
        worker: MediaWorker,
        meetings: Meetings,
        audit: RoomAudit,
        deliver: Deliver,
        recordings: Recordings,
        cameras: Cameras,
    ) -> None:
        self.meeting_id = MeetingId(meeting.id)
        self.unit_path = meeting.unit_path
        self.state = stored_into(
            RoomView(
                self.meeting_id, meeting.title, meeting.incident_id, meeting.ends_at,
                is_open=meeting.state is not MeetingState.ENDED,
            ),
            meeting.room_state,
        )  # fmt: skip
        super().__init__(f"room:{meeting.id}")
        self._clock = clock
        self._worker = worker
        self._recordings = recordings
        self._topic = RoomTopic(meeting.id, clock, deliver)
        self._book = RoomBook(self.meeting_id, database, meetings, audit)
        self._pages = Pages(clock)
        self._seating = Seating(self.meeting_id, database, meetings)
        self._cameras = CameraSeats(self.meeting_id, database, clock, worker, cameras)
        self.chat: deque[ChatLine] = deque(maxlen=CHAT_KEPT)
        self.page_stats: dict[ParticipantId, dict[str, Any]] = {}
        self._poll: asyncio.Task[None] | None = None
        self._shared: list[dict[str, Any]] = []
        self._has_gone_on = False

    # -- what browsers see -----------------------------------------------------------------------

    @property
    def topic(self) -> str:
        """Name of its topic."""
        return self._topic.name

    @property
    def epoch(self) -> str:
        """To which `seq` belongs."""
        return self._topic.epoch

    @property
    def seq(self) -> int:
        """Number of the newest change."""
        return self._topic.seq

    def snapshot(self) -> dict[str, Any]:
        """The state as in docs/protocol.md."""
        return room_state(self.state, self.chat)

    def since(self, epoch: str, seq: int) -> list[Change] | None:
        """The changes after (`epoch`, `seq`); None where only a snapshot can help."""
        return self._topic.since(epoch, seq)

    def _become(self, state: RoomView) -> None:
        """Replace the state and publish what differs."""
        before, self.state = self.state, state
        self._topic.show(before, state)

    # -- seats -----------------------------------------------------------------------------------

    async def join(
        self,
        applicant: Applicant,
        offer: str,
        resume: str | None,
        connection: object,
        emit: Emit,
    ) -> Joined:
        """Give the applicant its seat, with media. Raises: Conflict, NotAllowed, InvalidInput."""
        if not self.state.is_open:
            raise Conflict("this meeting is over", code="meeting_over")
        seat, secret = await self._seating.take(self.state, applicant, resume)
        state = orders.seated(self.state, seat)
        try:
            await self._worker.open_room(self.meeting_id)
            await self._worker.apply(self.meeting_id, orders.media_state(state))
            self._become(state)
            answer = await self._worker.join(self.meeting_id, seat.participant_id, offer)
        except AppError:
            await self._lose(seat.participant_id, "no_media")
            raise
        await self._pages.enter(seat.participant_id, connection, emit)
        return Joined(seat.participant_id, secret, answer.answer_sdp, answer.slots)

    async def restart(self, participant_id: ParticipantId, offer: str) -> str:
        """ICE restart. Returns: the answer."""
        self._seat(participant_id)
        return (await self._worker.restart(participant_id, offer)).answer_sdp

    async def leave(self, participant_id: ParticipantId) -> None:
        """It goes by its own will: the orders about it end, but for its mutes. Idempotent."""
        if participant_id in self.state.seats and self.state.is_open:
            state = orders.vacated(self.state, participant_id)
            await self._book.save(state)
            await self._enforce(state)
        await self._free(participant_id, "left")

    async def _lose(self, participant_id: ParticipantId, reason: str) -> None:
        """Its line has been away too long; what was ordered about it waits for it."""
        if participant_id in self.state.seats and self.state.is_open:
            await self._enforce(orders.missed(self.state, participant_id))
        await self._free(participant_id, reason)

    async def _free(self, participant_id: ParticipantId, reason: str) -> None:
        await self._worker.leave(participant_id)
        await self._seating.end_stay(participant_id, reason)
        self._pages.forget(participant_id)
        self.page_stats.pop(participant_id, None)

    async def connection_lost(self, participant_id: ParticipantId, connection: object) -> None:
        """The browser's connection has gone; its seat waits for it."""
        if not self._pages.lose(participant_id, connection):
            return
        seat = self.state.seats.get(participant_id)
        if seat is not None:
            self._pages.miss(participant_id)
            self._become(facts.page_lost(self.state, seat))

    async def recap(self) -> None:
        """Hold every line to its ceilings as they are stored now."""
        state = orders.capped(self.state, await self._seating.caps(self.state))
        if state is not self.state:
            await self._enforce(state)

    async def tidy(self) -> None:
        """Let go of seats that have been away too long, and end a meeting past its time."""
        if not self._has_gone_on:
            await self.go_on()
        await self.recap()  # they may have been changed through another node
        await self.close_if_over()
        for participant_id in self._pages.gone():
            await self._lose(participant_id, "lost")
        is_empty = all(seat.role is SiteRole.CAMERA for seat in self.state.seats.values())
        if self.state.is_open and is_empty and self._clock.now() > self.state.ends_at:
            await self._end("over")

    async def close_if_over(self) -> None:
        """The meeting may have been ended from outside: with its incident, through another node."""
        if self.state.is_open and await self._book.is_over():
            await self._end("ended")

    def _seat(self, participant_id: ParticipantId) -> Seat:
        seat = self.state.seats.get(participant_id)
        if seat is None:
            raise NotFound("you are not in this room; join again", code="not_in_room")
        return seat

    async def add_camera(self, camera_id: str) -> ParticipantId:
        """Bring a camera in as a participant. Raises: Conflict, NotFound."""
        if not self.state.is_open:
            raise Conflict("this meeting is over", code="meeting_over")
        if camera_id in self.state.cameras.values():
            raise Conflict("this camera is already in the meeting")
        row = await self._cameras.row(camera_id)
        participant_id = ParticipantId(new_id())
        cameras = {**self.state.cameras, participant_id: camera_id}
        state = replace(self.state, cameras=cameras)
        state = orders.seated(state, self._cameras.seat(participant_id, row))
        await self._book.save(state)
        await self._open(state)
        await self._cameras.start(participant_id, row)
        return participant_id

    async def go_on(self) -> None:
        """After the server was restarted: who does not return is lost; what was ordered goes on.

        Its first turn; where that fails, each round of tidying tries again.
        """
        if self.state.is_recording:
            await self._recordings.start(self.meeting_id, "server")
        for participant_id in await self._seating.staying():
            if participant_id not in self._pages:
                self._pages.miss(participant_id)
        self._go_on_polling()
        if self.state.cameras:
            await self._bring_back_cameras()
        self._has_gone_on = True

    async def _bring_back_cameras(self) -> None:
        state = self.state
        for participant_id, camera_id in self.state.cameras.items():
            try:
                row = await self._cameras.row(camera_id)
            except NotFound:
                continue
            state = orders.seated(state, self._cameras.seat(participant_id, row))
        await self._open(state)
        await self._cameras.start_again(state)

    async def _open(self, state: RoomView) -> None:
        """As `_enforce`, where nobody may have joined yet."""
        with suppress(Unavailable):  # it opens the room when it is back
            await self._worker.open_room(self.meeting_id)
        await self._enforce(state)

    async def show_camera(self, participant_id: ParticipantId, stream: StreamState) -> None:
        """What the camera process says of a stream."""
        is_live, words, code = stream.state == "live", stream.words, stream.code
        told = facts.camera_told(
            self.state, participant_id, is_live=is_live, words=words, code=code
        )
        self._become(told)

    # -- what participants say -------------------------------------------------------------------

    async def publishing(
        self, participant_id: ParticipantId, *, audio: bool, camera: bool, screen: bool
    ) -> None:
        """The browser says which of its tracks it sends now."""
        seat = orders.switched(self._seat(participant_id), (audio, camera, screen))
        self._become(orders.with_seat(self.state, seat))

    async def floor(self, participant_id: ParticipantId, action: str) -> None:
        """Request, withdraw or release the floor."""
        seat = self._seat(participant_id)
        match action:
            case "request":
                self._become(orders.raise_hand(self.state, seat, self._clock.now()))
            case "withdraw":
                self._become(orders.lower_hand(self.state, seat))
            case "release":
                state = orders.release_floor(self.state, seat)
                await self._book.save(state)
                await self._enforce(state)
            case _:
                raise InvalidInput("one of request, withdraw, release", field="action")

    async def say(self, participant_id: ParticipantId, text: str) -> None:
        """One chat line, stored and told to everybody."""
        seat = self._seat(participant_id)
        text = text.strip()
        if not 0 < len(text) <= CHAT_LONGEST:
            raise InvalidInput(f"1 to {CHAT_LONGEST} characters", field="text")
        line = ChatLine(participant_id, seat.site or seat.name, text, self._clock.now())
        await self._book.said(line)
        self.chat.append(line)
        self._topic.publish("chat.said", chat_wire(line))

    def note_stats(self, participant_id: ParticipantId, figures: dict[str, Any]) -> None:
        """What a page measured itself; kept for the chair's view of qualities."""
        if participant_id in self.state.seats:
            self.page_stats[participant_id] = figures

    async def share_quality(self, figures: Figures) -> None:
        """Tell the topic how the lines do, if that changed; called every five seconds."""
        rows = site_qualities(self.state, figures, self.page_stats)
        if rows != self._shared and self._pages:
            self._shared = rows
            self._topic.publish("quality.changed", {"participants": rows})

    async def move(self, worker: MediaWorker) -> None:
        """Go on in another worker: orders first, then the pages join anew. Raises: Unavailable."""
        try:
            await worker.open_room(self.meeting_id)
            if self.state.seats:
                await worker.apply(self.meeting_id, orders.media_state(self.state))
        except AppError:
            await worker.close_room(self.meeting_id)  # or its successor would open it
            raise
        before, self._worker = self._worker, worker
        self._cameras.move(worker)
        await self._pages.emit_all("room.rejoin", {"reason": "moved"})
        await before.close_room(self.meeting_id)
        await self._cameras.start_again(self.state)

    @property
    def is_attended(self) -> bool:
        """Somebody's page is connected."""
        return bool(self._pages)

    @property
    def worker(self) -> MediaWorker:
        """Where its media is forwarded."""
        return self._worker

    # -- orders ----------------------------------------------------------------------------------

    async def order(self, by: ParticipantId, order: Order) -> None:
        """Obey an order of the chair or staff: checked, stored, enforced, then acknowledged."""
        giver = self._seat(by)
        if not giver.role.may_order:
            raise NotAllowed("only the chair and meeting staff give orders")
        await self.obey(order, giver.participant_id, giver.name or giver.site)

    async def obey(self, order: Order, by: str, by_name: str) -> None:
        """As `order`, for somebody already found to be allowed."""
        state = orders.obey(self.state, order, self._clock.now())
        await self._book.order(state, order, by, by_name)
        await self._enforce(state)
        await self._follow(order, by)

    async def _enforce(self, state: RoomView) -> None:
        """Wait for the forwarder, then show. A worker that is down gets it before it forwards."""
        if state.seats:
            try:
                await self._worker.apply(self.meeting_id, orders.media_state(state))
            except Unavailable:
                log.warning("order_waits_for_worker", room_id=self.meeting_id)
        self._become(state)

    async def _follow(self, order: Order, by: str) -> None:
        """What an order brings with it beside the state."""
        match order.kind:
            case OrderKind.REMOVE if order.target:
                await self._pages.emit(order.target, "room.removed", {"reason": "removed"})
                self._pages.forget(order.target)
                await self._worker.leave(order.target)
                await self._cameras.stop(order.target)
                await self._seating.end_stay(order.target, "removed")
            case OrderKind.END:
                await self._end("ended")
            case OrderKind.POLL_START | OrderKind.POLL_STOP:
                self._go_on_polling()
            case OrderKind.RECORD_START:
                await self._recordings.start(self.meeting_id, by)
            case OrderKind.RECORD_STOP:
                await self._recordings.finish(self.meeting_id, "ordered")
            case _:
                pass

    async def _end(self, reason: str) -> None:
        self._stop_poll()
        await self._book.end()
        if self.state.is_recording:
            await self._recordings.finish(self.meeting_id, "ended")
        self._become(replace(self.state, is_open=False, is_recording=False, recording=Lamp.OFF))
        await self._pages.dismiss(reason)
        for participant_id in self.state.cameras:
            await self._cameras.stop(participant_id)
        await self._worker.close_room(self.meeting_id)

    def _go_on_polling(self) -> None:
        """As ordered; anew from the site shown now."""
        self._stop_poll()
        if self.state.poll_dwell_s is not None:
            self._poll = asyncio.create_task(self._turn_pages(self.state.poll_dwell_s))

    async def _turn_pages(self, dwell_s: float) -> None:
        while True:
            await self._clock.sleep(dwell_s)
            self.tell(self._next_page)

    async def _next_page(self) -> None:
        shown = orders.next_in_poll(self.state)
        if shown != self.state.poll_source:
            version = self.state.version + 1
            await self._enforce(replace(self.state, poll_source=shown, version=version))

    def on_closed(self) -> None:
        self._stop_poll()

    def _stop_poll(self) -> None:
        if self._poll is not None:
            self._poll.cancel()
            self._poll = None

    # -- what the bridge says --------------------------------------------------------------------

    async def media_event(self, worker: MediaWorker, event: media.WorkerEvent) -> None:
        """Facts from the worker about this room; not what one says that it has moved from."""
        if worker is not self._worker:
            return
        match event:
            case media.SlotMapChanged():
                slots = [slot_wire(slot) for slot in event.slots]
                told = {"revision": event.revision, "slots": slots}
                await self._pages.emit(ParticipantId(event.participant_id), "slots", told)
            case media.LayersWanted():
                told = {"source": event.source.value, "rids": list(event.rids)}
                await self._pages.emit(ParticipantId(event.participant_id), "layers", told)
            case media.WorkerRestarted():
                await self._pages.emit_all("room.rejoin", {"reason": "worker_restarted"})
                await self._cameras.start_again(self.state)
            case _:
                self._become(facts.after(self.state, event))

    async def show_lamp(self, lamp: Lamp) -> None:
        """The red lamp as the recorder's bytes make it; a full disk ends the recording."""
        state = replace(self.state, recording=lamp)
        if lamp is Lamp.DISK_FULL and state.is_recording:
            version = state.version + 1
            state = replace(state, is_recording=False, version=version)
            await self._book.save(state)
            await self._enforce(state)
        else:
            self._become(state)
