"""Topics: a browser sees state as a snapshot and numbered changes, and resumes after a gap.

An area registers a kind of topic in its route module:

    def register_topics(app: AppContext, topics: Topics) -> None:
        topics.register("incident", permission=Permission.INCIDENT_READ,
                        access=may_see_incident, snapshot=incident_snapshot)

    async def may_see_incident(uow: UnitOfWork, visitor: Visitor, key: str) -> None:
        …  # raises NotFound or NotAllowed; called at every subscribe and resume

    async def incident_snapshot(uow: UnitOfWork, visitor: Visitor, key: str) -> dict[str, Any]:
        …  # JSON values; read in one transaction with the topic's number

`incident:ID` has kind `incident` and key `ID`; `incidents` has kind `incidents` and an empty key.
Changes are published with `core.changes.publish(uow, "incident:ID", kind, data)`.

A topic whose state lives in its owner's memory (rooms) is registered with `register_owned`; its
owner numbers the changes itself and hands each to `topics.deliver(change)`.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from core import changes
from core.auth.model import Permission, Principal, require, require_everywhere
from core.changes import Change
from core.database import Database, UnitOfWork
from core.errors import InvalidInput, NotAllowed


@dataclass(frozen=True)
class LinkPrincipal:
    """Who joined with a meeting link instead of a session: one site's seat in one meeting."""

    link_id: str
    meeting_id: str
    room_id: str
    unit_id: str
    name: str
    role: str
    token: str = ""


Visitor = Principal | LinkPrincipal
Access = Callable[[UnitOfWork, Visitor, str], Awaitable[None]]
Snapshot = Callable[[UnitOfWork, Visitor, str], Awaitable[dict[str, Any]]]


class OwnedTopics(Protocol):
    """The owner of topics kept in memory."""

    async def snapshot(self, visitor: Visitor, key: str) -> tuple[str, int, dict[str, Any]]:
        """Epoch, number of the last change, state."""
        ...

    async def since(self, key: str, epoch: str, seq: int) -> Sequence[Change] | None:
        """The changes after (`epoch`, `seq`); None where only a snapshot can help."""
        ...


@dataclass(frozen=True)
class TopicKind:
    """How topics `prefix` or `prefix:KEY` are guarded and read."""

    prefix: str
    permission: Permission
    access: Access | None
    snapshot: Snapshot | None
    owner: OwnedTopics | None
    is_open_to_links: bool
    is_county_wide: bool = False


class Topics:
    """The registry of topic kinds and the answer to subscribe and resume."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kinds: dict[str, TopicKind] = {}
        self._deliver: Callable[[Change], None] = lambda change: None

    @property
    def kinds(self) -> dict[str, TopicKind]:
        return dict(self._kinds)

    def register(
        self,
        prefix: str,
        *,
        permission: Permission,
        snapshot: Snapshot,
        access: Access | None = None,
        is_county_wide: bool = False,
    ) -> None:
        """Topics whose changes are rows (core.changes). Without `access` the permission is all.

        `is_county_wide`: it must be held on the whole county.
        """
        self._add(
            TopicKind(
                prefix, permission, access, snapshot, None, is_open_to_links=False,
                is_county_wide=is_county_wide,
            )
        )  # fmt: skip

    def register_owned(
        self, prefix: str, *, permission: Permission, access: Access, owner: OwnedTopics
    ) -> None:
        """Topics whose state is in `owner`'s memory; link holders may ask, `access` decides."""
        self._add(TopicKind(prefix, permission, access, None, owner, is_open_to_links=True))

    def _add(self, kind: TopicKind) -> None:
        if kind.prefix in self._kinds:
            raise ValueError(f"two areas register topics {kind.prefix}")
        self._kinds[kind.prefix] = kind

    def deliver(self, change: Change) -> None:
        """Send a change of an owned topic to its subscribers on this node."""
        self._deliver(change)

    def deliver_with(self, deliver: Callable[[Change], None]) -> None:
        """Called once by the edge: how changes leave."""
        self._deliver = deliver

    async def open(
        self, visitor: Visitor, topic: str, epoch: str | None, seq: int | None
    ) -> dict[str, Any]:
        """The answer to `topic.subscribe`: changes since (`epoch`, `seq`), or a snapshot.

        Raises: InvalidInput: no such kind; NotAllowed, NotFound: not for this visitor.
        """
        prefix, _, key = topic.partition(":")
        kind = self._kinds.get(prefix)
        if kind is None:
            raise InvalidInput("no such topic", field="topic")
        async with self._database.read() as uow:
            await self._check(kind, uow, visitor, key)
            if kind.owner is None:
                return await self._read(kind, uow, visitor, topic, key, epoch, seq)
        return await self._ask(kind.owner, visitor, topic, key, epoch, seq)

    async def check(self, visitor: Visitor, topic: str) -> None:
        """Check the access again, without reading.

        Raises: NotAllowed, NotFound, InvalidInput.
        """
        prefix, _, key = topic.partition(":")
        kind = self._kinds.get(prefix)
        if kind is None:
            raise InvalidInput("no such topic", field="topic")
        async with self._database.read() as uow:
            await self._check(kind, uow, visitor, key)

    async def _check(self, kind: TopicKind, uow: UnitOfWork, visitor: Visitor, key: str) -> None:
        if isinstance(visitor, Principal):
            if kind.is_county_wide:
                require_everywhere(visitor, kind.permission)
            elif kind.permission is not Permission.SIGNED_IN:
                require(visitor, kind.permission)
        elif not kind.is_open_to_links:
            raise NotAllowed("a meeting link does not open this")
        if kind.access is not None:
            await kind.access(uow, visitor, key)

    async def _read(
        self,
        kind: TopicKind,
        uow: UnitOfWork,
        visitor: Visitor,
        topic: str,
        key: str,
        epoch: str | None,
        seq: int | None,
    ) -> dict[str, Any]:
        if epoch is not None and seq is not None:
            missed = await changes.since(uow, topic, epoch, seq)
            if missed is not None:
                return _resumed(topic, epoch, seq, missed)
        head = await changes.head(uow, topic)
        assert kind.snapshot is not None
        state = await kind.snapshot(uow, visitor, key)
        return {"topic": topic, "epoch": head.epoch, "seq": head.seq, "snapshot": state}

    async def _ask(
        self,
        owner: OwnedTopics,
        visitor: Visitor,
        topic: str,
        key: str,
        epoch: str | None,
        seq: int | None,
    ) -> dict[str, Any]:
        if epoch is not None and seq is not None:
            missed = await owner.since(key, epoch, seq)
            if missed is not None:
                return _resumed(topic, epoch, seq, missed)
        epoch_now, seq_now, state = await owner.snapshot(visitor, key)
        return {"topic": topic, "epoch": epoch_now, "seq": seq_now, "snapshot": state}


def _resumed(topic: str, epoch: str, seq: int, missed: Sequence[Change]) -> dict[str, Any]:
    last = missed[-1].seq if missed else seq
    sent = [change.as_wire() for change in missed]
    return {"topic": topic, "epoch": epoch, "seq": last, "changes": sent}
