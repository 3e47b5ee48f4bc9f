"""Is the queue of a link growing? The trend of one-way delay (draft-ietf-rmcat-gcc-02 §4, pure)."""

from collections import deque
from collections.abc import Iterable
from operator import mul
from typing import Final

from conf.media.twcc import Burst

GROUP_US: Final = 5_000  # what is sent or comes within so long is one
_WINDOW = 20
_SAMPLES = 60
_WEIGHT = 0.1
_GAIN = 4.0
_OVERUSE_MS = 10.0
_QUEUE_MS = 20.0  # a slope without this much delay above the least is jitter
_QUEUE_US = 20_000
_CALM_US = 15_000
_DRAINING = 0.9  # of the queue one feedback ago
_LASTING = 3  # feedbacks in a row; a link that stands still for 150 ms shows in two
_LONG_US = 100_000  # so long a queue needs no slope to be believed,
_LONG = range(3, 8)  # when it has stood for so many feedbacks; for good, it is another route
_BUSY_US = 50_000  # a queue that stood so long tells what the link carries
_JUMP_US = 3_000_000
_BASELINE_US = 10_000_000
_THRESHOLD_MS = (6.0, 600.0)
_RISE, _FALL = 0.0087, 0.039


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
            if sent_us - first > GROUP_US:
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
    def calm_below_us(self) -> int | None:
        """A delay (arrival less sending) with which no queue stands; None: too little is known."""
        is_known = len(self._line.xs) == _WINDOW and self._stood_us < _QUEUE_US
        if not is_known or self.is_overused or self.is_underused:
            return None
        return self._base_us + self._floor_us + _CALM_US

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
