"""The import's face: preview a file, commit it in one transaction, undo that batch."""

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from openpyxl.utils import get_column_letter

from core.audit import Audit
from core.auth.model import Permission, Principal, allows, reach, require
from core.database import Database, UnitOfWork
from core.errors import Conflict, NotFound, TooMany
from core.ids import ImportId, PersonId, UnitId, new_id
from directory import validation
from directory.importing.diffing import Comparison, UnitNames
from directory.importing.grid import Grid
from directory.importing.model import (
    Batch,
    BatchState,
    Field,
    Limits,
    Released,
    RowKind,
    Table,
    Verdict,
    Written,
)
from directory.importing.reader import ReadFile, annotate, read_file, read_grid
from directory.importing.store import batches
from directory.importing.store import people as writes
from directory.model import Unit
from directory.register import Register
from directory.settings import DirectorySettings
from directory.store import people, units

_WRITE = Permission.DIRECTORY_WRITE
_BREATHE_EVERY = 100
_WAITING_MOST = 3
_BLOCKERS_SHOWN = 20


class Imports:
    """Imports of people. One file is read at a time; two more may wait."""

    def __init__(
        self, database: Database, audit: Audit, register: Register, settings: DirectorySettings
    ) -> None:
        self._database = database
        self._audit = audit
        self._register = register
        self._area_code = settings.area_code
        self._limits = Limits(
            max_bytes=settings.import_max_mib << 20,
            max_rows=settings.import_max_rows,
            max_unpacked_bytes=settings.import_max_unpacked_mib << 20,
            timeout_s=settings.import_timeout_s,
        )
        self._reading = asyncio.Lock()
        self._waiting = 0

    async def preview(
        self,
        principal: Principal,
        unit_id: UnitId,
        file_name: str,
        content: bytes,
        columns: Mapping[int, Field] | None = None,
    ) -> Batch:
        """Read a file and store what committing it into the unit's subtree would do.

        `columns`: index (0..) → meaning, chosen by hand; None: guessed from the header.
        Raises: InvalidInput: the file; NotFound, NotAllowed: the unit; TooMany: others wait.
        """
        name = validation.text(file_name, "file_name", 200, required=True)
        async with self._database.read() as uow:
            unit = await self._register.access_unit(uow, principal, unit_id, _WRITE)
        read = await self._read(content, columns or {})
        async with self._database.read() as uow:
            verdicts = await self._compare(uow, unit, read)
        async with self._database.write() as uow:
            batch = Batch(
                id=ImportId(new_id()),
                unit_id=unit.id,
                unit_path=unit.path,
                file_name=name,
                table=read.table,
                state=BatchState.READY,
                counts={},
                created_by=principal.user_id,
                created_by_name=principal.name,
                created_at=uow.now,
            )
            await batches.add(uow, batch)
            await batches.add_verdicts(uow, batch.id, verdicts)
            found = await self._found(uow, batch.id)
            await self._note(uow, principal, "import.preview", found, {})
            return found

    async def grid(self, content: bytes) -> Grid:
        """A table's cells as they stand; nothing is stored. For lists of numbers, not of people.

        Raises: InvalidInput: the file; TooMany: others wait.
        """
        async with self._turn():
            return await read_grid(content, self._limits)

    async def _read(self, content: bytes, columns: Mapping[int, Field]) -> ReadFile:
        async with self._turn():
            return await read_file(content, self._limits, columns, self._area_code)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One file is read at a time; two more may wait. Raises: TooMany."""
        if self._waiting >= _WAITING_MOST:
            raise TooMany("other files are being read; try again in a minute")
        self._waiting += 1
        try:
            async with self._reading:
                yield
        finally:
            self._waiting -= 1

    async def _compare(self, uow: UnitOfWork, unit: Unit, read: ReadFile) -> list[Verdict]:
        below = await units.listed(uow, scopes=[unit.path])
        above = await units.listed(uow, ids=unit.path.split("/")[:-2])
        current = await people.below(uow, [unit.path])
        comparison = Comparison(current, UnitNames(below, unit, above), _unit_column(read.table))
        verdicts: list[Verdict] = []
        for row in read.rows:
            verdicts.append(comparison.judge(row))
            if len(verdicts) % _BREATHE_EVERY == 0:
                await asyncio.sleep(0)
        return [*verdicts, *comparison.missing()]

    async def access(
        self,
        uow: UnitOfWork,
        principal: Principal,
        import_id: ImportId,
        *,
        lock: bool = False,
    ) -> Batch:
        """The batch, if the principal may write in the unit it goes into.

        Raises: NotFound, NotAllowed.
        """
        require(principal, _WRITE)
        batch = await batches.find(uow, import_id, lock=lock)
        if batch is None or not allows(principal, _WRITE, batch.unit_path):
            raise NotFound("no such import", field="import_id")
        return batch

    async def listed(self, uow: UnitOfWork, principal: Principal, limit: int = 50) -> list[Batch]:
        """Imports into units the principal may write, newest first."""
        require(principal, _WRITE)
        return await batches.listed(uow, reach(principal, _WRITE), limit)

    async def verdicts(
        self,
        uow: UnitOfWork,
        principal: Principal,
        import_id: ImportId,
        kinds: Collection[RowKind],
        *,
        offset: int,
        limit: int,
    ) -> list[Verdict]:
        """A page of the rows of these kinds, in the order of the file."""
        await self.access(uow, principal, import_id)
        found = await batches.verdicts(uow, import_id, kinds, offset=offset, limit=limit)
        return [verdict for _, verdict in found]

    async def commit(
        self,
        uow: UnitOfWork,
        principal: Principal,
        import_id: ImportId,
        *,
        remove_missing: bool = False,
    ) -> Batch:
        """Write the new and changed rows, leaving the faulty ones out.

        `remove_missing`: people of the subtree who are not in the file are removed.
        Raises: NotFound, NotAllowed; Conflict: committed or discarded already, or the directory
        has changed since the preview (code `import_stale`): preview again.
        """
        batch = await self.access(uow, principal, import_id, lock=True)
        await batches.set_state(uow, batch, BatchState.COMMITTED, removed_missing=remove_missing)
        kinds = {RowKind.NEW, RowKind.CHANGED, *([RowKind.MISSING] if remove_missing else [])}
        rows = await batches.verdicts(uow, batch.id, kinds)
        await self._check_fresh(uow, batch, [verdict for _, verdict in rows])
        marks = [
            *await _add(uow, rows),
            *await _change(uow, rows),
            *await _remove(uow, rows),
        ]
        await batches.mark_written(uow, batch.id, marks)
        await self._note(uow, principal, "import.commit", batch, {"written": len(marks)})
        return await self._found(uow, batch.id)

    async def _check_fresh(
        self, uow: UnitOfWork, batch: Batch, verdicts: Sequence[Verdict]
    ) -> None:
        present = {unit.id for unit in await units.listed(uow, scopes=[batch.unit_path])}
        known = [verdict.person_id for verdict in verdicts if verdict.person_id is not None]
        standings = await writes.standings(uow, known)
        for verdict in verdicts:
            if verdict.after is not None and verdict.after.unit_id not in present:
                raise _stale(f"row {verdict.number}: its unit is gone")
            if verdict.person_id is None:
                continue
            now = standings.get(verdict.person_id)
            if now is None or now.is_removed or now.version != verdict.version:
                who = verdict.before.name if verdict.before else verdict.person_id
                raise _stale(f"{who} was changed since the preview")

    async def discard(self, uow: UnitOfWork, principal: Principal, import_id: ImportId) -> Batch:
        """Give a preview up.

        Raises: NotFound, NotAllowed; Conflict: it is committed.
        """
        batch = await self.access(uow, principal, import_id, lock=True)
        await batches.set_state(uow, batch, BatchState.DISCARDED)
        await self._note(uow, principal, "import.discard", batch, {})
        return await self._found(uow, batch.id)

    async def undo_blockers(
        self, uow: UnitOfWork, principal: Principal, import_id: ImportId
    ) -> list[str]:
        """Why the batch cannot be undone: what was edited since and would be lost; at most 20."""
        batch = await self.access(uow, principal, import_id)
        if batch.state is not BatchState.COMMITTED:
            return []
        return await self._blockers(uow, await batches.written(uow, batch.id))

    async def _blockers(self, uow: UnitOfWork, written: Sequence[Written]) -> list[str]:
        standings = await writes.standings(uow, [one.person_id for one in written])
        present = {unit.id for unit in await units.listed(uow)}
        reasons: list[str] = []
        for one in written:
            now = standings[one.person_id]
            content = one.verdict.before or one.verdict.after
            assert content is not None
            if now.version != one.version:
                reasons.append(f"{content.name}: 导入之后又被修改")
            elif one.verdict.kind is RowKind.NEW and now.ties:
                reasons.append(f"{content.name}: 导入之后已任职或加入群组")
            elif content.unit_id not in present:
                reasons.append(f"{content.name}: 原单位已不存在")
            if len(reasons) == _BLOCKERS_SHOWN:
                break
        return reasons

    async def undo(
        self, uow: UnitOfWork, principal: Principal, import_id: ImportId, reason: str
    ) -> Batch:
        """Take back everything the commit wrote.

        Raises: NotFound, NotAllowed; InvalidInput: no reason; Conflict: not committed, or later
        edits would be lost (code `import_edited`; `undo_blockers` lists them).
        """
        why = validation.text(reason, "reason", 200, required=True)
        batch = await self.access(uow, principal, import_id, lock=True)
        await batches.set_state(uow, batch, BatchState.UNDONE)
        written = await batches.written(uow, batch.id)
        blockers = await self._blockers(uow, written)
        if blockers:
            raise Conflict("; ".join(blockers[:3]), code="import_edited")
        await _take_back(uow, written)
        await self._note(uow, principal, "import.undo", batch, {"rows": len(written)}, why)
        return await self._found(uow, batch.id)

    async def annotated(self, principal: Principal, import_id: ImportId) -> tuple[str, bytes]:
        """File name and xlsx of the faulty rows, each bad cell red, with the reason.

        It holds the numbers as they were written: only for who uploaded the file, or may see
        numbers; the download is audited. Raises: NotFound, NotAllowed.
        """
        async with self._database.write() as uow:
            batch = await self.access(uow, principal, import_id)
            if batch.created_by != principal.user_id:
                require(principal, Permission.DIRECTORY_REVEAL, batch.unit_path)
            rows = await batches.verdicts(uow, batch.id, {RowKind.FAULTY})
            await self._note(uow, principal, "import.download", batch, {"rows": len(rows)})
        lines = [json.dumps(["行号", *batch.table.header])]
        for _, verdict in rows:
            cells = [str(verdict.number), *verdict.cells]
            faults = [[_shifted(one.cell), one.text] for one in verdict.faults]
            lines.append(json.dumps([cells, faults]))
            if len(lines) % _BREATHE_EVERY == 0:
                await asyncio.sleep(0)
        content = await annotate("\n".join(lines).encode(), self._limits.timeout_s)
        stem = batch.file_name.rsplit(".", 1)[0]
        return f"{stem}-问题行.xlsx", content

    async def _found(self, uow: UnitOfWork, import_id: ImportId) -> Batch:
        batch = await batches.find(uow, import_id)
        assert batch is not None
        return batch

    async def _note(
        self,
        uow: UnitOfWork,
        principal: Principal,
        action: str,
        batch: Batch,
        detail: dict[str, Any],
        reason: str | None = None,
    ) -> None:
        counts = {kind.value: count for kind, count in batch.counts.items()}
        await self._audit.append(
            uow,
            actor=principal.actor,
            action=f"directory.{action}",
            target=f"import:{batch.id}",
            detail={"unit": batch.unit_path, "file": batch.file_name, "counts": counts, **detail},
            reason=reason,
        )


Rows = Sequence[tuple[int, Verdict]]


async def _add(uow: UnitOfWork, rows: Rows) -> list[Written]:
    marks: list[Written] = []
    for position, verdict in rows:
        if verdict.kind is RowKind.NEW:
            marks.append(Written(position, verdict, PersonId(new_id()), 1))
            if len(marks) % _BREATHE_EVERY == 0:
                await asyncio.sleep(0)
    added = {one.person_id: one.verdict.after for one in marks if one.verdict.after is not None}
    await writes.insert_people(uow, added)
    return marks


async def _change(uow: UnitOfWork, rows: Rows) -> list[Written]:
    marks: list[Written] = []
    changed = {}
    for position, verdict in rows:
        if verdict.kind is RowKind.CHANGED:
            assert verdict.person_id is not None
            assert verdict.after is not None
            changed[verdict.person_id] = (verdict.version, verdict.after)
            marks.append(Written(position, verdict, verdict.person_id, verdict.version + 1))
    await writes.overwrite_people(uow, changed)
    return marks


async def _remove(uow: UnitOfWork, rows: Rows) -> list[Written]:
    marks: list[Written] = []
    for position, verdict in rows:
        if verdict.kind is RowKind.MISSING:
            assert verdict.person_id is not None
            released: Released = await writes.release(uow, verdict.person_id, verdict.version)
            version = verdict.version + 1
            marks.append(Written(position, verdict, verdict.person_id, version, released))
    return marks


async def _take_back(uow: UnitOfWork, written: Sequence[Written]) -> None:
    by_kind: dict[RowKind, list[Written]] = {kind: [] for kind in RowKind}
    for one in written:
        by_kind[one.verdict.kind].append(one)
    await writes.withdraw_people(uow, [one.person_id for one in by_kind[RowKind.NEW]])
    for kind in (RowKind.CHANGED, RowKind.MISSING):
        before = {
            one.person_id: (one.version, one.verdict.before)
            for one in by_kind[kind]
            if one.verdict.before is not None
        }
        await writes.overwrite_people(uow, before, revive=kind is RowKind.MISSING)
    for one in by_kind[RowKind.MISSING]:
        await writes.restore_ties(uow, one.person_id, one.released)


def _unit_column(table: Table) -> str:
    places = (Field.VILLAGE, Field.UNIT, Field.TOWNSHIP)
    for what in places:
        for index, field in table.columns:
            if field is what:
                return str(get_column_letter(index + 1))
    return ""


def _shifted(cell: str) -> str:
    """The cell in the table for download, which has the row number in front."""
    letters = cell.rstrip("0123456789")
    if not letters:
        return ""
    value = 0
    for letter in letters:
        value = value * 26 + ord(letter) - 64
    return f"{get_column_letter(value + 1)}{cell[len(letters) :]}"


def _stale(message: str) -> Conflict:
    return Conflict(f"{message}; preview the file again", code="import_stale")
