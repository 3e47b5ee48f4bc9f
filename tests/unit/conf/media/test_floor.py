"""Floor control: every word of RFC 8855 does what it says and nothing else."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.media import floor
from conf.media.floor import MAX_WAITING, Floor, FloorRequest, Moved, RequestStatus
from core.errors import AppError, Conflict, NotFound, TooMany

EMPTY = Floor()
HELD = Floor(holders=("a",), waiting=(FloorRequest("b", 1.0), FloorRequest("c", 2.0)))


def test_a_request_waits_its_turn() -> None:
    moved = floor.request(HELD, "d", 3.0)
    assert moved.told == (("d", RequestStatus.ACCEPTED),)
    assert moved.floor.position("d") == 3
    assert moved.floor.status("d") is RequestStatus.ACCEPTED
    assert moved.floor.waiting[-1].requested_at_s == 3.0


def test_asking_again_keeps_the_place() -> None:
    assert floor.request(HELD, "b", 9.0) == Moved(HELD)


def test_the_holder_cannot_ask() -> None:
    with pytest.raises(Conflict):
        floor.request(HELD, "a", 3.0)


def test_the_queue_is_bounded() -> None:
    full = Floor(waiting=tuple(FloorRequest(str(n), 0.0) for n in range(MAX_WAITING)))
    with pytest.raises(TooMany):
        floor.request(full, "late", 1.0)


def test_status_of_everyone() -> None:
    assert HELD.status("a") is RequestStatus.GRANTED
    assert HELD.status("c") is RequestStatus.ACCEPTED
    assert HELD.status("z") is None
    assert [HELD.position(name) for name in "abcz"] == [0, 1, 2, 0]


def test_a_grant_takes_the_request_off_the_queue() -> None:
    moved = floor.grant(Floor(waiting=HELD.waiting), "c")
    assert moved.floor.holders == ("c",)
    assert [request.participant for request in moved.floor.waiting] == ["b"]
    assert moved.told == (("c", RequestStatus.GRANTED),)


def test_a_site_may_be_called_on_unasked() -> None:
    assert floor.grant(EMPTY, "z").floor.holders == ("z",)


def test_a_held_floor_is_not_granted_twice() -> None:
    for participant in ("a", "b"):
        with pytest.raises(Conflict):
            floor.grant(HELD, participant)


def test_taking_over_revokes_who_held_longest() -> None:
    two = Floor(max_holders=2, holders=("a", "x"))
    moved = floor.grant(two, "b", takes_over=True)
    assert moved.floor.holders == ("x", "b")
    assert moved.told == (("a", RequestStatus.REVOKED), ("b", RequestStatus.GRANTED))
    free = floor.grant(Floor(max_holders=2, holders=("a",)), "b", takes_over=True)
    assert free.floor.holders == ("a", "b")
    assert free.told == (("b", RequestStatus.GRANTED),)


ENDINGS: list[tuple[Callable[[Floor, str], Moved], str, str, RequestStatus]] = [
    (floor.deny, "b", "a", RequestStatus.DENIED),
    (floor.withdraw, "b", "a", RequestStatus.CANCELLED),
    (floor.release, "a", "b", RequestStatus.RELEASED),
    (floor.revoke, "a", "b", RequestStatus.REVOKED),
]


@pytest.mark.parametrize(("move", "who", "other", "status"), ENDINGS)
def test_an_ending_is_told_and_leaves_nothing(
    move: Callable[[Floor, str], Moved], who: str, other: str, status: RequestStatus
) -> None:
    moved = move(HELD, who)
    assert moved.told == ((who, status),)
    assert moved.floor.status(who) is None
    assert moved.floor.status(other) == HELD.status(other)
    for nobody in (other, "z"):
        with pytest.raises(NotFound):
            move(HELD, nobody)


def test_who_leaves_neither_holds_nor_waits() -> None:
    for name in "abc":
        moved = floor.leave(HELD, name)
        assert moved.floor.status(name) is None
        assert moved.told == ()
    assert floor.leave(HELD, "z") == Moved(HELD)


MOVES: list[Callable[[Floor, str], Moved]] = [
    lambda state, who: floor.request(state, who, 0.0),
    floor.grant,
    lambda state, who: floor.grant(state, who, takes_over=True),
    floor.deny,
    floor.withdraw,
    floor.release,
    floor.revoke,
    floor.leave,
]


@given(
    st.integers(1, 3),
    st.lists(st.tuples(st.integers(0, len(MOVES) - 1), st.sampled_from("abcde")), max_size=60),
)
def test_in_any_order_the_floor_stays_sound(holders: int, moves: list[tuple[int, str]]) -> None:
    state = Floor(max_holders=holders)
    for number, who in moves:
        try:
            moved = MOVES[number](state, who)
        except AppError:
            continue
        state = moved.floor
        waiting = [request.participant for request in state.waiting]
        assert len(state.holders) == len(set(state.holders)) <= holders
        assert len(waiting) == len(set(waiting))
        assert not set(waiting) & set(state.holders)
        for name, status in moved.told:
            lasting = status in (RequestStatus.GRANTED, RequestStatus.ACCEPTED)
            assert state.status(name) == (status if lasting else None)
