"""Bytes of a file into rows of text (blocking; runs in the child process only).

xlsx, xls, ods by calamine; CSV in UTF-8 (with or without mark), UTF-16 with mark, or GB18030.
"""

import csv
import datetime
import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import python_calamine

from core.errors import InvalidInput
from directory.importing.model import Limits

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_CHUNK = 1 << 20
_LONGEST_CELL = 2000
MOST_COLUMNS = 100


@dataclass(frozen=True)
class Sheet:
    """A sheet's name and rows; row 1 is `rows[0]`. Cells are text, trimmed."""

    name: str
    encoding: str
    rows: list[list[str]]


def read(content: bytes, limits: Limits) -> Iterator[Sheet]:
    """The visible sheets of a file, one at a time; a CSV file is one sheet.

    Raises: InvalidInput: too large, no table format, encrypted, damaged.
    """
    if len(content) > limits.max_bytes:
        raise refuse("the file is too large", "import_too_large")
    if content.startswith(_ZIP):
        _check_unpacked_size(content, limits.max_unpacked_bytes)
        yield from _workbook(content, limits)
    elif content.startswith(_OLE):
        yield from _workbook(content, limits)
    else:
        yield _csv(content, limits)


def refuse(message: str, code: str) -> InvalidInput:
    """The error for a file as a whole."""
    return InvalidInput(message, field="file", code=code)


def _check_unpacked_size(content: bytes, limit: int) -> None:
    """Unpack every member and count: the sizes a zip file states about itself may be lies."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OverflowError) as error:
        raise refuse("the file is damaged", "import_unreadable") from error
    total = 0
    for member in members:
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise refuse("the file is packed in an unknown way", "import_unreadable")
        total += _unpacked_size(content, member, limit - total)
        if total > limit:
            raise refuse("the file unpacks to too much", "import_zip_bomb")


def _unpacked_size(content: bytes, member: zipfile.ZipInfo, limit: int) -> int:
    """Bytes that a member really unpacks to; stops counting beyond `limit`."""
    name_length = int.from_bytes(content[member.header_offset + 26 :][:2], "little")
    extra_length = int.from_bytes(content[member.header_offset + 28 :][:2], "little")
    start = member.header_offset + 30 + name_length + extra_length
    packed = memoryview(content)[start : start + member.compress_size]
    if member.compress_type == zipfile.ZIP_STORED:
        return len(packed)
    inflater, size = zlib.decompressobj(-15), 0
    try:
        while packed and size <= limit and not inflater.eof:
            size += len(inflater.decompress(packed, _CHUNK))
            packed = memoryview(inflater.unconsumed_tail)
    except zlib.error as error:
        raise refuse("the file is damaged", "import_unreadable") from error
    return size


def _workbook(content: bytes, limits: Limits) -> Iterator[Sheet]:
    try:
        book = python_calamine.load_workbook(io.BytesIO(content))
        for meta in book.sheets_metadata:
            if (
                meta.visible != python_calamine.SheetVisibleEnum.Visible
                or meta.typ != python_calamine.SheetTypeEnum.WorkSheet
            ):
                continue
            sheet = book.get_sheet_by_name(meta.name)
            if sheet.height > limits.max_rows + 50:
                raise refuse("the table has too many rows", "import_too_many_rows")
            if sheet.width > MOST_COLUMNS * 10:
                raise refuse("the table has too many columns", "import_too_many_columns")
            rows = [
                [cell_text(value) for value in row[:MOST_COLUMNS]]
                for row in sheet.to_python(skip_empty_area=False)
            ]
            _spread_merged(rows, sheet.merged_cell_ranges or [])
            yield Sheet(meta.name, "", rows)
    except python_calamine.PasswordError as error:
        raise refuse("the file is protected by a password", "import_encrypted") from error
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        raise refuse("the file is damaged", "import_unreadable") from error


def _spread_merged(
    rows: list[list[str]], ranges: list[tuple[tuple[int, int], tuple[int, int]]]
) -> None:
    """Every cell of a merged area that is one column wide gets its text: a unit for many people."""
    for (top, left), (bottom, right) in ranges:
        if left != right or top >= len(rows) or left >= len(rows[top]):
            continue
        for row in rows[top + 1 : bottom + 1]:
            if left < len(row):
                row[left] = rows[top][left]


Cell = (
    int
    | float
    | str
    | bool
    | datetime.time
    | datetime.date
    | datetime.datetime
    | datetime.timedelta
    | None
)


def cell_text(value: Cell) -> str:
    """A cell as one would read it: 13800138000.0 is 13800138000."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return "" if value is None else str(value).strip()[:_LONGEST_CELL]


def _csv(content: bytes, limits: Limits) -> Sheet:
    text, encoding = _decoded(content)
    if "\0" in text:
        raise refuse("this is neither a table nor text", "import_unreadable")
    delimiter = _delimiter(text)
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=False):
            rows.append([cell_text(cell) for cell in row[:MOST_COLUMNS]])
            if len(rows) > limits.max_rows + 50:
                raise refuse("the table has too many rows", "import_too_many_rows")
    except csv.Error as error:
        raise refuse("the CSV cannot be read", "import_unreadable") from error
    return Sheet("", encoding, rows)


def _decoded(content: bytes) -> tuple[str, str]:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            candidates = [encoding]
            break
    else:
        candidates = ["utf-8", "gb18030"]
    for encoding in candidates:
        try:
            return content.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    raise refuse("the text is neither UTF-8 nor GB18030", "import_encoding")


def _delimiter(text: str) -> str:
    """Of comma, tab and semicolon the one that is most frequent in the first lines."""
    beginning = text[:4000]
    return max((",", "\t", ";"), key=beginning.count)
