"""Tables for download, written so that no cell is ever run as a formula (blocking; child only).

CWE-1236: a text that begins with = + - @ is stored as text and marked as such (quotePrefix).
"""

import io
import json
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import column_index_from_string, get_column_letter
from openpyxl.utils.cell import coordinate_from_string

_RED = PatternFill("solid", fgColor="FFFFC7CE")
_BOLD = Font(bold=True)
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
_WIDTH = 16


def annotated(lines: bytes) -> bytes:
    """An xlsx made of lines of JSON: the header `[titles]`, then `[cells, [[cell, reason]…]]`.

    A faulty cell is red; a last column says why, where any row has faults.
    """
    book = Workbook(write_only=True)
    sheet: Any = book.create_sheet("导入")  # its stubs lack column_dimensions
    content = [json.loads(line) for line in lines.splitlines()]
    header, rows = content[0], content[1:]
    width = max([len(header), *(len(cells) for cells, _ in rows)])
    for index in range(1, width + 2):
        sheet.column_dimensions[get_column_letter(index)].width = _WIDTH if index <= width else 60
    if header:
        reasons_title = ["问题"] if any(faults for _, faults in rows) else []
        titles = [*header, *[""] * (width - len(header)), *reasons_title]
        sheet.append([_cell(sheet, title, font=_BOLD) for title in titles])
    for cells, faults in rows:
        red = {_column(cell) for cell, _ in faults if cell}
        padded = [*cells, *[""] * (width - len(cells))]
        written = [
            _cell(sheet, text, fill=_RED if index in red else None)
            for index, text in enumerate(padded)
        ]
        reasons = ";".join(f"{cell} {text}".strip() for cell, text in faults)
        sheet.append([*written, *([_cell(sheet, reasons)] if reasons else [])])
    output = io.BytesIO()
    book.save(output)
    return output.getvalue()


def _column(cell: str) -> int:
    letters, _ = coordinate_from_string(cell)
    return column_index_from_string(letters) - 1


def _cell(
    sheet: Any,
    text: str,
    *,
    font: Font | None = None,
    fill: PatternFill | None = None,
) -> Any:
    """A cell that is text whatever it looks like."""
    cell = WriteOnlyCell(sheet, value=_printable(text))
    cell.data_type = "s"
    if text.startswith(_FORMULA_SIGNS):
        cell.quotePrefix = True
    if font is not None:
        cell.font = font
    if fill is not None:
        cell.fill = fill
    return cell


def _printable(text: str) -> str:
    """Without the control characters that XML 1.0 cannot hold."""
    return "".join(sign for sign in text if sign >= " " or sign in "\t\n\r")
