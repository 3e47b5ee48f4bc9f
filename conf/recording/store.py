"""Rows of recordings; the files' own index is beside them on disk."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, select
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, UnitOfWork, UtcDateTime


class RecordingRow(Base):
    """One recording of a meeting: from the order to its end. `end_cause`: ordered, ended,
    disk_full."""

    __tablename__ = "meeting_recording"
    __table_args__ = (
        Index(None, "meeting_id", "started_at"),
        CheckConstraint("(ended_at IS NULL) = (end_cause IS NULL)", name="end_has_cause"),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    meeting_id: Mapped[str] = mapped_column(ForeignKey("meeting.id", ondelete="CASCADE"))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_by: Mapped[str] = mapped_column(String(60))
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    end_cause: Mapped[str | None] = mapped_column(String(20))
    octets: Mapped[int] = mapped_column(BigInteger, default=0)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


async def under_way(uow: UnitOfWork, meeting_id: str) -> RecordingRow | None:
    """The recording of this meeting that has not ended."""
    found: RecordingRow | None = await uow.session.scalar(
        select(RecordingRow)
        .where(RecordingRow.meeting_id == meeting_id, RecordingRow.ended_at.is_(None))
        .order_by(RecordingRow.started_at.desc())
        .limit(1)
    )
    return found


async def recording(uow: UnitOfWork, recording_id: str) -> RecordingRow | None:
    """One recording."""
    return await uow.session.get(RecordingRow, recording_id)


async def recordings(uow: UnitOfWork, meeting_id: str) -> list[RecordingRow]:
    """All of a meeting, oldest first."""
    rows = await uow.session.scalars(
        select(RecordingRow)
        .where(RecordingRow.meeting_id == meeting_id)
        .order_by(RecordingRow.started_at)
    )
    return list(rows)


async def expired(uow: UnitOfWork, before: datetime) -> Iterable[RecordingRow]:
    """Those that ended before a time and still have files."""
    rows = await uow.session.scalars(
        select(RecordingRow).where(
            RecordingRow.ended_at < before, RecordingRow.deleted_at.is_(None)
        )
    )
    return list(rows)
