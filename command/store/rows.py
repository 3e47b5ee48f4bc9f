"""Between values and rows: every field of a value is a column of the same name."""

import dataclasses
from typing import Any, TypeVar

from core.database import Base, UnitOfWork

V = TypeVar("V")


def value_of(kind: type[V], row: Any) -> V:
    """The value a row holds."""
    return kind(**{each.name: getattr(row, each.name) for each in dataclasses.fields(kind)})  # type: ignore[arg-type]


def row_of(table: type[Base], value: Any) -> Base:
    """A new row that holds `value`."""
    return table(**_columns(value))


async def save(uow: UnitOfWork, table: type[Base], value: Any) -> None:
    """Write `value` over its row.

    Raises: LookupError: there is no such row.
    """
    row = await uow.session.get(table, value.id)
    if row is None:
        raise LookupError(f"no {table.__tablename__} {value.id}")
    for name, each in _columns(value).items():
        if getattr(row, name) != each:
            setattr(row, name, each)
    await uow.session.flush()


def _columns(value: Any) -> dict[str, Any]:
    return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
