"""The database: SQLite in one file by default, PostgreSQL by URL; one unit of work per change.

A writing unit of work on SQLite begins with BEGIN IMMEDIATE: a read that turns into a write would
fail at once when another writer is active, busy timeout or not. `synchronous=FULL` because an
accepted alert must survive a power cut.
"""

import asyncio
import enum
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import structlog
from sqlalchemy import (
    JSON,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Enum,
    MetaData,
    TypeDecorator,
    create_engine,
    event,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from core.clock import Clock, SystemClock
from core.errors import InvalidInput, Unavailable
from core.signals import Signals

log = structlog.get_logger(__name__)
T = TypeVar("T")

_GIVE_WAY = frozenset({"40P01", "40001"})
"""Deadlock detected, serialization failure: the same change may go through now."""
_PASSING = ("40", "53", "55P03", "57", "08", "25P03")
"""Gave way, out of disk or connections, locked, shut down, connection lost, idle too long."""
_TRIES = 3
_FAULTS = (DBAPIError, NoConnectionFree, OSError, OverflowError)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base of all tables; constraint names follow one convention so migrations can name them."""

    metadata = MetaData(naming_convention=NAMING)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, stored in UTC. A naive value is refused: it would mean another moment."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime: give it a time zone")
        try:
            return value.astimezone(UTC)
        except OverflowError:  # within a day of year 1 or 9999: the end of the calendar
            return _FIRST if value.year == 1 else _LAST

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
"""A JSON document, None as NULL; JSONB on PostgreSQL."""


def enum_column(kind: type[enum.Enum], name: str) -> Enum:
    """The column type of a str-valued enum: its values as text, with a CHECK named `name`."""
    return Enum(
        kind,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=40,
        values_callable=lambda members: [member.value for member in members],
    )


class UnitOfWork:
    """One transaction. Only store files touch `session`; services pass the unit of work along.

    `now`: the moment the unit of work began; every row it writes carries this one time.
    """

    def __init__(self, session: AsyncSession, database: "Database", *, writes: bool) -> None:
        self.session = session
        self.writes = writes
        self.now: datetime = database.clock.now()
        self.is_postgresql = database.is_postgresql
        self._signals = database.signals
        self._after_commit: dict[object, Callable[[], Awaitable[None] | None]] = {}

    def after_commit(
        self, call: Callable[[], Awaitable[None] | None], *, key: object | None = None
    ) -> None:
        """Run `call` once the transaction is committed; never if it is rolled back.

        `key`: calls with an equal key run once (ten segments queued wake the pool one time).
        A call must be a hint only: the process may die between commit and call.
        """
        self._after_commit[key if key is not None else object()] = call

    def signal(self, name: str, value: object = None) -> None:
        """Emit a signal (core.signals) after commit; equal (name, value=None) are sent once."""
        key = name if value is None else None
        self.after_commit(lambda: self._signals.emit(name, value), key=key)

    async def run_after_commit(self) -> None:
        for call in self._after_commit.values():
            result = call()
            if result is not None:
                await result


_Work = Callable[[Connection, datetime], Any]
_Waiting = tuple[_Work, "asyncio.Future[Any]"]


class Database:
    """The engine and its units of work. Open with `async with`, or call `close`."""

    def __init__(
        self,
        url: str,
        *,
        clock: Clock | None = None,
        pool_size: int = 10,
        busy_timeout_s: float = 10.0,
    ) -> None:
        """`url`: `sqlite+aiosqlite:///path` or `postgresql+asyncpg://…`."""
        parsed = make_url(url)
        self.clock: Clock = clock or SystemClock()
        self.signals = Signals()
        self.is_postgresql = parsed.get_backend_name() == "postgresql"
        # A fault is logged with its statement, never with what it carried: texts, full numbers.
        options: dict[str, Any] = {
            "pool_size": pool_size, "max_overflow": 5, "hide_parameters": True
        }  # fmt: skip
        if self.is_postgresql:
            options["pool_pre_ping"] = True
            name = f"fengsui {socket.gethostname()[:40]} {os.getpid()}"  # whose connection this is
            options["connect_args"] = {"server_settings": {"application_name": name}}
        else:
            options["connect_args"] = {"timeout": busy_timeout_s}
        self.engine: AsyncEngine = create_async_engine(parsed, **options)
        # SQLite has one writer; queueing here in order of arrival is fair, its busy handler is not.
        self._writer = asyncio.Lock() if not self.is_postgresql else None
        if not self.is_postgresql:
            _prepare_sqlite(self.engine.sync_engine)
        self._url, self._busy_timeout_s = parsed, busy_timeout_s
        self._thread: ThreadPoolExecutor | None = None
        self._thread_engine: Engine | None = None
        self._waiting: list[_Waiting] = []  # for `at_once` on SQLite, in order of arrival

    @asynccontextmanager
    async def write(self) -> AsyncIterator[UnitOfWork]:
        """A unit of work that commits when the block ends and rolls back when it raises.

        Raises: Unavailable: the database cannot be reached, is locked past its time-out or full,
        or gave up on this change for another's sake; InvalidInput: a value no column can hold.
        """
        if self._writer is None:
            async with self._unit(writes=True) as uow:
                yield uow
        else:
            async with self._writer, self._unit(writes=True) as uow:
                yield uow
        await uow.run_after_commit()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[UnitOfWork]:
        """A unit of work that only reads; nothing in it is committed."""
        async with self._unit(writes=False) as uow:
            yield uow

    @asynccontextmanager
    async def _unit(self, *, writes: bool) -> AsyncIterator[UnitOfWork]:
        async with AsyncSession(self.engine, expire_on_commit=False, autoflush=True) as session:
            uow = UnitOfWork(session, self, writes=writes)
            try:
                await self._begin(session, writes=writes)
                yield uow
                if writes:
                    await session.commit()
                else:
                    session.expunge_all()  # a rollback would expire what was read
                    await session.rollback()
            except _FAULTS as error:
                await _rollback_quietly(session)
                told = _told(error)
                if told is error:
                    raise
                raise told from error
            except BaseException:
                await _rollback_quietly(session)
                raise

    async def _begin(self, session: AsyncSession, *, writes: bool) -> None:
        if not self.is_postgresql:
            connection = await session.connection()
            await connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
        elif not writes:
            # As on SQLite: all reads see one moment, so a snapshot and its number fit together.
            await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})

    async def at_once(self, work: Callable[[Connection, datetime], T]) -> T:
        """Run `work(connection, now)` as one writing transaction of plain statements.

        For the few paths that run hundreds of times a second: on SQLite it is one hop to a thread
        of its own instead of one per statement, and what waits together is committed together,
        each undone alone if it fails. `work` must touch nothing but the connection.
        Raises: Unavailable, as `write` does.
        """
        try:
            if self._writer is None:
                return await self._try_at_once(work, self.clock.now())
            mine: asyncio.Future[T] = asyncio.get_running_loop().create_future()
            self._waiting.append((work, mine))
            try:
                async with self._writer:
                    if not mine.done():
                        await self._run_waiting()
                return await mine
            finally:
                mine.cancel()  # who gives up waits for nothing, and its work is not begun
        except _FAULTS as error:
            told = _told(error)
            if told is error:
                raise
            raise told from error

    async def _run_waiting(self) -> None:
        """In one transaction, for all who wait by now. Not stopped by who gives up waiting."""
        waiting, self._waiting = self._waiting, []
        wanted = [(work, future) for work, future in waiting if not future.done()]
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="database")
        works, now = [work for work, _ in wanted], self.clock.now()
        running = asyncio.get_running_loop().run_in_executor(
            self._thread, self._in_thread, works, now
        )
        running.add_done_callback(lambda done: _hand_out(done, [future for _, future in wanted]))
        await asyncio.wait({running})

    async def _try_at_once(self, work: Callable[[Connection, datetime], T], now: datetime) -> T:
        """On PostgreSQL; whom it makes give way to another tries again."""
        for _ in range(_TRIES - 1):
            try:
                async with self.engine.begin() as connection:
                    return await connection.run_sync(work, now)
            except DBAPIError as error:
                if _sqlstate(error) not in _GIVE_WAY:
                    raise
        async with self.engine.begin() as connection:
            return await connection.run_sync(work, now)

    def _in_thread(self, works: list[_Work], now: datetime) -> list[Any]:
        """What each of `works` returned, or the fault that undid it. Raises: what undid all."""
        if self._thread_engine is None:
            url = self._url.set(drivername="sqlite+pysqlite")
            options = {"timeout": self._busy_timeout_s, "check_same_thread": False}
            self._thread_engine = create_engine(
                url, pool_size=1, connect_args=options, hide_parameters=True
            )
            _prepare_sqlite(self._thread_engine)
        with self._thread_engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            if len(works) == 1:
                results = [works[0](connection, now)]
            else:
                results = [_apart(connection, work, now) for work in works]
            connection.commit()
            return results

    async def ping(self) -> None:
        """One trivial query.

        Raises: Unavailable.
        """
        async with self.read() as uow:
            await uow.session.execute(text("SELECT 1"))

    async def server_time(self) -> datetime | None:
        """What the database's own clock says; None where it is this machine's (SQLite).

        Raises: Unavailable.
        """
        if not self.is_postgresql:
            return None
        async with self.read() as uow:
            moment: datetime = await uow.session.scalar(text("SELECT clock_timestamp()"))
            return moment

    async def close(self) -> None:
        """Close all connections; idempotent."""
        thread, self._thread = self._thread, None
        engine, self._thread_engine = self._thread_engine, None
        if thread is not None and engine is not None:
            await asyncio.get_running_loop().run_in_executor(thread, engine.dispose)
            thread.shutdown(wait=False)
        await self.engine.dispose()

    async def __aenter__(self) -> "Database":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _apart(connection: Connection, work: _Work, now: datetime) -> Any:
    """Run `work` so that its fault undoes it alone. Returns: its result or its fault."""
    connection.exec_driver_sql("SAVEPOINT one")
    try:
        result = work(connection, now)
    except Exception as fault:  # noqa: BLE001 - raised where it was asked for
        connection.exec_driver_sql("ROLLBACK TO one")
        result = fault
    connection.exec_driver_sql("RELEASE one")
    return result


def _hand_out(done: "asyncio.Future[list[Any]]", futures: "list[asyncio.Future[Any]]") -> None:
    """Tell everybody what came of their work."""
    fault = asyncio.CancelledError() if done.cancelled() else done.exception()
    results = [fault] * len(futures) if fault is not None else done.result()
    for future, result in zip(futures, results, strict=True):
        if future.done():  # gave up waiting
            continue
        if isinstance(result, BaseException):
            future.set_exception(result)
        else:
            future.set_result(result)


async def _rollback_quietly(session: AsyncSession) -> None:
    try:
        await asyncio.shield(session.rollback())
    except DBAPIError as error:  # the first error tells more; the connection is dropped either way
        log.warning("rollback_failed", cause=type(error).__name__)


def _told(error: DBAPIError | NoConnectionFree | OSError | OverflowError) -> Exception:
    """The fault as callers know it; a bug (a broken constraint, wrong SQL) stays what it is."""
    state = _sqlstate(error)
    if isinstance(error, OperationalError | InterfaceError | NoConnectionFree | OSError):
        return _unavailable(error)
    if state.startswith(_PASSING) or getattr(error, "connection_invalidated", False):
        return _unavailable(error)
    if isinstance(error, DataError | OverflowError) or state.startswith("22"):
        return InvalidInput("a value is too large or has signs that cannot be stored", code="value")
    return error


def _sqlstate(error: Exception) -> str:
    """PostgreSQL's code of a fault (appendix A of its manual); empty on SQLite."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) or ""


def _unavailable(error: Exception) -> Unavailable:
    origin = getattr(error, "orig", None) or error
    return Unavailable(f"the database does not answer: {origin}", code="database_unavailable")


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
