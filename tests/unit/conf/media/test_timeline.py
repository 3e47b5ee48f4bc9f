"""What sender reports say: voice and picture in step."""

import pytest

from conf.media.timeline import Anchor, PublisherClock, layer_shift

SECOND = 1 << 32
RATE = 90_000


def test_layers_of_one_camera_are_joined_by_their_reports() -> None:
    """The new layer's timestamp of a moment, moved by the shift, is the old one's."""
    old, new = Anchor(10 * SECOND, 50_000), Anchor(10 * SECOND + SECOND // 2, 777_000 + 45_000)
    shift = layer_shift(old, new, RATE)
    assert 777_000 + 9_000 + shift == 50_000 + 9_000


@pytest.mark.parametrize(("after_s", "expected"), [(0, 50_000), (2, 230_000), (-1, 4_294_927_296)])
def test_a_report_is_counted_on(after_s: int, expected: int) -> None:
    """To a later moment, or an earlier one, across the timestamp's wrap."""
    clock = PublisherClock()
    clock.observe(10 * SECOND, 5_000 * SECOND)
    now = (5_000 + after_s) * SECOND
    assert clock.timestamp_at(Anchor(10 * SECOND, 50_000), now, RATE) == expected


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
