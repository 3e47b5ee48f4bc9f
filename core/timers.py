"""Durable timers: rows with a due time, whose claim and effect commit in one transaction.

They survive kill -9 (the row stays), a wall clock that steps (timers that mean a duration are moved
by the step), and two processes on one PostgreSQL (`FOR UPDATE SKIP LOCKED`; on SQLite
`BEGIN IMMEDIATE`). An effect outside the database goes through the outbox of core.events.
"""

import asyncio
import enum
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import CheckConstraint, Index, String, delete, select, update
from sqlalchemy.orm import Mapped, mapped_column

from core.clock import Clock
from core.database import Base, Database, Json, UnitOfWork, UtcDateTime, enum_column
from core.errors import AppError
from core.ids import new_id
from core.signals import TIMER_SCHEDULED

log = structlog.get_logger(__name__)

STEP_NOTICED_S = 2.0
"""A wall clock that departs from the monotonic one by more than this has been stepped."""
_LONGEST_NAP_S = 1.0
_LOOK_EVERY_S = 5.0
"""SQLite serves one process, which is told of every timer; PostgreSQL is asked before each nap."""
_LONGEST_WAIT_S = 300.0
_NODE = socket.gethostname()


class TimerState(enum.StrEnum):
    """`pending` until fired or cancelled; both are final."""

    PENDING = "pending"
    FIRED = "fired"
    CANCELLED = "cancelled"


class TimerRow(Base):
    """One timer. `is_duration`: due a span after it was set, not at a time on the calendar."""

    __tablename__ = "timer"
    __table_args__ = (
        CheckConstraint("(state = 'fired') = (fired_at IS NOT NULL)", name="fired_has_time"),
        Index(None, "state", "due_at"),
        Index(None, "kind", "key", "state"),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    kind: Mapped[str] = mapped_column(String(60))
    key: Mapped[str] = mapped_column(String(120))
    payload: Mapped[dict[str, Any]] = mapped_column(Json)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[TimerState] = mapped_column(enum_column(TimerState, "state"))
    is_duration: Mapped[bool]
    node: Mapped[str] = mapped_column(String(100))
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    fired_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


@dataclass(frozen=True)
class Timer:
    """What a handler is given."""

    kind: str
    key: str
    due_at: datetime
    payload: dict[str, Any]


TimerHandler = Callable[[UnitOfWork, Timer], Awaitable[None]]


async def schedule(
    uow: UnitOfWork,
    kind: str,
    key: str,
    due_at: datetime,
    payload: dict[str, Any] | None = None,
    *,
    is_duration: bool = True,
) -> None:
    """Set the timer (`kind`, `key`); a pending one with the same name is replaced.

    `is_duration`: False for a time on the calendar, which a stepped clock must not move.
    """
    await cancel(uow, kind, key)
    uow.session.add(
        TimerRow(
            id=new_id(),
            kind=kind,
            key=key,
            payload=payload or {},
            due_at=due_at,
            state=TimerState.PENDING,
            is_duration=is_duration,
            node=_NODE,
            created_at=uow.now,
        )
    )
    uow.signal(TIMER_SCHEDULED)


async def cancel(uow: UnitOfWork, kind: str, key: str) -> None:
    """Cancel the pending timer (`kind`, `key`); nothing happens if there is none."""
    await uow.session.execute(
        update(TimerRow)
        .where(TimerRow.kind == kind, TimerRow.key == key, TimerRow.state == TimerState.PENDING)
        .values(state=TimerState.CANCELLED)
    )


async def pending(uow: UnitOfWork, kind: str, key: str) -> datetime | None:
    """When the timer (`kind`, `key`) is due; None if none is pending."""
    return await uow.session.scalar(
        select(TimerRow.due_at).where(
            TimerRow.kind == kind, TimerRow.key == key, TimerRow.state == TimerState.PENDING
        )
    )


class TimerRunner:
    """Fires timers within a second of their due time. One per process."""

    name = "timers"
    stop_deadline_s = 10.0

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._handlers: dict[str, TimerHandler] = {}
        self._wake = asyncio.Event()
        self._stopping = False
        self._wall_minus_monotonic = self._wall_offset_s()
        self._next_due: datetime | None = None
        self._looked_at = float("-inf")

    def register(self, kind: str, handler: TimerHandler) -> None:
        """`handler(uow, timer)` acts in the transaction that marks the timer fired."""
        if kind in self._handlers:
            raise ValueError(f"two handlers for timers of kind {kind}")
        self._handlers[kind] = handler

    async def run(self, ready: asyncio.Event) -> None:
        forget = self._database.signals.listen(TIMER_SCHEDULED, lambda _: self._wake.set())
        try:
            ready.set()
            while not self._stopping:
                was_told = self._wake.is_set()
                self._wake.clear()
                try:
                    await self.follow_clock_step()
                    if was_told or self._must_look():
                        await self._look()
                except AppError as error:
                    log.warning("timers_delayed", cause=error.message)
                    self._looked_at, self._next_due = float("-inf"), None
                await self._rest(self._nap_s())
        finally:
            forget()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()

    async def fire_due(self) -> int:
        """Fire everything due now, in order of due time. Returns: how many."""
        fired = 0
        while not self._stopping and await self._fire_next():
            fired += 1
        return fired

    async def _fire_next(self) -> bool:
        """Claim and fire the earliest due timer. Returns: whether there was one."""
        timer: Timer | None = None
        timer_id, attempts = "", 0  # a rollback empties the row
        try:
            async with self._database.write() as uow:
                claimed = await uow.session.scalar(
                    select(TimerRow)
                    .where(
                        TimerRow.state == TimerState.PENDING,
                        TimerRow.due_at <= uow.now,
                        TimerRow.kind.in_(self._handlers),
                    )
                    .order_by(TimerRow.due_at, TimerRow.id)
                    .limit(1)
                    .with_for_update(skip_locked=True)
                )
                if claimed is None:
                    return False
                claimed.state, claimed.fired_at = TimerState.FIRED, uow.now
                timer_id, attempts = claimed.id, claimed.attempts
                timer = Timer(claimed.kind, claimed.key, claimed.due_at, claimed.payload)
                await self._handlers[timer.kind](uow, timer)
        except Exception as error:
            if timer is None:
                raise
            await self._put_off(timer_id, timer, attempts, error)
        return True

    async def _put_off(self, timer_id: str, timer: Timer, attempts: int, error: Exception) -> None:
        log.error(
            "timer_handler_failed",
            kind=timer.kind,
            key=timer.key,
            attempt=attempts + 1,
            exc_info=error,
        )
        retry_at = self._clock.now() + timedelta(seconds=min(2.0**attempts, _LONGEST_WAIT_S))
        async with self._database.write() as uow:
            await uow.session.execute(
                update(TimerRow)
                .where(TimerRow.id == timer_id, TimerRow.state == TimerState.PENDING)
                .values(due_at=retry_at, attempts=attempts + 1)
            )

    def _must_look(self) -> bool:
        is_due = self._next_due is not None and self._next_due <= self._clock.now()
        is_long_ago = self._clock.monotonic() - self._looked_at >= _LOOK_EVERY_S
        return self._database.is_postgresql or is_due or is_long_ago

    async def _look(self) -> None:
        """Fire what is due and see when the next one is."""
        await self._find_next()
        if self._next_due is not None and self._next_due <= self._clock.now():
            await self.fire_due()
            await self._find_next()

    async def _find_next(self) -> None:
        earliest = (
            select(TimerRow.due_at)
            .where(TimerRow.state == TimerState.PENDING, TimerRow.kind.in_(self._handlers))
            .order_by(TimerRow.due_at)
            .limit(1)
        )
        self._next_due = await self._database.at_once(lambda asked, _: asked.scalar(earliest))
        self._looked_at = self._clock.monotonic()

    def _nap_s(self) -> float:
        if self._next_due is None:
            return _LONGEST_NAP_S
        until_due_s = (self._next_due - self._clock.now()).total_seconds()
        return min(max(until_due_s, 0.0), _LONGEST_NAP_S)

    async def _rest(self, seconds: float) -> None:
        if self._stopping:
            return
        nap = asyncio.create_task(self._clock.sleep(seconds))
        wake = asyncio.create_task(self._wake.wait())
        try:
            await asyncio.wait({nap, wake}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            nap.cancel()
            wake.cancel()

    def _wall_offset_s(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic()

    async def follow_clock_step(self) -> None:
        """Move timers that mean a duration by the step of a corrected wall clock."""
        offset_s = self._wall_offset_s()
        step_s = offset_s - self._wall_minus_monotonic
        if abs(step_s) < STEP_NOTICED_S:
            return
        log.warning("clock_stepped", step_s=round(step_s, 3))
        async with self._database.write() as uow:
            rows = await uow.session.scalars(
                select(TimerRow).where(
                    TimerRow.state == TimerState.PENDING,
                    TimerRow.is_duration,
                    TimerRow.node == _NODE,
                )
            )
            for row in rows:
                row.due_at += timedelta(seconds=step_s)
        self._wall_minus_monotonic = offset_s  # once they have moved: the database may be away
        self._looked_at = float("-inf")

    async def prune(self, before: datetime) -> None:
        """Forget fired and cancelled timers created before `before`."""
        async with self._database.write() as uow:
            await uow.session.execute(
                delete(TimerRow).where(
                    TimerRow.state != TimerState.PENDING, TimerRow.created_at < before
                )
            )
