"""Rows of the modems of every node: what each node's process says of its own."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from core.database import UnitOfWork
from sms.store.book import ModemRow

_FORGOTTEN_AFTER = timedelta(days=1)


async def write(uow: UnitOfWork, rows: Sequence[dict[str, Any]]) -> None:
    """Say how these modems are now; `seen_at` is the unit of work's time."""
    make = postgresql_insert if uow.is_postgresql else sqlite_insert
    for row in rows:
        values = {**row, "seen_at": uow.now}
        statement = make(ModemRow).values(values)
        await uow.session.execute(
            statement.on_conflict_do_update(
                index_elements=[ModemRow.name, ModemRow.node],
                set_={key: values[key] for key in ("state", "view", "seen_at")},
            )
        )


async def forget_old(uow: UnitOfWork) -> None:
    """Drop what processes left behind that have long ended."""
    await uow.session.execute(delete(ModemRow).where(ModemRow.seen_at < uow.now - _FORGOTTEN_AFTER))


async def of_others(uow: UnitOfWork, node: str, since: datetime) -> list[ModemRow]:
    """The modems of other processes that were heard of after `since`, by name."""
    rows = await uow.session.scalars(
        select(ModemRow)
        .where(ModemRow.node != node, ModemRow.seen_at > since)
        .order_by(ModemRow.name, ModemRow.node)
    )
    return list(rows)
