"""Queries on attempts over a carrier's line, whose receipts are joined by id."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, or_, select

from core.database import UnitOfWork
from sms.model import AttemptState
from sms.store.rows import AttemptRow

_LOOK_BACK = 20


async def attempts_for(
    uow: UnitOfWork, imsi: str, number: str, ids: Sequence[str], told: str, since: datetime
) -> list[AttemptRow]:
    """Attempts to `number` a receipt may mean, newest first.

    Those since `since` with one of `ids` from the answer, or of which a receipt `told` before, and
    those whose answer was lost.
    """
    is_lost = and_(
        AttemptRow.state == AttemptState.UNKNOWN, AttemptRow.carrier_id.is_(None),
        AttemptRow.receipt_id.is_(None),
    )  # fmt: skip
    rows = await uow.session.scalars(
        select(AttemptRow)
        .where(
            AttemptRow.imsi == imsi,
            AttemptRow.number == number,
            AttemptRow.started_at >= since,
            or_(AttemptRow.carrier_id.in_(ids), AttemptRow.receipt_id == told, is_lost),
        )
        .order_by(AttemptRow.started_at.desc(), AttemptRow.id.desc())
    )
    return list(rows)


async def attempt_without_id(uow: UnitOfWork, attempt_id: str) -> AttemptRow | None:
    """An attempt whose answer is not stored yet."""
    found: AttemptRow | None = await uow.session.scalar(
        select(AttemptRow).where(AttemptRow.id == attempt_id, AttemptRow.carrier_id.is_(None))
    )
    return found


async def last_joined(uow: UnitOfWork, imsi: str) -> list[tuple[str, str]]:
    """The last pairs of ids, of answer and receipt, joined on this line; newest first."""
    rows = await uow.session.execute(
        select(AttemptRow.carrier_id, AttemptRow.receipt_id)
        .where(
            AttemptRow.imsi == imsi,
            AttemptRow.carrier_id.is_not(None),
            AttemptRow.receipt_id.is_not(None),
        )
        .order_by(AttemptRow.started_at.desc())
        .limit(_LOOK_BACK)
    )
    return [(str(carrier_id), str(receipt_id)) for carrier_id, receipt_id in rows]
