"""Templates and orders: what people write with, and what waits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.database import UnitOfWork
from core.errors import Conflict, NotFound, check_unchanged
from core.ids import new_id
from sms import templates
from sms.model import OrderState
from sms.store import content as store
from sms.store.book import OrderRow, TemplateRow


async def usable_templates(uow: UnitOfWork, scopes: Sequence[str]) -> list[TemplateRow]:
    """Templates of the units in `scopes`, and of those above them."""
    return await store.templates(uow, scopes)


@dataclass(frozen=True)
class TemplateDraft:
    """A template as it shall be. `version`: the one that was read; 0 makes a new one."""

    unit_path: str
    name: str
    text: str
    longest: Mapping[str, str]
    version: int = 0


async def save_template(uow: UnitOfWork, draft: TemplateDraft, by: str) -> TemplateRow:
    """Make a template, or change the unit's one of this name.

    Raises: InvalidInput; Conflict: a new one's name is taken; Stale: changed since `version`.
    """
    templates.at_worst(draft.text, draft.longest)
    row = await store.template_by_name(uow, draft.unit_path, draft.name)
    if row is None and draft.version:
        raise NotFound("the template has been removed", field="name")
    if row is not None and not draft.version:
        raise Conflict("the unit has a template of this name", field="name", code="name_taken")
    if row is None:
        row = TemplateRow(id=new_id(), unit_path=draft.unit_path, name=draft.name, version=0)
        uow.session.add(row)
    check_unchanged(f"template:{row.id}", draft.version, row.version)
    row.text, row.longest, row.version = draft.text, dict(draft.longest), row.version + 1
    row.updated_by, row.updated_at = by, uow.now
    return row


async def template(uow: UnitOfWork, template_id: str) -> TemplateRow:
    """One template. Raises: NotFound."""
    row = await store.template(uow, template_id)
    if row is None:
        raise NotFound("there is no such template")
    return row


async def remove_template(uow: UnitOfWork, row: TemplateRow, version: int) -> None:
    """Remove a template; messages made from it stay. Raises: Stale: changed since `version`."""
    check_unchanged(f"template:{row.id}", version, row.version)
    await uow.session.delete(row)


async def orders(
    uow: UnitOfWork, scopes: Sequence[str], state: OrderState | None, limit: int
) -> list[OrderRow]:
    """What waits for an approval or its time, newest first."""
    return await store.orders(uow, scopes, state, limit)
