"""What the bridge tells a publisher about one of its sources (RFC 3550 A.3, A.8)."""

from conf.media.rtcp import ReportBlock, SenderReport, middle

_MAX_JUMP = 3_000
_MAX_LOST = 0x7FFFFF


class Reception:
    """Counts one source's packets. One per SSRC, RTX sources too (their loss is real)."""

    __slots__ = (
        "_clock_rate",
        "_expected_before",
        "_first",
        "_highest",
        "_last_sr",
        "_last_sr_us",
        "_received_before",
        "_ssrc",
        "_transit",
        "jitter",
        "received",
    )

    def __init__(self, ssrc: int, clock_rate: int) -> None:
        """`clock_rate` in Hz."""
        self._ssrc = ssrc
        self._clock_rate = clock_rate
        self._first = self._highest = -1
        self.received = 0
        self.jitter = 0.0  # in timestamp units
        self._transit: int | None = None
        self._last_sr = self._last_sr_us = 0
        self._expected_before = self._received_before = 0

    def add(self, sequence: int, timestamp: int, arrival_us: int) -> None:
        """Count one packet, repeated ones included."""
        self.received += 1
        if (sequence - self._highest) & 0xFFFF == 1 and self._highest >= 0:
            self._highest += 1  # the usual
        elif self._highest < 0:
            self._first = self._highest = sequence
        else:
            step = ((sequence - self._highest + 0x8000) & 0xFFFF) - 0x8000
            if abs(step) > _MAX_JUMP:
                self._restart(sequence)
            elif step > 0:
                self._highest += step
        transit = (arrival_us * self._clock_rate // 1_000_000 - timestamp) & 0xFFFFFFFF
        if self._transit is not None:
            change = ((transit - self._transit + 0x80000000) & 0xFFFFFFFF) - 0x80000000
            self.jitter += (abs(change) - self.jitter) / 16
        self._transit = transit

    def _restart(self, sequence: int) -> None:
        """The source began anew: what was lost across the jump cannot be known."""
        self._first = self._highest = sequence
        self.received = 1
        self._expected_before = self._received_before = 0

    def on_sender_report(self, report: SenderReport, arrival_us: int) -> None:
        """Remember the report for `last_sr` and its delay."""
        self._last_sr, self._last_sr_us = middle(report.ntp), arrival_us

    @property
    def lost(self) -> int:
        """Packets missing since the start; negative after repetitions."""
        return self._highest - self._first + 1 - self.received if self._highest >= 0 else 0

    def report(self, now_us: int) -> ReportBlock:
        """The block for the next RR; ends the interval that `fraction_lost` speaks of."""
        expected = self._highest - self._first + 1 if self._highest >= 0 else 0
        expected_now = expected - self._expected_before
        lost_now = expected_now - (self.received - self._received_before)
        self._expected_before, self._received_before = expected, self.received
        fraction = min(255, (lost_now << 8) // expected_now) if expected_now and lost_now > 0 else 0
        delay = (now_us - self._last_sr_us) * 65_536 // 1_000_000 if self._last_sr else 0
        return ReportBlock(
            ssrc=self._ssrc,
            fraction_lost=fraction,
            lost=max(-_MAX_LOST, min(self.lost, _MAX_LOST)),
            highest_sequence=max(0, self._highest) & 0xFFFFFFFF,
            jitter=min(int(self.jitter), 0xFFFFFFFF),
            last_sr=self._last_sr,
            delay_since_sr=delay & 0xFFFFFFFF,
        )
