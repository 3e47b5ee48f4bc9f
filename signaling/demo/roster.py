"""The duty roster of a month: one shift a day, 08:00 to 08:00, Beijing time."""

import calendar
from datetime import date, datetime, time, timedelta, timezone
from itertools import cycle, islice

from signaling.demo.shapes import County, ShiftSeed

BEIJING = timezone(timedelta(hours=8))  # no daylight saving since 1991
_HANDOVER = time(8, 0)


def month(county: County, year: int, number: int) -> tuple[ShiftSeed, ...]:
    """The shifts that begin in a month, and the one that runs into its first morning."""
    first = date(year, number, 1) - timedelta(days=1)
    days = calendar.monthrange(year, number)[1] + 1
    leaders = islice(cycle(county.leader_ids), first.toordinal() % len(county.leader_ids), None)
    desks = islice(cycle(county.desk_ids), 2 * first.toordinal() % len(county.desk_ids), None)
    shifts = []
    for offset in range(days):
        starts_at = datetime.combine(first + timedelta(days=offset), _HANDOVER, BEIJING)
        officers = (next(desks), next(desks))
        shifts.append(ShiftSeed(starts_at, starts_at + timedelta(days=1), next(leaders), officers))
    return tuple(shifts)
