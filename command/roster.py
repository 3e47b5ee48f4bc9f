"""The duty roster: 24 hours, a leader in charge and at least one officer a shift (pure).

生产安全事故应急条例 art. 14 (值班); practice: 带班 and two officers, hand-over 08:00-09:00.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.errors import InvalidInput
from core.ids import PersonId, UnitId

LONGEST = timedelta(hours=48)


@dataclass(frozen=True)
class ShiftDraft:
    """A shift to be put on the roster of `unit_id`."""

    unit_id: UnitId
    starts_at: datetime
    ends_at: datetime
    leader_id: PersonId
    officer_ids: tuple[PersonId, ...]


@dataclass(frozen=True)
class Shift:
    """One shift of a unit's desk, from `starts_at` until before `ends_at`."""

    id: str
    unit_id: UnitId
    unit_path: str
    starts_at: datetime
    ends_at: datetime
    leader_id: PersonId
    officer_ids: tuple[PersonId, ...]
    version: int = 1

    def covers(self, at: datetime) -> bool:
        return self.starts_at <= at < self.ends_at


def checked(draft: ShiftDraft) -> ShiftDraft:
    """Raises: InvalidInput: names the field."""
    if draft.starts_at.tzinfo is None or draft.ends_at.tzinfo is None:
        raise InvalidInput("needs a time zone", field="starts_at")
    if not timedelta(0) < draft.ends_at - draft.starts_at <= LONGEST:
        raise InvalidInput("a shift ends after it starts, within 48 hours", field="ends_at")
    if not draft.officer_ids:
        raise InvalidInput("at least one officer", field="officer_ids")
    if len(set(draft.officer_ids)) != len(draft.officer_ids):
        raise InvalidInput("an officer is there twice", field="officer_ids")
    return draft


def on_duty(shifts: Iterable[Shift], at: datetime) -> Shift | None:
    """The shift at `at`; where two overlap the one that came later has taken over."""
    covering = [shift for shift in shifts if shift.covers(at)]
    return max(covering, key=lambda shift: (shift.starts_at, shift.id), default=None)


def overlapping(shifts: Iterable[Shift], draft: ShiftDraft) -> Shift | None:
    """A shift of the same desk that `draft` would overlap by more than a hand-over (1 hour)."""
    hand_over = timedelta(hours=1)
    for shift in shifts:
        shared = min(shift.ends_at, draft.ends_at) - max(shift.starts_at, draft.starts_at)
        if shared > hand_over:
            return shift
    return None
