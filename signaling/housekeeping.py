"""What must happen now and then: the audit head's second copy, and forgetting what is old."""

import asyncio
from datetime import timedelta

import structlog

from core.audit import Audit
from core.auth.service import Accounts
from core.clock import Clock
from core.database import Database
from core.errors import AppError
from core.events import EventDispatcher
from core.timers import TimerRunner

log = structlog.get_logger(__name__)

EVERY_S = 3600.0
TIMERS_KEPT = timedelta(days=30)


class Housekeeping:
    """Once at the start and then every hour."""

    name = "housekeeping"
    stop_deadline_s = 5.0

    def __init__(
        self,
        database: Database,
        clock: Clock,
        audit: Audit,
        auth: Accounts,
        events: EventDispatcher,
        timers: TimerRunner,
    ) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._auth = auth
        self._events = events
        self._timers = timers
        self._stop = asyncio.Event()

    async def run(self, ready: asyncio.Event) -> None:
        ready.set()
        while not self._stop.is_set():
            try:
                await self.tidy()
            except (AppError, OSError) as error:
                log.warning("housekeeping_failed", cause=str(error))
            await self._rest()

    def stop(self) -> None:
        self._stop.set()

    async def tidy(self) -> None:
        """One round."""
        async with self._database.write() as uow:
            await self._audit.note_missing_head_file(uow)
        async with self._database.read() as uow:
            await self._audit.write_head_file(uow)
        await self._events.prune()
        await self._timers.prune(self._clock.now() - TIMERS_KEPT)
        await self._auth.prune()

    async def _rest(self) -> None:
        nap = asyncio.create_task(self._clock.sleep(EVERY_S))
        stop = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({nap, stop}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            nap.cancel()
            stop.cancel()
