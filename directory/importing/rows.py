"""A row of text into a person's fields, with the faults of each cell (pure)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from openpyxl.utils import get_column_letter

from core.errors import InvalidInput
from directory import validation
from directory.importing.model import Fault, Field, Row, Table, fault
from directory.model import Phone, PhoneKind
from directory.phones import checked, parse_phone, split_phones
from directory.pinyin import readings

_SCIENTIFIC = re.compile(r"\d(\.\d+)?[eE]\+?\d+")
_EXCEL_ERROR = re.compile(r"#(REF|N/A|VALUE|NAME\?|DIV/0|NUM|NULL)!?")


@dataclass
class _Reading:
    """One row while it is read."""

    number: int
    area_code: str
    faults: list[Fault] = field(default_factory=list)
    phones: dict[tuple[str, str], Phone] = field(default_factory=dict)
    texts: dict[Field, str] = field(default_factory=dict)

    def cell(self, column: int) -> str:
        return f"{get_column_letter(column + 1)}{self.number}"

    def take(self, column: int, what: Field, text: str) -> None:
        if _EXCEL_ERROR.fullmatch(text):
            self.faults.append(fault("formula_error", self.cell(column)))
        elif what in (Field.MOBILE, Field.PHONE):
            self._take_phones(column, what, text)
        else:
            self._take_text(column, what, text)

    def _take_phones(self, column: int, what: Field, text: str) -> None:
        if _SCIENTIFIC.fullmatch(text):
            self.faults.append(fault("phone_scientific", self.cell(column)))
            return
        for written in split_phones(text):
            try:
                phone = parse_phone(written, self.area_code)
            except InvalidInput as error:
                self.faults.append(fault(error.wire_code, self.cell(column)))
                continue
            if what is Field.MOBILE and phone.kind is not PhoneKind.MOBILE:
                self.faults.append(fault("phone_not_mobile", self.cell(column)))
                continue
            key = (phone.number, phone.extension)
            self.phones.setdefault(key, checked(phone, is_primary=not self.phones))
        if len(self.phones) > validation.PHONES_MOST:
            self.faults.append(fault("phones_many", self.cell(column)))

    def _take_text(self, column: int, what: Field, text: str) -> None:
        try:
            if what is Field.NAME:
                self.texts[what] = validation.name(text)
            elif what is Field.ID:
                self.texts[what] = validation.given_id(text)
            else:
                longest = validation.NOTE_LONGEST if what is Field.NOTE else _LONGEST.get(what, 120)
                self.texts[what] = validation.text(text, what.value, longest)
        except InvalidInput as error:
            self.faults.append(fault(error.wire_code, self.cell(column)))


_LONGEST = {Field.TITLE: validation.TITLE_LONGEST}


def parse_rows(table: Table, rows: Sequence[Sequence[str]], area_code: str) -> Iterator[Row]:
    """The rows below the header that hold anything in an understood column."""
    first_at: dict[tuple[str, ...], int] = {}
    for number, cells in enumerate(rows, start=1):
        if number <= table.header_row:
            continue
        if not any(index < len(cells) and cells[index] for index, _ in table.columns):
            continue
        row = _parse(number, cells, table, area_code)
        yield _marked_if_repeated(row, first_at)


def _parse(number: int, cells: Sequence[str], table: Table, area_code: str) -> Row:
    reading = _Reading(number, area_code)
    name_column = next((index for index, what in table.columns if what is Field.NAME), 0)
    for index, what in table.columns:
        text = cells[index] if index < len(cells) else ""
        if text:
            reading.take(index, what, text)
    name_cell = reading.cell(name_column)
    if Field.NAME not in reading.texts and all(one.cell != name_cell for one in reading.faults):
        reading.faults.append(fault("empty", name_cell))
    texts = reading.texts
    name = texts.get(Field.NAME, "")
    place = [texts.get(what, "") for what in (Field.UNIT, Field.TOWNSHIP, Field.VILLAGE)]
    return Row(
        number=number,
        cells=tuple(cells),
        id=texts.get(Field.ID, ""),
        name=name,
        pinyin=readings(name),
        unit="/".join(part for part in place if part),
        title=texts.get(Field.TITLE, ""),
        note=texts.get(Field.NOTE, ""),
        phones=tuple(reading.phones.values()),
        faults=tuple(reading.faults),
    )


def _marked_if_repeated(row: Row, first_at: dict[tuple[str, ...], int]) -> Row:
    """A second row with the same id, or the same name with the same number or the same unit."""
    if not row.name:
        return row
    numbers = tuple(sorted(phone.number for phone in row.phones))
    keys = [(row.name, row.unit, *numbers)]
    keys += [("mobile", row.name, phone.number) for phone in row.phones]
    keys += [("id", row.id)] if row.id else []
    for key in keys:
        earlier = first_at.setdefault(key, row.number)
        if earlier != row.number:
            repeated = fault("duplicate", "", row=earlier)
            return replace(row, faults=(*row.faults, repeated))
    return row
