"""Recipients out of a table or a paste: numbers with names and the values beside them."""

from typing import Literal

from pydantic import Field

from core.auth.model import Permission
from core.errors import InvalidInput
from directory.importing.service import Imports
from signaling.api import ApiModel
from signaling.http import Request, Route
from signaling.routes.sms_compose import MOST, ListedIn
from sms import planning, sheet

_FAULTS_SHOWN = 200


class SheetQuery(ApiModel):
    """Columns (0..) chosen by hand; None: guessed from titles and cells."""

    number_column: int | None = Field(None, ge=0, le=99)
    name_column: int | None = Field(None, ge=0, le=99)


class SheetColumn(ApiModel):
    """`variable`: the word its values have in a text, as `{座位}`; empty: none."""

    index: int
    title: str
    role: Literal["number", "name", "value"]
    variable: str


class SheetFault(ApiModel):
    """A row (1.., as in the file) that is left out.

    `code`: empty, scientific (the spreadsheet has spoilt it), number (no mobile), double.
    """

    row: int
    code: Literal["empty", "scientific", "number", "double"]
    cell: str


class SheetOut(ApiModel):
    """A table as recipients; numbers are as they were given. `faults` are cut at 200."""

    sheet: str
    columns: tuple[SheetColumn, ...]
    items: tuple[ListedIn, ...]
    faults: tuple[SheetFault, ...]
    fault_count: int


class Pasted(ApiModel):
    """What was copied from Excel, Word or a chat."""

    text: str = Field(max_length=2_000_000)


class PastedList(ApiModel):
    """`without`: lines in which there is no number."""

    items: tuple[ListedIn, ...]
    without: tuple[str, ...]


async def read_sheet(request: Request[SheetQuery, bytes]) -> SheetOut:
    """Read xlsx, xls, ods or csv; nothing is stored."""
    imports: Imports = request.app.part("imports")
    grid = await imports.grid(request.body)
    found = sheet.recognise(
        grid.header, grid.rows, request.query.number_column, request.query.name_column
    )
    if len(found.listed) > MOST:
        raise InvalidInput(f"at most {MOST} recipients", field="file")
    return SheetOut(
        sheet=grid.sheet,
        columns=tuple(
            SheetColumn(
                index=one.index, title=one.title, role=one.role, variable=one.variable
            )
            for one in found.columns
        ),
        items=tuple(
            ListedIn(number=one.number, name=one.name, values=dict(one.values))
            for one in found.listed
        ),
        faults=tuple(
            SheetFault(row=one.row, code=one.code, cell=one.cell)
            for one in found.faults[:_FAULTS_SHOWN]
        ),
        fault_count=len(found.faults),
    )  # fmt: skip


async def read_pasted(request: Request[None, Pasted]) -> PastedList:
    """Find the numbers in pasted lines, each with the name beside it."""
    found, without = planning.pasted(request.body.text, MOST)
    return PastedList(
        items=tuple(ListedIn(number=number, name=name) for number, name in found),
        without=tuple(without[:_FAULTS_SHOWN]),
    )


_SMS = "/api/v1/sms"
ROUTES = [
    Route("POST", f"{_SMS}/sheet", read_sheet, Permission.SMS_SEND, query=SheetQuery, body=bytes,
          response=SheetOut, max_body_mib=10.0, deadline_s=90, rate="20/minute",
          summary="Recipients out of an xlsx, xls, ods or csv file"),
    Route("POST", f"{_SMS}/pasted", read_pasted, Permission.SMS_SEND, body=Pasted,
          response=PastedList, max_body_mib=4.0, summary="Find the numbers in pasted lines"),
]  # fmt: skip
