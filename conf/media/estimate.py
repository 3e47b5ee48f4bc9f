"""How much one subscriber's link carries, estimated on the sending side (draft-ietf-rmcat-gcc-02).

Three signals, the lowest wins: the trend of one-way delay (first on 4G and DSL, where queues
are long), loss that grows with the rate (first on radio bridges), and what demonstrably arrived.
Loss that stays the same whatever the rate is the link's own and does not lower the rate.
Rates are integer bit/s, times integer microseconds.
"""

import math
from collections import deque
from collections.abc import Iterable
from operator import mul
from typing import Final

from conf.media.twcc import Burst, Told, gather

FLOOR_BPS: Final = 60_000  # below it only audio is sent, and that is never held back
CEILING_BPS: Final = 50_000_000
START_BPS: Final = 500_000

_GROUP_US = 5_000
_WINDOW = 20
_SAMPLES = 60
_WEIGHT = 0.1
_GAIN = 4.0
_OVERUSE_MS = 10.0
_QUEUE_MS = 20.0  # a slope without this much delay above the least is jitter
_QUEUE_US = 20_000
_DRAINING = 0.9  # of the queue one feedback ago
_LASTING = 3  # feedbacks in a row; a link that stands still for 150 ms shows in two
_LONG_US = 100_000  # so long a queue needs no slope to be believed,
_LONG = range(3, 8)  # when it has stood for so many feedbacks; for good, it is another route
_BUSY_US = 50_000  # a queue that stood so long tells what the link carries
_JUMP_US = 3_000_000
_BASELINE_US = 10_000_000
_THRESHOLD_MS = (6.0, 600.0)
_RISE, _FALL = 0.0087, 0.039

_BACK_OFF = 0.85
_RATE_WINDOW_US = 500_000
_RATE_GAP_US = 3_000_000  # the receiver paused or set its clock: measure anew
_PROBE_ECHO_US = 200_000  # what is sent so soon after a probe may wait behind it
_SETTLING_US = 100_000  # so long a lower rate must have been sent before it is judged
_LOSS_WINDOW_US = 1_000_000
_LOSS_PAUSE_US = 300_000
_STALL_US = 500_000  # no feedback for so long while sending: the link is gone or choked
_MIN_LOSS_PACKETS = 20
_SURE_PACKETS = 100  # a slow stream is watched longer, to tell loss from chance
_LONGEST_WINDOW_US = 4_000_000
_EXCESS_LOSS = 0.10
_TOLERABLE_LOSS = 0.02
_FORGETTING = 0.01  # per feedback
_UNHELPED = 0.4  # a queue that overflowed loses next to nothing once the rate is down


class Line:
    """Least squares through the last _WINDOW points; times in ms, from an origin that follows."""

    __slots__ = ("origin_us", "xs", "ys")

    def __init__(self) -> None:
        self.xs: deque[float] = deque(maxlen=_WINDOW)
        self.ys: deque[float] = deque(maxlen=_WINDOW)
        self.origin_us = 0

    def clear(self) -> None:
        """Begin anew."""
        self.xs.clear()
        self.ys.clear()

    def move_origin(self, at_us: int) -> None:
        """Count times from `at_us`: small numbers keep their digits."""
        shift_ms = (at_us - self.origin_us) / 1_000
        self.origin_us = at_us
        self.xs = deque((x - shift_ms for x in self.xs), maxlen=_WINDOW)

    @property
    def slope(self) -> float:
        """0 when all points are at one time."""
        xs, ys = self.xs, self.ys
        count, sum_x = len(xs), sum(xs)
        sum_xx: float = sum(map(mul, xs, xs))
        sum_xy: float = sum(map(mul, xs, ys))
        spread = count * sum_xx - sum_x * sum_x
        return (count * sum_xy - sum_x * sum(ys)) / spread if spread > 1e-9 else 0.0


class DelayTrend:
    """Is the queue growing? Slope of the smoothed delay against a threshold that adapts.

    A key frame and a radio's pause make a slope as well; but their queue shrinks from one feedback
    to the next, and is gone at the end.
    """

    __slots__ = (
        "_base_us",
        "_baseline_since_us",
        "_busy",
        "_closed",
        "_floor_us",
        "_group",
        "_least_ms",
        "_line",
        "_low_us",
        "_overuse_ms",
        "_overuses",
        "_previous_slope",
        "_samples",
        "_smoothed_ms",
        "_standing",
        "_stood_us",
        "is_overused",
        "is_underused",
        "threshold_ms",
    )

    def __init__(self) -> None:
        self._group = (-(1 << 60), 0, 1 << 60, 0)  # first sent, last sent, last arrival, bytes
        self._closed = (0, -(1 << 60), 0)  # the group before: last sent, last arrival, its delay
        self._busy = (0, 0, 0)  # a queue has stood since, until, bytes that came meanwhile
        self._stood_us = 0  # the least queue one feedback ago,
        self._standing = 0  # and for how many feedbacks it has stood
        self._base_us = 0  # arrival less sending time that counts as no delay
        self._smoothed_ms = 0.0
        self._line = Line()
        self._samples = 0
        self._overuse_ms = 0.0
        self._overuses = 0
        self._previous_slope = 0.0
        # Least smoothed delay of this and of the last ten seconds; unsmoothed, of this and of both.
        self._least_ms = (0.0, 0.0)
        self._low_us = self._floor_us = 0
        self._baseline_since_us = 0
        self.threshold_ms = 12.5
        self.is_overused = self.is_underused = False

    def add(self, bursts: Iterable[Burst]) -> None:
        """Note all bursts of one feedback, then judge once; what is sent within 5 ms is one."""
        first, last, arrived, held = self._group
        closed_us, before_us, delay_us = self._closed
        base_us, smoothed_ms, least_ms = self._base_us, self._smoothed_ms, self._least_ms[0]
        line, judged_us, points, low_us, came = self._line, closed_us, 0, 1 << 60, 0
        for sent_us, arrival_us, size in bursts:
            if sent_us - first > _GROUP_US:
                if -_JUMP_US < arrived - before_us < _JUMP_US:
                    delay_us = arrived - last - base_us
                    smoothed_ms += _WEIGHT * (delay_us * 0.001 - smoothed_ms)
                    if smoothed_ms < least_ms:
                        least_ms = smoothed_ms
                    if delay_us < low_us:
                        low_us = delay_us
                    came += held
                    line.xs.append((arrived - line.origin_us) * 0.001)
                    line.ys.append(smoothed_ms)
                    points += 1
                else:  # the receiver's clock was set, or the link slept
                    base_us = arrived - last - delay_us
                    self._begin_anew(arrived)
                closed_us, before_us = last, arrived
                first, last, arrived, held = sent_us, sent_us, arrival_us, size
            elif sent_us >= first:  # else reordered or repeated: says nothing about the queue
                held += size
                if sent_us > last:
                    last = sent_us
                if arrival_us > arrived:
                    arrived = arrival_us
        self._group, self._closed = (first, last, arrived, held), (closed_us, before_us, delay_us)
        self._base_us, self._smoothed_ms = base_us, smoothed_ms
        if points:
            self._follow(before_us, least_ms, low_us, points)
            self._note_queue(low_us, came, before_us)
            if len(line.xs) == _WINDOW:
                self._judge(line.slope, (closed_us - judged_us) / 1_000, points)

    def _begin_anew(self, arrived_us: int) -> None:
        self._line.clear()
        self._line.origin_us = self._baseline_since_us = arrived_us

    def _follow(self, arrived_us: int, least_ms: float, low_us: int, points: int) -> None:
        self._samples = min(self._samples + points, _SAMPLES)
        if arrived_us - self._baseline_since_us > _BASELINE_US:
            # Renewed every ten seconds, so that the drift of two clocks is no queue.
            self._baseline_since_us = arrived_us
            self._least_ms = (self._smoothed_ms, least_ms)
            self._floor_us, self._low_us = min(self._low_us, low_us), low_us
            self._line.move_origin(arrived_us)
            return
        if least_ms < self._least_ms[0]:
            self._least_ms = (least_ms, self._least_ms[1])
        if low_us < self._low_us:
            self._low_us = low_us
            self._floor_us = min(self._floor_us, low_us)

    def _note_queue(self, low_us: int, came: int, arrived_us: int) -> None:
        """`low_us`: delay of a feedback's luckiest packet; `came`: bytes, up to `arrived_us`."""
        stood_us = self._stood_us
        self._stood_us = queue_us = low_us - self._floor_us
        if queue_us < _QUEUE_US:
            if stood_us >= _QUEUE_US:
                self._standing, self._busy = 0, (0, 0, 0)
            return
        since_us, _, known = self._busy
        self._busy = (since_us, arrived_us, known + came) if since_us else (arrived_us, 0, 0)
        self._standing = 0 if queue_us < _DRAINING * stood_us else self._standing + 1

    @property
    def has_queue(self) -> bool:
        """Do packets wait, whether or not for longer and longer?"""
        return self._standing > 1

    @property
    def busy_bps(self) -> int:
        """What came a second while the queue stood last: what the link carries. 0: too short."""
        since_us, until_us, came = self._busy
        span_us = until_us - since_us
        return came * 8_000_000 // span_us if span_us >= _BUSY_US else 0

    @property
    def queue_ms(self) -> float:
        """Smoothed delay above the least of the last ten to twenty seconds."""
        return self._smoothed_ms - min(self._least_ms)

    def _judge(self, slope: float, elapsed_ms: float, points: int) -> None:
        trend_ms = slope * self._samples * _GAIN
        self.is_underused = trend_ms < -self.threshold_ms
        is_long = self._standing in _LONG and self._stood_us > _LONG_US
        is_steep = trend_ms > self.threshold_ms and self.queue_ms > _QUEUE_MS
        if is_long or (is_steep and self._standing >= _LASTING):
            self._overuse_ms += elapsed_ms
            self._overuses += points
            is_lasting = self._overuse_ms > _OVERUSE_MS and self._overuses > 1
            if is_long or (is_lasting and slope >= self._previous_slope):
                self.is_overused = True
        else:
            self._overuse_ms = 0.0
            self._overuses = 0
            self.is_overused = False
        self._previous_slope = slope
        self._adapt(trend_ms, elapsed_ms)

    def _adapt(self, trend_ms: float, elapsed_ms: float) -> None:
        """Let jitter raise the threshold, so that only growth counts; spikes do not move it."""
        distance = abs(trend_ms) - self.threshold_ms
        if distance > 15.0:
            return
        factor = _FALL if distance < 0 else _RISE
        moved = self.threshold_ms + factor * distance * min(elapsed_ms, 100.0)
        self.threshold_ms = max(_THRESHOLD_MS[0], min(moved, _THRESHOLD_MS[1]))


class LossWatch:
    """Loss of late (a second, or 100 packets), apart from the loss the link has at any rate."""

    __slots__ = (
        "_count",
        "_entries",
        "_judged_us",
        "_lost",
        "_reduced_from",
        "inherent",
        "was_pointless",
    )

    def __init__(self) -> None:
        self._entries: deque[tuple[int, int, int]] = deque()  # when told, packets, lost
        self._count = 0
        self._lost = 0
        self._judged_us = 0
        self._reduced_from: float | None = None  # the loss that caused the last reduction
        self.inherent = 0.0
        self.was_pointless = False  # the last reduction did not help

    def add(self, now_us: int, *, received: int, lost: int) -> None:
        """Note the packets one feedback tells of."""
        self._entries.append((now_us, received + lost, lost))
        self._count += received + lost
        self._lost += lost
        while (age_us := now_us - self._entries[0][0]) > _LOSS_WINDOW_US:
            if self._count <= _SURE_PACKETS and age_us <= _LONGEST_WINDOW_US:
                break
            _, old_count, old_lost = self._entries.popleft()
            self._count -= old_count
            self._lost -= old_lost

    @property
    def fraction(self) -> float:
        """Share lost of late, 0 while too little is known."""
        return self._lost / self._count if self._count >= _MIN_LOSS_PACKETS else 0.0

    @property
    def excess(self) -> float:
        """Loss beyond the link's own and beyond chance."""
        return self._excess(self.fraction) if self._lost else 0.0

    def _excess(self, loss: float) -> float:
        beyond = loss - self.inherent
        if beyond <= 0:
            return 0.0
        return max(0.0, beyond - 2 * math.sqrt(loss * (1 - loss) / max(1, self._count)))

    def judge(self, now_us: int) -> bool:
        """Must the rate go down now for its loss? At most every 300 ms, a second after the last.

        When a reduction did not help, the loss is the link's own from then on.
        """
        self.was_pointless = False
        if not self._lost and not self.inherent and self._reduced_from is None:
            return False
        loss = self.fraction if self._lost else 0.0
        if loss < self.inherent:  # forgotten within seconds, not at one lucky window
            self.inherent += _FORGETTING * (loss - self.inherent)
        if now_us - self._judged_us < _LOSS_PAUSE_US:
            return False
        if self._reduced_from is not None:
            if now_us - self._judged_us < _LOSS_WINDOW_US + _LOSS_PAUSE_US:
                return False
            if loss > _UNHELPED * self._reduced_from:
                self.inherent = min(0.5, max(loss, self.inherent))
                self.was_pointless = True
            self._reduced_from = None
        if not loss or self._excess(loss) <= _EXCESS_LOSS:
            return False
        self._judged_us = now_us
        self._reduced_from = loss
        return True


class _RateMeter:
    """Bit/s over the last half second, by arrival."""

    __slots__ = ("_bytes", "_entries", "_first_us", "_newest_size", "_newest_us")

    def __init__(self) -> None:
        self._entries: deque[tuple[int, int]] = deque()  # the newest is in two numbers instead
        self._newest_us, self._newest_size = -(1 << 60), 0
        self._bytes = 0
        self._first_us: int | None = None

    def add(self, bursts: Iterable[Burst]) -> None:
        """What one feedback tells of; arrivals within 5 ms are kept as one."""
        entries, at_us, known, total = self._entries, self._newest_us, self._newest_size, 0
        for _, arrival_us, size in bursts:
            total += size
            gap_us = arrival_us - at_us
            if 0 <= gap_us < _GROUP_US:
                known += size
                continue
            if not -_RATE_GAP_US <= gap_us <= _RATE_GAP_US:
                entries.clear()
                self._bytes, total, self._first_us = 0, size, arrival_us
            else:
                entries.append((at_us, known))
            at_us, known = arrival_us, size
        self._newest_us, self._newest_size = at_us, known
        self._bytes += total
        oldest_us = at_us - _RATE_WINDOW_US
        while entries and entries[0][0] < oldest_us:
            self._bytes -= entries.popleft()[1]

    @property
    def bps(self) -> int:
        """0 until a third of the window is filled."""
        if self._first_us is None:
            return 0
        span = min(self._newest_us - self._first_us, _RATE_WINDOW_US)
        return self._bytes * 8_000_000 // span if span >= _RATE_WINDOW_US // 3 else 0


class Estimate:
    """The budget of one subscriber. Feed every feedback; read `target_bps`.

    The estimate grows by itself only to 1.5 times what arrives; more takes a probe.
    """

    __slots__ = (
        "_acked",
        "_before_loss_bps",
        "_capacity_bps",
        "_ceiling_bps",
        "_decreased_us",
        "_increased_us",
        "_last_feedback_us",
        "_probing_until_us",
        "_round_trip_us",
        "decreases",
        "loss",
        "target_bps",
        "trend",
    )

    def __init__(self, start_bps: int = START_BPS, ceiling_bps: int = CEILING_BPS) -> None:
        """`ceiling_bps`: the site's administrative cap, never exceeded."""
        self._ceiling_bps = max(FLOOR_BPS, ceiling_bps)
        self.target_bps = max(FLOOR_BPS, min(start_bps, self._ceiling_bps))
        self.trend = DelayTrend()
        self.loss = LossWatch()
        self.decreases = 0
        self._acked = _RateMeter()
        self._before_loss_bps = 0
        self._capacity_bps = 0.0  # smoothed rate at which the link last proved full
        self._round_trip_us = 100_000
        self._increased_us = self._last_feedback_us = -1
        self._decreased_us = self._probing_until_us = -(1 << 60)

    @property
    def carried_bps(self) -> int:
        """What the link took in the last half second, its own loss included; 0 when unknown."""
        return int(self._acked.bps / (1 - self.loss.inherent))

    def was_full(self, now_us: int) -> bool:
        """Has the link shown its limit within the last minute?"""
        return now_us - self._decreased_us < 60_000_000

    def set_ceiling(self, ceiling_bps: int) -> None:
        """Change the site's cap; takes effect at once."""
        self._ceiling_bps = max(FLOOR_BPS, ceiling_bps)
        self._set(self.target_bps)

    def set_round_trip(self, round_trip_us: int) -> None:
        """From receiver reports (RFC 3550 §6.4.1)."""
        self._round_trip_us = max(10_000, min(round_trip_us, 2_000_000))

    def on_feedback(self, settled: Iterable[tuple[int, int, int]], now_us: int) -> None:
        """Take what SendHistory.settle yields for one feedback that came at `now_us`."""
        self.on_told(gather(settled), now_us)

    def on_told(self, told: Told, now_us: int) -> None:
        """The same, gathered by bursts."""
        bursts, received, lost, newest_us = told  # the latest sending time of all
        if bursts:
            self._acked.add(bursts)
            self.trend.add(bursts)
        self.loss.add(now_us, received=received, lost=lost)
        self._last_feedback_us = now_us
        if newest_us < self._probing_until_us:
            return  # a probe fills the queue on purpose; its result speaks
        if self.loss.judge(now_us):
            self._before_loss_bps = self.target_bps
            self._decrease(now_us, self._after_loss())
        elif self.trend.is_overused:
            if newest_us - self._decreased_us > _SETTLING_US:  # else it tells of before
                busy_bps = int(self.trend.busy_bps / (1 - self.loss.inherent))
                full_bps = max(self.carried_bps, busy_bps)
                self._decrease(now_us, int(_BACK_OFF * (full_bps or self.target_bps)), full_bps)
        elif self.loss.was_pointless:
            self._set(max(self.target_bps, self._before_loss_bps))
        elif not self._is_strained:
            self._increase(now_us)
            return
        self._increased_us = now_us  # time spent holding is not made up for later

    @property
    def _is_strained(self) -> bool:
        """Is this no time to send more?"""
        trend = self.trend
        return trend.is_underused or trend.has_queue or self.loss.excess > _TOLERABLE_LOSS

    def on_silence(self, now_us: int) -> None:
        """Call every 100 ms or so while packets go out: no feedback halves the rate."""
        if self._last_feedback_us < 0:
            self._last_feedback_us = now_us
        elif now_us - self._last_feedback_us > _STALL_US + self._round_trip_us:
            self._last_feedback_us = now_us
            self._decrease(now_us, self.target_bps // 2)

    def on_probe_begin(self, end_us: int) -> None:
        """A probe runs to `end_us`: until its echo is in, queue and loss are of its making."""
        self._probing_until_us = end_us + _PROBE_ECHO_US

    def on_probe(self, measured_bps: int, now_us: int) -> None:
        """A probe proved that the link carries `measured_bps`; see probe.py."""
        if measured_bps > self.target_bps:
            self._set(measured_bps)
            self._increased_us = now_us

    def _after_loss(self) -> int:
        kept = 1.0 - 0.5 * self.loss.excess
        return int(min(self.target_bps, self.carried_bps or self.target_bps) * kept)

    def _decrease(self, now_us: int, wanted_bps: int, full_bps: int = 0) -> None:
        """`full_bps`: what the link carried while it was full, when that is known."""
        full_bps = full_bps or self.carried_bps
        if full_bps:
            known = self._capacity_bps or full_bps
            is_near = full_bps < 1.3 * known
            self._capacity_bps = 0.9 * known + 0.1 * full_bps if is_near else full_bps
        self._set(min(self.target_bps, wanted_bps))
        self._decreased_us = self._increased_us = now_us
        self.decreases += 1

    def _increase(self, now_us: int) -> None:
        before_us, self._increased_us = self._increased_us, now_us
        acked = self.carried_bps
        bound = int(1.5 * acked) + 10_000
        if not acked or bound <= self.target_bps or not 0 <= before_us < now_us:
            return
        elapsed_s = min(now_us - before_us, 1_000_000) / 1e6
        if self._capacity_bps and acked > 0.85 * self._capacity_bps:
            # Near what last filled the link: about one packet per round trip.
            step = 9_600 * elapsed_s / (self._round_trip_us / 1e6 + 0.1)
        else:
            step = self.target_bps * 0.08 * elapsed_s
        self._set(min(bound, self.target_bps + max(1, int(step))))

    def _set(self, bps: int) -> None:
        self.target_bps = max(FLOOR_BPS, min(bps, self._ceiling_bps))
