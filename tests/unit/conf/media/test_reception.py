"""Receiver reports: loss, cycles and jitter as RFC 3550 counts them."""

from hypothesis import given
from hypothesis import strategies as st

from conf.media.reception import Reception
from conf.media.rtcp import SenderReport


def test_nothing_received_is_nothing_lost() -> None:
    block = Reception(7, 90_000).report(5)
    assert (block.ssrc, block.lost, block.fraction_lost, block.highest_sequence) == (7, 0, 0, 0)


def test_loss_is_counted_per_interval_and_in_all() -> None:
    source = Reception(7, 90_000)
    for sequence in (1, 2, 4, 5):
        source.add(sequence, 0, 0)
    block = source.report(0)
    assert (block.lost, block.fraction_lost, block.highest_sequence) == (1, 256 // 5, 5)
    source.add(6, 0, 0)
    block = source.report(0)
    assert (block.lost, block.fraction_lost) == (1, 0)


def test_repetitions_make_loss_negative() -> None:
    source = Reception(7, 90_000)
    for sequence in (1, 1, 1):
        source.add(sequence, 0, 0)
    block = source.report(0)
    assert (source.lost, block.lost, block.fraction_lost) == (-2, -2, 0)


def test_cycles_are_in_the_upper_half() -> None:
    source = Reception(7, 90_000)
    for sequence in (65_534, 65_535, 0, 1):
        source.add(sequence, 0, 0)
    assert source.report(0).highest_sequence == 0x10001
    source.add(65_535, 0, 0)  # late
    assert source.report(0).highest_sequence == 0x10001


def test_a_jump_is_a_new_start() -> None:
    source = Reception(7, 90_000)
    source.add(1, 0, 0)
    source.add(30_000, 0, 0)
    assert source.lost == 0
    assert source.report(0).highest_sequence == 30_000


def test_steady_arrival_has_no_jitter() -> None:
    source = Reception(7, 90_000)
    for n in range(100):
        source.add(n, 3_000 * n, 33_333 * n + 10)
    assert source.report(0).jitter <= 1


def test_unsteady_arrival_has_some() -> None:
    """10 ms to and fro is 900 ticks; the filter nears it."""
    source = Reception(7, 90_000)
    for n in range(200):
        source.add(n, 3_000 * n, 33_333 * n + (n % 2) * 10_000)
    assert 850 <= source.report(0).jitter <= 950


def test_the_last_sender_report_and_its_age_are_told() -> None:
    source = Reception(7, 90_000)
    assert source.report(10).last_sr == 0
    source.on_sender_report(SenderReport(7, 0x1111222233334444, 0, 0, 0), 1_000_000)
    block = source.report(1_500_000)
    assert (block.last_sr, block.delay_since_sr) == (0x22223333, 32_768)


@given(st.lists(st.tuples(st.integers(0, 65_535), st.integers(0, 2**32 - 1)), max_size=60))
def test_any_packets_make_a_valid_block(packets: list[tuple[int, int]]) -> None:
    source = Reception(7, 48_000)
    for at, (sequence, timestamp) in enumerate(packets):
        source.add(sequence, timestamp, at * 20_000)
    block = source.report(10**9)
    assert 0 <= block.fraction_lost <= 255
    assert -(2**23) <= block.lost < 2**23
    assert 0 <= block.jitter <= 0xFFFFFFFF
