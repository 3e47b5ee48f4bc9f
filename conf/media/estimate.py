"""How much one subscriber's link carries, estimated on the sending side (draft-ietf-rmcat-gcc-02).

Three signals, the lowest wins: the trend of one-way delay (first on 4G and DSL, where queues
are long), loss that grows with the rate (first on radio bridges), and what demonstrably arrived.
Loss that stays the same whatever the rate is the link's own and does not lower the rate.
Rates are integer bit/s, times integer microseconds.
"""

import math
from collections import deque
from collections.abc import Iterable
from typing import Final

from conf.media.trend import GROUP_US, DelayTrend
from conf.media.twcc import Burst, Told, gather

FLOOR_BPS: Final = 60_000  # below it only audio is sent, and that is never held back
CEILING_BPS: Final = 50_000_000
START_BPS: Final = 500_000

_BACK_OFF = 0.85
_RATE_WINDOW_US = 500_000
_RATE_GAP_US = 3_000_000  # the receiver paused or set its clock: measure anew
_PROBE_ECHO_US = 200_000  # what is sent so soon after a probe may wait behind it
_SETTLING_US = 100_000  # so long a lower rate must have been sent before it is judged
_LOSS_WINDOW_US = 1_000_000
_LOSS_PAUSE_US = 300_000
_STALL_US = 500_000  # no feedback for so long while sending: the link is gone or choked,
_STALL_PER_LOSS = 8  # but where a third is lost, feedback is too: so much longer per share lost
_SIGMAS = 3  # with two, chance makes a radio link of 10 % seem full every half minute
_MIN_LOSS_PACKETS = 20
_SURE_PACKETS = 100  # a slow stream is watched longer, to tell loss from chance
_LONGEST_WINDOW_US = 4_000_000
_EXCESS_LOSS = 0.10
_TOLERABLE_LOSS = 0.02
_FORGETTING = 0.01  # per feedback
_AT_REST = 0.01
_FADING = 0.85  # per look, 60 to 210 ms: a feedback that is lost leaves a hole in what came
_UNHELPED = 0.4  # a queue that overflowed loses next to nothing once the rate is down


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

    @property
    def is_at_rest(self) -> bool:
        """Is there nothing to find out, and nothing to forget, about the link's own loss?"""
        return self._reduced_from is None and self.inherent < _AT_REST

    def _excess(self, loss: float) -> float:
        beyond = loss - self.inherent
        if beyond <= 0:
            return 0.0
        return max(0.0, beyond - _SIGMAS * math.sqrt(loss * (1 - loss) / max(1, self._count)))

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
            if 0 <= gap_us < GROUP_US:
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
        "_lately_bps",
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
        self._lately_bps = 0.0  # arrived, at best, in the last few feedbacks
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
        self._lately_bps = max(self._acked.bps, _FADING * self._lately_bps)
        if newest_us < self._probing_until_us:
            return  # a probe fills the queue on purpose; its result speaks
        if self.loss.judge(now_us):
            self._before_loss_bps = self.target_bps
            self._decrease(now_us, self._after_loss())
        elif self.trend.is_overused:
            if newest_us - self._decreased_us > _SETTLING_US:  # else it tells of before
                busy_bps = int(self.trend.busy_bps / (1 - self.loss.inherent))
                full_bps = max(self._sure_bps, busy_bps)
                self._decrease(now_us, int(_BACK_OFF * (full_bps or self.target_bps)), full_bps)
        elif self.loss.was_pointless:
            self._set(max(self.target_bps, self._before_loss_bps))
        elif not self._is_strained:
            self._increase(now_us)
            return
        self._increased_us = now_us  # time spent holding is not made up for later

    @property
    def calm_below_us(self) -> int | None:
        """What came sooner (arrival less sending) and whole can be told of 150 ms later.

        None: everything is to be told at once. The arrival is by the peer's clock.
        """
        return self.trend.calm_below_us if self.loss.is_at_rest else None

    @property
    def _is_strained(self) -> bool:
        """Is this no time to send more?"""
        trend = self.trend
        return trend.is_underused or trend.has_queue or self.loss.excess > _TOLERABLE_LOSS

    def on_silence(self, now_us: int, sent_us: int) -> None:
        """Call every 100 ms or so while feedback is due: none for long halves the rate.

        `sent_us`: when the first packet left that no feedback has followed. While nothing is sent
        there is nothing to tell of.
        """
        if now_us - max(sent_us, self._last_feedback_us) > self._patience_us:
            self._last_feedback_us = now_us
            self._decrease(now_us, self.target_bps // 2)

    @property
    def _patience_us(self) -> int:
        return int(_STALL_US * (1 + _STALL_PER_LOSS * self.loss.inherent)) + self._round_trip_us

    def on_probe_begin(self, end_us: int) -> None:
        """A probe runs to `end_us`: until its echo is in, queue and loss are of its making."""
        self._probing_until_us = end_us + _PROBE_ECHO_US

    def on_probe(self, measured_bps: int, now_us: int) -> None:
        """A probe proved that the link carries `measured_bps`; see probe.py."""
        if measured_bps > self.target_bps:
            self._set(measured_bps)
            self._increased_us = now_us

    @property
    def _sure_bps(self) -> int:
        """`carried_bps`, but where feedback is lost with all else, the best of the last few."""
        if self.loss.inherent < _EXCESS_LOSS:
            return self.carried_bps
        return int(self._lately_bps / (1 - self.loss.inherent))

    def _after_loss(self) -> int:
        kept = 1.0 - 0.5 * self.loss.excess
        carried_bps = self._lately_bps / (1 - self.loss.inherent)
        return int(min(self.target_bps, carried_bps or self.target_bps) * kept)

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
