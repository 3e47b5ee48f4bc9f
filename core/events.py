"""Facts that must not be lost: recorded with the change that made them, delivered after commit.

At least once, from the outbox; what a subscriber writes and the note that it has handled the event
commit together, so its effects in the database happen exactly once. A subscriber that fails is
tried again with a growing wait and never holds up the others.
"""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeVar

import structlog
from pydantic import TypeAdapter
from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    Index,
    Select,
    String,
    delete,
    exists,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from core.clock import Clock
from core.database import Base, Database, Json, UnitOfWork, UtcDateTime
from core.errors import AppError
from core.ids import new_id
from core.signals import EVENT_RECORDED

log = structlog.get_logger(__name__)

KEPT_DAYS = 7
_BATCH = 100
_CHUNK = 20
_IDLE_S, _IDLE_ALONE_S = 1.0, 5.0
"""How often the outbox is looked at; SQLite serves one process, which is told of every event."""
_AFTER_A_FAULT_S = 600.0
_LONGEST_WAIT_S = 300.0


@dataclass(frozen=True)
class Event:
    """Base of all events: frozen dataclasses in the past tense, of JSON-able fields."""

    wire_name: ClassVar[str] = ""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.wire_name = f"{cls.__module__.partition('.')[0]}.{cls.__name__}"


E = TypeVar("E", bound=Event)
Handler = Callable[[UnitOfWork, E], Awaitable[None]]


class OutboxRow(Base):
    """One recorded event, until all subscribers have handled it."""

    __tablename__ = "event_outbox"
    __table_args__ = (Index(None, "is_done", "retry_at"),)

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    key: Mapped[str | None] = mapped_column(String(200), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    payload: Mapped[dict[str, Any]] = mapped_column(Json)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    is_done: Mapped[bool] = mapped_column(default=False)
    attempts: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime] = mapped_column(UtcDateTime)


class HandledRow(Base):
    """The note that one subscriber has handled one event."""

    __tablename__ = "event_handled"

    event_id: Mapped[str] = mapped_column(
        ForeignKey("event_outbox.id", ondelete="CASCADE"), primary_key=True
    )
    subscriber: Mapped[str] = mapped_column(String(100), primary_key=True)


async def record(uow: UnitOfWork, event: Event, *, key: str | None = None) -> None:
    """Store `event` in the caller's transaction.

    `key`: a second event with an equal key is silently the same fact and is not stored again.
    """
    if key is not None:
        known = await uow.session.scalar(select(OutboxRow.id).where(OutboxRow.key == key))
        if known is not None:
            return
    payload = TypeAdapter(type(event)).dump_python(event, mode="json")
    uow.session.add(
        OutboxRow(
            id=new_id(),
            key=key,
            name=type(event).wire_name,
            payload=payload,
            recorded_at=uow.now,
            retry_at=uow.now,
        )
    )
    uow.signal(EVENT_RECORDED)


@dataclass(frozen=True)
class _Subscription:
    kind: type[Event]
    name: str
    handler: Handler[Any]


class EventDispatcher:
    """Delivers recorded events to their subscribers. One per process; several may share a database.

    Owner of its own state only: the truth is in the outbox.
    """

    name = "events"
    stop_deadline_s = 10.0

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._subscriptions: dict[str, list[_Subscription]] = {}
        self._wake = asyncio.Event()
        self._stopping = False
        self._failed_at = float("-inf")

    def subscribe(self, kind: type[E], name: str, handler: Handler[E]) -> None:
        """Call `handler(uow, event)` for each event of `kind`; the stored `name` stays the same."""
        subscriptions = self._subscriptions.setdefault(kind.wire_name, [])
        if any(subscription.name == name for subscription in subscriptions):
            raise ValueError(f"two subscribers of {kind.wire_name} are called {name}")
        subscriptions.append(_Subscription(kind, name, handler))

    async def run(self, ready: asyncio.Event) -> None:
        forget = self._database.signals.listen(EVENT_RECORDED, lambda _: self._wake.set())
        try:
            ready.set()
            while not self._stopping:
                self._wake.clear()
                try:
                    handled = await self.deliver_due()
                except AppError as error:  # the database blinked: the outbox keeps everything
                    log.warning("events_delayed", cause=error.message)
                    self._failed_at = self._clock.monotonic()
                    handled = 0
                if not handled and not self._stopping:
                    await self._rest()
        finally:
            forget()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()

    async def _rest(self) -> None:
        is_alone = not self._database.is_postgresql
        is_fine = self._clock.monotonic() - self._failed_at > _AFTER_A_FAULT_S
        idle_s = _IDLE_ALONE_S if is_alone and is_fine else _IDLE_S
        nap = asyncio.create_task(self._clock.sleep(idle_s))
        wake = asyncio.create_task(self._wake.wait())
        try:
            await asyncio.wait({nap, wake}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            nap.cancel()
            wake.cancel()

    def _due(self) -> tuple[ColumnElement[bool], ...]:
        return OutboxRow.is_done.is_(False), OutboxRow.retry_at <= self._clock.now()

    def _is_any_due(self) -> Select[tuple[bool]]:
        return select(exists().where(*self._due()))

    async def deliver_due(self) -> int:
        """Deliver what is due now. Returns: how many events were tried."""
        if not await self._database.at_once(lambda asked, _: asked.scalar(self._is_any_due())):
            return 0  # asked as cheaply as may be: this is all that an idle server does
        async with self._database.read() as uow:
            rows = await uow.session.scalars(
                select(OutboxRow)
                .where(*self._due())
                .order_by(OutboxRow.retry_at, OutboxRow.id)
                .limit(_BATCH)
            )
            due = list(rows)
        for start in range(0, len(due), _CHUNK):
            chunk = due[start : start + _CHUNK]
            if any(row.attempts for row in chunk) or not await self._deliver_together(chunk):
                for row in chunk:
                    await self._deliver(row)
        return len(due)

    async def _deliver_together(self, rows: list[OutboxRow]) -> bool:
        """Hand over several events in one transaction, the usual case. Returns: whether it held.

        A fault, or another process that was faster, undoes it all; then each goes on its own.
        """
        try:
            async with self._database.write() as uow:
                for row in rows:
                    for subscription in self._subscriptions.get(row.name, ()):
                        await self._hand_over_in(uow, row, subscription)
                ids = [row.id for row in rows]
                await uow.session.execute(
                    update(OutboxRow).where(OutboxRow.id.in_(ids)).values(is_done=True)
                )
        except Exception as error:  # noqa: BLE001 - tried again one by one, and logged there
            log.debug("events_delivered_singly", cause=type(error).__name__)
            return False
        return True

    async def _deliver(self, row: OutboxRow) -> None:
        failed = False
        for subscription in self._subscriptions.get(row.name, ()):
            try:
                await self._hand_over(row, subscription)
            except IntegrityError as error:
                if not await self._is_handled(row.id, subscription.name):
                    failed = True
                    self._log_failure(row, subscription, error)
            except Exception as error:  # noqa: BLE001 - one bad subscriber must not stop the rest
                failed = True
                self._log_failure(row, subscription, error)
        await self._settle(row, failed=failed)

    async def _hand_over(self, row: OutboxRow, subscription: _Subscription) -> None:
        async with self._database.write() as uow:
            await self._hand_over_in(uow, row, subscription)

    async def _hand_over_in(
        self, uow: UnitOfWork, row: OutboxRow, subscription: _Subscription
    ) -> None:
        if await uow.session.get(HandledRow, (row.id, subscription.name)) is not None:
            return
        uow.session.add(HandledRow(event_id=row.id, subscriber=subscription.name))
        await uow.session.flush()  # a second process waits here, then finds the note
        event = TypeAdapter(subscription.kind).validate_python(row.payload)
        await subscription.handler(uow, event)

    async def _is_handled(self, event_id: str, subscriber: str) -> bool:
        async with self._database.read() as uow:
            return await uow.session.get(HandledRow, (event_id, subscriber)) is not None

    async def _settle(self, row: OutboxRow, *, failed: bool) -> None:
        values: dict[str, Any] = {"is_done": True}
        if failed:
            self._failed_at = self._clock.monotonic()
            wait_s = min(2.0**row.attempts, _LONGEST_WAIT_S)
            retry_at = self._clock.now() + timedelta(seconds=wait_s)
            values = {"attempts": row.attempts + 1, "retry_at": retry_at}
        async with self._database.write() as uow:
            await uow.session.execute(
                update(OutboxRow).where(OutboxRow.id == row.id).values(**values)
            )

    def _log_failure(self, row: OutboxRow, subscription: _Subscription, error: Exception) -> None:
        log.error(
            "event_handler_failed",
            event_name=row.name,
            event_id=row.id,
            subscriber=subscription.name,
            attempt=row.attempts + 1,
            exc_info=error,
        )

    async def prune(self) -> None:
        """Forget events that were handled more than `KEPT_DAYS` ago."""
        before = self._clock.now() - timedelta(days=KEPT_DAYS)
        async with self._database.write() as uow:
            await uow.session.execute(
                delete(OutboxRow).where(OutboxRow.is_done, OutboxRow.recorded_at < before)
            )


def as_fields(event: Event) -> dict[str, Any]:
    """The event's fields, for logs."""
    return {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}


__all__ = ["Event", "EventDispatcher", "as_fields", "record"]
