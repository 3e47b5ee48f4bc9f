"""Holes are asked for after reordering, ever less often, and given up; repairs are limited."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.media.nack import GIVE_UP_S, MAX_MISSING, REORDER_GUARD_S, NackGenerator
from conf.media.rtx import RepairLimit

RTT_S = 0.05
SECOND = 1_000_000


def fed(*sequences: int, at_s: float = 0.0) -> NackGenerator:
    generator = NackGenerator()
    for sequence in sequences:
        generator.add(sequence, at_s)
    return generator


def test_nothing_missing_nothing_asked() -> None:
    generator = fed(65_534, 65_535, 0, 1)
    assert generator.is_idle
    assert generator.due(1.0, RTT_S) == []


def test_a_hole_is_asked_for_after_the_reorder_guard() -> None:
    generator = fed(1, 4)
    assert generator.due(REORDER_GUARD_S - 0.001, RTT_S) == []
    assert generator.due(REORDER_GUARD_S, RTT_S) == [2, 3]
    assert 0.01 <= REORDER_GUARD_S <= 0.03  # longer than the usual reordering, shorter than a voice


def test_a_reordered_packet_is_never_asked_for() -> None:
    generator = fed(1, 3)
    generator.add(2, 0.01)
    assert generator.is_idle
    assert generator.due(0.02, RTT_S) == []


def test_requests_back_off_by_round_trips() -> None:
    generator = fed(1, 3)
    asked = [n / 1_000 for n in range(1_200) if generator.due(n / 1_000, RTT_S)]
    pauses = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert asked[0] == pytest.approx(REORDER_GUARD_S, abs=0.001)
    assert pauses[0] >= RTT_S
    assert all(later > earlier for earlier, later in itertools.pairwise(pauses))
    assert 4 <= len(asked) <= 8


def test_a_long_round_trip_is_waited_for() -> None:
    generator = fed(1, 3)
    asked = [n / 1_000 for n in range(1_200) if generator.due(n / 1_000, 0.4)]
    assert len(asked) == 2


def test_a_hole_is_given_up_after_a_second() -> None:
    generator = fed(1, 3)
    generator.due(GIVE_UP_S, RTT_S)
    assert generator.given_up == 1
    assert generator.is_idle


def test_a_hole_is_given_up_after_ten_tries() -> None:
    generator = fed(1, 3)
    generator._missing[65_536 + 2][2] = 10
    assert generator.due(0.5, RTT_S) == []
    assert generator.given_up == 1


def test_a_repair_closes_the_hole() -> None:
    generator = fed(65_534, 1)
    assert generator.due(0.02, RTT_S) == [65_535, 0]
    generator.add(65_535, 0.03)
    assert generator.due(0.2, RTT_S) == [0]


def test_a_key_frame_makes_older_holes_pointless() -> None:
    generator = fed(1, 3, 5)
    generator.on_key_frame(4)
    assert generator.due(0.02, RTT_S) == [4]
    assert generator.given_up == 0


def test_too_many_holes_are_given_up_oldest_first() -> None:
    generator = fed(0, MAX_MISSING + 101)
    assert generator.given_up == 100
    assert generator.due(0.02, RTT_S)[0] == 101
    generator = fed(0, 400, 800)
    assert generator.given_up == 399 + 399 - MAX_MISSING
    assert len(generator.due(0.02, RTT_S)) == MAX_MISSING


@pytest.mark.parametrize("jump", [10_000, 60_000])
def test_a_source_that_begins_anew_has_no_holes(jump: int) -> None:
    generator = fed(100, 102, jump)
    assert generator.is_idle
    generator.add((jump + 2) & 0xFFFF, 0.0)
    assert generator.due(0.02, RTT_S) == [(jump + 1) & 0xFFFF]


def test_an_old_packet_without_a_hole_changes_nothing() -> None:
    generator = fed(100, 102, 50)
    assert generator.due(0.02, RTT_S) == [101]


@given(
    start=st.integers(0, 65_535),
    lost=st.sets(st.integers(1, 98), max_size=30),
    seed=st.randoms(use_true_random=False),
)
def test_exactly_what_is_missing_is_asked_for(start: int, lost: set[int], seed: object) -> None:
    generator = NackGenerator()
    for n in range(100):
        if n not in lost:
            generator.add((start + n) & 0xFFFF, 0.0)
    assert generator.due(0.02, RTT_S) == [(start + n) & 0xFFFF for n in sorted(lost)]


@given(st.lists(st.tuples(st.integers(0, 65_535), st.integers(0, 200)), max_size=60))
def test_memory_is_bounded_whatever_comes(packets: list[tuple[int, int]]) -> None:
    generator = NackGenerator()
    now_s = 0.0
    for sequence, pause_ms in packets:
        now_s += pause_ms / 1_000
        generator.add(sequence, now_s)
        asked = generator.due(now_s, RTT_S)
        assert len(asked) <= MAX_MISSING
        assert sequence not in asked


# What may be repeated


def copies(limit: RepairLimit, sequence: int, now_ms: int, size: int = 1_000) -> int:
    return limit.copies(sequence, size, now_ms * 1_000, round_trip_us=50_000, repair_bps=80_000)


def test_one_repetition_per_round_trip() -> None:
    limit = RepairLimit()
    assert copies(limit, 7, 1_000)
    assert not copies(limit, 7, 1_049)
    assert copies(limit, 8, 1_049)
    assert copies(limit, 7, 1_050)


def test_what_is_asked_for_again_goes_out_twice() -> None:
    """Its repetition was lost as well; as far as the share allows."""
    limit = RepairLimit(burst_bytes=4_000)
    assert [copies(limit, 7, at) for at in (1_000, 1_050, 1_100, 1_150, 1_250)] == [1, 2, 2, 0, 1]


def test_repetitions_are_held_to_their_share() -> None:
    limit = RepairLimit(burst_bytes=3_000)
    assert [copies(limit, n, 1_000) for n in range(4)] == [1, 1, 1, 0]
    assert copies(limit, 4, 1_100)  # 80 kbit/s give 1000 bytes in 100 ms
    assert not copies(limit, 5, 1_100)


def test_a_weak_link_is_sent_less_at_once() -> None:
    """Half a second of its share: 30 000 bytes would stand in a queue of 300 kbit/s for 0.8 s."""
    for bps, count in ((40_000, 6), (160_000, 10), (500_000, 30)):
        limit = RepairLimit()
        sent = (limit.copies(n, 1_000, SECOND, round_trip_us=1, repair_bps=bps) for n in range(40))
        assert sum(sent) == count


def test_a_refused_repetition_costs_nothing() -> None:
    limit = RepairLimit(burst_bytes=1_000)
    assert not copies(limit, 1, 1_000, size=1_001)
    assert copies(limit, 1, 1_000)
