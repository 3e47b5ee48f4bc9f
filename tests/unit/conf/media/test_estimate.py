"""Each signal of the estimate alone: delay, loss, silence, proof, cap."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.media.estimate import CEILING_BPS, FLOOR_BPS, START_BPS, Estimate, LossWatch
from conf.media.trend import DelayTrend
from conf.media.twcc import LOST

MS = 1_000
SECOND = 1_000_000
Settled = list[tuple[int, int, int]]


def packets(begin_us: int, count: int, *, step_ms: float = 10, queue_ms: float = 0) -> Settled:
    """`count` packets of 1000 bytes; each waits `queue_ms` longer than the one before."""
    return [
        (sent := begin_us + int(n * step_ms * MS), sent + 20 * MS + int(n * queue_ms * MS), 1_000)
        for n in range(count)
    ]


def fed(estimate: Estimate, settled: Settled, per_feedback: int = 8) -> Estimate:
    for at in range(0, len(settled), per_feedback):
        part = settled[at : at + per_feedback]
        estimate.on_feedback(part, max(arrival for _, arrival, _ in part))
    return estimate


def run(trend: DelayTrend, settled: Settled) -> list[bool]:
    found = []
    for packet in settled:
        trend.add([packet])
        found.append(trend.is_overused)
    return found


def test_steady_delay_is_no_overuse() -> None:
    trend = DelayTrend()
    assert not any(run(trend, packets(0, 500)))
    assert trend.queue_ms == 0
    assert trend.threshold_ms == 6.0


def test_a_growing_queue_is_overuse_and_a_draining_one_is_not() -> None:
    trend = DelayTrend()
    run(trend, packets(0, 100))
    assert any(run(trend, packets(SECOND, 60, queue_ms=3)))
    drained = [(2 * SECOND + n * 10 * MS, 2 * SECOND + n * 7 * MS + 300 * MS, 1) for n in range(60)]
    run(trend, drained)
    assert trend.is_underused
    assert not trend.is_overused


def test_a_queue_tells_what_the_link_carries() -> None:
    """1 000 bytes each 10 ms are sent, each 16 ms one comes: 500 kbit/s."""
    trend = DelayTrend()
    for at in range(0, 104, 8):
        trend.add(packets(0, 104)[at : at + 8])
    assert trend.busy_bps == 0
    growing = packets(1_040 * MS, 40, queue_ms=6)
    for at in range(0, 40, 8):
        trend.add(growing[at : at + 8])
    assert trend.has_queue
    assert trend.busy_bps == 500_000


def test_a_burst_that_drains_is_no_overuse() -> None:
    """130 ms of queue at once, less at each feedback, gone after half a second."""
    trend = DelayTrend()
    run(trend, packets(0, 104))
    for at in range(0, 60, 6):
        sent = [1_040 * MS + n * 10 * MS for n in range(at, at + 6)]
        queue = [max(0, 130 - 3 * n) * MS for n in range(at, at + 6)]
        trend.add([(t, t + 20 * MS + q, 1_000) for t, q in zip(sent, queue, strict=True)])
        assert not trend.is_overused


def test_overuse_shows_within_300_ms() -> None:
    trend = DelayTrend()
    run(trend, packets(0, 100))
    growing = run(trend, packets(SECOND, 100, queue_ms=5))
    assert growing.index(True) * 10 <= 300


def test_told_by_feedback_or_one_by_one_it_finds_the_same_queue() -> None:
    """A growing queue shows at most two feedbacks later, a steady one never."""
    steady, growing = packets(0, 104), packets(1_040 * MS, 96, queue_ms=5)
    found = []
    for size in (1, 4, 8):
        trend = DelayTrend()
        for at in range(0, 104, size):
            trend.add(steady[at : at + size])
            assert not trend.is_overused
        at = 0
        while not trend.is_overused:
            trend.add(growing[at : at + size])
            at += size
        found.append(at)
    assert max(found) - min(found) <= 20


def test_jitter_is_no_overuse() -> None:
    dice, trend = random.Random(3), DelayTrend()
    shaken = [(s, a + dice.randrange(30 * MS), size) for s, a, size in packets(0, 3_000)]
    assert sum(run(trend, shaken)) < 30


def test_a_jump_of_the_clock_begins_anew() -> None:
    trend = DelayTrend()
    run(trend, packets(0, 100))
    assert not any(run(trend, [(s, a + 10 * SECOND, 1) for s, a, _ in packets(SECOND, 100)]))


def test_packets_told_out_of_order_say_nothing() -> None:
    trend = DelayTrend()
    run(trend, packets(0, 50))
    state = trend.queue_ms
    trend.add([(100, 900 * MS, 1)])
    assert trend.queue_ms == state


def test_packets_of_one_burst_are_one() -> None:
    trend = DelayTrend()
    for n in range(100):
        for k in range(5):
            trend.add([(n * 20 * MS + k * 100, n * 20 * MS + 20 * MS + k * 900, 1)])
    assert not trend.is_overused


def test_the_least_delay_is_forgotten_in_time() -> None:
    """Two clocks drift apart by 0.1 %: no queue."""
    trend = DelayTrend()
    drifting = [(s, a + s // 1_000, size) for s, a, size in packets(0, 6_000)]
    run(trend, drifting)
    assert trend.queue_ms < 25


def test_points_at_one_time_have_no_slope() -> None:
    trend = DelayTrend()
    for n in range(60):
        trend.add([(n * 10 * MS, 5, 1)])
    assert not trend.is_overused


# Loss


def lose(watch: LossWatch, begin_us: int, seconds: float, share: float) -> list[bool]:
    """100 packets a second, `share` of them lost, evenly; judged every 100 ms."""
    found, debt = [], 0.0
    for n in range(int(seconds * 100)):
        now = begin_us + n * 10 * MS
        debt += share
        watch.add(now, received=int(debt < 1), lost=int(debt >= 1))
        debt -= debt >= 1
        if n % 10 == 9:
            found.append(watch.judge(now))
    return found


def test_too_little_is_known_at_first() -> None:
    watch = LossWatch()
    assert watch.fraction == 0.0
    assert not any(lose(watch, 0, 0.15, 1.0))


def test_a_little_loss_is_borne() -> None:
    assert not any(lose(LossWatch(), SECOND, 20, 0.05))


def test_much_loss_lowers_the_rate_once_then_proves_its_own() -> None:
    watch = LossWatch()
    found = lose(watch, SECOND, 20, 0.3)
    assert sum(found) == 1
    assert watch.inherent == pytest.approx(0.3, abs=0.05)
    assert watch.excess < 0.02


def test_loss_that_helped_to_lower_is_not_the_links_own() -> None:
    watch = LossWatch()
    assert any(lose(watch, SECOND, 0.5, 0.4))
    lose(watch, 1_500 * MS, 5.5, 0.0)
    assert watch.inherent == 0.0
    assert any(lose(watch, 7 * SECOND, 2, 0.4))


def test_loss_beyond_the_links_own_lowers_again() -> None:
    watch = LossWatch()
    lose(watch, SECOND, 10, 0.2)
    assert any(lose(watch, 11 * SECOND, 3, 0.6))


def test_the_links_own_loss_is_forgotten_when_it_ends() -> None:
    watch = LossWatch()
    lose(watch, SECOND, 10, 0.3)
    lose(watch, 11 * SECOND, 30, 0.0)
    assert watch.inherent < 0.05


# The whole


def test_it_starts_carefully_within_the_cap() -> None:
    assert Estimate().target_bps == START_BPS
    assert Estimate(ceiling_bps=200_000).target_bps == 200_000
    assert Estimate(start_bps=1).target_bps == FLOOR_BPS


def test_it_grows_to_one_and_a_half_of_what_arrives() -> None:
    estimate = fed(Estimate(), packets(0, 3_000))  # 800 kbit/s
    assert estimate.carried_bps == pytest.approx(800_000, rel=0.05)
    assert 1_100_000 <= estimate.target_bps <= 1_300_000


def test_what_is_not_used_does_not_grow() -> None:
    estimate = fed(Estimate(), packets(0, 300, step_ms=100))
    assert estimate.target_bps == START_BPS


def test_a_growing_queue_lowers_it_below_what_arrives() -> None:
    estimate = fed(Estimate(), packets(0, 500))
    before = estimate.target_bps
    fed(estimate, packets(5 * SECOND, 100, queue_ms=5))
    assert estimate.target_bps < 0.9 * before
    assert estimate.decreases >= 1


def test_after_a_decrease_it_nears_the_limit_slowly() -> None:
    estimate = fed(Estimate(), packets(0, 500))
    fed(estimate, packets(5 * SECOND, 100, queue_ms=5))
    low = estimate.target_bps
    fed(estimate, packets(8 * SECOND, 500))
    assert low < estimate.target_bps < 1.6 * low


def test_loss_lowers_it_to_what_arrives() -> None:
    estimate = Estimate(start_bps=2_000_000)
    settled = [(s, LOST if n % 2 else a, z) for n, (s, a, z) in enumerate(packets(0, 200))]
    now = 0
    for at in range(0, 100, 10):
        now = at * 10 * MS + 50 * MS
        estimate.on_feedback(settled[at : at + 10], now)
    assert estimate.target_bps < 500_000


def test_a_reduction_that_did_not_help_is_taken_back() -> None:
    estimate = Estimate(start_bps=2_000_000)
    settled = [(s, LOST if n % 2 else a, z) for n, (s, a, z) in enumerate(packets(0, 400))]
    lowest = estimate.target_bps
    for at in range(0, 400, 10):
        estimate.on_feedback(settled[at : at + 10], at * 10 * MS + 50 * MS)
        lowest = min(lowest, estimate.target_bps)
    assert lowest < 500_000
    assert estimate.target_bps >= 2_000_000
    assert estimate.loss.inherent == pytest.approx(0.5, abs=0.02)


def test_a_slow_stream_is_watched_longer() -> None:
    """Five packets a second: four seconds of them, no more."""
    watch = LossWatch()
    for n in range(100):
        watch.add(n * 200 * MS, received=int(n >= 80), lost=int(n < 80))
    assert watch.fraction == pytest.approx(1 / 21, abs=0.01)


def test_silence_halves_it_again_and_again() -> None:
    estimate = Estimate(start_bps=1_000_000)
    estimate.on_silence(500 * MS, sent_us=0)
    assert estimate.target_bps == 1_000_000
    estimate.on_silence(700 * MS, sent_us=0)
    assert estimate.target_bps == 500_000
    estimate.on_silence(1_400 * MS, sent_us=0)
    assert estimate.target_bps == 250_000


def test_where_nothing_was_sent_nothing_is_to_be_told() -> None:
    """A minute after the last feedback the camera is on again: its packets are on their way."""
    estimate = fed(Estimate(), packets(0, 100))
    before, on_again = estimate.target_bps, 61 * SECOND
    estimate.on_silence(on_again + 400 * MS, sent_us=on_again)
    assert estimate.target_bps == before
    estimate.on_silence(on_again + 700 * MS, sent_us=on_again)
    assert estimate.target_bps == before // 2


def test_a_longer_round_trip_is_given_more_time() -> None:
    estimate = Estimate(start_bps=1_000_000)
    estimate.set_round_trip(900 * MS)
    estimate.on_silence(1_300 * MS, sent_us=0)
    assert estimate.target_bps == 1_000_000


def lossy(begin_us: int, count: int) -> Settled:
    """Every third packet is lost."""
    told = packets(begin_us, count)
    return [(sent, LOST if n % 3 == 0 else at, size) for n, (sent, at, size) in enumerate(told)]


def test_where_packets_are_lost_feedback_is_too() -> None:
    """A second without it is no outage on a link that loses a third; two are."""
    estimate = fed(Estimate(), lossy(0, 1_000))
    assert estimate.loss.inherent > 0.3
    before, last = estimate.target_bps, 10_010 * MS
    estimate.on_silence(last + 1_500 * MS, sent_us=last)
    assert estimate.target_bps == before
    estimate.on_silence(last + 2_500 * MS, sent_us=last)
    assert estimate.target_bps == before // 2


def test_a_feedback_that_was_lost_does_not_make_a_link_narrow() -> None:
    """A queue appears just when most of what arrived is not told: the best of late counts."""
    estimate = fed(Estimate(), lossy(0, 1_000))
    told = lossy(10 * SECOND, 80)
    queued = [(s, a if a == LOST else a + (s - 10 * SECOND) // 3, size) for s, a, size in told]
    known = [packet for n, packet in enumerate(queued) if n // 8 % 3 == 0]  # one feedback in three
    fed(estimate, known)
    assert estimate.decreases > 0
    assert estimate.target_bps > 300_000  # of 600 sent; what is told alone would say 200


def test_a_probe_raises_it_and_never_lowers_it() -> None:
    estimate = Estimate()
    estimate.on_probe(1_200_000, 0)
    assert estimate.target_bps == 1_200_000
    estimate.on_probe(400_000, 0)
    assert estimate.target_bps == 1_200_000


def test_the_queue_of_a_probe_is_not_acted_on() -> None:
    estimate = fed(Estimate(), packets(0, 500))
    before = estimate.target_bps
    estimate.on_probe_begin(7 * SECOND)
    fed(estimate, packets(5 * SECOND, 100, queue_ms=5))
    assert estimate.target_bps == before


def test_what_can_wait_is_known_once_the_link_is() -> None:
    """So much above the least way as no queue makes; both clocks' difference included."""
    estimate = Estimate()
    assert estimate.calm_below_us is None
    fed(estimate, packets(0, 19))
    assert estimate.calm_below_us is None
    fed(estimate, packets(SECOND, 60))
    assert estimate.calm_below_us == 35 * MS


def test_nothing_can_wait_while_a_queue_stands_or_drains() -> None:
    estimate = fed(Estimate(), packets(0, 500))
    fed(estimate, packets(5 * SECOND, 30, queue_ms=5))
    assert estimate.calm_below_us is None
    fed(estimate, packets(6 * SECOND, 500))
    assert estimate.calm_below_us == 35 * MS


def test_nothing_can_wait_while_the_links_own_loss_is_found_out_or_forgotten() -> None:
    estimate = fed(Estimate(), packets(0, 500))
    for begin in range(5 * SECOND, 15 * SECOND, 100 * MS):
        told = packets(begin, 10)
        fed(estimate, [*told[:6], *((sent, LOST, size) for sent, _, size in told[6:])], 10)
    assert estimate.loss.inherent > 0.3
    assert estimate.calm_below_us is None
    fed(estimate, packets(15 * SECOND, 1_000))
    assert estimate.calm_below_us is None
    fed(estimate, packets(25 * SECOND, 3_000))
    assert estimate.calm_below_us is not None


def test_the_cap_is_hard_and_may_change() -> None:
    estimate = Estimate(ceiling_bps=600_000)
    estimate.on_probe(5_000_000, 0)
    assert estimate.target_bps == 600_000
    estimate.set_ceiling(300_000)
    assert estimate.target_bps == 300_000
    estimate.set_ceiling(1)
    assert estimate.target_bps == FLOOR_BPS


def test_a_pause_of_the_receiver_does_not_spoil_the_rate() -> None:
    estimate = fed(Estimate(), packets(0, 200))
    fed(estimate, packets(60 * SECOND, 200))
    assert estimate.carried_bps == pytest.approx(800_000, rel=0.05)


feedbacks = st.lists(
    st.tuples(
        st.lists(
            st.tuples(
                st.integers(0, 10**7), st.just(LOST) | st.integers(0, 10**8), st.integers(1, 1_500)
            ),
            max_size=30,
        ),
        st.integers(1, 3_000_000),
    ),
    max_size=20,
)


@given(feedbacks, st.integers(FLOOR_BPS, CEILING_BPS))
def test_whatever_is_told_it_stays_between_floor_and_cap(
    told: list[tuple[Settled, int]], ceiling: int
) -> None:
    estimate, now = Estimate(ceiling_bps=ceiling), 0
    for settled, pause in told:
        now += pause
        estimate.on_feedback(settled, now)
        estimate.on_silence(now, sent_us=0)
        assert FLOOR_BPS <= estimate.target_bps <= ceiling
        assert 0 <= estimate.loss.fraction <= 1
        assert 0 <= estimate.loss.inherent <= 0.5
