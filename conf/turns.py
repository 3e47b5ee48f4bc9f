"""An owner's turns: one task takes calls from one bounded inbox, so its state needs no locks."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from core.errors import AppError, Conflict, Unavailable

log = structlog.get_logger(__name__)

T = TypeVar("T")
INBOX_SIZE = 500


@dataclass(frozen=True)
class _Turn:
    call: Callable[[], Awaitable[Any]]
    done: "asyncio.Future[Any] | None"


class Turns:
    """Base of an owner: `run` is its one task; `ask` and `tell` may be called from any other."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._inbox: asyncio.Queue[_Turn | None] = asyncio.Queue(INBOX_SIZE + 1)
        self._is_closed = False

    async def run(self) -> None:
        """Take turns until `close`. An error goes to whoever asked; the owner lives on."""
        try:
            while (turn := await self._inbox.get()) is not None:
                try:
                    result = await turn.call()
                except Exception as error:  # noqa: BLE001 - handed to whoever asked, or logged
                    self._fail(turn, error)
                else:
                    if turn.done is not None and not turn.done.done():
                        turn.done.set_result(result)
        finally:
            self.on_closed()

    def on_closed(self) -> None:
        """Called once when `run` ends."""

    async def ask(self, call: Callable[[], Awaitable[T]]) -> T:
        """Let the owner do `call` in its turn, and await the result.

        Raises: Conflict: the inbox is full; Unavailable: it has closed; or what `call` raised.
        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._put(_Turn(call, done))
        return await done

    def tell(self, call: Callable[[], Awaitable[None]]) -> None:
        """Let the owner do `call` in its turn; nobody waits."""
        try:
            self._put(_Turn(call, None))
        except Conflict:
            log.warning("inbox_full", owner=self._name)
        except Unavailable:
            log.debug("told_after_its_end", owner=self._name)

    def close(self) -> None:
        """End `run` after what is queued; idempotent."""
        if not self._is_closed:
            self._is_closed = True
            self._inbox.put_nowait(None)

    def _put(self, turn: _Turn) -> None:
        if self._is_closed:  # nobody takes this turn any more
            raise Unavailable("the room is closing; try again shortly", code="draining")
        if self._inbox.qsize() >= INBOX_SIZE:
            raise Conflict("the room is busy; try again", code="room_busy")
        self._inbox.put_nowait(turn)

    def _fail(self, turn: _Turn, error: Exception) -> None:
        if turn.done is not None and not turn.done.done():
            turn.done.set_exception(error)
        elif not isinstance(error, AppError):
            log.error("turn_failed", owner=self._name, exc_info=error)
