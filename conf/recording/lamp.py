"""The red lamp: it tells of bytes on disk, not of intentions (pure)."""

import enum
from dataclasses import dataclass, replace

STALLED_AFTER_S = 2.5
"""Looked at twice a second, the lamp goes out within 3 s of the last byte."""


class Lamp(enum.StrEnum):
    """What a room shows."""

    OFF = "off"
    ON = "on"
    STALLED = "stalled"
    DISK_FULL = "disk_full"


@dataclass(frozen=True)
class Watch:
    """One recording as last heard of. `grown_at`: monotonic seconds of the last new byte."""

    octets: int = 0
    grown_at: float | None = None
    is_full: bool = False

    def noted(self, octets: int, *, is_full: bool, now: float) -> "Watch":
        """The watch after the recorder has told its bytes on disk."""
        if octets > self.octets:
            return Watch(octets, now, is_full)
        return replace(self, octets=octets, is_full=self.is_full or is_full)

    def lamp(self, now: float) -> Lamp:
        """What to show now."""
        if self.is_full:
            return Lamp.DISK_FULL
        if self.grown_at is None or now - self.grown_at > STALLED_AFTER_S:
            return Lamp.STALLED
        return Lamp.ON
