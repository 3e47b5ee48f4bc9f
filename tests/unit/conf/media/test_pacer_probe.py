"""Bursts pass where there is room and are spread where there is not; probes prove a rate."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.media.pacer import HEADROOM, Pacer
from conf.media.probe import (
    DURATION_US,
    FIRST_PAUSE_US,
    MAX_FACTOR,
    MAX_PAUSE_US,
    PACKET_BYTES,
    Probe,
    Prober,
)
from conf.media.twcc import LOST

MS = 1_000


def pacer(estimate_kbps: int, sending_kbps: int) -> Pacer:
    made = Pacer()
    made.set_rates(estimate_kbps * 1_000, sending_kbps * 1_000)
    return made


def test_with_headroom_a_burst_leaves_at_once() -> None:
    free = pacer(2_500, 1_000)
    assert [free.leave_at(1_200, 5_000) for _ in range(60)] == [5_000] * 60


def test_a_pacer_nobody_told_anything_holds_nothing() -> None:
    assert Pacer().leave_at(1_200, 7) == 7


def test_without_headroom_a_key_frame_is_spread() -> None:
    """30 kB at 1.5 x 1 Mbit/s take 160 ms."""
    tight = pacer(1_000, 900)
    times = [tight.leave_at(1_200, 0) for _ in range(25)]
    assert times[0] == 0
    assert times[-1] == pytest.approx(24 * 6_400, abs=100)


def test_a_long_queue_is_drained_faster() -> None:
    tight = pacer(100, 100)
    times = [tight.leave_at(1_200, 0) for _ in range(50)]
    steps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert steps[0] == 64_000
    assert steps[-1] < steps[0] / 2
    assert times[-1] < 50 * 64_000 / 2


def test_the_queue_empties_with_time() -> None:
    tight = pacer(1_000, 1_000)
    tight.leave_at(1_200, 0)
    assert tight.leave_at(1_200, 1_000) == 6_400
    assert tight.leave_at(1_200, 50_000) == 50_000


def test_audio_never_waits_but_counts() -> None:
    tight = pacer(1_000, 1_000)
    tight.pass_audio(150, 0)
    assert tight.leave_at(1_200, 0) == 0
    tight.pass_audio(150, 0)
    assert tight.leave_at(1_200, 0) == 6_400 + 800


def test_order_is_kept_when_headroom_appears() -> None:
    changing = pacer(1_000, 1_000)
    waiting = [changing.leave_at(1_200, 0) for _ in range(5)]
    changing.set_rates(10_000_000, 1_000_000)
    assert changing.leave_at(1_200, 1_000) >= waiting[-1]


@given(
    st.lists(
        st.tuples(
            st.integers(1, 1_500), st.integers(0, 50_000), st.integers(0, 5_000), st.booleans()
        ),
        max_size=60,
    )
)
def test_no_packet_overtakes_and_none_leaves_in_the_past(
    packets: list[tuple[int, int, int, bool]],
) -> None:
    moving, now, last = Pacer(), 0, 0
    for size, pause, kbps, is_audio in packets:
        now += pause
        moving.set_rates(kbps * 1_000, 1_000_000)
        assert moving.passes_at_once == (kbps * 1_000 >= HEADROOM * 1_000_000)
        if is_audio:
            moving.pass_audio(size, now)
            continue
        leave = moving.leave_at(size, now)
        assert leave >= now
        assert leave >= last
        last = leave


# Probes


def run(prober: Prober, probe: Probe, link_bps: int, loss_every: int = 0) -> None:
    """Send the probe's padding over a link of `link_bps`; tell the prober at once.

    Every 20 ms, the first time 20 ms after its start, as the bridge does; encryption adds 16 bytes.
    """
    sent, free, count = 0, 0, 0
    prober.add(probe.start_us, probe.start_us + 30 * MS, 100)
    for now in range(probe.start_us + 20 * MS, probe.end_us + 1, 20 * MS):
        for _ in range(probe.padding_bytes(sent, now) // PACKET_BYTES):
            sent += PACKET_BYTES
            count += 1
            free = max(free, now) + (PACKET_BYTES + 16) * 8_000_000 // link_bps
            is_lost = loss_every and count % loss_every == 0
            prober.add(now, LOST if is_lost else free + 30 * MS, PACKET_BYTES)


def begun(prober: Prober, now_us: int = 0, wanted: int = 1_000_000) -> Probe:
    probe = prober.begin(now_us, wanted, 800_000)
    assert probe is not None
    return probe


def test_a_wide_link_proves_the_rate() -> None:
    prober = Prober()
    probe = begun(prober)
    assert prober.result(DURATION_US, 0) is None
    run(prober, probe, 10_000_000)
    measured = prober.result(DURATION_US + 1, probe.end_us + 1)
    assert measured is not None
    assert 1_000_000 <= measured <= probe.rate_bps * 1.1
    assert prober.proven_bps(DURATION_US) == measured
    assert prober.proven_bps(DURATION_US + 5_100_000) == 0
    assert prober.result(DURATION_US + 2, probe.end_us + 1) is None


def test_a_narrow_link_proves_what_it_has() -> None:
    prober = Prober()
    run(prober, begun(prober), 600_000)
    measured = prober.result(DURATION_US, DURATION_US + 1)
    assert measured == pytest.approx(570_000, rel=0.05)


@pytest.mark.parametrize(("inherent", "succeeds"), [(0.0, False), (0.33, True)])
def test_loss_fails_a_probe_unless_the_link_always_has_it(inherent: float, succeeds: bool) -> None:
    prober = Prober()
    run(prober, begun(prober), 10_000_000, loss_every=3)
    measured = prober.result(DURATION_US, DURATION_US + 1, inherent)
    assert measured is not None
    assert (measured >= 900_000) == succeeds
    assert measured == 0 or succeeds


def test_a_probe_that_proves_what_was_wanted_has_not_failed() -> None:
    """Though the link is full a little below the probe's own rate: the next one may come soon."""
    prober = Prober()
    run(prober, begun(prober), 1_100_000)
    measured = prober.result(DURATION_US, DURATION_US + 1)
    assert measured is not None
    assert 1_000_000 <= measured <= 1_100_000
    assert prober.begin(DURATION_US + FIRST_PAUSE_US, 1_200_000, 1_000_000) is not None


def test_without_feedback_a_probe_ends_in_failure() -> None:
    prober = Prober()
    begun(prober)
    assert prober.result(DURATION_US + 1_000_000, 0) is None
    assert prober.result(DURATION_US + 2_000_000, 0) == 0


@pytest.mark.parametrize("arrivals", [[0] * 6, [5, 4, 3, 2, 1, 0]])
def test_packets_that_tell_no_rate_prove_nothing(arrivals: list[int]) -> None:
    prober = Prober()
    begun(prober)
    for arrival in arrivals:
        prober.add(10, arrival, 1_000)
    assert prober.result(DURATION_US, DURATION_US + 1) == 0


def test_packets_of_before_and_after_do_not_count() -> None:
    prober = Prober()
    prober.add(0, 1, 100)
    begun(prober, now_us=1_000)
    for sent in (0, 999, 1_001 + DURATION_US):
        prober.add(sent, sent, 100)
    assert prober.result(0, 2 * DURATION_US) == 0


def test_failed_probes_come_ever_less_often() -> None:
    prober, now, starts = Prober(), 0, []
    while len(starts) < 6:
        if prober.begin(now, 900_000, 800_000) is not None:
            starts.append(now)
        prober.result(now, now + 2 * DURATION_US)
        now += 100 * MS
    pauses = [later - earlier for earlier, later in itertools.pairwise(starts)]
    doubling = [factor * FIRST_PAUSE_US for factor in (2, 4, 8)]
    assert pauses == [*doubling, MAX_PAUSE_US, MAX_PAUSE_US]


def test_a_success_makes_the_next_one_soon() -> None:
    prober = Prober()
    begun(prober)
    prober.result(0, 2 * DURATION_US)
    start = 2 * FIRST_PAUSE_US
    run(prober, begun(prober, start), 10_000_000)
    assert prober.result(start, start + 2 * DURATION_US)
    assert prober.begin(start + FIRST_PAUSE_US - 1, 900_000, 1) is None
    assert prober.begin(start + FIRST_PAUSE_US, 900_000, 1) is not None


def test_a_probe_never_exceeds_the_sites_ceiling() -> None:
    """Nor is one sent for what the ceiling forbids anyhow."""
    probe = Prober().begin(0, 380_000, 300_000, 400_000)
    assert probe is not None
    assert probe.rate_bps == 400_000
    assert Prober().begin(0, 401_000, 300_000, 400_000) is None


def test_only_one_at_a_time_and_only_when_wanted() -> None:
    prober = Prober()
    assert prober.begin(0, 0, 1_000) is None
    begun(prober)
    assert prober.begin(0, 1_000_000, 800_000) is None


@given(st.integers(1, 10_000_000), st.integers(60_000, 5_000_000))
def test_a_probe_never_more_than_doubles_the_load(wanted: int, estimate: int) -> None:
    probe = Prober().begin(0, wanted, estimate)
    assert probe is not None
    assert probe.rate_bps <= MAX_FACTOR * estimate


@given(st.integers(0, 200_000), st.integers(0, 400_000))
def test_padding_stops_with_the_probe(sent: int, now: int) -> None:
    probe = Probe(1_000, 121_000, 1_000_000)
    due = probe.padding_bytes(sent, now)
    assert 0 <= due <= 15_000
    assert due == 0 or sent + due <= 15_000
