"""One room in the worker: its seats, the server's orders, and who is sent what because of them.

Owner: the worker's loop; no method awaits, so an order is in force when `apply` returns.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from conf.media.darkness import has_changed
from conf.media.model import (
    LayersWanted,
    ParticipantConnected,
    ParticipantLost,
    ParticipantState,
    PublishingChanged,
    RoomState,
    SlotKind,
    SlotMapChanged,
    SourceKind,
    SpeakerChanged,
    WorkerEvent,
)
from conf.media.slots import NOBODY, RoomFacts, Source, assign, may_send
from conf.media.speaker import Speakers

if TYPE_CHECKING:
    from conf.media.publisher import Track
    from conf.media.seat import Seat

STAGE: Final = {SlotKind.MAIN, SlotKind.SHARE}
HEARD: Final = 4  # one more than there are audio slots: a viewer does not hear itself


class Room:
    """`emit` queues an event for the server."""

    def __init__(self, room_id: str, emit: Callable[[WorkerEvent], None]) -> None:
        self.room_id = room_id
        self.emit = emit
        self.state = RoomState(version=0)
        self.seats: dict[str, Seat] = {}
        self._speakers = Speakers(HEARD)
        self._screen: str | None = None

    def apply(self, state: RoomState, now: float) -> bool:
        """Put a newer state in force; False when it is older than the present one."""
        if state.version < self.state.version:
            return False
        self.state = state
        self.refresh(now)
        return True

    def add(self, seat: "Seat", now: float) -> None:
        """A participant joined; the caller has removed an earlier seat of the same id.

        It sends nothing yet, so nobody else is sent anything else for it.
        """
        self.seats[seat.participant_id] = seat
        self._admit(seat)
        self._refill(seat, self._facts(), now)

    def remove(self, seat: "Seat", now: float) -> None:
        """A participant left: nobody gets its packets and it gets nobody's."""
        if self.seats.get(seat.participant_id) is not seat:
            return
        del self.seats[seat.participant_id]
        was_speaker = self._speakers.active == seat.participant_id
        self._speakers.remove(seat.participant_id)
        if was_speaker:
            self.emit(SpeakerChanged(self.room_id, None))
        seat.subscriber.close()
        for track in seat.publisher.tracks.values():
            track.is_allowed = False
        if seat.published:
            self.refresh(now)

    def on_connected(self, seat: "Seat", now: float) -> None:
        """A seat can send and receive now: fill its slots, which asks for the key frames."""
        self.emit(ParticipantConnected(self.room_id, seat.participant_id))
        self._refill(seat, self._facts(), now)
        seat.choose_layers(now)

    def on_lost(self, seat: "Seat", reason: str) -> None:
        """A seat fell silent; it keeps its place until the server decides."""
        self.emit(ParticipantLost(self.room_id, seat.participant_id, reason))

    def rights(self, participant_id: str) -> ParticipantState:
        """What the orders let a participant do; those they do not name may nothing."""
        return self.state.participants.get(participant_id, NOBODY)

    # -- who is sent what -------------------------------------------------------------------------

    def refresh(self, now: float) -> None:
        """Bring every slot in line with the state and the facts."""
        for seat in self.seats.values():
            self._admit(seat)
            self._update_published(seat, now)
        facts = self._facts()
        for seat in self.seats.values():
            self._refill(seat, facts, now)

    def _admit(self, seat: "Seat") -> None:
        """Let it send and be sent what the orders allow."""
        seat.limit()
        for kind, track in seat.publisher.tracks.items():
            track.allow(is_allowed=may_send(self.state, seat.participant_id, kind))

    def _facts(self) -> RoomFacts:
        loudest = self._speakers.loudest
        quiet = [pid for pid in self.seats if pid not in loudest]
        return RoomFacts(
            publishing={pid: seat.published for pid, seat in self.seats.items()},
            speaker=self._speakers.active,
            loudest=(*loudest, *quiet),  # free slots carry the quiet: no first word is cut off
            screen=self._screen,
        )

    def _refill(self, seat: "Seat", facts: RoomFacts, now: float) -> None:
        slots = seat.subscriber.slots
        filled = [slot.fills for slot in slots]
        wanted = assign(
            seat.participant_id, [slot.kind for slot in slots], filled, self.state, facts
        )
        if wanted != filled:
            for slot, source in zip(slots, wanted, strict=True):
                slot.assign(self._track(source))
            self._tell_slots(seat)
        for slot in slots if seat.session.can_send else ():
            if slot.kind is SlotKind.AUDIO and slot.track is not None:
                alive = slot.track.alive(now)
                slot.show(alive[0] if alive else slot.layer, now)
        changed = {
            slot.kind for slot, old, new in zip(slots, filled, wanted, strict=True) if old != new
        }
        if changed & STAGE:
            seat.choose_layers(now)
        elif changed:  # at the seat's next turn: sixty choices at once would hold the voices up
            seat.budget.reconsider()

    def _tell_slots(self, seat: "Seat") -> None:
        seat.revision += 1
        slots = tuple(slot.describe() for slot in seat.subscriber.slots)
        self.emit(SlotMapChanged(self.room_id, seat.participant_id, seat.revision, slots))

    def explain(self, seat: "Seat") -> None:
        """Every second: tell a page why a picture is missing, and when it no longer is."""
        changes = [has_changed(slot) for slot in seat.subscriber.slots if slot.track is not None]
        if any(changes) and seat.is_connected:
            self._tell_slots(seat)

    def _track(self, source: Source | None) -> "Track | None":
        if source is None or source[0] not in self.seats:
            return None
        return self.seats[source[0]].publisher.tracks.get(source[1])

    # -- facts ------------------------------------------------------------------------------------

    def on_level(self, participant_id: str, level: int, now: float) -> None:
        """An audio packet's loudness (RFC 6464), of a participant that may be heard."""
        self._speakers.on_level(participant_id, level, now)

    def update_speaker(self, now: float) -> None:
        """Ten times a second: who speaks, who is loudest."""
        before = self._speakers.active
        if self._speakers.update(now):
            if self._speakers.active != before:
                self.emit(SpeakerChanged(self.room_id, self._speakers.active))
            self.refresh(now)

    def _update_published(self, seat: "Seat", now: float) -> bool:
        """Note which tracks arrive; True when that changed."""
        published = seat.publishing(now)
        if published == seat.published:
            return False
        if SourceKind.SCREEN in published - seat.published:
            self._screen = seat.participant_id
        elif SourceKind.SCREEN not in published and self._screen == seat.participant_id:
            self._screen = None
        seat.published = published
        self.emit(
            PublishingChanged(
                self.room_id,
                seat.participant_id,
                SourceKind.AUDIO in published,
                SourceKind.CAMERA in published,
                SourceKind.SCREEN in published,
            )
        )
        return True

    def tick(self, now: float) -> None:
        """Four times a second: which tracks and layers are still alive."""
        changed = False
        moved: set[Track] = set()
        for pid, seat in self.seats.items():
            if not seat.publisher.has_sources:
                continue
            rids = seat.publisher.newly_wanted(now)
            moved.update(seat.publisher.newly_offered(now))
            if rids is not None:
                self.emit(LayersWanted(self.room_id, pid, SourceKind.CAMERA, rids))
            changed |= self._update_published(seat, now)
            audio = seat.publisher.tracks.get(SourceKind.AUDIO)
            if audio is None or not audio.is_allowed:
                self._speakers.remove(pid)
        for seat in self.seats.values() if moved else ():
            if any(slot.track in moved for slot in seat.subscriber.slots):
                seat.budget.reconsider()
        if changed:
            self.refresh(now)
