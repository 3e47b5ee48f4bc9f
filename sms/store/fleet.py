"""Rows of the modems of every node: what each node's process says of its own."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Connection, Table, delete, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from core.database import UnitOfWork
from sms.store.book import ModemRow

_MODEM = cast("Table", ModemRow.__table__)
_FORGOTTEN_AFTER = timedelta(days=1)


async def write(uow: UnitOfWork, rows: Sequence[dict[str, Any]]) -> None:
    """Say how these modems are now; `seen_at` is the unit of work's time."""
    connection = await uow.session.connection()
    await connection.run_sync(_put, uow.now, rows)


def renew(
    connection: Connection,
    now: datetime,
    rows: Sequence[dict[str, Any]],
    node: str,
    since: datetime,
) -> list[tuple[datetime, dict[str, Any]]]:
    """Say how this node's modems are, for `Database.at_once`.

    Returns: when and how those of other nodes were heard of after `since`, by name. What processes
    left behind that have long ended is dropped.
    """
    _put(connection, now, rows)
    connection.execute(delete(_MODEM).where(_MODEM.c.seen_at < now - _FORGOTTEN_AFTER))
    found = connection.execute(
        select(_MODEM.c.seen_at, _MODEM.c.view)
        .where(_MODEM.c.node != node, _MODEM.c.seen_at > since)
        .order_by(_MODEM.c.name, _MODEM.c.node)
    )
    return [(row.seen_at, row.view) for row in found]


def _put(connection: Connection, now: datetime, rows: Sequence[dict[str, Any]]) -> None:
    insert = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    statement = insert(_MODEM)
    statement = statement.on_conflict_do_update(
        index_elements=[_MODEM.c.name, _MODEM.c.node],
        set_={key: statement.excluded[key] for key in ("state", "view", "seen_at")},
    )
    if rows:
        connection.execute(statement, [{**row, "seen_at": now} for row in rows])


async def of_others(uow: UnitOfWork, node: str, since: datetime) -> list[ModemRow]:
    """The modems of other processes that were heard of after `since`, by name."""
    rows = await uow.session.scalars(
        select(ModemRow)
        .where(ModemRow.node != node, ModemRow.seen_at > since)
        .order_by(ModemRow.name, ModemRow.node)
    )
    return list(rows)
