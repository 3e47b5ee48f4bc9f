"""Templates and orders: what people write with, and what waits."""

from collections.abc import Mapping, Sequence

from core.database import UnitOfWork
from core.errors import NotFound
from core.ids import new_id
from sms import templates
from sms.model import OrderState
from sms.store import content as store
from sms.store.book import OrderRow, TemplateRow


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
