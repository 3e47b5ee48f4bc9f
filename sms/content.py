"""Templates and statistics: what people write with, and what became of it in a month."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from core.database import UnitOfWork
from core.errors import NotFound
from core.ids import new_id
from sms import templates
from sms.meter import COUNTY_TIME
from sms.model import OrderState
from sms.store import content as store
from sms.store.book import OrderRow, TemplateRow


@dataclass
class UnitMonth:
    """One unit's month. `states`: recipients by state."""

    unit_path: str
    messages: int
    segments: int
    answered: int = 0
    states: dict[str, int] = field(default_factory=dict)

    @property
    def recipients(self) -> int:
        return sum(self.states.values())


async def usable_templates(uow: UnitOfWork, scopes: Sequence[str]) -> list[TemplateRow]:
    """Templates of the units in `scopes`, and of those above them."""
    return await store.templates(uow, scopes)


async def save_template(
    uow: UnitOfWork, unit_path: str, name: str, text: str, longest: Mapping[str, str], by: str
) -> TemplateRow:
    """Make a template, or change the unit's one of this name. Raises: InvalidInput."""
    templates.at_worst(text, longest)
    row = await store.template_by_name(uow, unit_path, name)
    if row is None:
        row = TemplateRow(id=new_id(), unit_path=unit_path, name=name)
        uow.session.add(row)
    row.text, row.longest = text, dict(longest)
    row.updated_by, row.updated_at = by, uow.now
    return row


async def template(uow: UnitOfWork, template_id: str) -> TemplateRow:
    """One template. Raises: NotFound."""
    row = await store.template(uow, template_id)
    if row is None:
        raise NotFound("there is no such template")
    return row


async def remove_template(uow: UnitOfWork, row: TemplateRow) -> None:
    """Remove a template; messages made from it stay."""
    await uow.session.delete(row)


async def orders(
    uow: UnitOfWork, scopes: Sequence[str], state: OrderState | None, limit: int
) -> list[OrderRow]:
    """What waits for an approval or its time, newest first."""
    return await store.orders(uow, scopes, state, limit)


async def month(uow: UnitOfWork, scopes: Sequence[str], year: int, number: int) -> list[UnitMonth]:
    """Every unit's month in county time, by unit path."""
    since = datetime(year, number, 1, tzinfo=COUNTY_TIME)
    until = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=COUNTY_TIME)
    totals = await store.segments_by_unit(uow, scopes, since, until)
    units = {path: UnitMonth(path, messages, segments) for path, messages, segments in totals}
    for path, state, total, answered in await store.by_unit(uow, scopes, since, until):
        units[path].states[state.value] = total
        units[path].answered += answered
    return [units[path] for path in sorted(units)]
