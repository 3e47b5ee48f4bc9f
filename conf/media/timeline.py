"""What sender reports say: how layers of one camera lie to each other, and wall times.

Wall times of all publishers are moved to the bridge's own clock with one shift per participant, so
that a site's voice and picture stay in step in every slot (RFC 3550 §6.4.1).
"""

from dataclasses import dataclass
from typing import Final

_MASK: Final = 0xFFFFFFFF
_NTP_MASK: Final = 0xFFFFFFFFFFFFFFFF
_SLEW_NTP: Final = (1 << 32) // 1_000  # 1 ms per report
_SETTLING_REPORTS: Final = 5
_MAX_SHIFT_NTP: Final = 1 << 32  # 1 s, longer than queues are: the publisher's clock was set


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
        return (ntp + self._shift) & _NTP_MASK

    def timestamp_at(self, anchor: Anchor, now_ntp: int, clock_rate: int) -> int:
        """The source's timestamp at our wall time `now_ntp`, counted on from its last report."""
        half = 1 << 63
        elapsed = ((now_ntp - self.to_ours(anchor.ntp) + half) & _NTP_MASK) - half
        return (anchor.timestamp + (elapsed * clock_rate >> 32)) & _MASK
