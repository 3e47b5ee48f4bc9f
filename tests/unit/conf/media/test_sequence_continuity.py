"""Numbers out never have a gap the bridge made: wrap, reorder, drop, switch, resync."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.media.sequence import NONE, WINDOW, Continuity


def started(first_in: int, first_out: int = 100, bits: int = 16) -> Continuity:
    series = Continuity(first_out, bits)
    series.switch(first_in)
    return series


TABLE = {
    "in order": ([5, 6, 7], [100, 101, 102]),
    "wrap in": ([65_535, 0, 1], [100, 101, 102]),
    "lost by the network": ([5, 8, 9], [100, 103, 104]),
    "reordered": ([5, 7, 6, 8], [100, 102, 101, 103]),
    "repeated": ([5, 5, 6, 5], [100, 100, 101, 100]),
    "late across the wrap": ([65_535, 1, 0], [100, 102, 101]),
    "before the start": ([5, 4, 6], [100, NONE, 101]),
    "far ahead is a new start": ([5, 6, 20_000, 20_001], [100, 101, 102, 103]),
    "far back is a new start": ([20_000, 20_001, 5, 6], [100, 101, 102, 103]),
}


@pytest.mark.parametrize("case", TABLE)
def test_numbers_out(case: str) -> None:
    numbers, expected = TABLE[case]
    series = started(numbers[0])
    assert [series.map(number) for number in numbers] == expected
    assert series.resyncs == ("new start" in case)


def test_wrap_out() -> None:
    series = started(5, first_out=65_534)
    assert [series.map(n) for n in (5, 6, 7)] == [65_534, 65_535, 0]


def test_a_dropped_number_closes_up() -> None:
    series = started(5)
    assert series.map(5) == 100
    assert series.drop(6) == NONE
    assert [series.map(n) for n in (7, 8)] == [101, 102]
    assert series.map(6) == NONE
    assert series.is_dropped(6)
    assert not series.is_dropped(7)
    assert not series.is_dropped(9)


def test_a_late_number_between_drops_gets_its_place() -> None:
    series = started(1, first_out=1)
    series.map(1)
    series.drop(2)
    series.map(4)  # 3 is late
    series.drop(5)
    series.map(6)
    assert series.map(3) == 2
    assert series.map(4) == 3
    assert series.map(6) == 4


def test_a_late_drop_leaves_a_hole_to_fill() -> None:
    series = started(5)
    series.map(5)
    series.map(7)
    assert series.drop(6) == 101
    assert series.map(8) == 103


def test_what_was_lost_before_a_drop_keeps_its_gap() -> None:
    series = started(5)
    series.map(5)
    series.drop(7)  # 6 was lost on the way here
    assert series.map(8) == 102
    assert series.map(6) == 101


def test_a_new_source_goes_on_where_the_old_one_stopped() -> None:
    series = started(5)
    series.map(5)
    series.map(6)
    series.switch(40_000)
    assert series.map(40_000) == 102
    assert series.map(39_999) == NONE
    series.drop(40_001)
    series.switch(7)
    assert series.map(7) == 103


def test_a_dropped_start_of_a_new_source() -> None:
    series = started(5)
    assert series.drop(5) == NONE
    assert series.map(6) == 100
    series.drop(30_000)
    assert series.resyncs == 1
    assert series.map(30_001) == 101


def test_too_late_to_be_placed() -> None:
    series = started(0)
    for number in range(WINDOW + 2):
        series.map(number)
    assert series.map(1) == NONE
    assert series.map(2) == 102


def test_old_drops_are_forgotten_without_a_trace() -> None:
    series = started(0, first_out=0)
    out = 0
    for number in range(5_000):
        if number % 2:
            series.drop(number)
        else:
            assert series.map(number) == out
            out += 1
    assert len(series._drops) <= WINDOW + 1
    assert series.map(4_500) == 2_250
    assert series.origin(2_250) == 4_500


def test_origin_undoes_the_mapping() -> None:
    series = started(10)
    sent = {}
    for number in range(10, 60):
        if number % 3 == 0:
            series.drop(number)
        else:
            sent[series.map(number)] = number
    assert {out: series.origin(out) for out in sent} == sent


def test_origin_knows_the_present_source_only() -> None:
    series = Continuity(100)
    assert series.origin(100) == NONE
    series.switch(5)
    series.map(5)
    assert series.origin(101) == NONE
    series.switch(70)
    series.map(70)
    assert series.origin(100) == NONE
    assert series.origin(101) == 70


def test_picture_ids_of_seven_bits() -> None:
    series = started(126, first_out=126, bits=7)
    assert [series.map(n) for n in (126, 127, 0, 0, 1)] == [126, 127, 0, 0, 1]


@given(
    first=st.integers(0, 65_535),
    first_out=st.integers(0, 65_535),
    fates=st.lists(st.sampled_from(["send", "drop", "lose"]), max_size=200),
)
def test_no_gap_but_the_networks(first: int, first_out: int, fates: list[str]) -> None:
    """Count what was not dropped: that is the number."""
    series = started(first, first_out)
    expected = first_out
    for place, fate in enumerate(fates):
        number = (first + place) & 0xFFFF
        if fate == "drop":
            assert series.drop(number) == NONE
            continue
        if fate == "send":
            assert series.map(number) == expected & 0xFFFF
            assert series.origin(expected & 0xFFFF) == number
        expected += 1


@given(
    lengths=st.lists(st.tuples(st.integers(0, 65_535), st.integers(1, 30)), min_size=1, max_size=8)
)
def test_no_gap_at_any_switch(lengths: list[tuple[int, int]]) -> None:
    series = Continuity(65_500)
    out = []
    for first, count in lengths:
        series.switch(first)
        out += [series.map((first + n) & 0xFFFF) for n in range(count)]
    assert out == [(65_500 + n) & 0xFFFF for n in range(len(out))]


@given(order=st.permutations(range(20)), dropped=st.sets(st.integers(0, 19), max_size=8))
def test_two_numbers_never_share_a_place(order: list[int], dropped: set[int]) -> None:
    """In any order of arrival, whatever is dropped: out numbers are unique and keep the order."""
    series = started(1_000)
    placed: dict[int, int] = {}
    holes = set()
    for number in order:
        if number in dropped:
            hole = series.drop(1_000 + number)
            if hole != NONE:
                holes.add(hole)
        else:
            out = series.map(1_000 + number)
            if out != NONE:
                placed[number] = out
    assert len(set(placed.values())) == len(placed)
    assert not holes & set(placed.values())
    ordered = [placed[number] for number in sorted(placed)]
    assert ordered == sorted(ordered)


@given(st.lists(st.integers(0, 65_535), max_size=100), st.integers(7, 16))
def test_any_numbers_are_mapped_or_refused(numbers: list[int], bits: int) -> None:
    mask = (1 << bits) - 1
    series = started(numbers[0] & mask if numbers else 0, bits=bits)
    for place, number in enumerate(numbers):
        out = series.drop(number & mask) if place % 3 == 2 else series.map(number & mask)
        assert NONE <= out <= mask
