"""Queries on ring-outs."""

from sqlalchemy import select

from core.database import UnitOfWork
from sms.model import CallState
from sms.store.book import CallRow


async def next_waiting(uow: UnitOfWork, *, is_simulated: bool) -> CallRow | None:
    """The oldest call that waits, locked."""
    found: CallRow | None = await uow.session.scalar(
        select(CallRow)
        .where(
            CallRow.state == CallState.QUEUED,
            CallRow.is_demo.is_(is_simulated),
            CallRow.expires_at > uow.now,
        )
        .order_by(CallRow.created_at, CallRow.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return found


async def waiting(uow: UnitOfWork) -> list[bool]:
    """`is_demo` of the calls that wait, each once."""
    query = select(CallRow.is_demo).distinct()
    return list(await uow.session.scalars(query.where(CallRow.state == CallState.QUEUED)))


async def over(uow: UnitOfWork, modem: str | None = None) -> list[CallRow]:
    """Calls nobody rings any more: too late, or (with `modem`) cut off when the process ended."""
    condition = (
        (CallRow.state == CallState.RINGING) & (CallRow.modem == modem)
        if modem is not None
        else (CallRow.state == CallState.QUEUED) & (CallRow.expires_at <= uow.now)
    )
    return list(await uow.session.scalars(select(CallRow).where(condition).limit(100)))


async def call(uow: UnitOfWork, call_id: str) -> CallRow | None:
    """One ring-out."""
    return await uow.session.get(CallRow, call_id)


async def call_by_key(uow: UnitOfWork, key: str) -> CallRow | None:
    """The ring-out ordered with this idempotency key."""
    found: CallRow | None = await uow.session.scalar(
        select(CallRow).where(CallRow.idempotency_key == key)
    )
    return found


async def calls(uow: UnitOfWork, *, before: str | None, limit: int) -> list[CallRow]:
    """Ring-outs, newest first."""
    statement = select(CallRow).order_by(CallRow.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(CallRow.id < before)
    return list(await uow.session.scalars(statement))
