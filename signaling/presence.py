"""Other nodes: hints of changes, ended sessions and who is online, through Redis.

Everything here can be rebuilt: a lost hint is made good by the relay's look at the rows, a lost
session end by the sweep, presence by the next beat. Without Redis nothing is missing.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import redis.asyncio as aioredis
import structlog
from redis.exceptions import RedisError

from core.changes import Change
from core.clock import Clock
from core.components import State
from core.database import Database
from core.ids import new_id
from core.signals import SESSION_ENDED

log = structlog.get_logger(__name__)

CHANNEL = "fengsui:hints"
BEAT_S = 10.0
FORGET_AFTER_S = 35
_RETRY_S = 2.0
_QUEUE_SIZE = 10_000


class Presence:
    """Who is connected here (and, with Redis, on the other nodes)."""

    def __init__(self, connected: Callable[[], Iterable[str]]) -> None:
        """`connected`: the user ids of this node's connections."""
        self._connected = connected
        self.elsewhere: dict[str, list[str]] = {}

    def here(self) -> set[str]:
        """User ids connected to this node."""
        return set(self._connected())

    def online(self) -> set[str]:
        """User ids connected to any node; other nodes as of at most 10 s ago."""
        return self.here().union(*self.elsewhere.values())


class Nodes:
    """The line to the other nodes. Owner of the Redis connection; Redis gone is a state."""

    name = "nodes"
    stop_deadline_s = 5.0

    def __init__(
        self,
        url: str,
        database: Database,
        clock: Clock,
        presence: Presence,
        on_change: Callable[[str], None],
    ) -> None:
        """`on_change`: called with the topic another node has changed."""
        self.node = new_id()
        self._url = url
        self._database = database
        self._clock = clock
        self._presence = presence
        self._on_change = on_change
        self._outgoing: asyncio.Queue[str] = asyncio.Queue(_QUEUE_SIZE)
        self._stop = asyncio.Event()
        self._faults = dict.fromkeys(("_speak", "_listen", "_beat"), "connecting")
        """What is wrong with each part's connection; each clears its own once Redis answers it."""
        self._hearing = False

    def state(self) -> State:
        """Not ready while Redis does not answer: the nodes then notice each other by looking."""
        return State(is_ready=not self._faults, note=next(iter(self._faults.values()), ""))

    def tell_change(self, change: Change) -> None:
        """Hint the other nodes that `change.topic` has changed."""
        self._tell({"node": self.node, "topic": change.topic})

    def _tell(self, hint: dict[str, str | None]) -> None:
        if not self._outgoing.full():
            self._outgoing.put_nowait(json.dumps(hint))

    async def run(self, ready: asyncio.Event) -> None:
        forget = self._database.signals.listen(SESSION_ENDED, self._session_ended)
        ready.set()
        try:
            async with asyncio.TaskGroup() as tasks:
                parts = [
                    tasks.create_task(self._keep(part), name="nodes")
                    for part in (self._speak, self._listen, self._beat)
                ]
                await self._stop.wait()
                for part in parts:
                    part.cancel()
        finally:
            forget()

    def stop(self) -> None:
        self._stop.set()

    async def _keep(self, part: Callable[[aioredis.Redis], Coroutine[Any, Any, None]]) -> None:
        while True:
            client = aioredis.from_url(self._url, socket_connect_timeout=3)
            try:
                await client.ping()
                self._found(part.__name__)
                await part(client)
            except (RedisError, OSError) as error:
                if not self._faults:
                    log.warning("redis_lost", cause=str(error))
                self._faults[part.__name__] = f"Redis does not answer: {error}"
                await self._clock.sleep(_RETRY_S)
            finally:
                await client.aclose()

    def _found(self, part: str) -> None:
        was_lost = self._faults.pop(part, "connecting") != "connecting"
        if was_lost and not self._faults:
            log.info("redis_back")

    async def _speak(self, client: aioredis.Redis) -> None:
        while True:
            await client.publish(CHANNEL, await self._outgoing.get())

    async def _listen(self, client: aioredis.Redis) -> None:
        async with client.pubsub() as channel:
            await channel.subscribe(CHANNEL)
            async for message in channel.listen():
                if message["type"] == "message":
                    self._hear(json.loads(message["data"]))

    def _hear(self, hint: dict[str, str | None]) -> None:
        if hint.get("node") == self.node:
            return
        topic = hint.get("topic")
        if topic is not None:
            self._on_change(topic)
        elif "session" in hint:
            self._hearing = True
            try:
                self._database.signals.emit(SESSION_ENDED, hint["session"])
            finally:
                self._hearing = False

    def _session_ended(self, session_id: object) -> None:
        if not self._hearing:  # what another node told us is not told again
            told = None if session_id is None else str(session_id)
            self._tell({"node": self.node, "session": told})

    async def _beat(self, client: aioredis.Redis) -> None:
        while True:
            mine = json.dumps(sorted(self._presence.here()))
            await client.set(f"fengsui:presence:{self.node}", mine, ex=FORGET_AFTER_S)
            found: dict[str, list[str]] = {}
            async for key in client.scan_iter("fengsui:presence:*"):
                value = await client.get(key)
                node = key.decode().rpartition(":")[2]
                if value is not None and node != self.node:
                    found[node] = json.loads(value)
            self._presence.elsewhere = found
            await self._clock.sleep(BEAT_S)
