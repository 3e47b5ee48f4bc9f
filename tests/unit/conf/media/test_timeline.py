"""Timestamps go on evenly across switches; reports keep voice and picture in step."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.media.timeline import Anchor, PublisherClock, Timeline, layer_shift

SECOND = 1 << 32
RATE = 90_000


def running(first_out: int = 1_000) -> Timeline:
    line = Timeline(RATE, first_out)
    line.switch(50_000, 0)
    assert line.map(50_000, 0) == first_out & 0xFFFFFFFF
    return line


def test_within_a_source_steps_are_kept() -> None:
    line = running()
    assert [line.map(50_000 + 3_000 * n, n * 33_333) for n in range(3)] == [1_000, 4_000, 7_000]


def test_a_new_source_goes_on_by_the_clock() -> None:
    line = running()
    line.switch(4_000_000_000, 100_000)
    assert line.map(4_000_000_000, 100_000) == 1_000 + 9_000


def test_time_counts_from_the_newest_packet() -> None:
    line = running()
    line.map(50_000 + 90_000, 1_000_000)
    line.map(50_000 + 45_000, 1_200_000)  # late: does not count
    line.switch(7, 1_500_000)
    assert line.map(7, 1_500_000) == 1_000 + 90_000 + 45_000


def test_a_switch_at_once_still_moves_on() -> None:
    line = running()
    line.switch(9, 0)
    assert line.map(9, 0) == 1_000 + 90


def test_another_layer_of_the_camera_joins_exactly() -> None:
    """Both layers show the same instant: same time out, however late the packet came."""
    line = running()
    old, new = Anchor(10 * SECOND, 50_000), Anchor(10 * SECOND + SECOND // 2, 777_000 + 45_000)
    shift = layer_shift(old, new, RATE)
    line.switch(777_000 + 9_000, 130_000, shift)
    assert line.map(777_000 + 9_000, 130_000) == 1_000 + 9_000


def test_an_absurd_report_is_not_believed() -> None:
    line = running()
    line.switch(777_000, 100_000, shift=5_000_000)
    assert line.map(777_000, 100_000) == 1_000 + 9_000


def test_a_layer_whose_report_points_back_still_moves_on() -> None:
    line = running()
    line.switch(50_000, 100_000, shift=-3_000)
    assert line.map(50_000, 100_000) == 1_000 + 90


def test_reports_are_translated_without_notice() -> None:
    line = running()
    assert line.translate(50_000 + RATE * 100) == 1_000 + RATE * 100
    line.switch(3, 1_000_000)
    assert line.map(3, 1_000_000) == 1_000 + RATE


@given(
    sources=st.lists(
        st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 10), st.integers(0, 5_000_000)),
        min_size=1,
        max_size=8,
    ),
    first=st.integers(0, 2**32 - 1),
)
def test_time_never_stands_or_goes_back(sources: list[tuple[int, int, int]], first: int) -> None:
    line = Timeline(RATE, first)
    now, last = 0, None
    for begin, count, pause in sources:
        now += pause
        line.switch(begin, now)
        for n in range(count):
            out = line.map((begin + 3_000 * n) & 0xFFFFFFFF, now)
            if last is not None:
                assert 0 < (out - last) & 0xFFFFFFFF < 0x80000000
            last = out
            now += 33_333


@pytest.mark.parametrize("delay_ms", [0, 5, 40])
def test_publisher_time_becomes_ours(delay_ms: int) -> None:
    clock = PublisherClock()
    delay = delay_ms * SECOND // 1_000
    clock.observe(100 * SECOND, 5_000 * SECOND + delay)
    assert clock.to_ours(101 * SECOND) == 5_001 * SECOND + delay


def test_the_least_delayed_of_the_first_reports_counts() -> None:
    clock = PublisherClock()
    for n, delay_ms in enumerate((50, 10, 30, 80)):
        clock.observe(n * SECOND, (900 + n) * SECOND + delay_ms * SECOND // 1_000)
    assert clock.to_ours(0) == 900 * SECOND + 10 * SECOND // 1_000


def test_later_reports_move_it_by_no_more_than_a_millisecond() -> None:
    clock = PublisherClock()
    for n in range(6):
        clock.observe(n * SECOND, (900 + n) * SECOND)
    before = clock.to_ours(0)
    clock.observe(7 * SECOND, 907 * SECOND + SECOND // 20)
    assert 0 < clock.to_ours(0) - before <= SECOND // 1_000
    before = clock.to_ours(0)
    clock.observe(8 * SECOND, 908 * SECOND - SECOND // 20)
    assert 0 < before - clock.to_ours(0) <= SECOND // 1_000


def test_a_publisher_that_sets_its_clock_is_followed_at_once() -> None:
    clock = PublisherClock()
    for n in range(6):
        clock.observe(n * SECOND, (900 + n) * SECOND)
    clock.observe(500 * SECOND, 907 * SECOND)
    assert clock.to_ours(500 * SECOND) == 907 * SECOND
