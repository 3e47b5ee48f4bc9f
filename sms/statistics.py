"""A month of the platform in figures."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from core.database import UnitOfWork
from sms.meter import COUNTY_TIME
from sms.model import StatisticsBy
from sms.store import statistics as store


@dataclass
class MonthOf:
    """One unit's, class's, modem's or carrier's month. `states`: recipients by state."""

    key: str
    messages: int = 0
    segments: int = 0
    answered: int = 0
    states: dict[str, int] = field(default_factory=dict)

    @property
    def recipients(self) -> int:
        return sum(self.states.values())


async def month(
    uow: UnitOfWork, scopes: Sequence[str], year: int, number: int, by: StatisticsBy
) -> list[MonthOf]:
    """A month in county time, by key."""
    since = datetime(year, number, 1, tzinfo=COUNTY_TIME)
    until = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=COUNTY_TIME)
    found: dict[str, MonthOf] = {}
    for key, messages, segments in await store.volume(uow, by, scopes, since, until):
        found[key] = MonthOf(key, messages, segments)
    for key, state, total, answered in await store.outcomes(uow, by, scopes, since, until):
        one = found.setdefault(key, MonthOf(key))
        one.states[state.value] = total
        one.answered += answered
    return [found[key] for key in sorted(found)]
