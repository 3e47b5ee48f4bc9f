"""Rows of cameras. The URL may hold a password: it is never shown whole again."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import String, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, UnitOfWork, UtcDateTime


class CameraRow(Base):
    """A camera an administrator has named."""

    __tablename__ = "camera"

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    unit_id: Mapped[str] = mapped_column(String(26))
    unit_path: Mapped[str] = mapped_column(String(200))
    url: Mapped[str] = mapped_column(String(400))
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(String(60))


async def cameras(uow: UnitOfWork, scopes: Iterable[str]) -> list[CameraRow]:
    """Cameras of the units below `scopes`, by name."""
    reach = or_(*[CameraRow.unit_path.startswith(scope, autoescape=True) for scope in scopes])
    rows = await uow.session.scalars(select(CameraRow).where(reach).order_by(CameraRow.name))
    return list(rows)


async def camera(uow: UnitOfWork, camera_id: str) -> CameraRow | None:
    """One camera, locked when the unit of work writes."""
    return await uow.session.get(CameraRow, camera_id, with_for_update=uow.writes or None)


async def add(uow: UnitOfWork, row: CameraRow) -> None:
    """Store a new camera."""
    uow.session.add(row)
    await uow.session.flush()


async def delete(uow: UnitOfWork, row: CameraRow) -> None:
    """Forget a camera."""
    await uow.session.delete(row)
