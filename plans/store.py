"""Plans in the database: every version is kept, one of each plan is current."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, String, select, update
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, Json, UnitOfWork, UtcDateTime
from core.ids import PlanId
from plans import document
from plans.model import Plan, PlanVersion


class PlanRow(Base):
    """One version of a plan; `document` holds all of it."""

    __tablename__ = "plan"
    __table_args__ = (CheckConstraint("version >= 1", name="version_from_one"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(120))
    issued_on: Mapped[date]
    review_due_on: Mapped[date]
    is_current: Mapped[bool]
    document: Mapped[dict[str, Any]] = mapped_column(Json)
    installed_at: Mapped[datetime] = mapped_column(UtcDateTime)


async def insert(uow: UnitOfWork, plan: Plan) -> None:
    """Store `plan` as the current version of its id."""
    await uow.session.execute(
        update(PlanRow).where(PlanRow.id == plan.id, PlanRow.is_current).values(is_current=False)
    )
    uow.session.add(
        PlanRow(
            id=plan.id,
            version=plan.version,
            title=plan.title,
            issued_on=plan.issued_on,
            review_due_on=plan.review_due_on,
            is_current=True,
            document=document.to_json(plan),
            installed_at=uow.now,
        )
    )
    await uow.session.flush()


async def current(uow: UnitOfWork) -> list[Plan]:
    """The current version of every plan, by title."""
    rows = await uow.session.scalars(
        select(PlanRow).where(PlanRow.is_current).order_by(PlanRow.title)
    )
    return [document.from_json(row.document) for row in rows]


async def find(uow: UnitOfWork, plan_id: PlanId, version: int | None) -> Plan | None:
    """The given version of a plan, the current one without `version`; None if there is none."""
    query = select(PlanRow).where(PlanRow.id == plan_id)
    query = query.where(PlanRow.is_current if version is None else PlanRow.version == version)
    row = await uow.session.scalar(query)
    return None if row is None else document.from_json(row.document)


async def versions(uow: UnitOfWork, plan_id: PlanId) -> list[PlanVersion]:
    """Every version of a plan, the newest first."""
    query = select(
        PlanRow.version, PlanRow.title, PlanRow.issued_on, PlanRow.installed_at, PlanRow.is_current
    )
    rows = await uow.session.execute(
        query.where(PlanRow.id == plan_id).order_by(PlanRow.version.desc())
    )
    return [PlanVersion(*row) for row in rows]


async def newest_version(uow: UnitOfWork, plan_id: PlanId) -> int:
    """The highest version of the plan; 0 if there is none."""
    found = await uow.session.scalar(
        select(PlanRow.version).where(PlanRow.id == plan_id).order_by(PlanRow.version.desc())
    )
    return found or 0
