"""A layer stops when unused for a while; it is planned with while paused, not for ever in vain."""

import pytest

from conf.media.demand import UNUSED_S, WAKING_S, Demand

STEP_S = 0.25


def looks(
    demand: Demand, start_s: float, seconds: float, *, needed: bool, passes: bool = True,
    alive: bool | None = None,
) -> list[float]:  # fmt: skip
    """Look four times a second; the times at which the page was told. Alive: as told, mostly."""
    told = []
    for n in range(int(seconds / STEP_S)):
        now = start_s + n * STEP_S
        is_alive = demand.is_on if alive is None else alive
        if demand.look(now, is_needed=needed, may_pass=passes, is_alive=is_alive):
            told.append(now)
    return told


def test_a_layer_is_given_time_before_it_is_stopped() -> None:
    demand = Demand()
    assert looks(demand, 0, 20, needed=False) == [UNUSED_S]
    assert demand.is_paused
    assert demand.is_coming(20)


def test_it_comes_back_at_once_and_stays_while_used() -> None:
    demand = Demand()
    looks(demand, 0, 10, needed=False)
    assert looks(demand, 10, 60, needed=True) == [10]
    assert not demand.is_paused
    assert looks(demand, 70, 10, needed=False) == [70 + UNUSED_S - STEP_S]


def test_a_short_pause_of_use_stops_nothing() -> None:
    demand = Demand()
    for start in range(0, 40, 8):
        assert looks(demand, start, 4, needed=True) == []
        assert looks(demand, start + 4, 4, needed=False) == []


def test_an_encoder_that_does_not_make_it_is_not_asked_again() -> None:
    demand = Demand()
    looks(demand, 0, 10, needed=False)
    looks(demand, 10, WAKING_S + 1, needed=True, alive=False)
    assert not demand.is_coming(11 + WAKING_S)
    looks(demand, 20, 10, needed=False, alive=False)
    assert not demand.is_paused
    looks(demand, 30, 1, needed=False, alive=True)
    assert demand.is_paused, "it has been seen again"


@pytest.mark.parametrize("needed", [True, False])
def test_what_the_ceiling_forbids_is_stopped_at_once_and_not_planned_with(needed: bool) -> None:
    demand = Demand()
    looks(demand, 0, 2, needed=needed)
    assert looks(demand, 2, 8, needed=needed, passes=False) == [2]
    assert not demand.is_coming(10)
    looks(demand, 10, 1, needed=False)
    assert demand.is_coming(11), "it may be asked for again"
