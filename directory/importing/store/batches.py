"""Batches and their rows."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import CheckConstraint, ForeignKey, Index, String, func, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, Json, UnitOfWork, UtcDateTime, enum_column
from core.errors import Conflict
from core.ids import ImportId, PersonId, UnitId
from directory.importing.model import (
    MOVES,
    Batch,
    BatchState,
    Released,
    RowKind,
    Table,
    Verdict,
    Written,
)
from directory.store.tables import UnitRow
from directory.store.units import within

AT_ONCE = 200
"""Rows written between two breaths of the event loop."""
_VERDICTS = TypeAdapter(Verdict)
_TABLES = TypeAdapter(Table)
_RELEASED = TypeAdapter(Released)


class ImportRow(Base):
    """One import."""

    __tablename__ = "directory_import"
    __table_args__ = (
        CheckConstraint(
            "(state IN ('committed', 'undone')) = (committed_at IS NOT NULL)",
            name="committed_has_time",
        ),
        CheckConstraint("(state = 'undone') = (undone_at IS NOT NULL)", name="undone_has_time"),
        Index(None, "unit_id", "created_at"),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    unit_id: Mapped[str] = mapped_column(ForeignKey("directory_unit.id"))
    file_name: Mapped[str] = mapped_column(String(200))
    table: Mapped[dict[str, Any]] = mapped_column(Json)
    state: Mapped[BatchState] = mapped_column(enum_column(BatchState, "state"))
    created_by: Mapped[str] = mapped_column(String(60))
    created_by_name: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    committed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    removed_missing: Mapped[bool]


class ImportVerdictRow(Base):
    """What one row of the file means; `written_version`: of the person after the commit."""

    __tablename__ = "directory_import_row"
    __table_args__ = (Index(None, "import_id", "kind"),)

    import_id: Mapped[str] = mapped_column(
        ForeignKey("directory_import.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[RowKind] = mapped_column(enum_column(RowKind, "kind"))
    person_id: Mapped[str | None] = mapped_column(String(26))
    verdict: Mapped[dict[str, Any]] = mapped_column(Json)
    written_version: Mapped[int | None]
    released: Mapped[dict[str, Any] | None] = mapped_column(Json)
    """Posts and groups that ended with a removed person, for the undo."""


async def add(uow: UnitOfWork, batch: Batch) -> None:
    """Insert a batch without rows."""
    uow.session.add(
        ImportRow(
            id=batch.id,
            unit_id=batch.unit_id,
            file_name=batch.file_name,
            table=asdict(batch.table),
            state=batch.state,
            created_by=batch.created_by,
            created_by_name=batch.created_by_name,
            created_at=batch.created_at,
            removed_missing=False,
        )
    )
    await uow.session.flush()


async def add_verdicts(uow: UnitOfWork, import_id: str, verdicts: Sequence[Verdict]) -> None:
    """Insert rows in their order, letting the event loop breathe in between."""
    for start in range(0, len(verdicts), AT_ONCE):
        rows = [
            {
                "import_id": import_id,
                "position": position,
                "kind": verdict.kind,
                "person_id": verdict.person_id,
                "verdict": _VERDICTS.dump_python(verdict, mode="json"),
            }
            for position, verdict in enumerate(verdicts[start : start + AT_ONCE], start=start)
        ]
        await uow.session.execute(insert(ImportVerdictRow), rows)
        await asyncio.sleep(0)


async def find(uow: UnitOfWork, import_id: str, *, lock: bool = False) -> Batch | None:
    """The batch; `lock`: against a second commit at the same time."""
    query = select(ImportRow).where(ImportRow.id == import_id)
    if lock:
        await uow.session.execute(query.with_for_update())
    found = await _batches(uow, ImportRow.id == import_id)
    return found[0] if found else None


async def listed(uow: UnitOfWork, scopes: Iterable[str], limit: int) -> list[Batch]:
    """Batches into the subtrees `scopes`, newest first."""
    return (await _batches(uow, within(UnitRow.path, scopes)))[:limit]


async def _batches(uow: UnitOfWork, condition: Any) -> list[Batch]:
    found = (
        await uow.session.execute(
            select(ImportRow, UnitRow.path)
            .join(UnitRow, UnitRow.id == ImportRow.unit_id)
            .where(condition)
            .order_by(ImportRow.created_at.desc(), ImportRow.id.desc())
        )
    ).all()
    counts: dict[str, dict[RowKind, int]] = {row.id: {} for row, _ in found}
    for import_id, kind, count in await uow.session.execute(
        select(ImportVerdictRow.import_id, ImportVerdictRow.kind, func.count())
        .where(ImportVerdictRow.import_id.in_(counts))
        .group_by(ImportVerdictRow.import_id, ImportVerdictRow.kind)
    ):
        counts[import_id][kind] = count
    return [
        Batch(
            id=ImportId(row.id),
            unit_id=UnitId(row.unit_id),
            unit_path=path,
            file_name=row.file_name,
            table=_TABLES.validate_python(row.table),
            state=row.state,
            counts={kind: counts[row.id].get(kind, 0) for kind in RowKind},
            created_by=row.created_by,
            created_by_name=row.created_by_name,
            created_at=row.created_at,
            committed_at=row.committed_at,
            undone_at=row.undone_at,
            removed_missing=row.removed_missing,
        )
        for row, path in found
    ]


async def set_state(
    uow: UnitOfWork, batch: Batch, state: BatchState, *, removed_missing: bool = False
) -> None:
    """Move a batch on.

    Raises: Conflict: its present state does not admit this.
    """
    if state not in MOVES[batch.state]:
        raise Conflict(f"the import is {batch.state.value} already", code="import_state")
    values: dict[str, Any] = {"state": state}
    if state is BatchState.COMMITTED:
        values |= {"committed_at": uow.now, "removed_missing": removed_missing}
    if state is BatchState.UNDONE:
        values["undone_at"] = uow.now
    await uow.session.execute(update(ImportRow).where(ImportRow.id == batch.id).values(values))
    uow.session.expire_all()


async def verdicts(
    uow: UnitOfWork,
    import_id: str,
    kinds: Collection[RowKind],
    *,
    offset: int = 0,
    limit: int | None = None,
) -> list[tuple[int, Verdict]]:
    """Rows of these kinds with their positions, in the order of the file."""
    query = (
        select(ImportVerdictRow.position, ImportVerdictRow.verdict)
        .where(ImportVerdictRow.import_id == import_id, ImportVerdictRow.kind.in_(kinds))
        .order_by(ImportVerdictRow.position)
        .offset(offset)
    )
    if limit is not None:
        query = query.limit(limit)
    found: list[tuple[int, Verdict]] = []
    for part in (await uow.session.execute(query)).partitions(AT_ONCE):  # JSON is read by portion
        found += [(position, _VERDICTS.validate_python(stored)) for position, stored in part]
        await asyncio.sleep(0)
    return found


async def written(uow: UnitOfWork, import_id: str) -> list[Written]:
    """What the commit has written, in the order of the rows."""
    query = (
        select(
            ImportVerdictRow.position,
            ImportVerdictRow.verdict,
            ImportVerdictRow.person_id,
            ImportVerdictRow.written_version,
            ImportVerdictRow.released,
        )
        .where(
            ImportVerdictRow.import_id == import_id, ImportVerdictRow.written_version.is_not(None)
        )
        .order_by(ImportVerdictRow.position)
    )
    found: list[Written] = []
    for part in (await uow.session.execute(query)).partitions(AT_ONCE):
        for position, stored, person_id, version, released in part:
            verdict = _VERDICTS.validate_python(stored)
            ended = _RELEASED.validate_python(released or {})
            person = PersonId(str(person_id))
            found.append(Written(position, verdict, person, int(version or 0), ended))
        await asyncio.sleep(0)
    return found


async def mark_written(uow: UnitOfWork, import_id: str, marks: Sequence[Written]) -> None:
    """Note on the rows what the commit has written."""
    for start in range(0, len(marks), AT_ONCE):
        await uow.session.execute(
            update(ImportVerdictRow),
            [
                {
                    "import_id": import_id,
                    "position": mark.position,
                    "person_id": mark.person_id,
                    "written_version": mark.version,
                    "released": asdict(mark.released),
                }
                for mark in marks[start : start + AT_ONCE]
            ],
        )
        await asyncio.sleep(0)
