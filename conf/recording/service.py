"""Recordings as the server sees them: a component that owns the recorder process and the lamps."""

import asyncio
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import structlog

from conf.child import Child, End
from conf.media.tap import SOCKET_NAME
from conf.recording import store
from conf.recording.lamp import Lamp, Watch
from conf.recording.recorder import INDEX
from conf.recording.store import RecordingRow
from conf.settings import RecordingSettings
from core.clock import Clock
from core.database import Database, UnitOfWork
from core.errors import AppError, NotFound, Unavailable
from core.ids import new_id

log = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 0.5
TIDY_EVERY_S: Final = 3600.0
_FILE = re.compile(r"[A-Za-z0-9_-]{1,80}\.(?:webm|mkv)|index\.json")

ShowLamp = Callable[[str, Lamp], None]


@dataclass
class _Active:
    recording_id: str
    watch: Watch = field(default_factory=Watch)
    shown: Lamp = Lamp.STALLED


class Recordings:
    """Starts and stops recordings, watches their bytes, keeps and deletes their files."""

    name = "recordings"
    stop_deadline_s = 10.0

    def __init__(
        self,
        settings: RecordingSettings,
        sockets: Path,
        folder: Path,
        database: Database,
        clock: Clock,
        command: Sequence[str] | None = None,
    ) -> None:
        """`folder`: of all recordings. `command`: starts a recorder; see `server.py recorder`."""
        self._settings = settings
        self._folder = folder
        self._database = database
        self._clock = clock
        self._show: ShowLamp = lambda meeting_id, lamp: None
        self._active: dict[str, _Active] = {}  # by meeting
        self._stopping = asyncio.Event()
        default = [sys.executable, "-m", "conf.recording", "--settings", settings.model_dump_json()]
        where = ["--folder", os.fspath(folder), "--data", os.fspath(sockets / SOCKET_NAME)]
        self.child = Child(
            "recorder", [*(command or default), *where], sockets / "recorder.sock",
            self._begin_again, self._on_event, self._on_end,
        )  # fmt: skip

    def show_with(self, show: ShowLamp) -> None:
        """How a room's lamp is set (conf.rooms)."""
        self._show = show

    async def run(self, ready: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.child.run(ready), name="recorder")
            looking = tasks.create_task(self._look(), name="recorder:lamp")
            tidying = tasks.create_task(self._tidy(), name="recorder:tidy")
            await self._stopping.wait()
            looking.cancel()
            tidying.cancel()
            self.child.stop()

    def stop(self) -> None:
        """End the component; what is being recorded goes on with the next server."""
        self._stopping.set()

    # -- what rooms ask ---------------------------------------------------------------------------

    async def start(self, meeting_id: str, by: str) -> None:
        """Record; goes on with the recording that was under way before a restart."""
        async with self._database.write() as uow:
            row = await store.under_way(uow, meeting_id)
            if row is None:
                row = RecordingRow(
                    id=new_id(), meeting_id=meeting_id, started_at=uow.now, started_by=by, octets=0
                )
                uow.session.add(row)
            recording_id = row.id
        self._active[meeting_id] = _Active(recording_id)
        await self._tell_start(meeting_id, recording_id)

    async def finish(self, meeting_id: str, cause: str) -> None:
        """The recording is over; idempotent. `cause`: ordered, ended, disk_full."""
        active = self._active.get(meeting_id)
        async with self._database.write() as uow:
            row = await store.under_way(uow, meeting_id)
            if row is not None:
                row.ended_at, row.end_cause = uow.now, cause
                row.octets = active.watch.octets if active else row.octets
        if active is not None and self._active.get(meeting_id) is active:
            del self._active[meeting_id]
            with suppress(Unavailable):  # a recorder that is down has closed it by dying
                await self.child.ask("stop", recording_id=active.recording_id)

    async def _tell_start(self, meeting_id: str, recording_id: str) -> None:
        with suppress(Unavailable):  # told again when the recorder is back; the lamp says stalled
            await self.child.ask(
                "start", recording_id=recording_id, room_id=meeting_id,
                folder=f"{meeting_id}/{recording_id}",
            )  # fmt: skip

    # -- the recorder -----------------------------------------------------------------------------

    async def _begin_again(self) -> None:
        for meeting_id, active in list(self._active.items()):
            active.watch = Watch()  # it counts from nothing again
            await self._tell_start(meeting_id, active.recording_id)

    def _on_event(self, event: str, data: dict[str, Any]) -> None:
        now = self._clock.monotonic()
        for active in self._active.values():
            told = data.get(active.recording_id)
            if event == "bytes" and told is not None:
                active.watch = active.watch.noted(
                    int(told["bytes"]), is_full=bool(told["is_full"]), now=now
                )

    def _on_end(self, end: End) -> None:
        """Nothing reaches the disk until the next recorder writes: the lamps go out at once."""
        for active in self._active.values():
            active.watch = Watch()

    async def _look(self) -> None:
        """Twice a second, whether the recorder speaks or not."""
        while True:
            await self._clock.sleep(LOOK_EVERY_S)
            for meeting_id, active in list(self._active.items()):
                lamp = active.watch.lamp(self._clock.monotonic())
                if lamp is not active.shown:
                    active.shown = lamp
                    self._show(meeting_id, lamp)
                if lamp is Lamp.DISK_FULL:
                    await self._give_up(meeting_id)

    async def _give_up(self, meeting_id: str) -> None:
        try:
            await self.finish(meeting_id, "disk_full")
        except AppError as error:  # the database blinked: at the next look
            log.warning("recording_not_finished", meeting_id=meeting_id, cause=error.message)
        else:
            log.error("recording_stopped_disk_full", meeting_id=meeting_id)

    # -- what is kept -----------------------------------------------------------------------------

    async def of_meeting(self, uow: UnitOfWork, meeting_id: str) -> list[RecordingRow]:
        """All recordings of a meeting, oldest first."""
        return await store.recordings(uow, meeting_id)

    async def recording(self, uow: UnitOfWork, recording_id: str) -> RecordingRow:
        """One recording. Raises: NotFound."""
        row = await store.recording(uow, recording_id)
        if row is None:
            raise NotFound("there is no such recording")
        return row

    async def index(self, row: RecordingRow) -> list[dict[str, Any]]:
        """The tracks with their segment files, from the index on disk; empty when it is gone."""

        def read() -> list[dict[str, Any]]:
            with suppress(OSError, ValueError, KeyError):
                tracks: list[dict[str, Any]] = json.loads(
                    (self._folder_of(row) / INDEX).read_text()
                )["tracks"]
                return tracks
            return []

        return await asyncio.to_thread(read)

    def file(self, row: RecordingRow, name: str) -> Path:
        """One file of a recording. Raises: NotFound."""
        path = self._folder_of(row) / name
        if not _FILE.fullmatch(name) or not path.is_file():
            raise NotFound("there is no such file in this recording")
        return path

    def _folder_of(self, row: RecordingRow) -> Path:
        return self._folder / row.meeting_id / row.id

    async def _tidy(self) -> None:
        while True:
            try:
                await self.tidy()
            except AppError as error:
                log.warning("recordings_not_tidied", cause=error.message)
            await self._clock.sleep(TIDY_EVERY_S)

    async def tidy(self) -> None:
        """Delete the files of what has been kept long enough; the row stays."""
        before = self._clock.now() - timedelta(days=self._settings.keep_days)
        async with self._database.write() as uow:
            for row in await store.expired(uow, before):
                await asyncio.to_thread(shutil.rmtree, self._folder_of(row), ignore_errors=True)
                row.deleted_at = uow.now
                log.info("recording_deleted", recording_id=row.id)
