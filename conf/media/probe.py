"""Finding out whether a link carries more, before anybody's picture depends on it.

A probe is padding on the RTX source, sent with the media at a higher rate for a short while. It
comes only when a picture would gain by it, and less often each time it fails.
"""

from dataclasses import dataclass
from typing import Final

from conf.media.twcc import LOST

DURATION_US: Final = 120_000
PACKET_BYTES: Final = 240  # padding-only: at most 255 and the header
MAX_FACTOR: Final = 2.0  # a probe goes no higher than this times the estimate
FIRST_PAUSE_US: Final = 2_000_000
MAX_PAUSE_US: Final = 24_000_000
_MIN_PACKETS = 5
_LEAD_US = 20_000  # padding comes with the first tick; before it the link has little to do
_BURST_US = 2_000
_TAG_BYTES = 16  # of encryption: much of a small packet, so that a full link would seem narrower
_ABOVE = 1.2  # a probe falls a little short of its rate
_MIN_RECEIVED = 0.8
_SATURATED = 0.9
_GRACE_US = 1_500_000
_PROOF_US = 5_000_000


@dataclass(frozen=True, slots=True)
class Probe:
    """Send at `rate_bps` in all, media included, from `start_us` to `end_us`."""

    start_us: int
    end_us: int
    rate_bps: int

    def padding_bytes(self, sent_bytes: int, now_us: int) -> int:
        """How much padding is due, when `sent_bytes` went out since the start in all."""
        elapsed = max(0, min(now_us, self.end_us) - self.start_us)
        return max(0, self.rate_bps * elapsed // 8_000_000 - sent_bytes)


class Prober:
    """Schedules one subscriber's probes and measures them from transport feedback.

    Steps: `begin` when more is wanted; while `running`, send padding; give every settled packet to
    `add`; `result` yields the proven rate once.
    """

    __slots__ = ("_arrived", "_lost", "_next_us", "_pause_us", "_proven", "_wanted_bps", "running")

    def __init__(self) -> None:
        self.running: Probe | None = None
        self._arrived: list[tuple[int, int, int]] = []
        self._lost = 0
        self._wanted_bps = 0
        self._next_us = 0
        self._pause_us = FIRST_PAUSE_US
        self._proven = (-(1 << 60), 0)

    def begin(
        self, now_us: int, wanted_bps: int, estimate_bps: int, ceiling_bps: int = 1 << 60
    ) -> Probe | None:
        """Start a probe for `wanted_bps` (Choice.probe_bps) if none runs and it is time.

        `ceiling_bps`: the site's cap; nothing above it is worth knowing, nor may it be sent.
        """
        if self.running is not None or now_us < self._next_us or wanted_bps <= 0:
            return None
        if wanted_bps > ceiling_bps:
            return None
        rate = min(int(wanted_bps * _ABOVE), int(estimate_bps * MAX_FACTOR), ceiling_bps)
        self.running = Probe(now_us, now_us + DURATION_US, rate)
        self._arrived.clear()
        self._lost = 0
        self._wanted_bps = wanted_bps
        return self.running

    def add(self, sent_us: int, arrival_us: int, size: int) -> None:
        """Note the fate of one packet, as SendHistory.settle yields it."""
        probe = self.running
        if probe is None or not probe.start_us + _LEAD_US <= sent_us <= probe.end_us:
            return
        if arrival_us == LOST:
            self._lost += 1
        else:
            self._arrived.append((sent_us, arrival_us, size))

    def result(self, now_us: int, newest_settled_us: int, inherent: float = 0.0) -> int | None:
        """The rate the link proved, 0 for a failed probe, None while it is not over.

        `inherent`: loss the link has at any rate (LossWatch.inherent), which is no failure.
        `newest_settled_us`: send time of the newest packet the feedback has told of.
        """
        probe = self.running
        if probe is None:
            return None
        if newest_settled_us <= probe.end_us and now_us < probe.end_us + _GRACE_US:
            return None
        self.running = None
        measured = int(self._measure(inherent) / (1 - inherent))
        is_success = measured >= min(_SATURATED * probe.rate_bps, self._wanted_bps)
        self._pause_us = FIRST_PAUSE_US if is_success else min(2 * self._pause_us, MAX_PAUSE_US)
        self._next_us = now_us + self._pause_us
        self._proven = (now_us, measured)
        return measured

    def proven_bps(self, now_us: int) -> int:
        """The last result, for 5 s; then it proves nothing any more."""
        at_us, bps = self._proven
        return bps if now_us - at_us <= _PROOF_US else 0

    def _measure(self, inherent: float) -> int:
        arrived = sorted(self._arrived)
        count = len(arrived)
        if count < _MIN_PACKETS or count < _MIN_RECEIVED * (1 - inherent) * (count + self._lost):
            return 0
        sent_span = arrived[-1][0] - arrived[0][0]
        first_us = min(arrival for _, arrival, _ in arrived)
        last_us = max(arrival for _, arrival, _ in arrived)
        if sent_span <= 0 or last_us <= first_us:
            return 0
        total = sum(size for _, _, size in arrived)
        last_burst = sum(size for at, _, size in arrived if at > arrived[-1][0] - _BURST_US)
        sent_bps = (total - last_burst) * 8_000_000 // sent_span
        received_bps = (total - arrived[0][2]) * 8_000_000 // (last_us - first_us)
        if received_bps < _SATURATED * sent_bps:
            tagged = total + count * _TAG_BYTES
            return received_bps * tagged // total * 95 // 100  # full: stay a little below
        return min(sent_bps, received_bps)
