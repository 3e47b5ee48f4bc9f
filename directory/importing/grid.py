"""A table as it stands: for lists that do not become people of the directory (pure)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from directory.importing import headers
from directory.importing.sheets import Sheet

_LOOKED_AT = 15


@dataclass(frozen=True)
class Grid:
    """A sheet's header and the rows below it that hold anything, each with its number (1..)."""

    sheet: str
    header_row: int
    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]


def header_of(rows: Sequence[Sequence[str]]) -> int:
    """Number (1..) of the row near the top whose titles are understood best; 0: none is."""
    known = [len(headers.columns_of(row)) for row in rows[:_LOOKED_AT]]
    best = max(known, default=0)
    return known.index(best) + 1 if best else 0


def filled_rows(sheet: Sheet, header_row: int) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The rows below the header that hold anything."""
    for number, cells in enumerate(sheet.rows, start=1):
        if number > header_row and any(cells):
            yield number, tuple(cells)
