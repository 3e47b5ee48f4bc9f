"""One continuous RTP timestamp line out of switched sources, and sender reports to match.

Layers of one camera are joined by their sender reports, exactly; different sources by the arrival
clock. Wall times of all publishers are moved to the bridge's own clock with one shift per
participant, so that a site's voice and picture stay in step in every slot (RFC 3550 §6.4.1).
"""

from dataclasses import dataclass
from typing import Final

_MASK: Final = 0xFFFFFFFF
_TRUSTED_S: Final = 0.5  # a sender report that moves a layer further than this is not believed
_SLEW_NTP: Final = (1 << 32) // 1_000  # 1 ms per report
_SETTLING_REPORTS: Final = 5
_MAX_SHIFT_NTP: Final = (1 << 32) // 10  # 100 ms: beyond it the publisher's clock was set


def _signed(difference: int) -> int:
    return ((difference + 0x80000000) & _MASK) - 0x80000000


@dataclass(frozen=True, slots=True)
class Anchor:
    """A sender report's pair: at wall time `ntp` the source's timestamp was `timestamp`."""

    ntp: int
    timestamp: int


def layer_shift(old: Anchor, new: Anchor, clock_rate: int) -> int:
    """What to add to the new layer's timestamps to get the old one's; both from one sender."""
    elapsed = (new.ntp - old.ntp) * clock_rate >> 32
    return _signed(old.timestamp + elapsed - new.timestamp)


class Timeline:
    """Timestamps of one down slot."""

    __slots__ = ("_clock_rate", "_last_out", "_last_us", "_offset", "is_fresh")

    def __init__(self, clock_rate: int, first_out: int) -> None:
        """`clock_rate` in Hz; `first_out`: the first timestamp of the slot (random)."""
        self._clock_rate = clock_rate
        self._last_out = first_out & _MASK
        self._last_us = 0
        self._offset = 0
        self.is_fresh = True

    def switch(self, first: int, now_us: int, shift: int | None = None) -> None:
        """A new source begins with timestamp `first` at `now_us`.

        `shift` is `layer_shift` when the new source is another layer of the one before; it is used
        when it agrees with the clock within 0.5 s.
        """
        rate = self._clock_rate
        if self.is_fresh:
            target = self._last_out
        else:
            elapsed = max(0, now_us - self._last_us) * rate // 1_000_000
            target = self._last_out + elapsed
            if shift is not None:
                exact = first + shift + self._offset
                if abs(_signed(exact - target)) <= _TRUSTED_S * rate:
                    target = exact
            # Never back, and never the same instant: a picture's timestamp is its identity.
            if _signed(target - self._last_out) <= 0:
                target = self._last_out + max(1, rate // 1_000)
        self.is_fresh = False
        self._offset = (target - first) & _MASK
        self._last_out, self._last_us = target & _MASK, now_us

    def map(self, timestamp: int, now_us: int) -> int:
        """The timestamp out."""
        out = (timestamp + self._offset) & _MASK
        if _signed(out - self._last_out) > 0:
            self._last_out, self._last_us = out, now_us
        return out

    def translate(self, timestamp: int) -> int:
        """The same without taking note: for sender reports and repetitions."""
        return (timestamp + self._offset) & _MASK


class PublisherClock:
    """Moves one participant's wall time to ours; share it among all sources of the participant.

    The least delayed of the first reports sets the shift; later it follows by 1 ms per report, so
    that voice and picture, whose reports come at different times, are never moved apart.
    """

    __slots__ = ("_reports", "_shift")

    def __init__(self) -> None:
        self._shift = 0
        self._reports = 0

    def observe(self, ntp: int, now_ntp: int) -> None:
        """A sender report with wall time `ntp` arrived at our `now_ntp`."""
        shift = now_ntp - ntp
        self._reports += 1
        error = shift - self._shift
        if self._reports == 1 or abs(error) > _MAX_SHIFT_NTP + _SLEW_NTP * self._reports:
            self._shift = shift
            self._reports = 1
        elif self._reports <= _SETTLING_REPORTS:
            self._shift = min(self._shift, shift)
        else:
            self._shift += max(-_SLEW_NTP, min(error, _SLEW_NTP // 16))

    def to_ours(self, ntp: int) -> int:
        """Our wall time for the publisher's `ntp`."""
        return (ntp + self._shift) & 0xFFFFFFFFFFFFFFFF
