"""A room as browsers see it (docs/protocol.md) and as the database keeps it (pure)."""

from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

from conf.media import model as media
from conf.model import ChatLine, RoomView, Seat, Standing, TrackState
from conf.orders import standing
from conf.recording.lamp import Lamp
from core.ids import ParticipantId


def seat_wire(seat: Seat) -> dict[str, Any]:
    """One participant."""
    return {
        "participant_id": seat.participant_id,
        "unit_id": seat.unit_id,
        "site": seat.site,
        "name": seat.name,
        "role": seat.role.value,
        "is_connected": seat.is_connected,
        "joined_at": seat.joined_at.isoformat(),
        "audio": _track(seat.audio),
        "camera": _track(seat.camera),
        "screen": _track(seat.screen),
        "hand_at": seat.hand_at.isoformat() if seat.hand_at else None,
        "has_floor": seat.has_floor,
        "view": seat.view,
        "quality": seat.quality,
        "may_be_taken": seat.may_be_taken,
        "note": seat.note,
        "note_code": seat.note_code,
    }


def slot_wire(slot: media.Slot) -> dict[str, Any]:
    """One slot as in docs/protocol.md."""
    return {
        "mid": slot.mid,
        "kind": slot.kind.value,
        "participant_id": slot.participant_id,
        "source": slot.source.value if slot.source else None,
        "reason": slot.reason.value if slot.reason else None,
    }


def room_state(state: RoomView, chat: Iterable[ChatLine]) -> dict[str, Any]:
    """The snapshot of a room."""
    return {
        "room_id": state.meeting_id,
        "meeting_id": state.meeting_id,
        "title": state.title,
        "incident_id": state.incident_id,
        "is_open": state.is_open,
        "is_locked": state.is_locked,
        "is_muting_all": state.is_muting_all,
        "mode": "lecture" if state.is_lecture else "free",
        "broadcast": state.broadcast,
        "called": state.called,
        "poll_source": state.poll_source,
        "speaker": state.speaker,
        "recording": state.recording.value,
        "ends_at": state.ends_at.isoformat(),
        "chat": [chat_wire(line) for line in chat],
        "participants": [seat_wire(seat) for seat in state.seats.values()],
    }


def chat_wire(line: ChatLine) -> dict[str, Any]:
    """One line somebody has said."""
    return {
        "participant_id": line.participant_id,
        "name": line.name,
        "text": line.text,
        "at": line.at.isoformat(),
    }


def differences(before: RoomView, after: RoomView) -> list[tuple[str, dict[str, Any]]]:
    """The changes, kind and data, that lead a browser from one state to the other."""
    gone = [key for key in before.seats if key not in after.seats]
    changes = [("participant.left", {"participant_id": str(key)}) for key in gone]
    for key, seat in after.seats.items():
        if key not in before.seats:
            changes.append(("participant.joined", seat_wire(seat)))
        elif seat != before.seats[key]:
            changes.append(("participant.changed", seat_wire(seat)))
    room = _without_people(after)
    if room != _without_people(before):
        changes.append(("room.changed", room))
    return changes


def _without_people(state: RoomView) -> dict[str, Any]:
    room = room_state(replace(state, seats={}), ())
    del room["participants"], room["chat"]
    return room


def state_to_store(state: RoomView) -> dict[str, Any]:
    """What the chair has ordered; seats come back when their browsers do."""
    return {
        "version": state.version,
        "is_locked": state.is_locked,
        "is_lecture": state.is_lecture,
        "is_muting_all": state.is_muting_all,
        "broadcast": state.broadcast,
        "called": state.called,
        "is_recording": state.is_recording,
        "cameras": dict(state.cameras),
        "removed": sorted(state.removed),
        "poll_dwell_s": state.poll_dwell_s,
        "standing": {key: asdict(one) for key, one in standing(state).items()},
    }


def stored_into(state: RoomView, stored: dict[str, Any]) -> RoomView:
    """`state` with what `state_to_store` kept."""
    return replace(
        state,
        version=int(stored.get("version", 0)),
        is_locked=bool(stored.get("is_locked", False)),
        is_lecture=bool(stored.get("is_lecture", False)),
        is_muting_all=bool(stored.get("is_muting_all", False)),
        broadcast=stored.get("broadcast"),
        called=stored.get("called"),
        is_recording=bool(stored.get("is_recording", False)),
        recording=Lamp.STALLED if stored.get("is_recording") else Lamp.OFF,
        removed=frozenset(ParticipantId(key) for key in stored.get("removed", ())),
        cameras={
            ParticipantId(key): str(camera) for key, camera in stored.get("cameras", {}).items()
        },
        poll_dwell_s=stored.get("poll_dwell_s"),
        standing={
            ParticipantId(key): Standing(**{**one, "muted": tuple(one["muted"])})
            for key, one in stored.get("standing", {}).items()
        },
    )


def _track(track: TrackState) -> dict[str, bool]:
    return {
        "is_on": track.is_on,
        "is_published": track.is_published,
        "is_muted": track.is_muted,
    }
