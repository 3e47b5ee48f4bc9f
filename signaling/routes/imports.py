"""Import of people over REST: upload and preview, look through, commit, undo."""

from datetime import datetime
from typing import Self

from pydantic import Field

from core.auth.model import Permission
from core.errors import InvalidInput
from core.ids import ImportId, UnitId
from directory.importing.exporting import Exports
from directory.importing.model import Batch, BatchState, Content, RowKind, Verdict
from directory.importing.model import Field as Column
from directory.importing.service import Imports
from signaling.api import ApiModel
from signaling.http import AnyRequest, File, Request, Route
from signaling.routes.directory import Reason

WRITE = Permission.DIRECTORY_WRITE
_ID = r"^[A-Za-z0-9_-]{1,26}$"
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _imports(request: AnyRequest) -> Imports:
    imports: Imports = request.app.part("imports")
    return imports


class UploadQuery(ApiModel):
    """`unit_id`: people go into it and below; `columns`: chosen by hand, as `0:name,2:mobile`."""

    unit_id: str = Field(pattern=_ID)
    file_name: str = Field(min_length=1, max_length=200)
    columns: str = Field("", max_length=500, pattern=r"^(\d{1,2}:[a-z]+(,\d{1,2}:[a-z]+)*)?$")

    def mapping(self) -> dict[int, Column]:
        """The columns chosen by hand; empty: guess.

        Raises: InvalidInput: no such meaning.
        """
        found: dict[int, Column] = {}
        for part in filter(None, self.columns.split(",")):
            index, meaning = part.split(":")
            if meaning not in set(Column):
                raise InvalidInput(f"no column means {meaning}", field="columns")
            found[int(index)] = Column(meaning)
        return found


class ColumnOut(ApiModel):
    """A column of the file; `meaning` None: not understood, left out."""

    index: int
    title: str
    meaning: Column | None


class ImportOut(ApiModel):
    """One import. `counts`: rows by kind; `undo_blockers`: why it cannot be undone, if so."""

    id: str
    unit_id: str
    file_name: str
    sheet: str
    encoding: str
    header_row: int
    columns: list[ColumnOut]
    state: BatchState
    counts: dict[RowKind, int]
    created_by: str
    created_at: datetime
    committed_at: datetime | None
    undone_at: datetime | None
    removed_missing: bool
    undo_blockers: list[str] = Field(default_factory=list)

    @classmethod
    def of(cls, batch: Batch, blockers: list[str] | None = None) -> Self:
        meanings = dict(batch.table.columns)
        width = max([len(batch.table.header), *(index + 1 for index in meanings)])
        titles = [*batch.table.header, *[""] * (width - len(batch.table.header))]
        return cls(
            id=batch.id,
            unit_id=batch.unit_id,
            file_name=batch.file_name,
            sheet=batch.table.sheet,
            encoding=batch.table.encoding,
            header_row=batch.table.header_row,
            columns=[
                ColumnOut(index=index, title=title, meaning=meanings.get(index))
                for index, title in enumerate(titles)
            ],
            state=batch.state,
            counts=batch.counts,
            created_by=batch.created_by_name,
            created_at=batch.created_at,
            committed_at=batch.committed_at,
            undone_at=batch.undone_at,
            removed_missing=batch.removed_missing,
            undo_blockers=blockers or [],
        )


class ImportList(ApiModel):
    """Newest first."""

    items: list[ImportOut]


class RowsQuery(ApiModel):
    """`kind`: only rows of this kind."""

    kind: RowKind | None = None
    offset: int = Field(0, ge=0)
    limit: int = Field(100, ge=1, le=500)


class ContentOut(ApiModel):
    """What is, or would be, stored of a person; numbers masked."""

    unit_id: str
    name: str
    title: str
    note: str
    phones: list[str]

    @classmethod
    def of(cls, content: Content | None) -> Self | None:
        if content is None:
            return None
        return cls(
            unit_id=content.unit_id,
            name=content.name,
            title=content.title,
            note=content.note,
            phones=[phone.masked for phone in content.phones],
        )


class FaultOut(ApiModel):
    """What is wrong; `cell` as in the file (C12), empty: the row as a whole."""

    code: str
    cell: str
    text: str


class RowOut(ApiModel):
    """One row of the file and what committing does; `number` 0: a person not in the file."""

    number: int
    kind: RowKind
    faults: list[FaultOut]
    notes: list[str]
    person_id: str | None
    before: ContentOut | None
    after: ContentOut | None
    changed: list[str]

    @classmethod
    def of(cls, verdict: Verdict) -> Self:
        return cls(
            number=verdict.number,
            kind=verdict.kind,
            faults=[FaultOut(code=f.code, cell=f.cell, text=f.text) for f in verdict.faults],
            notes=list(verdict.notes),
            person_id=verdict.person_id,
            before=ContentOut.of(verdict.before),
            after=ContentOut.of(verdict.after),
            changed=list(verdict.changed_fields),
        )


class RowList(ApiModel):
    """A page of rows in the order of the file."""

    items: list[RowOut]


class CommitIn(ApiModel):
    """`remove_missing`: people of the subtree who are not in the file are removed."""

    remove_missing: bool = False


async def upload(request: Request[UploadQuery, bytes]) -> ImportOut:
    """Read a file and keep what it would change."""
    query = request.query
    batch = await _imports(request).preview(
        request.principal, UnitId(query.unit_id), query.file_name, request.body, query.mapping()
    )
    return ImportOut.of(batch)


async def list_imports(request: Request[None, None]) -> ImportList:
    """The last fifty imports."""
    async with request.read() as uow:
        found = await _imports(request).listed(uow, request.principal)
    return ImportList(items=[ImportOut.of(batch) for batch in found])


async def read_import(request: Request[None, None]) -> ImportOut:
    """One import, and whether it can be undone."""
    imports, import_id = _imports(request), ImportId(request.path["import_id"])
    async with request.read() as uow:
        batch = await imports.access(uow, request.principal, import_id)
        blockers = await imports.undo_blockers(uow, request.principal, import_id)
    return ImportOut.of(batch, blockers)


async def list_rows(request: Request[RowsQuery, None]) -> RowList:
    """A page of an import's rows."""
    query = request.query
    kinds = [query.kind] if query.kind is not None else list(RowKind)
    async with request.read() as uow:
        found = await _imports(request).verdicts(
            uow,
            request.principal,
            ImportId(request.path["import_id"]),
            kinds,
            offset=query.offset,
            limit=query.limit,
        )
    return RowList(items=[RowOut.of(verdict) for verdict in found])


async def commit(request: Request[None, CommitIn]) -> ImportOut:
    """Write the new and changed rows."""
    async with request.write() as uow:
        batch = await _imports(request).commit(
            uow,
            request.principal,
            ImportId(request.path["import_id"]),
            remove_missing=request.body.remove_missing,
        )
    return ImportOut.of(batch)


async def undo(request: Request[None, Reason]) -> ImportOut:
    """Take back what the commit wrote."""
    async with request.write() as uow:
        batch = await _imports(request).undo(
            uow, request.principal, ImportId(request.path["import_id"]), request.body.reason
        )
    return ImportOut.of(batch)


async def discard(request: Request[None, None]) -> ImportOut:
    """Give a preview up."""
    async with request.write() as uow:
        batch = await _imports(request).discard(
            uow, request.principal, ImportId(request.path["import_id"])
        )
    return ImportOut.of(batch)


async def download_faults(request: Request[None, None]) -> File:
    """The faulty rows as xlsx, bad cells red, with reasons; audited."""
    name, content = await _imports(request).annotated(
        request.principal, ImportId(request.path["import_id"])
    )
    return File(content, name, _XLSX)


class ExportQuery(ApiModel):
    """Numbers are masked unless `is_full`, which needs a reason."""

    unit_id: str = Field(pattern=_ID)
    is_full: bool = False
    reason: str = Field("", max_length=200)


async def export_people(request: Request[ExportQuery, None]) -> File:
    """Everybody of a subtree as xlsx that the import understands again; audited."""
    query = request.query
    exports: Exports = request.app.part("exports")
    name, content = await exports.people(
        request.principal, UnitId(query.unit_id), is_full=query.is_full, reason=query.reason
    )
    return File(content, name, _XLSX)


_IMPORTS = "/api/v1/directory/imports"
_IMPORT = f"{_IMPORTS}/{{import_id}}"

ROUTES = [
    Route("POST", _IMPORTS, upload, WRITE, query=UploadQuery, body=bytes, response=ImportOut,
          status=201, max_body_mib=100, deadline_s=650, rate="30/minute",
          summary="Upload a table and preview it"),
    Route("GET", "/api/v1/directory/export.xlsx", export_people, Permission.DIRECTORY_READ,
          query=ExportQuery, response=File, deadline_s=90, rate="30/minute",
          summary="People of a subtree as xlsx, numbers masked or with a reason"),
    Route("GET", _IMPORTS, list_imports, WRITE, response=ImportList, summary="Imports"),
    Route("GET", _IMPORT, read_import, WRITE, response=ImportOut, summary="One import"),
    Route("GET", f"{_IMPORT}/rows", list_rows, WRITE, query=RowsQuery, response=RowList,
          summary="Rows of an import with faults and differences"),
    Route("POST", f"{_IMPORT}/commit", commit, WRITE, body=CommitIn, response=ImportOut,
          deadline_s=120, summary="Write what the preview shows"),
    Route("POST", f"{_IMPORT}/undo", undo, WRITE, body=Reason, response=ImportOut,
          deadline_s=120, summary="Take an import back"),
    Route("POST", f"{_IMPORT}/discard", discard, WRITE, response=ImportOut,
          summary="Give a preview up"),
    Route("GET", f"{_IMPORT}/faults.xlsx", download_faults, WRITE, response=File, deadline_s=120,
          summary="The faulty rows with the reasons"),
]  # fmt: skip
