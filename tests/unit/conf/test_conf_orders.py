"""Chair control: what each order makes of the room, and of what the forwarder must enforce."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf import orders
from conf.media.model import RoomState as MediaState
from conf.model import Order, OrderKind, RoomView, Seat, SiteRole, TrackState
from conf.wire import room_state, state_to_store, stored_into
from core.errors import AppError, Conflict, InvalidInput, NotFound
from core.ids import MeetingId, ParticipantId

NOW = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)
TRACKS = ("audio", "camera", "screen")
CHAIR, EAST, WEST = ParticipantId("chair"), ParticipantId("east"), ParticipantId("west")


def seat(participant_id: ParticipantId, role: SiteRole = SiteRole.SITE) -> Seat:
    published = TrackState(is_on=True, is_published=True)
    return Seat(
        participant_id, "u", participant_id, "", role, NOW, audio=published, camera=published
    )


def room() -> RoomView:
    seats = {CHAIR: seat(CHAIR, SiteRole.CHAIR), EAST: seat(EAST), WEST: seat(WEST)}
    return RoomView(MeetingId("m"), "汛情会商", None, NOW + timedelta(hours=1), seats=seats)


def obey(
    state: RoomView, kind: OrderKind, target: str | None = None, value: str | None = None
) -> RoomView:
    return orders.obey(state, Order(kind, ParticipantId(target) if target else None, value), NOW)


def rights(state: RoomView, who: ParticipantId) -> dict[str, bool]:
    """What the forwarder lets a participant send."""
    told = orders.media_state(state).participants[who]
    return {"audio": told.may_audio, "camera": told.may_camera, "screen": told.may_screen}


def test_a_muted_site_may_not_be_heard_and_the_others_may() -> None:
    media = orders.media_state(obey(room(), OrderKind.MUTE, EAST))
    assert not media.participants[EAST].may_audio
    assert media.participants[EAST].may_camera
    assert media.participants[WEST].may_audio


@pytest.mark.parametrize("track", ["audio", "camera", "screen"])
def test_the_forwarder_is_told_of_each_muted_track_and_of_no_other(track: str) -> None:
    """And of its unmuting; an order that names no track means the voice."""
    muted = obey(room(), OrderKind.MUTE, EAST, track)
    assert rights(muted, EAST) == {track: False} | dict.fromkeys({*TRACKS} - {track}, True)
    assert rights(muted, WEST) == dict.fromkeys(TRACKS, True)
    assert all(rights(obey(muted, OrderKind.UNMUTE, EAST, track), EAST).values())
    assert obey(room(), OrderKind.MUTE, EAST) == obey(room(), OrderKind.MUTE, EAST, "audio")


def test_each_order_that_takes_back_another_leaves_the_forwarder_as_it_was() -> None:
    """Word for word what was enforced before, but for the version."""
    before = orders.media_state(room())
    for there, back in (
        ((OrderKind.MUTE_ALL,), (OrderKind.UNMUTE_ALL,)),
        ((OrderKind.BROADCAST, EAST), (OrderKind.UNBROADCAST,)),
        ((OrderKind.VIEW, EAST, WEST), (OrderKind.VIEW, EAST)),
        ((OrderKind.POLL_START, None, "15"), (OrderKind.POLL_STOP,)),
        ((OrderKind.LECTURE, None, "on"), (OrderKind.LECTURE, None, "off")),
        ((OrderKind.RECORD_START,), (OrderKind.RECORD_STOP,)),
    ):
        state = obey(room(), *there)
        assert replace(orders.media_state(state), version=0) != before, there
        state = obey(state, *back)
        assert replace(orders.media_state(state), version=0) == before, back


def test_the_forwarder_is_told_whom_to_show() -> None:
    """Broadcast, a site's own view and the poll, each in its place."""
    assert orders.media_state(obey(room(), OrderKind.BROADCAST, EAST)).broadcast == EAST
    viewing = orders.media_state(obey(room(), OrderKind.VIEW, EAST, WEST))
    assert [viewing.participants[key].view for key in (EAST, WEST)] == [WEST, None]
    polled = orders.media_state(obey(room(), OrderKind.POLL_START, value="15"))
    assert (polled.poll_source, polled.broadcast) == (EAST, None)


def test_the_floor_opens_a_voice_and_its_end_shuts_it() -> None:
    """Granted in a muted room; revoked, the site is silent whether the room is muted or not."""
    muted = obey(room(), OrderKind.MUTE_ALL)
    granted = obey(muted, OrderKind.GRANT_FLOOR, EAST)
    assert (rights(muted, EAST)["audio"], rights(granted, EAST)["audio"]) == (False, True)
    assert not rights(granted, WEST)["audio"]
    for state in (granted, obey(room(), OrderKind.GRANT_FLOOR, EAST)):
        assert not rights(obey(state, OrderKind.REVOKE_FLOOR, EAST), EAST)["audio"]


def test_mute_all_spares_the_chair_and_meets_newcomers() -> None:
    state = obey(room(), OrderKind.MUTE_ALL)
    state = orders.seated(state, seat(ParticipantId("late")))
    muted = {key for key, who in state.seats.items() if who.audio.is_muted}
    assert muted == {EAST, WEST, "late"}


def test_calling_on_a_site_lets_it_alone_be_heard_and_shows_it_to_all() -> None:
    state = obey(room(), OrderKind.CALL_ON, EAST)
    media = orders.media_state(state)
    assert media.participants[EAST].may_audio
    assert not media.participants[WEST].may_audio
    assert media.broadcast == EAST
    assert state.called == EAST


@pytest.mark.parametrize(
    "order", [OrderKind.REVOKE_FLOOR, OrderKind.MUTE, OrderKind.MUTE_ALL, None]
)
def test_a_call_that_is_over_leaves_the_air(order: OrderKind | None) -> None:
    state = obey(room(), OrderKind.CALL_ON, EAST)
    if order is None:
        state = orders.release_floor(state, state.seats[EAST])
    else:
        state = obey(state, order, None if order is OrderKind.MUTE_ALL else EAST)
    assert (state.called, state.broadcast, state.seats[EAST].has_floor) == (None, None, False)


def test_a_call_that_is_over_leaves_another_sites_broadcast_alone() -> None:
    state = obey(obey(room(), OrderKind.CALL_ON, EAST), OrderKind.BROADCAST, WEST)
    assert obey(state, OrderKind.REVOKE_FLOOR, EAST).broadcast == WEST


def test_the_floor_goes_back_to_silence_in_a_muted_room() -> None:
    state = obey(obey(room(), OrderKind.MUTE_ALL), OrderKind.GRANT_FLOOR, EAST)
    assert not state.seats[EAST].audio.is_muted
    state = orders.release_floor(state, state.seats[EAST])
    assert state.seats[EAST].audio.is_muted


def test_hands_queue_in_the_order_they_were_raised() -> None:
    state = room()
    state = orders.raise_hand(state, state.seats[WEST], NOW)
    state = orders.raise_hand(state, state.seats[EAST], NOW + timedelta(seconds=1))
    assert [who.participant_id for who in orders.hands(state)] == [WEST, EAST]
    state = obey(state, OrderKind.DENY_FLOOR, WEST)
    assert [who.participant_id for who in orders.hands(state)] == [EAST]


def test_removing_a_site_takes_it_off_the_air_and_out_of_every_view() -> None:
    state = obey(obey(room(), OrderKind.BROADCAST, EAST), OrderKind.VIEW, WEST, EAST)
    state = obey(state, OrderKind.REMOVE, EAST)
    media = orders.media_state(state)
    assert EAST not in media.participants
    assert media.broadcast is None
    assert media.participants[WEST].view is None
    assert EAST in state.removed


def test_an_ended_meeting_lets_nobody_send_and_takes_no_order() -> None:
    state = obey(room(), OrderKind.END)
    assert orders.media_state(state).participants == {}
    with pytest.raises(Conflict):
        obey(state, OrderKind.MUTE_ALL)


def test_a_lecture_shows_sites_the_chair_only() -> None:
    media = orders.media_state(obey(room(), OrderKind.LECTURE, value="on"))
    assert media.lecturer == CHAIR
    assert media.participants[CHAIR].sees_all
    assert not media.participants[EAST].sees_all


def test_a_lecture_without_its_chair_opens_no_site_to_the_others() -> None:
    """The chair has left, or is not back yet after a restart; who is put on the air is seen."""
    state = orders.vacated(obey(room(), OrderKind.LECTURE, value="on"), CHAIR)
    assert orders.media_state(state).lecturer == ""
    assert orders.media_state(obey(state, OrderKind.BROADCAST, EAST)).lecturer == EAST


def test_polling_goes_round_and_skips_who_shows_nothing() -> None:
    state = obey(room(), OrderKind.POLL_START, value="15")
    assert state.poll_source == EAST
    assert orders.next_in_poll(state) == WEST
    dark = replace(state.seats[WEST], camera=TrackState())
    assert orders.next_in_poll(orders.with_seat(state, dark)) == EAST


def test_a_returning_site_finds_its_mute_and_its_hand() -> None:
    state = obey(room(), OrderKind.MUTE, EAST)
    state = orders.raise_hand(state, state.seats[EAST], NOW)
    state = orders.with_seat(state, replace(state.seats[EAST], is_connected=False))
    state = orders.seated(state, seat(EAST))
    assert state.seats[EAST].is_connected
    assert state.seats[EAST].audio.is_muted
    assert state.seats[EAST].hand_at == NOW


@pytest.mark.parametrize(
    ("kind", "target", "value", "error"),
    [
        (OrderKind.MUTE, None, None, InvalidInput),
        (OrderKind.MUTE, "nobody", None, NotFound),
        (OrderKind.MUTE, EAST, "smell", InvalidInput),
        (OrderKind.VIEW, EAST, "nobody", NotFound),
        (OrderKind.REMOVE, CHAIR, None, Conflict),
        (OrderKind.EXTEND, None, "0", InvalidInput),
        (OrderKind.EXTEND, None, "soon", InvalidInput),
        (OrderKind.LECTURE, None, "maybe", InvalidInput),
        (OrderKind.REVOKE_FLOOR, EAST, None, Conflict),
        (OrderKind.DENY_FLOOR, EAST, None, Conflict),
        (OrderKind.POLL_START, None, "1", InvalidInput),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(
    kind: OrderKind, target: str | None, value: str | None, error: type[AppError]
) -> None:
    with pytest.raises(error):
        obey(room(), kind, target, value)


ORDERS = st.builds(
    Order,
    st.sampled_from([kind for kind in OrderKind if kind is not OrderKind.END]),
    st.sampled_from([None, CHAIR, EAST, WEST]),
    st.sampled_from([None, "audio", "camera", "on", "off", "15", EAST]),
)


@given(st.lists(ORDERS, max_size=30))
def test_whatever_is_ordered_nothing_points_at_somebody_who_is_gone(given: list[Order]) -> None:
    state = room()
    for order in given:
        before = state.version
        try:
            state = orders.obey(state, order, NOW)
        except AppError:
            continue
        assert state.version == before + 1
    media = orders.media_state(state)
    pointed_at = {state.broadcast, state.called, state.poll_source, media.lecturer}
    pointed_at |= {who.view for who in state.seats.values()}
    assert pointed_at - {None} <= state.seats.keys()
    assert room_state(state, ())["participants"]


def after(given: list[Order]) -> RoomView:
    """The room once those of the orders that make sense have been given."""
    state = room()
    for order in given:
        with suppress(AppError):
            state = orders.obey(state, order, NOW)
    return state


def enforced(state: RoomView) -> MediaState:
    """What the forwarder enforces, but for its number and where the poll happens to be."""
    return replace(orders.media_state(state), version=0, poll_source=None)


@given(st.lists(ORDERS, max_size=30), st.sampled_from([CHAIR, EAST, WEST]))
def test_a_line_that_breaks_changes_no_order(given: list[Order], who: ParticipantId) -> None:
    """Nothing of what is stored, and nothing for who returns when its seat was given up."""
    state = after(given)
    if who in state.seats:
        away = orders.missed(state, who)
        assert who not in orders.media_state(away).participants
        assert state_to_store(away) | {"version": 0} == state_to_store(state) | {"version": 0}
        back = orders.seated(away, seat(who, state.seats[who].role))
        assert enforced(back) == enforced(state)
        assert back.seats[who].has_floor == state.seats[who].has_floor


@given(st.lists(ORDERS, max_size=30))
def test_a_restart_changes_no_order(given: list[Order]) -> None:
    """Whoever comes back finds the room, and itself, as it was ordered."""
    state = after(given)
    back = stored_into(replace(room(), seats={}), state_to_store(state))
    for who in state.seats.values():
        back = orders.seated(back, seat(who.participant_id, who.role))
    assert enforced(back) == enforced(state)
    assert (back.called, back.poll_dwell_s) == (state.called, state.poll_dwell_s)
    assert {key: who.has_floor for key, who in back.seats.items()} == {
        key: who.has_floor for key, who in state.seats.items()
    }


@given(st.lists(ORDERS, max_size=30), st.sampled_from([EAST, WEST]))
def test_who_leaves_ends_the_orders_about_it_but_not_its_mutes(
    given: list[Order], who: ParticipantId
) -> None:
    """It does not come back on the air, nor heard where all are muted; muted it stays muted."""
    state = after(given)
    if who in state.seats:
        left = orders.vacated(state, who)
        stored = stored_into(replace(room(), seats={}), state_to_store(left))
        for room_now in (left, stored):
            assert who not in {room_now.broadcast, room_now.called}
            assert who not in {one.view for one in orders.standing(room_now).values()}
            back = orders.seated(room_now, seat(who)).seats[who]
            assert (back.has_floor, back.view) == (False, None)
            before = state.seats[who]
            assert back.audio.is_muted == (before.audio.is_muted or state.is_muting_all)
            assert back.camera.is_muted == before.camera.is_muted


def test_an_order_to_all_is_one_to_those_away_too() -> None:
    """Let speak, then away: a new silence is for it as well. Muted, then away: all may speak."""
    called = orders.missed(obey(room(), OrderKind.CALL_ON, EAST), EAST)
    assert not orders.seated(called, seat(EAST)).seats[EAST].audio.is_muted
    silent = obey(called, OrderKind.MUTE_ALL)
    assert silent.broadcast is None
    back = orders.seated(silent, seat(EAST)).seats[EAST]
    assert (back.audio.is_muted, back.has_floor) == (True, False)
    muted = orders.missed(obey(obey(room(), OrderKind.MUTE_ALL), OrderKind.MUTE, EAST), EAST)
    open_again = obey(muted, OrderKind.UNMUTE_ALL)
    assert not orders.seated(open_again, seat(EAST)).seats[EAST].audio.is_muted


def test_orders_outlive_a_restart() -> None:
    state = obey(obey(room(), OrderKind.MUTE_ALL), OrderKind.LOCK)
    state = obey(state, OrderKind.MUTE, WEST, "camera")
    kept = stored_into(replace(room(), seats={}), state_to_store(state))
    back = orders.seated(kept, seat(WEST)).seats[WEST]
    assert (back.audio.is_muted, back.camera.is_muted) == (True, True)
    assert kept.is_locked
    assert kept.is_muting_all
    assert kept.version == state.version
