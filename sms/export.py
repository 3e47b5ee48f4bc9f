"""Tables of a message's recipients as CSV and xlsx; no cell is ever a formula (pure).

A name such as `=HYPERLINK(…)` is data: in CSV it gets an apostrophe in front, as OWASP advises, in
xlsx it is stored as text.
"""

import csv
import io
from collections.abc import Iterable, Sequence

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

Row = Sequence[str]
_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
_BOM = "\ufeff"
_CONTROLS = dict.fromkeys(i for i in range(32) if i not in (9, 10, 13))


def safe(cell: str) -> str:
    """A CSV cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_STARTS_A_FORMULA) else cell


def as_csv(header: Row, rows: Iterable[Row]) -> bytes:
    """UTF-8 with a mark, so that Excel does not take it for GBK."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows([[safe(cell) for cell in row] for row in rows])
    return (_BOM + out.getvalue()).encode()


def as_xlsx(header: Row, rows: Iterable[Row], title: str) -> bytes:
    """One sheet; every cell is text."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title[:31])
    for row in (header, *rows):
        cells = []
        for value in row:
            cell = WriteOnlyCell(sheet, value=value.translate(_CONTROLS))
            cell.data_type = "s"
            cells.append(cell)
        sheet.append(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
