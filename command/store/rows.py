"""Between values and rows: every field of a value is a column of the same name."""

import dataclasses
from typing import Any, TypeVar

from core.database import Base, UnitOfWork

V = TypeVar("V")


def value_of(kind: type[V], row: Any) -> V:
    """The value a row holds."""
    return kind(**{each.name: getattr(row, each.name) for each in dataclasses.fields(kind)})  # type: ignore[arg-type]


def add(uow: UnitOfWork, table: type[Base], value: Any) -> None:
    """Store `value` in a new row; written with the next query or at the end."""
    row = table(**_columns(value))
    uow.session.add(row)
    _keep(uow, row)


async def save(uow: UnitOfWork, table: type[Base], value: Any) -> None:
    """Write `value` over its row, with the next query or at the end.

    Raises: LookupError: there is no such row.
    """
    row = await uow.session.get(table, value.id)
    if row is None:
        raise LookupError(f"no {table.__tablename__} {value.id}")
    _keep(uow, row)
    for name, each in _columns(value).items():
        if getattr(row, name) != each:
            setattr(row, name, each)


def _keep(uow: UnitOfWork, row: Base) -> None:
    """Hold on to the row: the session forgets rows nobody holds and would read them again."""
    uow.session.info.setdefault("command.rows", {})[id(row)] = row


def _columns(value: Any) -> dict[str, Any]:
    return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
