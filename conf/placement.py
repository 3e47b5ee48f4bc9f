"""Which node a room lives on: where several servers share one database, the first join decides.

The claim is a lease in the meeting's row, renewed while the room is open here. Another node answers
a join with `Elsewhere`, which names the address to go to. A node that died gives its rooms up when
its lease runs out; restarted, it takes its own back at once.
"""

import hashlib
import socket
from collections.abc import Collection
from datetime import timedelta
from pathlib import Path

from conf import store
from conf.store import MeetingRow
from core.database import Database
from core.errors import Conflict, NotFound

LEASE = timedelta(seconds=20)


class Elsewhere(Conflict):
    """The room lives on another node; `url` is that server's address."""

    code = "elsewhere"

    def __init__(self, url: str) -> None:
        super().__init__(f"this meeting is held by another server: {url}")
        self.url = url

    def as_wire(self) -> dict[str, str | None]:
        """The `error` object, with `url`."""
        return {**super().as_wire(), "url": self.url}


def node_name(data_dir: Path, url: str) -> str:
    """This server's name among the nodes; the same after a restart."""
    place = f"{socket.gethostname()}:{data_dir.resolve()}:{url}"
    return hashlib.sha256(place.encode()).hexdigest()[:26]


class Placement:
    """Claims rooms for one node. SQLite has one node only, and nothing is written there."""

    def __init__(self, database: Database, node: str, url: str) -> None:
        """`url`: the address at which browsers reach this node."""
        self._database = database
        self._node = node
        self._url = url

    async def claim(self, meeting_id: str) -> MeetingRow:
        """The meeting, whose room shall be here. Raises: NotFound, Elsewhere."""
        if not self._database.is_postgresql:
            async with self._database.read() as uow:
                return _found(await store.meeting(uow, meeting_id))
        async with self._database.write() as uow:
            row = _found(await store.meeting(uow, meeting_id))
            is_held = row.node_until is not None and row.node_until > uow.now
            if row.node is not None and row.node != self._node and is_held:
                raise Elsewhere(row.node_url or "")
            row.node, row.node_url, row.node_until = self._node, self._url, uow.now + LEASE
            return row

    async def keep(self, meeting_ids: Collection[str]) -> None:
        """Renew the lease of these rooms."""
        if self._database.is_postgresql and meeting_ids:
            async with self._database.write() as uow:
                await store.renew_lease(uow, self._node, meeting_ids, uow.now + LEASE)

    async def give_up(self, meeting_ids: Collection[str]) -> None:
        """Let other nodes take these rooms at once."""
        if self._database.is_postgresql and meeting_ids:
            async with self._database.write() as uow:
                await store.renew_lease(uow, self._node, meeting_ids, uow.now)


def _found(row: MeetingRow | None) -> MeetingRow:
    if row is None:
        raise NotFound("there is no such meeting")
    return row
