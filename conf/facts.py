"""What the bridge, the camera process and the pages report, as plain functions on the state (pure).

Facts change what is shown; only orders (conf.orders) change what is enforced.
"""

from dataclasses import replace

from conf import orders
from conf.media import model as media
from conf.model import RoomView, Seat
from core.ids import ParticipantId


def after(state: RoomView, event: media.WorkerEvent) -> RoomView:
    """The room once a worker has told this; the same object when it shows nothing new."""
    match event:
        case media.SpeakerChanged():
            speaker = ParticipantId(event.participant_id) if event.participant_id else None
            return replace(state, speaker=speaker)
        case media.PublishingChanged():
            return _published(state, event)
        case media.QualityChanged():
            return _quality(state, event.participant_id, event.quality.value)
        case media.ParticipantConnected():
            return _quality(state, event.participant_id, "good")
        case media.ParticipantLost():
            return _quality(state, event.participant_id, "lost")
        case _:
            return state


def page_lost(state: RoomView, seat: Seat) -> RoomView:
    """A seat's page has lost its connection; the seat waits for it."""
    return orders.with_seat(state, replace(seat, is_connected=False, quality="lost"))


def camera_told(
    state: RoomView, participant_id: ParticipantId, *, is_live: bool, words: str, code: str
) -> RoomView:
    """A camera's stream is live, or is not, for the reason in `words` and, for pages, `code`."""
    seat = state.seats.get(participant_id)
    if seat is None:
        return state
    quality, note = ("good", "") if is_live else ("lost", words)
    seat = replace(seat, is_connected=is_live, quality=quality, note=note, note_code=code)
    return orders.with_seat(state, seat)


def _published(state: RoomView, event: media.PublishingChanged) -> RoomView:
    seat = state.seats.get(ParticipantId(event.participant_id))
    if seat is None:
        return state
    seat = orders.arriving(seat, (event.audio, event.camera, event.screen))
    return orders.with_seat(state, seat)


def _quality(state: RoomView, participant_id: str, quality: str) -> RoomView:
    seat = state.seats.get(ParticipantId(participant_id))
    if seat is None or seat.quality == quality:
        return state
    return orders.with_seat(state, replace(seat, quality=quality))
