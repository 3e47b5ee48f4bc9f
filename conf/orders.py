"""Chair control as plain functions: state and order in, state out (pure).

Huawei, ZTE and Polycom control lists gave the orders; RFC 8855 the words of the floor.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from conf.media.model import ParticipantState
from conf.media.model import RoomState as MediaState
from conf.model import LineCaps, Order, OrderKind, RoomView, Seat, SiteRole, Standing, TrackState
from conf.recording.lamp import Lamp
from core.errors import Conflict, InvalidInput, NotFound
from core.ids import ParticipantId

LONGEST_EXTENSION_MINUTES = 240
TRACKS = ("audio", "camera", "screen")


def obey(state: RoomView, order: Order, now: datetime) -> RoomView:
    """The room after `order`. Raises: NotFound, Conflict, InvalidInput."""
    if not state.is_open:
        raise Conflict("the meeting has ended")
    changed = _ORDERS[order.kind](state, order, now)
    return replace(changed, version=state.version + 1)


def target_of(state: RoomView, order: Order) -> Seat:
    """The seat an order names. Raises: InvalidInput, NotFound."""
    if order.target is None:
        raise InvalidInput("say which participant", field="target")
    seat = state.seats.get(order.target)
    if seat is None:
        raise NotFound("no such participant in this room", field="target")
    return seat


def with_seat(state: RoomView, seat: Seat) -> RoomView:
    """The room with this seat put in or replaced."""
    return replace(state, seats={**state.seats, seat.participant_id: seat})


def seated(state: RoomView, seat: Seat) -> RoomView:
    """The room once `seat` has been taken; a newcomer to a muted room is muted.

    Who was away finds what was ordered about it.
    """
    known = state.seats.get(seat.participant_id)
    if known is not None:
        seat = replace(
            known, name=seat.name, caps=seat.caps, is_connected=True, quality="good",
            may_be_taken=False,
            audio=replace(known.audio, is_published=False),
            camera=replace(known.camera, is_published=False),
            screen=TrackState(is_muted=known.screen.is_muted),
        )  # fmt: skip
    else:
        kept = state.standing.get(seat.participant_id, Standing())
        tracks = set(kept.muted)
        if state.is_muting_all and not (seat.role.may_order or kept.is_heard):
            tracks.add("audio")
        for track in tracks:
            seat = _mute_track(seat, track, is_muted=True)
        seat = replace(seat, has_floor=kept.has_floor, view=kept.view)
    return replace(with_seat(state, seat), version=state.version + 1)


def capped(state: RoomView, caps: Mapping[str, LineCaps]) -> RoomView:
    """The room with each unit's ceilings as they are now; the same object when none differs."""
    seats = {
        key: replace(seat, caps=caps.get(seat.unit_id, LineCaps()))
        for key, seat in state.seats.items()
    }
    if seats == state.seats:
        return state
    return replace(state, seats=seats, version=state.version + 1)


def vacated(state: RoomView, participant_id: ParticipantId) -> RoomView:
    """The room after a participant has left: of the orders about it only its mutes stay."""
    orders = standing(state)
    left = orders.get(participant_id, Standing())
    orders[participant_id] = Standing(left.muted)
    cameras = {key: camera for key, camera in state.cameras.items() if key != participant_id}
    state = _without(replace(state, standing=orders, cameras=cameras), participant_id)
    return _forget(state, participant_id)


def missed(state: RoomView, participant_id: ParticipantId) -> RoomView:
    """The room whose forwarder waits no longer for a participant whose line broke.

    Every order about it stands: it may return and did not want to go.
    """
    return _without(replace(state, standing=standing(state)), participant_id)


def _without(state: RoomView, participant_id: ParticipantId) -> RoomView:
    """`state.standing` is that of all; afterwards of those away."""
    seats = {key: seat for key, seat in state.seats.items() if key != participant_id}
    return replace(
        state,
        seats=seats,
        standing={key: one for key, one in state.standing.items() if key not in seats},
        poll_source=None if state.poll_source == participant_id else state.poll_source,
        speaker=None if state.speaker == participant_id else state.speaker,
        version=state.version + 1,
    )


def standing(state: RoomView) -> dict[ParticipantId, Standing]:
    """What is ordered about each, present or away; who is not in it is as any newcomer."""
    present = {
        key: Standing(
            tuple(track for track in TRACKS if getattr(seat, track).is_muted),
            is_heard=state.is_muting_all and not seat.audio.is_muted,
            has_floor=seat.has_floor,
            view=seat.view,
        )
        for key, seat in state.seats.items()
    }
    known = {**state.standing, **present}
    return {key: one for key, one in known.items() if one != Standing()}


def switched(seat: Seat, is_on: tuple[bool, bool, bool]) -> Seat:
    """The seat whose browser says which of audio, camera, screen it sends."""
    changed = {t: replace(getattr(seat, t), is_on=on) for t, on in zip(TRACKS, is_on, strict=True)}
    return replace(seat, **changed)


def arriving(seat: Seat, is_published: tuple[bool, bool, bool]) -> Seat:
    """The seat of which the bridge receives these of audio, camera, screen."""
    changed = {
        track: replace(getattr(seat, track), is_published=published)
        for track, published in zip(TRACKS, is_published, strict=True)
    }
    return replace(seat, **changed)


def raise_hand(state: RoomView, seat: Seat, now: datetime) -> RoomView:
    """The floor is requested; the queue is ordered by `hand_at`."""
    return with_seat(state, replace(seat, hand_at=seat.hand_at or now))


def lower_hand(state: RoomView, seat: Seat) -> RoomView:
    """The request is withdrawn."""
    return with_seat(state, replace(seat, hand_at=None))


def release_floor(state: RoomView, seat: Seat) -> RoomView:
    """A speaker gives the floor back: muted again where the room is muted."""
    if not seat.has_floor:
        raise Conflict("this participant does not hold the floor")
    seat = replace(seat, has_floor=False)
    if state.is_muting_all:
        seat = _mute_track(seat, "audio", is_muted=True)
    state = _call_over(with_seat(state, seat), seat.participant_id)
    return replace(state, version=state.version + 1)


def _call_over(state: RoomView, participant_id: ParticipantId) -> RoomView:
    """The site called on has spoken, or would not: the picture its call put on air goes too."""
    if state.called != participant_id:
        return state
    is_on_air = state.broadcast == participant_id
    return replace(state, called=None, broadcast=None if is_on_air else state.broadcast)


def hands(state: RoomView) -> list[Seat]:
    """Who asks for the floor, first come first."""
    asking = [seat for seat in state.seats.values() if seat.hand_at is not None]
    return sorted(asking, key=lambda seat: (seat.hand_at or seat.joined_at, seat.participant_id))


def next_in_poll(state: RoomView) -> ParticipantId | None:
    """The site shown after the present one; absent sites and cameras that are off are skipped."""
    shown = [
        seat.participant_id
        for seat in sorted(state.seats.values(), key=lambda seat: (seat.site, seat.participant_id))
        if seat.is_connected and seat.camera.is_published and not seat.role.may_order
    ]
    if not shown:
        return None
    if state.poll_source not in shown:
        return shown[0]
    return shown[(shown.index(state.poll_source) + 1) % len(shown)]


def media_state(state: RoomView) -> MediaState:
    """What the forwarder must enforce."""
    participants: Mapping[str, ParticipantState] = {
        seat.participant_id: ParticipantState(
            may_audio=not seat.audio.is_muted,
            may_camera=not seat.camera.is_muted,
            may_screen=not seat.screen.is_muted,
            view=seat.view,
            sees_all=seat.role.may_order,
            max_up_bps=seat.caps.max_up_bps,
            max_down_bps=seat.caps.max_down_bps,
        )
        for seat in state.seats.values()
    }
    chair = next(
        (seat.participant_id for seat in state.seats.values() if seat.role is SiteRole.CHAIR), None
    )
    return MediaState(
        version=state.version,
        participants=participants if state.is_open else {},
        broadcast=state.broadcast,
        poll_source=state.poll_source,
        lecturer=(state.broadcast or chair or "") if state.is_lecture else None,
        is_recorded=state.is_recording and state.is_open,
    )


def _mute_track(seat: Seat, track: str, *, is_muted: bool) -> Seat:
    if track == "audio":
        return replace(seat, audio=replace(seat.audio, is_muted=is_muted))
    if track == "camera":
        return replace(seat, camera=replace(seat.camera, is_muted=is_muted))
    if track == "screen":
        return replace(seat, screen=replace(seat.screen, is_muted=is_muted))
    raise InvalidInput("one of audio, camera, screen", field="value")


def _forget(state: RoomView, participant_id: ParticipantId) -> RoomView:
    """No order points at this participant any more."""
    return replace(
        state,
        seats={
            key: replace(seat, view=None) if seat.view == participant_id else seat
            for key, seat in state.seats.items()
        },
        standing={
            key: replace(one, view=None) if one.view == participant_id else one
            for key, one in state.standing.items()
        },
        broadcast=None if state.broadcast == participant_id else state.broadcast,
        called=None if state.called == participant_id else state.called,
    )


def _mute(state: RoomView, order: Order, now: datetime) -> RoomView:
    seat = _mute_track(target_of(state, order), order.value or "audio", is_muted=True)
    state = with_seat(state, replace(seat, has_floor=seat.has_floor and not seat.audio.is_muted))
    return _call_over(state, seat.participant_id) if seat.audio.is_muted else state


def _unmute(state: RoomView, order: Order, now: datetime) -> RoomView:
    return with_seat(
        state, _mute_track(target_of(state, order), order.value or "audio", is_muted=False)
    )


def _mute_all(state: RoomView, order: Order, now: datetime) -> RoomView:
    seats = {
        key: seat
        if seat.role.may_order
        else replace(_mute_track(seat, "audio", is_muted=True), has_floor=False)
        for key, seat in state.seats.items()
    }
    away = {
        key: replace(one, is_heard=False, has_floor=False) for key, one in state.standing.items()
    }
    state = replace(state, seats=seats, standing=away, is_muting_all=True)
    return state if state.called is None else _call_over(state, state.called)


def _unmute_all(state: RoomView, order: Order, now: datetime) -> RoomView:
    seats = {key: _mute_track(seat, "audio", is_muted=False) for key, seat in state.seats.items()}
    away = {
        key: replace(one, muted=tuple(track for track in one.muted if track != "audio"))
        for key, one in state.standing.items()
    }
    return replace(state, seats=seats, standing=away, is_muting_all=False)


def _broadcast(state: RoomView, order: Order, now: datetime) -> RoomView:
    return replace(state, broadcast=target_of(state, order).participant_id)


def _unbroadcast(state: RoomView, order: Order, now: datetime) -> RoomView:
    return replace(state, broadcast=None)


def _view(state: RoomView, order: Order, now: datetime) -> RoomView:
    seat = target_of(state, order)
    looked_at = ParticipantId(order.value) if order.value else None
    if looked_at is not None and looked_at not in state.seats:
        raise NotFound("no such participant in this room", field="value")
    return with_seat(state, replace(seat, view=looked_at))


def _call_on(state: RoomView, order: Order, now: datetime) -> RoomView:
    """点名发言: the site is heard and seen by all, every other site is muted."""
    called = target_of(state, order)
    state = _mute_all(state, order, now)
    seat = _mute_track(state.seats[called.participant_id], "audio", is_muted=False)
    seat = replace(_mute_track(seat, "camera", is_muted=False), has_floor=True, hand_at=None)
    return replace(
        with_seat(state, seat), called=called.participant_id, broadcast=called.participant_id
    )


def _lock(state: RoomView, order: Order, now: datetime) -> RoomView:
    return replace(state, is_locked=True)


def _unlock(state: RoomView, order: Order, now: datetime) -> RoomView:
    return replace(state, is_locked=False)


def _remove(state: RoomView, order: Order, now: datetime) -> RoomView:
    seat = target_of(state, order)
    if seat.role is SiteRole.CHAIR:
        raise Conflict("the chair cannot be removed")
    gone = vacated(state, seat.participant_id)
    return replace(gone, removed=state.removed | {seat.participant_id})


def _end(state: RoomView, order: Order, now: datetime) -> RoomView:
    return replace(state, is_open=False)


def _extend(state: RoomView, order: Order, now: datetime) -> RoomView:
    minutes = _number(order, least=1, most=LONGEST_EXTENSION_MINUTES)
    return replace(state, ends_at=max(state.ends_at, now) + timedelta(minutes=minutes))


def _grant_floor(state: RoomView, order: Order, now: datetime) -> RoomView:
    seat = _mute_track(target_of(state, order), "audio", is_muted=False)
    return with_seat(state, replace(seat, has_floor=True, hand_at=None))


def _deny_floor(state: RoomView, order: Order, now: datetime) -> RoomView:
    seat = target_of(state, order)
    if seat.hand_at is None:
        raise Conflict("this participant does not ask for the floor", field="target")
    return with_seat(state, replace(seat, hand_at=None))


def _revoke_floor(state: RoomView, order: Order, now: datetime) -> RoomView:
    seat = target_of(state, order)
    if not seat.has_floor:
        raise Conflict("this participant does not hold the floor", field="target")
    seat = _mute_track(replace(seat, has_floor=False), "audio", is_muted=True)
    return _call_over(with_seat(state, seat), seat.participant_id)


def _lecture(state: RoomView, order: Order, now: datetime) -> RoomView:
    if order.value not in ("on", "off"):
        raise InvalidInput("on or off", field="value")
    return replace(state, is_lecture=order.value == "on")


def _poll_start(state: RoomView, order: Order, now: datetime) -> RoomView:
    dwell_s = _number(order, least=5, most=600)
    first = next_in_poll(state)
    if first is None:
        raise Conflict("no site shows a picture")
    return replace(state, poll_dwell_s=dwell_s, poll_source=first)


def _poll_stop(state: RoomView, order: Order, now: datetime) -> RoomView:
    return replace(state, poll_dwell_s=None, poll_source=None)


def _allow_takeover(state: RoomView, order: Order, now: datetime) -> RoomView:
    return with_seat(state, replace(target_of(state, order), may_be_taken=True))


def _record_start(state: RoomView, order: Order, now: datetime) -> RoomView:
    if state.is_recording:
        raise Conflict("this meeting is already being recorded")
    return replace(state, is_recording=True, recording=Lamp.STALLED)


def _record_stop(state: RoomView, order: Order, now: datetime) -> RoomView:
    if not state.is_recording and state.recording is Lamp.OFF:
        raise Conflict("this meeting is not being recorded")
    return replace(state, is_recording=False, recording=Lamp.OFF)


def _unlock_token(state: RoomView, order: Order, now: datetime) -> RoomView:
    return state  # the link is a row; conf.room unlocks it there


def _number(order: Order, *, least: int, most: int) -> int:
    try:
        number = int(order.value or "")
    except ValueError:
        raise InvalidInput("a whole number is needed", field="value") from None
    if not least <= number <= most:
        raise InvalidInput(f"between {least} and {most}", field="value")
    return number


_ORDERS: dict[OrderKind, Callable[[RoomView, Order, datetime], RoomView]] = {
    OrderKind.MUTE: _mute,
    OrderKind.UNMUTE: _unmute,
    OrderKind.MUTE_ALL: _mute_all,
    OrderKind.UNMUTE_ALL: _unmute_all,
    OrderKind.BROADCAST: _broadcast,
    OrderKind.UNBROADCAST: _unbroadcast,
    OrderKind.VIEW: _view,
    OrderKind.CALL_ON: _call_on,
    OrderKind.LOCK: _lock,
    OrderKind.UNLOCK: _unlock,
    OrderKind.REMOVE: _remove,
    OrderKind.END: _end,
    OrderKind.EXTEND: _extend,
    OrderKind.GRANT_FLOOR: _grant_floor,
    OrderKind.DENY_FLOOR: _deny_floor,
    OrderKind.REVOKE_FLOOR: _revoke_floor,
    OrderKind.LECTURE: _lecture,
    OrderKind.POLL_START: _poll_start,
    OrderKind.POLL_STOP: _poll_stop,
    OrderKind.ALLOW_TAKEOVER: _allow_takeover,
    OrderKind.RECORD_START: _record_start,
    OrderKind.RECORD_STOP: _record_stop,
    OrderKind.UNLOCK_TOKEN: _unlock_token,
}
