"""Too much from a site: the largest layer goes first, whole, and comes back when it fits."""

from hypothesis import given
from hypothesis import strategies as st

from conf.media.policer import BURST_S, LEAST_BURST, OPEN_AFTER, VOICE, Policer

RANKS = 5
SIZE = 1_000


def second(policer: Policer, at_s: int, rates_bps: dict[int, int]) -> dict[int, int]:
    """A second in which each rank sends evenly. Returns: bits that passed, by rank."""
    passed = dict.fromkeys(rates_bps, 0)
    packets = sorted(
        (n * SIZE * 8 / bps, rank)
        for rank, bps in rates_bps.items()
        for n in range(bps // SIZE // 8)
    )
    for at, rank in packets:
        if policer.admits(rank, SIZE, int((at_s + at) * 1e6)):
            passed[rank] += SIZE * 8
    policer.each_second()
    return passed


def test_the_largest_layers_go_and_what_remains_is_whole() -> None:
    policer = Policer(300_000, RANKS)
    offered = {0: 32_000, 1: 120_000, 3: 400_000, 4: 1_200_000}
    for at in range(20):
        passed = second(policer, at, offered)
        if at > 1:
            assert passed == {0: 32_000, 1: 120_000, 3: 0, 4: 0}
    assert policer.open_rank == 2


def test_a_layer_that_fits_again_opens_after_a_while_and_not_before() -> None:
    policer = Policer(700_000, RANKS)
    for at in range(3):
        second(policer, at, {1: 120_000, 3: 400_000, 4: 1_200_000})
    assert policer.open_rank == 3
    for at in range(3, 3 + OPEN_AFTER):
        assert policer.open_rank == 3
        second(policer, at, {1: 120_000, 3: 400_000, 4: 160_000})
    assert policer.open_rank == 4


def test_a_layer_paused_for_our_sake_is_not_asked_for_at_once() -> None:
    """Silent, it is taken for what it was: no opening and closing every few seconds."""
    policer = Policer(300_000, RANKS)
    second(policer, 0, {1: 120_000, 4: 1_200_000})
    second(policer, 1, {1: 120_000, 4: 1_200_000})
    for at in range(2, 30):
        second(policer, at, {1: 120_000})
    assert policer.open_rank == 3


def test_voices_are_never_cut() -> None:
    policer = Policer(64_000, RANKS)
    for at in range(10):
        assert second(policer, at, {VOICE: 200_000, 1: 200_000})[VOICE] == 200_000
    assert policer.open_rank == 0


def test_a_higher_ceiling_lets_through_at_once_what_fits_it() -> None:
    policer = Policer(300_000, RANKS)
    offered = {1: 120_000, 3: 400_000, 4: 1_200_000}
    for at in range(3):
        second(policer, at, offered)
    policer.set_ceiling(700_000)
    assert second(policer, 3, offered) == {1: 120_000, 3: 400_000, 4: 0}
    policer.set_ceiling(4_000_000)
    assert second(policer, 4, offered) == offered


def test_the_key_frames_of_layers_that_wake_fit_a_raised_ceiling() -> None:
    """Its page obeys, and begins the larger layers with a key frame each."""
    policer = Policer(300_000, RANKS)
    for at in range(3):
        second(policer, at, {1: 120_000, 3: 400_000, 4: 1_200_000})
    for at in range(3, 6):
        second(policer, at, {1: 120_000})
    policer.set_ceiling(2_500_000)
    for n in range(65):
        assert policer.admits(4 if n > 25 else 3, SIZE, 6_000_000 + 300 * n)
    for at in range(7, 12):
        assert second(policer, at, {1: 120_000, 3: 400_000, 4: 1_200_000})[4] == 1_200_000


def test_a_lower_ceiling_opens_nothing() -> None:
    policer = Policer(300_000, RANKS)
    for at in range(3):
        second(policer, at, {1: 120_000, 4: 1_200_000})
    second(policer, 3, {1: 20_000, 4: 20_000})
    policer.set_ceiling(200_000)
    assert policer.open_rank == 3


@given(
    ceiling=st.integers(64_000, 2_000_000),
    rates=st.lists(st.integers(0, 3_000_000), min_size=4, max_size=4),
)
def test_pictures_never_exceed_the_ceiling_by_more_than_the_bursts(
    ceiling: int, rates: list[int]
) -> None:
    policer = Policer(ceiling, RANKS)
    offered = dict(enumerate(rates, start=1))
    passed = sum(sum(second(policer, at, offered).values()) for at in range(4))
    burst = 8 * max(LEAST_BURST, ceiling * BURST_S / 8)
    assert passed <= 4 * ceiling + burst * (1 + RANKS / 2) + 8 * SIZE
