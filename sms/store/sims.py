"""Queries on leases, SIMs and what they have sent."""

from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, CursorResult, Table, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from core.database import UnitOfWork
from core.ids import new_id
from sms.model import AttemptState
from sms.store.book import LeaseRow, ReadingRow, SimRow
from sms.store.rows import AttemptRow

_LEASE = cast("Table", LeaseRow.__table__)
_COUNTED = (AttemptState.SENT, AttemptState.UNKNOWN, AttemptState.STARTED)


def lease_holder(connection: Connection, device: str) -> tuple[str, datetime] | None:
    """Who has the lease of a device and until when."""
    found = connection.execute(
        select(_LEASE.c.owner, _LEASE.c.expires_at)
        .where(_LEASE.c.device == device)
        .with_for_update()
    ).first()
    return (found.owner, found.expires_at) if found is not None else None


def write_lease(
    connection: Connection, device: str, owner: str, until: datetime, before: str | None
) -> bool:
    """Take or renew the lease that `before` held, None: nobody. False: another was faster."""
    values = {"owner": owner, "expires_at": until}
    if before is None:
        make = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
        changed = connection.execute(
            make(_LEASE).on_conflict_do_nothing(), {"device": device, **values}
        )
    else:
        mine = (_LEASE.c.device == device, _LEASE.c.owner == before)
        changed = connection.execute(update(_LEASE).where(*mine).values(**values))
    return cast("CursorResult[Any]", changed).rowcount == 1


def end_lease(connection: Connection, device: str, owner: str) -> None:
    """Give a device back."""
    connection.execute(delete(_LEASE).where(_LEASE.c.device == device, _LEASE.c.owner == owner))


async def sent_since(uow: UnitOfWork, imsi: str, since: datetime) -> int:
    """Segments of this SIM since `since` that count against its quota."""
    found = await uow.session.scalar(
        select(func.count()).where(
            AttemptRow.imsi == imsi,
            AttemptRow.started_at >= since,
            AttemptRow.state.in_(_COUNTED),
        )
    )
    return int(found or 0)


async def sim(uow: UnitOfWork, imsi: str, modem: str) -> SimRow:
    """A SIM's row, made when first needed."""
    row = await uow.session.get(SimRow, imsi)
    if row is None:
        row = SimRow(imsi=imsi, modem=modem, balance="", reason="")
        uow.session.add(row)
    row.modem = modem
    return row


async def sims(uow: UnitOfWork) -> list[SimRow]:
    """Every SIM known."""
    return list(await uow.session.scalars(select(SimRow).order_by(SimRow.modem)))


async def keep_reading(uow: UnitOfWork, imsi: str, modem: str, text: str, fen: int | None) -> None:
    """Keep what the network said of a SIM's balance."""
    row = await sim(uow, imsi, modem)
    row.balance, row.balance_fen, row.balance_at = text, fen, uow.now
    uow.session.add(ReadingRow(id=new_id(), imsi=imsi, modem=modem, text=text, fen=fen, at=uow.now))


async def readings(uow: UnitOfWork, imsi: str, limit: int) -> list[ReadingRow]:
    """What was read of a SIM's balance, newest first."""
    rows = await uow.session.scalars(
        select(ReadingRow)
        .where(ReadingRow.imsi == imsi)
        .order_by(ReadingRow.at.desc(), ReadingRow.id.desc())
        .limit(limit)
    )
    return list(rows)
