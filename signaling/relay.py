"""From a committed change to the browsers that watch its topic, in order and without gaps.

Each node sends to its own connections only. It learns of a change by the signal after its own
commit, by another node's hint (Redis), or by looking (`poll_s`): whatever was missed is read from
the rows, so a lost hint costs seconds and never a change.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from core import changes
from core.changes import Change, Head
from core.clock import Clock
from core.database import Database
from core.errors import AppError
from core.signals import CHANGE_PUBLISHED
from signaling.metrics import CHANGES_SENT

log = structlog.get_logger(__name__)

QUEUE_SIZE = 20_000
Send = Callable[[Change], Awaitable[None]]


@dataclass(frozen=True)
class _Hint:
    """Something may be new in `topic` (None: in any watched topic)."""

    topic: str | None


class Relay:
    """Owner of what was sent last of each watched topic. Others only `watch`, `deliver`, `hint`."""

    name = "relay"
    stop_deadline_s = 5.0

    def __init__(self, database: Database, clock: Clock, send: Send, *, poll_s: float) -> None:
        self._database = database
        self._clock = clock
        self._send = send
        self._poll_s = poll_s
        self._queue: asyncio.Queue[Change | _Hint | None] = asyncio.Queue()
        self._sent: dict[str, Head] = {}
        self._watchers: dict[str, int] = {}
        self._owned: set[str] = set()
        self._stopping = False
        self.on_own_change: Callable[[Change], None] = lambda change: None

    def own(self, prefix: str) -> None:
        """Topics `prefix:…` live in an owner's memory and are never looked up in the database."""
        self._owned.add(prefix)

    def watch(self, topic: str) -> None:
        """One more connection of this node watches `topic`."""
        self._watchers[topic] = self._watchers.get(topic, 0) + 1

    def unwatch(self, topic: str) -> None:
        """One fewer."""
        left = self._watchers.get(topic, 0) - 1
        if left > 0:
            self._watchers[topic] = left
        else:
            self._watchers.pop(topic, None)
            self._sent.pop(topic, None)

    async def catch_up(self, topic: str) -> None:
        """Before a snapshot: know where the topic stands, so that the next gap is noticed."""
        if topic not in self._sent and topic.partition(":")[0] not in self._owned:
            async with self._database.read() as uow:
                head = await changes.head(uow, topic)
            self._sent.setdefault(topic, head)

    def deliver(self, change: Change) -> None:
        """A change committed (or numbered by its owner) in this process."""
        if change.topic in self._watchers:
            self._put(change)

    def hint(self, topic: str | None) -> None:
        """Another node changed `topic`; None: unknown which."""
        if topic is None or topic in self._watchers:
            self._put(_Hint(topic))

    def _put(self, item: Change | _Hint) -> None:
        if self._queue.qsize() < QUEUE_SIZE:
            self._queue.put_nowait(item)
        # else: dropped; what is missing is read from the rows at the next change or look

    async def run(self, ready: asyncio.Event) -> None:
        forget = self._database.signals.listen(CHANGE_PUBLISHED, self._published)
        # The task lives exactly as long as this method.
        poller = asyncio.create_task(self._poll(), name="relay:poll")
        try:
            ready.set()
            while (item := await self._queue.get()) is not None:
                try:
                    await self._pass_on(item)
                except AppError as error:
                    log.warning("changes_delayed", cause=error.message)
        finally:
            poller.cancel()
            forget()

    def stop(self) -> None:
        if not self._stopping:
            self._stopping = True
            self._queue.put_nowait(None)

    def _published(self, change: object) -> None:
        assert isinstance(change, Change)
        self.on_own_change(change)
        self.deliver(change)

    async def _poll(self) -> None:
        while True:
            await self._clock.sleep(self._poll_s)
            self.hint(None)

    async def _pass_on(self, item: Change | _Hint) -> None:
        if isinstance(item, Change):
            await self._pass_change(item)
        elif item.topic is not None:
            await self._fill(item.topic)
        else:
            for topic in await self._behind():
                await self._fill(topic)

    async def _pass_change(self, change: Change) -> None:
        if change.topic.partition(":")[0] in self._owned:
            await self._emit(change)
            return
        sent = self._sent.get(change.topic)
        if sent is None or (change.epoch == sent.epoch and change.seq == sent.seq + 1):
            await self._emit(change)
            self._sent[change.topic] = Head(change.epoch, change.seq)
        elif change.epoch != sent.epoch or change.seq > sent.seq:
            await self._fill(change.topic)

    async def _behind(self) -> list[str]:
        topics = [topic for topic in self._sent if topic in self._watchers]
        if not topics:
            return []
        async with self._database.read() as uow:
            heads = await changes.heads(uow, topics)
        return [topic for topic, head in heads.items() if head != self._sent.get(topic)]

    async def _fill(self, topic: str) -> None:
        """Send what the rows have beyond what was sent; a new epoch is sent from its newest."""
        sent = self._sent.get(topic)
        if sent is None or topic not in self._watchers:
            return
        async with self._database.read() as uow:
            head = await changes.head(uow, topic)
            # A topic's first change brings its epoch; until then it is ("", 0).
            epoch = head.epoch if sent.epoch == "" else sent.epoch
            missed = await changes.since(uow, topic, epoch, sent.seq)
            if missed is None and head.seq > 0:
                missed = await changes.since(uow, topic, head.epoch, head.seq - 1)
        for change in missed or []:
            await self._emit(change)
        self._sent[topic] = head

    async def _emit(self, change: Change) -> None:
        await self._send(change)
        CHANGES_SENT.inc()
