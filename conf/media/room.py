"""One room in the worker: its seats, the server's orders, and who is sent what because of them.

Owner: the worker's loop; no method awaits, so an order is in force when `apply` returns.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from conf.media.layer import Layer
from conf.media.model import (
    ParticipantConnected,
    ParticipantLost,
    PublishingChanged,
    RoomState,
    SlotKind,
    SlotMapChanged,
    SourceKind,
    SpeakerChanged,
    WorkerEvent,
)
from conf.media.slots import RoomFacts, Source, assign, may_send

if TYPE_CHECKING:
    from conf.media.downslot import DownSlot
    from conf.media.publisher import Track
    from conf.media.seat import Seat

SILENT_LEVEL: Final = 60.0  # -dBov; quieter than this is not speech


class Room:
    """`emit` queues an event for the server."""

    def __init__(self, room_id: str, emit: Callable[[WorkerEvent], None]) -> None:
        self.room_id = room_id
        self.emit = emit
        self.state = RoomState(version=0)
        self.seats: dict[str, Seat] = {}
        self._levels: dict[str, float] = {}  # smoothed -dBov, 127 is silence
        self.speaker: str | None = None
        self._screen: str | None = None

    def apply(self, state: RoomState, now: float) -> bool:
        """Put a newer state in force; False when it is older than the present one."""
        if state.version < self.state.version:
            return False
        self.state = state
        self.refresh(now)
        return True

    def add(self, seat: "Seat", now: float) -> None:
        """A participant joined; the caller has removed an earlier seat of the same id."""
        self.seats[seat.participant_id] = seat
        self._levels[seat.participant_id] = 127.0
        self.refresh(now)

    def remove(self, seat: "Seat", now: float) -> None:
        """A participant left: nobody gets its packets and it gets nobody's."""
        if self.seats.get(seat.participant_id) is not seat:
            return
        del self.seats[seat.participant_id]
        self._levels.pop(seat.participant_id, None)
        seat.subscriber.close()
        if self.speaker == seat.participant_id:
            self._speaks(None)
        self.refresh(now)

    def on_connected(self, seat: "Seat") -> None:
        """A seat can send and receive now."""
        self.emit(ParticipantConnected(self.room_id, seat.participant_id))

    def on_lost(self, seat: "Seat", reason: str) -> None:
        """A seat fell silent; it keeps its place until the server decides."""
        self.emit(ParticipantLost(self.room_id, seat.participant_id, reason))

    # -- who is sent what -------------------------------------------------------------------------

    def refresh(self, now: float) -> None:
        """Bring every slot in line with the state and the facts."""
        for seat in self.seats.values():
            self._update_published(seat, now)
            for kind, track in seat.publisher.tracks.items():
                track.is_allowed = may_send(self.state, seat.participant_id, kind)
        facts = self._facts()
        for seat in self.seats.values():
            self._refill(seat, facts, now)

    def _facts(self) -> RoomFacts:
        by_loudness = sorted(self._levels, key=self._levels.__getitem__)
        return RoomFacts(
            publishing={pid: seat.published for pid, seat in self.seats.items()},
            speaker=self.speaker,
            loudest=by_loudness,
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
            seat.revision += 1
            self.emit(
                SlotMapChanged(
                    self.room_id,
                    seat.participant_id,
                    seat.revision,
                    tuple(slot.describe() for slot in slots),
                )
            )
        for slot in slots:
            self._choose_layer(slot, now)

    def _track(self, source: Source | None) -> "Track | None":
        if source is None or source[0] not in self.seats:
            return None
        return self.seats[source[0]].publisher.tracks.get(source[1])

    def _choose_layer(self, slot: "DownSlot", now: float) -> None:
        """Which layer of its track a slot shall show: large on the main picture, else small."""
        track = slot.track
        if track is None:
            return
        alive = track.alive(now)
        if not alive:
            return
        layer = self.pick(slot, alive)
        if slot.layer is layer:
            slot.settle()
        elif slot.wanted is not layer:
            slot.want(layer)
            if slot.kind is not SlotKind.AUDIO:
                layer.request_keyframe(now)

    @staticmethod
    def pick(slot: "DownSlot", alive: list[Layer]) -> Layer:
        """The layer by kind of slot, when nothing about the link forbids it."""
        return alive[0] if slot.kind is SlotKind.THUMBNAIL else alive[-1]

    # -- facts ------------------------------------------------------------------------------------

    def on_level(self, participant_id: str, level: int, has_voice: bool) -> None:
        """An audio packet's loudness (RFC 6464)."""
        before = self._levels.get(participant_id)
        if before is not None:
            weight = 0.2 if level < before else 0.02  # quick to rise, slow to fall
            self._levels[participant_id] = before + weight * (level - before)

    def _update_published(self, seat: "Seat", now: float) -> None:
        published = seat.publishing(now)
        if published == seat.published:
            return
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

    def _speaks(self, participant_id: str | None) -> None:
        if participant_id != self.speaker:
            self.speaker = participant_id
            self.emit(SpeakerChanged(self.room_id, participant_id))

    def tick(self, now: float) -> None:
        """Four times a second: speaker, liveness of layers, slots."""
        for pid, seat in self.seats.items():
            audio = seat.publisher.tracks.get(SourceKind.AUDIO)
            silent = audio is None or not audio.is_allowed or not audio.alive(now)
            if silent:
                self._levels[pid] = 127.0
        loudest = min(self._levels, key=self._levels.__getitem__, default=None)
        if loudest is not None and self._levels[loudest] < SILENT_LEVEL:
            present = self._levels.get(self.speaker or "", 127.0)
            if self._levels[loudest] < present - 6:  # 6 dB louder than who has the picture
                self._speaks(loudest)
        self.refresh(now)
