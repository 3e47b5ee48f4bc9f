"""Socket.IO: one inbox task per connection, in order, with a deadline; every message is acked.

How to write an area's events (in `signaling/routes/<area>.py`; models in signaling/protocol.py)
------------------------------------------------------------------------------------------------
    async def join(message: Message[RoomJoin]) -> RoomJoined:
        seat = await message.app.rooms.join(message.visitor, message.data.offer, …)
        message.connection.state["seat"] = seat
        message.connection.on_close("room", seat.connection_lost)      # an async callable
        return RoomJoined(…)

    EVENTS = [
        SocketEvent("room.join", join, permission=Permission.MEETING_JOIN, request=RoomJoin,
                    is_open_to_links=True, summary="Take a seat in a room"),
    ]

- The client is answered {"ok": <model as JSON, or {}>} or {"error": {code, message, field}}.
- python-socketio runs each event in a task of its own; these only post to the connection's bounded
  inbox (in the order of arrival: nothing is awaited before), whose one task handles them in turn.
- `message.visitor` is a Principal (session) or a LinkPrincipal (join token); an event is closed to
  links unless `is_open_to_links`, and the handler then checks what the link opens.
- Server to one client: `await message.connection.emit("slots", {...})`; to all who watch a topic:
  core.changes.publish, or `topics.deliver` for topics kept in memory. A handler that answers with a
  topic's snapshot (room.join) first calls `await message.connection.enter(topic)`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import structlog
from pydantic import BaseModel, ValidationError

from core.auth.model import Permission, Principal, require
from core.errors import AppError, InvalidInput, NotAllowed, NotSignedIn, TooMany
from signaling.attempt import Outcome, attempt, invalid_input
from signaling.context import AppContext
from signaling.metrics import MESSAGE_SECONDS
from signaling.storable import check_storable
from signaling.topics import Visitor

log = structlog.get_logger(__name__)

INBOX_SIZE = 32
DEADLINE_S = 5.0
TOPICS_PER_CONNECTION = 64

M = TypeVar("M")


class Wire(Protocol):
    """What a connection can do to its client; signaling.sockets implements it."""

    async def emit(self, sid: str, event: str, data: dict[str, Any]) -> None: ...

    async def enter(self, sid: str, topic: str) -> None: ...

    async def leave(self, sid: str, topic: str) -> None: ...

    async def disconnect(self, sid: str) -> None: ...


class Connection:
    """One browser's connection. Owner of its state: the inbox task; others only `emit` or `close`.

    `state`: what areas remember about this connection, by their own key.
    """

    def __init__(
        self, sid: str, visitor: Visitor, *, cookie: str | None, remote: str, wire: Wire
    ) -> None:
        self.sid = sid
        self.visitor = visitor
        self.cookie = cookie
        self.session_id: str | None = None
        self.remote = remote
        self.topics: set[str] = set()
        self.state: dict[str, Any] = {}
        self._wire = wire
        self._on_close: dict[str, Callable[[], Awaitable[None]]] = {}

    async def emit(self, event: str, data: dict[str, Any]) -> None:
        """Send `event` to this client; a connection that is gone swallows it."""
        await self._wire.emit(self.sid, event, data)

    async def enter(self, topic: str) -> None:
        """From now on the client gets the changes of `topic`; call before reading its snapshot.

        Raises: TooMany: it watches too many already.
        """
        if topic not in self.topics and len(self.topics) >= TOPICS_PER_CONNECTION:
            raise TooMany("this connection watches too many topics")
        self.topics.add(topic)
        await self._wire.enter(self.sid, topic)

    async def leave(self, topic: str) -> None:
        """No more changes of `topic`."""
        self.topics.discard(topic)
        await self._wire.leave(self.sid, topic)

    async def disconnect(self) -> None:
        """Close the connection from our side."""
        await self._wire.disconnect(self.sid)

    def on_close(self, key: str, call: Callable[[], Awaitable[None]]) -> None:
        """Await `call` when the connection has ended; a second call with `key` replaces it."""
        self._on_close[key] = call

    def forget(self, key: str) -> None:
        """Take back `on_close(key)`."""
        self._on_close.pop(key, None)

    async def run_on_close(self) -> None:
        """Called once by the inbox task, after its last message."""
        for key, call in self._on_close.items():
            outcome = await attempt(
                call(), what=f"on_close {key}", deadline_s=DEADLINE_S, trace=self.sid
            )
            if outcome.error is not None:
                log.warning("on_close_failed", key=key, cause=outcome.error.message)


@dataclass(frozen=True)
class Message(Generic[M]):
    """One client message, already checked."""

    app: AppContext
    connection: Connection
    visitor: Visitor
    data: M

    @property
    def principal(self) -> Principal:
        """The signed-in user.

        Raises: NotAllowed: it is a link holder.
        """
        if not isinstance(self.visitor, Principal):
            raise NotAllowed("a meeting link does not open this")
        return self.visitor


@dataclass(frozen=True)
class SocketEvent:
    """One row of an area's table; see the module's docstring."""

    name: str
    handler: Callable[[Any], Awaitable[BaseModel | dict[str, Any] | None]]
    permission: Permission
    request: type[BaseModel] | None = None
    response: type[BaseModel] | None = None
    summary: str = ""
    is_open_to_links: bool = False
    deadline_s: float = DEADLINE_S


@dataclass(frozen=True)
class _Letter:
    event: str
    data: object
    answer: "asyncio.Future[dict[str, Any]]"


@dataclass
class Inbox:
    """The bounded queue of one connection and the task that empties it, one message at a time."""

    app: AppContext
    connection: Connection
    events: dict[str, SocketEvent]
    refresh: Callable[[Connection], Awaitable[Visitor]]
    _letters: "asyncio.Queue[_Letter | None]" = field(
        default_factory=lambda: asyncio.Queue(INBOX_SIZE + 1)
    )
    _closing: bool = False

    async def post(self, event: str, data: object) -> dict[str, Any]:
        """Queue a message and await its answer; nothing is awaited before it is queued."""
        if self._closing:
            return as_error(NotSignedIn("the connection is closing"))
        if self._letters.qsize() >= INBOX_SIZE:
            return as_error(TooMany("too many messages waiting; wait for the answers"))
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._letters.put_nowait(_Letter(event, data, answer))
        return await answer

    def close(self) -> None:
        """Let the task end after what is queued; idempotent."""
        if not self._closing:
            self._closing = True
            self._letters.put_nowait(None)

    async def run(self) -> None:
        """Handle messages until `close`; then tell who asked to know."""
        try:
            while (letter := await self._letters.get()) is not None:
                answer = await self._handle(letter)
                if not letter.answer.done():
                    letter.answer.set_result(answer)
        finally:
            await self.connection.run_on_close()

    async def _handle(self, letter: _Letter) -> dict[str, Any]:
        began = time.perf_counter()
        answer = await self._answer(letter)
        known = letter.event if letter.event in self.events else "unknown"
        outcome = "ok" if "ok" in answer else answer["error"]["code"]
        MESSAGE_SECONDS.labels(known, outcome).observe(time.perf_counter() - began)
        return answer

    async def _answer(self, letter: _Letter) -> dict[str, Any]:
        event = self.events.get(letter.event)
        if event is None:
            return as_error(InvalidInput("no such event", field="event", code="unknown_event"))
        outcome: Outcome[BaseModel | dict[str, Any] | None] = await attempt(
            self._call(event, letter.data),
            what=event.name,
            deadline_s=event.deadline_s,
            trace=self.connection.sid,
        )
        if outcome.error is not None:
            return as_error(outcome.error)
        return {"ok": as_json(outcome.value)}

    async def _call(self, event: SocketEvent, data: object) -> BaseModel | dict[str, Any] | None:
        visitor = self.connection.visitor = await self.refresh(self.connection)
        authorize(event, visitor)
        check_storable(data)
        parsed: Any = None
        if event.request is not None:
            try:
                parsed = event.request.model_validate({} if data is None else data)
            except ValidationError as error:
                raise invalid_input(error) from error
        message = Message(self.app, self.connection, visitor, parsed)
        return await event.handler(message)


def authorize(event: SocketEvent, visitor: Visitor) -> None:
    """May `visitor` send `event` at all? The scope is the handler's to check.

    Raises: NotAllowed.
    """
    if not isinstance(visitor, Principal):
        if not event.is_open_to_links:
            raise NotAllowed("a meeting link does not open this")
        return
    if event.permission not in {Permission.PUBLIC, Permission.SIGNED_IN}:
        require(visitor, event.permission)


def as_error(error: AppError) -> dict[str, Any]:
    """The ack of a refused message."""
    return {"error": error.as_wire()}


def as_json(value: BaseModel | dict[str, Any] | None) -> dict[str, Any]:
    """The `ok` part of an ack."""
    if value is None:
        return {}
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value
