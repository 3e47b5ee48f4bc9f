"""The tables. Removed units and people stay as rows: history points to them."""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    select,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, Json, UnitOfWork, UtcDateTime, enum_column
from core.errors import Stale
from directory.model import PhoneKind, UnitKind

_IDS_AT_ONCE = 5000
"""Well below the 32 766 variables of one SQLite statement."""


class UnitRow(Base):
    """A node of the tree."""

    __tablename__ = "directory_unit"
    __table_args__ = (
        CheckConstraint("longitude BETWEEN -180 AND 180", name="longitude_range"),
        CheckConstraint("latitude BETWEEN -90 AND 90", name="latitude_range"),
        Index(None, "parent_id", "position"),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("directory_unit.id"))
    path: Mapped[str] = mapped_column(String(300), unique=True)
    kind: Mapped[UnitKind] = mapped_column(enum_column(UnitKind, "kind"))
    name: Mapped[str] = mapped_column(String(60))
    code: Mapped[str] = mapped_column(String(30))
    longitude: Mapped[float | None]
    latitude: Mapped[float | None]
    note: Mapped[str] = mapped_column(String(500))
    position: Mapped[int]
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PersonRow(Base):
    """A person; phones and appointments hang on it."""

    __tablename__ = "directory_person"
    __table_args__ = (Index(None, "unit_id"), Index(None, "name"))

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    unit_id: Mapped[str] = mapped_column(ForeignKey("directory_unit.id"))
    name: Mapped[str] = mapped_column(String(60))
    pinyin: Mapped[str] = mapped_column(String(300))
    title: Mapped[str] = mapped_column(String(80))
    note: Mapped[str] = mapped_column(String(500))
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PhoneRow(Base):
    """One number of a person; position 0 is the primary one."""

    __tablename__ = "directory_phone"
    __table_args__ = (
        UniqueConstraint("person_id", "number", "extension"),
        Index(None, "number"),
    )

    person_id: Mapped[str] = mapped_column(
        ForeignKey("directory_person.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[str] = mapped_column(String(20))
    kind: Mapped[PhoneKind] = mapped_column(enum_column(PhoneKind, "kind"))
    extension: Mapped[str] = mapped_column(String(6))
    is_demo: Mapped[bool]


class AppointmentRow(Base):
    """A person holds a post in a unit; ranks are dense from 0."""

    __tablename__ = "directory_appointment"
    __table_args__ = (
        CheckConstraint("rank >= 0", name="rank_range"),
        Index(None, "person_id"),
        Index(None, "post"),
    )

    unit_id: Mapped[str] = mapped_column(ForeignKey("directory_unit.id"), primary_key=True)
    post: Mapped[str] = mapped_column(String(40), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("directory_person.id"), primary_key=True)
    rank: Mapped[int]


class GroupRow(Base):
    """A group; `rules`: a list of objects as in model.GroupRule."""

    __tablename__ = "directory_group"
    __table_args__ = (Index(None, "unit_id"),)

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    unit_id: Mapped[str] = mapped_column(ForeignKey("directory_unit.id"))
    name: Mapped[str] = mapped_column(String(60))
    rules: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    version: Mapped[int]
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class GroupMemberRow(Base):
    """A static member of a group."""

    __tablename__ = "directory_group_member"

    group_id: Mapped[str] = mapped_column(
        ForeignKey("directory_group.id", ondelete="CASCADE"), primary_key=True
    )
    person_id: Mapped[str] = mapped_column(ForeignKey("directory_person.id"), primary_key=True)
    position: Mapped[int]


_TARGETS: dict[type[Base], str] = {UnitRow: "unit", PersonRow: "person", GroupRow: "group"}
"""How the audit log calls a row."""


def chunks(ids: Collection[str], at_once: int = _IDS_AT_ONCE) -> Iterator[list[str]]:
    """`ids` in portions that one statement can take."""
    listed = list(ids)
    for start in range(0, len(listed), at_once):
        yield listed[start : start + at_once]


async def write_versioned(
    uow: UnitOfWork,
    table: type[UnitRow | PersonRow | GroupRow],
    id_: str,
    version: int,
    values: dict[str, Any],
) -> None:
    """Write `values` to the row if it still has `version`, and count the version up.

    Raises: Stale: somebody else wrote it since.
    """
    written = await uow.session.execute(
        update(table)
        .where(table.id == id_, table.version == version)
        .values(**values, version=version + 1, updated_at=uow.now)
        .returning(table.id)
        .execution_options(synchronize_session=False)
    )
    if written.scalar_one_or_none() is None:
        at = await uow.session.scalar(select(table.updated_at).where(table.id == id_))
        raise Stale(f"{_TARGETS[table]}:{id_}", at=at)
    uow.session.expire_all()
