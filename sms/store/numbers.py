"""Queries on numbers: who may be written to, whose network they are in."""

from sqlalchemy import select

from core.database import UnitOfWork
from sms.store.book import NumberRow


async def _row(uow: UnitOfWork, number: str) -> NumberRow:
    row = await uow.session.get(NumberRow, number)
    if row is None:
        row = NumberRow(number=number, note="")
        uow.session.add(row)
    return row


async def block(uow: UnitOfWork, number: str, *, by: str, note: str = "") -> None:
    """No more notices, bulletins to this number. `by`: stop_word, network, or a user's id."""
    row = await _row(uow, number)
    row.blocked_by, row.blocked_at, row.note = by, uow.now, note[:200]


async def unblock(uow: UnitOfWork, number: str, *, only: str | None = None) -> bool:
    """Take a block back; with `only`: if it came from there. Returns: whether there was one."""
    row = await uow.session.get(NumberRow, number)
    if row is None or row.blocked_by is None or only not in (None, row.blocked_by):
        return False
    row.blocked_by = row.blocked_at = None
    return True


async def set_carrier(uow: UnitOfWork, number: str, carrier: str | None, by: str) -> None:
    """Whose network the number is in since it was ported; None: the prefix counts again."""
    row = await _row(uow, number)
    row.carrier, row.carrier_set_by = carrier, by if carrier else None


async def listed(uow: UnitOfWork, *, offset: int = 0, limit: int = 200) -> list[NumberRow]:
    """Numbers with something to know, in order."""
    rows = await uow.session.scalars(
        select(NumberRow).order_by(NumberRow.number).offset(offset).limit(limit)
    )
    return list(rows)
