"""How much a SIM may still send: rate, day, month, and the reserve that alerts alone use (pure)."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from sms.lifecycle import LANES
from sms.model import MessageClass
from sms.settings import ModemSettings

COUNTY_TIME = timezone(timedelta(hours=8))
"""Days, months and quiet hours are the county's; mainland China has one zone and no summer time."""
NOTHING, URGENT, TALK, ALL = -1, LANES[MessageClass.COMMAND], LANES[MessageClass.REPLY], 99
WARN_AT = 0.8


@dataclass(frozen=True)
class Limits:
    """Segments; `per_minute` 0: no limit. `reserve`: beyond day and month, for alerts."""

    per_minute: int
    per_day: int
    per_month: int
    reserve: int


def limits_of(modem: ModemSettings) -> Limits:
    """As the settings say."""
    return Limits(modem.per_minute, modem.per_day, modem.per_month, modem.alert_reserve)


def day_start(now: datetime) -> datetime:
    """Midnight of the county's day `now` is in."""
    return now.astimezone(COUNTY_TIME).replace(hour=0, minute=0, second=0, microsecond=0)


def month_start(now: datetime) -> datetime:
    """Midnight of the first day of the county's month."""
    return day_start(now).replace(day=1)


def is_quiet(now: datetime, from_hour: int, to_hour: int) -> bool:
    """Whether `now` is in the quiet hours; equal hours: there are none."""
    hour = now.astimezone(COUNTY_TIME).hour
    if from_hour <= to_hour:
        return from_hour <= hour < to_hour
    return hour >= from_hour or hour < to_hour


def quiet_until(now: datetime, from_hour: int, to_hour: int) -> datetime | None:
    """When the quiet hours end that `now` is in; None outside of them."""
    if not is_quiet(now, from_hour, to_hour):
        return None
    end = now.astimezone(COUNTY_TIME).replace(hour=to_hour, minute=0, second=0, microsecond=0)
    return end if end > now else end + timedelta(days=1)


class Meter:
    """Counts one SIM's segments. Owner: the modem it sits in."""

    def __init__(self, limits: Limits, now: datetime, day: int = 0, month: int = 0) -> None:
        self.limits = limits
        self.day, self.month = day, month
        self._day_start, self._month_start = day_start(now), month_start(now)
        self._tokens, self._filled_at = float(max(1, limits.per_minute // 10)), now

    def count(self, now: datetime) -> None:
        """One segment is going out."""
        self._roll(now)
        self.day += 1
        self.month += 1
        self._tokens -= 1

    def take_back(self) -> None:
        """A segment that was counted did not go out after all."""
        self.day, self.month = max(0, self.day - 1), max(0, self.month - 1)
        self._tokens += 1

    def highest_lane(self, now: datetime) -> int:
        """The highest lane that may still send, `NOTHING` if none may."""
        self._roll(now)
        used_up = self.day >= self.limits.per_day or self.month >= self.limits.per_month
        spent = (
            self.day >= self.limits.per_day + self.limits.reserve
            or self.month >= self.limits.per_month + self.limits.reserve
        )
        if spent:
            return NOTHING
        if used_up or (self.limits.per_minute and self._tokens < 1):
            return URGENT
        return ALL

    @property
    def share(self) -> float:
        """The fuller of the two quotas, 0..; shown from `WARN_AT`."""
        return max(self.day / self.limits.per_day, self.month / self.limits.per_month)

    def _roll(self, now: datetime) -> None:
        """New day, new month, new tokens; a bucket holds a tenth of a minute's worth."""
        if (today := day_start(now)) != self._day_start:
            self._day_start, self.day = today, 0
        if (this_month := month_start(now)) != self._month_start:
            self._month_start, self.month = this_month, 0
        passed_s = max(0.0, (now - self._filled_at).total_seconds())
        self._filled_at = now
        room = max(1.0, self.limits.per_minute / 10)
        self._tokens = min(room, self._tokens + passed_s * self.limits.per_minute / 60)
