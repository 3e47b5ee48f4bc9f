"""Queries on webhooks and what waits for them."""

from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, CursorResult, bindparam, delete, exists, select

from core.database import UnitOfWork, UtcDateTime
from core.ids import new_id
from sms.store.book import DeliveryRow, DeliveryState, WebhookRow

_IS_ANY_DUE = select(
    exists().where(
        DeliveryRow.state == DeliveryState.PENDING,
        DeliveryRow.retry_at <= bindparam("now", type_=UtcDateTime),
    )
)


async def webhooks(uow: UnitOfWork) -> list[WebhookRow]:
    """All webhooks, oldest first."""
    return list(await uow.session.scalars(select(WebhookRow).order_by(WebhookRow.id)))


async def remove(uow: UnitOfWork, webhook_id: str) -> bool:
    """Remove a webhook and its deliveries. Returns: whether there was one."""
    await uow.session.execute(delete(DeliveryRow).where(DeliveryRow.webhook_id == webhook_id))
    gone = await uow.session.execute(delete(WebhookRow).where(WebhookRow.id == webhook_id))
    return cast("CursorResult[Any]", gone).rowcount > 0


def queue(uow: UnitOfWork, webhook_id: str, fact: str, body: str) -> None:
    """Keep one fact for one webhook."""
    uow.session.add(
        DeliveryRow(
            id=new_id(), webhook_id=webhook_id, fact=fact, body=body, attempts=0, error="",
            state=DeliveryState.PENDING, retry_at=uow.now, created_at=uow.now,
        )
    )  # fmt: skip


def is_any_due(connection: Connection, now: datetime) -> bool:
    """Whether `due` would find something: all that is asked while nothing happens."""
    return bool(connection.scalar(_IS_ANY_DUE, {"now": now}))


async def due(uow: UnitOfWork, limit: int) -> list[tuple[DeliveryRow, WebhookRow]]:
    """What is to be delivered now, oldest first."""
    rows = await uow.session.execute(
        select(DeliveryRow, WebhookRow)
        .join(WebhookRow, WebhookRow.id == DeliveryRow.webhook_id)
        .where(DeliveryRow.state == DeliveryState.PENDING, DeliveryRow.retry_at <= uow.now)
        .order_by(DeliveryRow.retry_at, DeliveryRow.id)
        .limit(limit)
    )
    return [(delivery, webhook) for delivery, webhook in rows]


async def delivery(uow: UnitOfWork, delivery_id: str) -> DeliveryRow | None:
    """One delivery, locked for change."""
    return await uow.session.get(DeliveryRow, delivery_id, with_for_update=True)
