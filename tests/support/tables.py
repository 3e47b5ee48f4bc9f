"""Files as people upload them, made in memory."""

import csv
import io
import struct
import zipfile
from collections.abc import Sequence
from typing import Any

import xlwt
from openpyxl import Workbook

HEADER = ["序号", "姓名", "手机号码", "办公电话", "单位", "职务", "备注"]


def xlsx(rows: Sequence[Sequence[Any]], merged: Sequence[str] = (), title: str = "") -> bytes:
    """An Excel workbook; `merged`: ranges such as D2:D4; `title`: a row above."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    if title:
        sheet.append([title])
    for row in rows:
        sheet.append(list(row))
    for area in merged:
        sheet.merge_cells(area)
    output = io.BytesIO()
    book.save(output)
    return output.getvalue()


def xls(rows: Sequence[Sequence[Any]]) -> bytes:
    """The old binary format."""
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet("人员")
    for number, row in enumerate(rows):
        for column, value in enumerate(row):
            sheet.write(number, column, value)
    output = io.BytesIO()
    book.save(output)
    return output.getvalue()


def comma_separated(
    rows: Sequence[Sequence[Any]], encoding: str = "utf-8", delimiter: str = ","
) -> bytes:
    output = io.StringIO()
    csv.writer(output, delimiter=delimiter).writerows(rows)
    return output.getvalue().encode(encoding)


def zip_bomb(unpacked_bytes: int, *, tells_the_truth: bool = True) -> bytes:
    """A zip that unpacks to so much; one that lies states 100 bytes in its directory."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * unpacked_bytes)
    content = bytearray(output.getvalue())
    if not tells_the_truth:
        size, lie = struct.pack("<L", unpacked_bytes), struct.pack("<L", 100)
        at = content.find(size)
        while at != -1:
            content[at : at + 4] = lie
            at = content.find(size)
    return bytes(content)


def damaged_xlsx() -> bytes:
    """A zip whose compressed data is garbage."""
    content = bytearray(xlsx([HEADER, [1, "王小明", "13800138000", "", "烽台镇", "", ""]]))
    for index in range(60, 400):
        content[index] ^= 0x5A
    return bytes(content)
