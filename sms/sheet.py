"""A table of numbers out of Excel: which column is what, each row's number and values (pure)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sms.audience import Listed
from sms.numbers import folded, is_sendable, to_e164
from sms.templates import LONGEST_VALUE, MOST_VARIABLES

_LOOKED_AT = 50
_NUMBER_TITLE = re.compile(r"手机|移动电话|电话|联系方式|号码|mobile|phone|cell|tel|number", re.I)
_NAME_TITLE = re.compile(r"姓名|名字|联系人|负责人|责任人|name", re.I)
_NOT_A_WORD = re.compile(r"\W+")
_SCIENTIFIC = re.compile(r"\d(\.\d+)?[eE]\+?\d+")
_LONGEST_NAME = 80


@dataclass(frozen=True)
class Column:
    """`variable`: the word its values have in a text; empty for number and name, or untitled."""

    index: int
    title: str
    role: str  # number, name, value
    variable: str


@dataclass(frozen=True)
class RowFault:
    """Why a row (1.., as in the file) is left out. `code`: empty, scientific, number, double."""

    row: int
    code: str
    cell: str


@dataclass
class Recognised:
    """What a table holds."""

    columns: tuple[Column, ...]
    listed: list[Listed] = field(default_factory=list)
    faults: list[RowFault] = field(default_factory=list)


Rows = Sequence[tuple[int, Sequence[str]]]


def recognise(
    header: Sequence[str], rows: Rows, number: int | None = None, name: int | None = None
) -> Recognised:
    """Numbers with names and values. `number`, `name`: columns (0..) chosen by hand; None: guess.

    A row without a usable number is a fault, not a guess; a number that comes again is one too.
    """
    header = ["".join(title.split()) for title in header]
    width = max([len(header), *(len(cells) for _, cells in rows[:_LOOKED_AT])], default=0)
    number = _number_column(header, rows, width) if number is None else number
    name = _name_column(header, number) if name is None else name
    columns = _columns(header, width, number, name)
    found = Recognised(columns)
    first_at: dict[str, int] = {}
    for row, cells in rows:
        written = cells[number] if number is not None and number < len(cells) else ""
        e164 = to_e164(folded(written))
        if (code := _fault(written, e164)) or e164 in first_at:
            found.faults.append(RowFault(row, code or "double", written[:40]))
            continue
        first_at[e164] = row
        values = _values(cells, columns)
        called = (
            cells[name].strip()[:_LONGEST_NAME] if name is not None and name < len(cells) else ""
        )
        found.listed.append(Listed(e164, called, values))
    return found


def _fault(written: str, e164: str) -> str:
    if not written:
        return "empty"
    if _SCIENTIFIC.fullmatch(written):
        return "scientific"
    return "" if is_sendable(e164) else "number"


def _number_column(header: Sequence[str], rows: Rows, width: int) -> int | None:
    """The column with the most usable numbers; among equals the one whose title says so."""
    looked = rows[:_LOOKED_AT]

    def score(index: int) -> tuple[int, bool]:
        cells = [cells[index] for _, cells in looked if index < len(cells)]
        usable = sum(is_sendable(to_e164(folded(cell))) for cell in cells)
        return usable, index < len(header) and bool(_NUMBER_TITLE.search(header[index]))

    best = max(range(width), key=score, default=None)
    return best if best is not None and any(score(best)) else None


def _name_column(header: Sequence[str], number: int | None) -> int | None:
    titled = (i for i, title in enumerate(header) if i != number and _NAME_TITLE.search(title))
    return next(titled, None)


def _columns(
    header: Sequence[str], width: int, number: int | None, name: int | None
) -> tuple[Column, ...]:
    columns: list[Column] = []
    taken: set[str] = set()
    for index in range(width):
        title = header[index] if index < len(header) else ""
        role = "number" if index == number else "name" if index == name else "value"
        variable = "" if role != "value" else _NOT_A_WORD.sub("", title)[:20]
        if variable in taken or len(taken) == MOST_VARIABLES:
            variable = ""
        taken |= {variable} - {""}
        columns.append(Column(index, title, role, variable))
    return tuple(columns)


def _values(cells: Sequence[str], columns: Sequence[Column]) -> Mapping[str, str]:
    return {
        column.variable: cells[column.index][:LONGEST_VALUE]
        for column in columns
        if column.variable and column.index < len(cells) and cells[column.index]
    }
