"""All rows of all tables, out and in again; the form is the same for SQLite and PostgreSQL."""

import json
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import date, datetime
from typing import Any, TypeGuard

from sqlalchemy import JSON, Date, DateTime, LargeBinary, Table, TypeDecorator, insert, select
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.types import TypeEngine

from core.database import UnitOfWork
from migrations.models import metadata

_BATCH = 500
_ANY = DefaultDialect()
"""These documents are the same in every database."""
SKIPPED = frozenset({"user_session"})
"""Tables whose rows mean nothing elsewhere."""


def tables() -> list[Table]:
    """Every table whose rows are kept, those referred to first."""
    return [table for table in metadata.sorted_tables if table.name not in SKIPPED]


async def rows(uow: UnitOfWork, table: Table) -> AsyncIterator[str]:
    """Each row as one line of JSON."""
    found = await uow.session.stream(select(table).order_by(*table.primary_key.columns))
    async for row in found.mappings():
        values = {column.name: _out(column.type, row[column.name]) for column in table.columns}
        yield json.dumps(values, ensure_ascii=False)


async def load(uow: UnitOfWork, table: Table, lines: Iterable[str]) -> int:
    """Insert what `rows` gave. Returns: how many."""
    parsed = [_in(table, json.loads(line)) for line in lines]
    ordered = list(_parents_first(table, parsed))
    for start in range(0, len(ordered), _BATCH):
        await uow.session.execute(insert(table), ordered[start : start + _BATCH])
    return len(ordered)


async def is_empty(uow: UnitOfWork) -> bool:
    """Whether no table has a row."""
    for table in tables():
        if (await uow.session.execute(select(table).limit(1))).first() is not None:
            return False
    return True


def _out(kind: TypeEngine[Any], value: Any) -> Any:
    if _holds_json(kind):
        return kind.process_bind_param(value, _ANY)
    if isinstance(value, date):  # a datetime too
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    return getattr(value, "value", value)


def _holds_json(kind: TypeEngine[Any]) -> TypeGuard[TypeDecorator[Any]]:
    """Whether values of our own (command's dataclasses) are kept as a JSON document."""
    return isinstance(kind, TypeDecorator) and isinstance(kind.impl_instance, JSON)


def _in(table: Table, values: dict[str, Any]) -> dict[str, Any]:
    return {name: _value(table, name, value) for name, value in values.items()}


def _value(table: Table, name: str, value: Any) -> Any:
    kind = table.columns[name].type
    if _holds_json(kind):
        return kind.process_result_value(value, _ANY)
    impl = kind.impl_instance if isinstance(kind, TypeDecorator) else kind
    if value is None or isinstance(impl, JSON):
        return value
    if isinstance(impl, DateTime):
        return datetime.fromisoformat(value)
    if isinstance(impl, Date):
        return date.fromisoformat(value)
    if isinstance(impl, LargeBinary):
        return bytes.fromhex(value)
    enum_class = getattr(kind, "enum_class", None)
    return enum_class(value) if enum_class is not None else value


def _parents_first(table: Table, found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """A tree's rows in an order its own foreign key admits."""
    own = [key for key in table.foreign_keys if key.column.table is table]
    if not own:
        yield from found
        return
    child, parent = own[0].parent.name, own[0].column.name
    waiting: dict[Any, list[dict[str, Any]]] = {}
    for row in found:
        waiting.setdefault(row[child], []).append(row)
    ready = waiting.pop(None, [])
    while ready:
        row = ready.pop()
        yield row
        ready += waiting.pop(row[parent], [])
