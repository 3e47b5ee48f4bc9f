"""Cameras as the server sees them: their register, and a component that owns the process."""

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from conf.cameras import address, store
from conf.cameras.store import CameraRow
from conf.child import Child, End
from core.clock import Clock
from core.database import UnitOfWork
from core.errors import InvalidInput, NotFound, TooMany, Unavailable, check_unchanged
from core.ids import new_id

ENDS: Final = {
    End.DIED: "the process that reads cameras has ended; it is started anew",
    End.HUNG: "the process that reads cameras did not answer any more; it is started anew",
    End.NOT_STARTED: "the process that reads cameras does not start; it is tried again",
    End.RENEWED: "the process that reads cameras is started anew",
}
TRIAL_S = 20.0
"""Longer than the camera process may take to open a stream and wait for its first picture."""
TRIALS_AT_ONCE = 4


@dataclass(frozen=True)
class StreamState:
    """How a stream does, since when: `connecting`, `live`, `retrying`, `unusable`.

    `code`: why it shows nothing, stable; `words`: the same for people, or the picture's size.
    """

    state: str
    code: str
    words: str
    since: datetime


@dataclass(frozen=True)
class Stream:
    """A camera as it is read into a meeting."""

    camera_id: str
    meeting_id: str
    participant_id: str
    state: StreamState


Show = Callable[[str, str, StreamState], None]
"""(meeting id, participant id, state)"""


@dataclass(frozen=True)
class CameraDraft:
    """A camera as it shall be. `url` None: the present one stays."""

    name: str
    unit_id: str
    unit_path: str
    url: str | None


@dataclass(frozen=True)
class _Running:
    stream: Stream
    url: str = field(repr=False)
    key: str = field(repr=False)
    socket: str


class Cameras:
    """Who may be watched, and which streams run now, by the participant they are."""

    name = "cameras"
    stop_deadline_s = 8.0

    def __init__(self, sockets: Path, clock: Clock, command: Sequence[str] | None = None) -> None:
        """`command`: starts the process; see `server.py cameras`."""
        self._clock = clock
        self._show: Show = lambda *news: None
        self._running: dict[str, _Running] = {}
        self._trials: dict[str, asyncio.Future[StreamState]] = {}
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
        self, meeting_id: str, participant_id: str, row: CameraRow, key: str, socket: Path
    ) -> None:
        """Read a camera into a seat until `close`, whatever breaks between."""
        stream = Stream(row.id, meeting_id, participant_id, self._connecting())
        running = _Running(stream, row.url, key, os.fspath(socket))
        self._running[participant_id] = running
        await self._tell_open(participant_id, running)

    async def reopen(self, row: CameraRow) -> None:
        """The camera has another address: wherever it is read, read it from there."""
        for participant_id, running in list(self._running.items()):
            if running.stream.camera_id == row.id and running.url != row.url:
                stream = replace(running.stream, state=self._connecting())
                self._running[participant_id] = replace(running, url=row.url, stream=stream)
                await self._tell_open(participant_id, self._running[participant_id])

    def streams(self) -> list[Stream]:
        """What is read now."""
        return [running.stream for running in self._running.values()]

    async def trial(self, url: str) -> StreamState:
        """Open the stream once, up to its first picture, and say what became of it.

        Raises: InvalidInput; TooMany; Unavailable: the camera process is not there.
        """
        address.check(url)
        if len(self._trials) >= TRIALS_AT_ONCE:
            raise TooMany("other cameras are being tried; wait a few seconds")
        key = new_id()
        self._trials[key] = asyncio.get_running_loop().create_future()
        try:
            await self.child.ask("try", trial=key, url=url)
            async with asyncio.timeout(TRIAL_S):
                return await self._trials[key]
        except TimeoutError as error:
            raise Unavailable("the camera process does not answer") from error
        finally:
            del self._trials[key]

    def _connecting(self) -> StreamState:
        return StreamState("connecting", "", "", self._clock.now())

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
        for key, told in data.items():
            state = StreamState(
                str(told["state"]), str(told["code"]), str(told["words"]), self._clock.now()
            )
            if event == "trial":
                waiting = self._trials.get(key)
                if waiting is not None and not waiting.done():
                    waiting.set_result(state)
            elif key in self._running:
                self._note(key, state)

    def _note(self, participant_id: str, state: StreamState) -> None:
        """The same news again does not begin anew: it has been so since then."""
        running = self._running[participant_id]
        before = running.stream.state
        if (before.state, before.code) == (state.state, state.code):
            state = replace(state, since=before.since)
        stream = replace(running.stream, state=state)
        self._running[participant_id] = replace(running, stream=stream)
        self._show(stream.meeting_id, participant_id, state)

    def _on_end(self, end: End) -> None:
        """None of them is seen until the next process has opened it."""
        for participant_id in self._running:
            self._note(
                participant_id, StreamState("retrying", "process", ENDS[end], self._clock.now())
            )
        for waiting in self._trials.values():
            if not waiting.done():
                waiting.set_exception(Unavailable(ENDS[end]))

    # -- the register -----------------------------------------------------------------------------

    async def add(self, uow: UnitOfWork, draft: CameraDraft, by: str) -> CameraRow:
        """Name a camera. Raises: InvalidInput."""
        row = CameraRow(
            id=new_id(), name=_name(draft), unit_id=draft.unit_id, unit_path=draft.unit_path,
            url=address.check(draft.url or ""), version=1, created_at=uow.now, created_by=by,
        )  # fmt: skip
        await store.add(uow, row)
        return row

    async def change(
        self, uow: UnitOfWork, row: CameraRow, draft: CameraDraft, version: int
    ) -> None:
        """Write `draft` over a camera; `reopen` it after the commit.

        Raises: InvalidInput, Stale.
        """
        check_unchanged(f"camera:{row.id}", version, row.version)
        row.name, row.unit_id, row.unit_path = _name(draft), draft.unit_id, draft.unit_path
        if draft.url is not None:
            row.url = address.check(draft.url)
        row.version += 1

    async def camera(self, uow: UnitOfWork, camera_id: str) -> CameraRow:
        """One camera. Raises: NotFound."""
        row = await store.camera(uow, camera_id)
        if row is None:
            raise NotFound("there is no such camera")
        return row

    async def cameras(self, uow: UnitOfWork, scopes: Sequence[str]) -> list[CameraRow]:
        """Cameras of the units below `scopes`, by name."""
        return await store.cameras(uow, scopes)

    async def delete(self, uow: UnitOfWork, camera_id: str, version: int) -> CameraRow:
        """Forget a camera; a room it is in keeps it until it ends. Raises: NotFound, Stale."""
        row = await self.camera(uow, camera_id)
        check_unchanged(f"camera:{row.id}", version, row.version)
        await store.delete(uow, row)
        return row


def _name(draft: CameraDraft) -> str:
    if not draft.name.strip():
        raise InvalidInput("a camera needs a name", field="name")
    return draft.name.strip()
