"""The Socket.IO server: handshake, one inbox per connection, topics, closing of ended sessions."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from http.cookies import CookieError, SimpleCookie
from typing import Any

import socketio
import structlog
from pydantic import ValidationError
from socketio.exceptions import ConnectionRefusedError as Refused

from core.auth.model import Permission, Principal
from core.changes import Change
from core.errors import (
    AppError,
    Conflict,
    InvalidInput,
    NotAllowed,
    NotFound,
    NotSignedIn,
    Unavailable,
)
from core.signals import SESSION_ENDED
from signaling.attempt import attempt, invalid_input
from signaling.context import AppContext
from signaling.edge import Connection, Inbox, Message, SocketEvent, as_error
from signaling.limiter import Limiter
from signaling.metrics import CONNECTIONS
from signaling.protocol import MAX_MESSAGE_BYTES, Handshake, TopicSubscribe, TopicUnsubscribe
from signaling.relay import Relay
from signaling.security import SESSION_COOKIE, is_own_origin, remote_address
from signaling.topics import Visitor

log = structlog.get_logger(__name__)

NAMESPACE = "/"
SWEEP_S = 10.0
SLOW_AFTER = 2000
"""Packets waiting for one client at which it is cut off; it resumes with what it missed."""
HANDSHAKE_DEADLINE_S = 5.0


class Sockets:
    """All connections of this node. Owner of `_inboxes`; each inbox task owns its connection."""

    name = "sockets"
    stop_deadline_s = 10.0

    def __init__(
        self,
        app: AppContext,
        events: Sequence[SocketEvent],
        relay: Relay,
        manager: "socketio.AsyncManager | None" = None,
    ) -> None:
        self._app = app
        self._relay = relay
        self._events = {event.name: event for event in (*events, *topic_events())}
        self._inboxes: dict[str, Inbox] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._stop = asyncio.Event()
        self._limiter = Limiter()
        self.server = socketio.AsyncServer(
            async_mode="aiohttp",
            client_manager=manager,
            # The origin is checked in `_connect`, where a refusal can carry its code.
            cors_allowed_origins="*",
            cors_credentials=False,
            max_http_buffer_size=MAX_MESSAGE_BYTES,
            ping_interval=10,
            ping_timeout=8,
            http_compression=True,
        )
        self.server.on("connect", self._connect)
        self.server.on("disconnect", self._disconnected)
        self.server.on("*", self._message)

    @property
    def events(self) -> dict[str, SocketEvent]:
        """Every event, those of the topics included."""
        return dict(self._events)

    @property
    def connections(self) -> list[Connection]:
        """The open connections of this node."""
        return [inbox.connection for inbox in self._inboxes.values()]

    async def run(self, ready: asyncio.Event) -> None:
        """Owns the inbox tasks; ends when `stop` was called and all have ended."""
        forget = self._app.database.signals.listen(SESSION_ENDED, self._session_ended)
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                ready.set()
                while not self._stop.is_set():
                    try:
                        async with asyncio.timeout(SWEEP_S):
                            await self._stop.wait()
                    except TimeoutError:
                        await self._sweep()
                for sid in tuple(self._inboxes):
                    await self.server.disconnect(sid)
        finally:
            self._tasks = None
            forget()

    def stop(self) -> None:
        self._stop.set()

    # --- Wire ---

    async def emit(self, sid: str, event: str, data: dict[str, Any]) -> None:
        await self.server.emit(event, data, to=sid, ignore_queue=True)

    async def enter(self, sid: str, topic: str) -> None:
        if sid not in self._inboxes or topic in self.server.rooms(sid):
            return  # of who has gone, letters are still answered; nobody would unwatch for it
        self._relay.watch(topic)
        await self._relay.catch_up(topic)
        if sid in self._inboxes:  # else `_disconnected` has unwatched
            await self.server.enter_room(sid, topic)

    async def leave(self, sid: str, topic: str) -> None:
        if topic in self.server.rooms(sid):
            await self.server.leave_room(sid, topic)
            self._relay.unwatch(topic)

    async def disconnect(self, sid: str) -> None:
        await self.server.disconnect(sid)

    async def send_change(self, change: Change) -> None:
        """What the relay calls: to all connections of this node that watch the topic."""
        await self.server.emit("change", change.as_wire(), room=change.topic, ignore_queue=True)

    # --- python-socketio's callbacks ---

    async def _connect(self, sid: str, environ: dict[str, Any], auth: object = None) -> None:
        outcome = await attempt(
            self._open(sid, environ, auth),
            what="connect",
            deadline_s=HANDSHAKE_DEADLINE_S,
            trace=sid,
        )
        if outcome.error is not None:
            raise Refused(outcome.error.message, as_error(outcome.error)["error"])

    async def _open(self, sid: str, environ: dict[str, Any], auth: object) -> None:
        if self._tasks is None or self._stop.is_set():
            raise NotSignedIn("the server is stopping", code="stopping")
        settings = self._app.settings.http
        origin = environ.get("HTTP_ORIGIN")
        host = environ.get("HTTP_HOST", "")
        if origin is not None and not is_own_origin(origin, host, settings.public_url):
            raise NotAllowed("this page comes from another site", code="origin")
        try:
            handshake = Handshake.model_validate(auth if auth is not None else {})
        except ValidationError as error:
            raise invalid_input(error) from error
        remote = remote_address(
            environ.get("REMOTE_ADDR"),
            environ.get("HTTP_X_FORWARDED_FOR"),
            settings.trusted_proxies,
        )
        await self._limiter.hit(f"{settings.visitor_requests_per_minute}/minute", "connect", remote)
        cookie = _cookie(environ.get("HTTP_COOKIE", ""))
        visitor = await self._who(handshake, cookie)
        by_link = handshake.join is not None
        connection = Connection(
            sid, visitor, cookie=None if by_link else cookie, remote=remote, wire=self
        )
        inbox = Inbox(self._app, connection, self._events, self._refresh)
        self._inboxes[sid] = inbox
        self._tasks.create_task(inbox.run(), name=f"inbox:{sid}")
        CONNECTIONS.set(len(self._inboxes))

    async def _who(self, handshake: Handshake, cookie: str | None) -> Visitor:
        if handshake.join is not None:
            if self._app.resolve_link is None:
                raise NotAllowed("there are no meetings on this server")
            return await self._app.resolve_link(handshake.join)
        if cookie is None:
            raise NotSignedIn("sign in first")
        return await self._principal(cookie, touch=True)

    async def _principal(self, cookie: str, *, touch: bool) -> Principal:
        session = await self._app.auth.resolve(cookie, touch=touch)
        if session.must_change_password:
            raise NotAllowed("set a new password first", code="password_change_needed")
        return session.principal

    async def _refresh(self, connection: Connection) -> Visitor:
        """Who the connection belongs to now: roles may have changed, the session have ended.

        Raises: NotSignedIn, NotFound, TooMany.
        """
        rate = f"{self._app.settings.http.messages_per_second}/second"
        await self._limiter.hit(rate, "message", connection.sid)
        if connection.cookie is None:
            await self._check_link(connection.visitor)
            return connection.visitor
        return await self._principal(connection.cookie, touch=True)

    async def _check_link(self, visitor: Visitor) -> None:
        """The link must not have been revoked or renewed since the handshake.

        Somebody else's wrong PINs lock it for newcomers only; whether the meeting is over is the
        room's to say. Raises: NotFound.
        """
        if isinstance(visitor, Principal) or self._app.resolve_link is None or not visitor.token:
            return
        with suppress(NotAllowed, Conflict, Unavailable):
            await self._app.resolve_link(visitor.token)

    async def _message(self, event: str, sid: str, data: object = None) -> dict[str, Any]:
        inbox = self._inboxes.get(sid)
        if inbox is None:
            return as_error(NotSignedIn("the connection is closing"))
        return await inbox.post(event, data)

    async def _disconnected(self, sid: str, reason: str) -> None:
        inbox = self._inboxes.pop(sid, None)
        CONNECTIONS.set(len(self._inboxes))
        if inbox is not None:
            for topic in inbox.connection.topics:
                self._relay.unwatch(topic)
            inbox.close()

    # --- ended sessions ---

    def _session_ended(self, _session_id: object) -> None:
        """Look at all connections at once instead of at the next round."""
        if self._tasks is not None and not self._stop.is_set():
            self._tasks.create_task(self._sweep(), name="sockets:sweep")

    async def _sweep(self) -> None:
        """Close connections too slow or whose session has ended; leave topics no longer allowed."""
        for connection in self.connections:
            if self._waiting(connection.sid) > SLOW_AFTER:
                log.warning("connection_too_slow", sid=connection.sid, remote=connection.remote)
                await self.server.disconnect(connection.sid)
                continue
            try:
                if connection.cookie is not None:
                    connection.visitor = await self._principal(connection.cookie, touch=False)
                await self._check_link(connection.visitor)
            except (NotSignedIn, NotAllowed, NotFound):
                await self.server.disconnect(connection.sid)
                continue
            except AppError as error:
                log.warning("sweep_delayed", cause=error.message)
                return
            await self._check_topics(connection)

    def _waiting(self, sid: str) -> int:
        """Packets not yet taken by this client's line; python-engineio itself has no limit."""
        eio_sid = self.server.manager.eio_sid_from_sid(sid, NAMESPACE)
        line = self.server.eio.sockets.get(eio_sid)
        return line.queue.qsize() if line is not None else 0

    async def _check_topics(self, connection: Connection) -> None:
        for topic in tuple(connection.topics):
            try:
                await self._app.topics.check(connection.visitor, topic)
            except (NotAllowed, InvalidInput) as error:
                await connection.leave(topic)
                await connection.emit("topic.closed", {"topic": topic, **error.as_wire()})
            except AppError:
                continue


async def subscribe(message: Message[TopicSubscribe]) -> dict[str, Any]:
    """Answer with a snapshot or the missed changes, and send what comes after."""
    data, connection = message.data, message.connection
    was_watching = data.topic in connection.topics
    await message.app.topics.check(message.visitor, data.topic)
    await connection.enter(data.topic)
    try:
        return await message.app.topics.open(message.visitor, data.topic, data.epoch, data.seq)
    except AppError:
        if not was_watching:
            await connection.leave(data.topic)
        raise


async def unsubscribe(message: Message[TopicUnsubscribe]) -> None:
    """Stop sending this topic's changes."""
    await message.connection.leave(message.data.topic)


def topic_events() -> tuple[SocketEvent, ...]:
    """The events of the topics; each kind of topic checks its own permission."""
    return (
        SocketEvent(
            "topic.subscribe",
            subscribe,
            permission=Permission.SIGNED_IN,
            request=TopicSubscribe,
            is_open_to_links=True,
            summary="Watch a topic: a snapshot or the changes since (epoch, seq), then changes",
        ),
        SocketEvent(
            "topic.unsubscribe",
            unsubscribe,
            permission=Permission.SIGNED_IN,
            request=TopicUnsubscribe,
            is_open_to_links=True,
            summary="Stop watching a topic",
        ),
    )


def _cookie(header: str) -> str | None:
    try:
        morsel = SimpleCookie(header).get(SESSION_COOKIE)
    except CookieError:
        return None
    return morsel.value if morsel is not None else None
