"""Cameras as the server sees them: their register, and a component that owns the process."""

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from conf.cameras import address, store
from conf.cameras.store import CameraRow
from conf.child import Child, End
from core.database import UnitOfWork
from core.errors import InvalidInput, NotFound, Unavailable
from core.ids import new_id

ENDS: Final = {
    End.DIED: "the process that reads cameras has ended; it is started anew",
    End.HUNG: "the process that reads cameras did not answer any more; it is started anew",
    End.NOT_STARTED: "the process that reads cameras does not start; it is tried again",
}
Show = Callable[[str, str, str, str], None]
"""(meeting id, participant id, state, words)"""


@dataclass(frozen=True)
class _Running:
    meeting_id: str
    url: str
    key: str
    socket: str


class Cameras:
    """Who may be watched, and which streams run now, by the participant they are."""

    name = "cameras"
    stop_deadline_s = 8.0

    def __init__(self, sockets: Path, command: Sequence[str] | None = None) -> None:
        """`command`: starts the process; see `server.py cameras`."""
        self._show: Show = lambda *news: None
        self._running: dict[str, _Running] = {}
        self.child = Child(
            "cameras", command or [sys.executable, "-m", "conf.cameras"], sockets / "cameras.sock",
            self._open_all, self._on_event, self._on_end,
        )  # fmt: skip

    def show_with(self, show: Show) -> None:
        """How a room learns of a camera's state (conf.rooms)."""
        self._show = show

    async def run(self, ready: asyncio.Event) -> None:
        await self.child.run(ready)

    def stop(self) -> None:
        self.child.stop()

    # -- streams ----------------------------------------------------------------------------------

    async def open(
        self, meeting_id: str, participant_id: str, url: str, key: str, socket: Path
    ) -> None:
        """Read a camera into a seat until `close`, whatever breaks between."""
        running = _Running(meeting_id, url, key, os.fspath(socket))
        self._running[participant_id] = running
        await self._tell_open(participant_id, running)

    async def close(self, participant_id: str) -> None:
        """Read it no more; idempotent."""
        if self._running.pop(participant_id, None) is not None:
            with suppress(Unavailable):
                await self.child.ask("close", camera=participant_id)

    async def _tell_open(self, participant_id: str, running: _Running) -> None:
        with suppress(Unavailable):  # told again when the process is back
            await self.child.ask(
                "open", camera=participant_id, url=running.url, key=running.key,
                socket=running.socket,
            )  # fmt: skip

    async def _open_all(self) -> None:
        for participant_id, running in list(self._running.items()):
            await self._tell_open(participant_id, running)

    def _on_event(self, event: str, data: dict[str, Any]) -> None:
        for participant_id, told in data.items():
            running = self._running.get(participant_id)
            if running is not None:
                words = (str(told["state"]), str(told["words"]))
                self._show(running.meeting_id, participant_id, *words)

    def _on_end(self, end: End) -> None:
        """None of them is seen until the next process has opened it."""
        for participant_id, running in self._running.items():
            self._show(running.meeting_id, participant_id, "retrying", ENDS[end])

    # -- the register -----------------------------------------------------------------------------

    async def add(
        self, uow: UnitOfWork, name: str, unit_id: str, unit_path: str, url: str, by: str
    ) -> CameraRow:
        """Name a camera. Raises: InvalidInput."""
        if not name.strip():
            raise InvalidInput("a camera needs a name", field="name")
        row = CameraRow(
            id=new_id(), name=name.strip(), unit_id=unit_id, unit_path=unit_path,
            url=address.check(url), created_at=uow.now, created_by=by,
        )  # fmt: skip
        await store.add(uow, row)
        return row

    async def camera(self, uow: UnitOfWork, camera_id: str) -> CameraRow:
        """One camera. Raises: NotFound."""
        row = await store.camera(uow, camera_id)
        if row is None:
            raise NotFound("there is no such camera")
        return row

    async def cameras(self, uow: UnitOfWork, scopes: Sequence[str]) -> list[CameraRow]:
        """Cameras of the units below `scopes`, by name."""
        return await store.cameras(uow, scopes)

    async def delete(self, uow: UnitOfWork, camera_id: str) -> CameraRow:
        """Forget a camera; a room it is in keeps it until it ends. Raises: NotFound."""
        row = await self.camera(uow, camera_id)
        await store.delete(uow, row)
        return row
