"""The recorder process: packets of recorded rooms in, files out; the server hears of every byte.

Data: packets over a Unix socket from each worker (conf.media.tap). Orders: frames as in
conf.media.control:

    server → recorder  {"id": n, "op": "start", "args": {recording_id, room_id, folder}}
                       {"id": n, "op": "stop", "args": {recording_id}}
    recorder → server  {"hello": {"pid": P}}   {"id": n, "ok": {…}} | {"id": n, "error": {…}}
                       {"event": "bytes", "data": {recording_id: {"bytes", "is_full"}}}

End of file ends the recorder, with every file closed.
"""

import asyncio
import json
import os
import shutil
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import structlog

from conf.line import Tell, serve_requests
from conf.media.tap import PACKET, TRACK, read_packet
from conf.recording.files import TrackWriter
from conf.recording.frames import Piece
from conf.settings import RecordingSettings
from core.errors import InvalidInput

log = structlog.get_logger("conf.recording")

INDEX: Final = "index.json"
TELL_EVERY_S: Final = 0.5
SYNC_EVERY_S: Final = 1.0
_BURST: Final = 400
_MOST_WAITING: Final = 64  # workers, whose connection has not been taken yet
_MIB: Final = 1024 * 1024


@dataclass
class Recording:
    """One recording under way. `earlier`: tracks of the same recording from before a restart."""

    recording_id: str
    room_id: str
    folder: Path
    tracks: dict[int, TrackWriter] = field(default_factory=dict)
    earlier: list[dict[str, Any]] = field(default_factory=list)
    is_full: bool = False

    @property
    def octets(self) -> int:
        """On disk, of this run of the process."""
        return sum(track.octets for track in self.tracks.values())

    def describe(self) -> dict[str, Any]:
        """The index: what to play when; `started_at` of a segment is Unix time.

        Why a recording ended is in the database alone: a full disk could not be told of its own.
        """
        tracks = [
            {
                "participant_id": track.participant_id,
                "source": track.source,
                "segments": [segment.describe() for segment in track.segments],
            }
            for track in self.tracks.values()
        ]
        return {
            "recording_id": self.recording_id,
            "room_id": self.room_id,
            "tracks": [*self.earlier, *tracks],
        }

    def begin(self) -> None:
        """Make its place on disk. Raises: OSError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.write_index()

    def write_index(self) -> None:
        """Replace the index as a whole. Raises: OSError."""
        target = self.folder / INDEX
        draft = target.with_suffix(".new")
        draft.write_text(json.dumps(self.describe(), indent=1))
        draft.replace(target)

    def close(self) -> None:
        """Every file is whole on disk. Raises: OSError."""
        for track in self.tracks.values():
            track.close()
        self.write_index()


class Recorder:
    """Owner of everything in the process; all methods run on the loop but `sync`."""

    def __init__(self, settings: RecordingSettings, root: Path) -> None:
        """`root`: folder of all recordings, whose size the settings bound."""
        self._settings = settings
        self._root = root
        self._rooms: dict[str, Recording] = {}
        self._names: dict[int, tuple[str, str, str, str]] = {}
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._octets_before = sum(f.stat().st_size for f in root.rglob("*") if f.is_file())

    # -- orders -----------------------------------------------------------------------------------

    async def handle(self, op: str, args: dict[str, Any]) -> dict[str, Any]:
        """One request. Raises: InvalidInput."""
        match op:
            case "start":
                self.start(str(args["recording_id"]), str(args["room_id"]), str(args["folder"]))
            case "stop":
                self.stop(str(args["recording_id"]))
            case _:
                raise InvalidInput("unknown operation", field="op")
        return {}

    def start(self, recording_id: str, room_id: str, folder: str) -> None:
        """Record what comes of this room from now on; idempotent."""
        if room_id in self._rooms and self._rooms[room_id].recording_id == recording_id:
            return
        path = self._root / folder
        recording = Recording(recording_id, room_id, path, earlier=_earlier(path / INDEX))
        self._rooms[room_id] = recording
        self._guarded(recording, recording.begin)

    def stop(self, recording_id: str) -> None:
        """Close the files; idempotent."""
        for room_id, recording in list(self._rooms.items()):
            if recording.recording_id == recording_id:
                del self._rooms[room_id]
                self._octets_before += recording.octets
                self._guarded(recording, recording.close)

    def close(self) -> None:
        """Close everything."""
        for recording in list(self._rooms.values()):
            self.stop(recording.recording_id)

    # -- packets ----------------------------------------------------------------------------------

    def take(self, datagram: bytes) -> None:
        """One packet of a worker; what names no recorded room is dropped."""
        if datagram[:1] == PACKET:
            number, ext, timestamp, marker, payload = read_packet(datagram)
            named = self._names.get(number)
            recording = self._rooms.get(named[0]) if named is not None else None
            if named is not None and recording is not None and not recording.is_full:
                track = recording.tracks.get(number) or self._add(recording, number, named)
                piece = Piece(ext, timestamp, marker, payload)
                self._guarded(recording, lambda: track.push(piece, time.time()))
        elif datagram[:1] == TRACK:
            told = json.loads(datagram[1:])
            self._names[told["track"]] = (
                told["room_id"], told["participant_id"], told["source"], told["codec"],
            )  # fmt: skip

    def _add(
        self, recording: Recording, number: int, named: tuple[str, str, str, str]
    ) -> TrackWriter:
        _, participant_id, source, codec = named
        for known in recording.tracks.values():
            if (known.participant_id, known.source) == (participant_id, source):
                self._guarded(recording, known.close)  # another layer or line takes over
        track = TrackWriter(
            recording.folder, participant_id, source, codec, self._settings.segment_s
        )
        recording.tracks[number] = track
        return track

    # -- disk -------------------------------------------------------------------------------------

    def _guarded(self, recording: Recording, act: Callable[[], None]) -> None:
        """A disk that takes no more ends the recording and nothing else."""
        try:
            act()
        except OSError as error:
            log.error("recording_failed", recording_id=recording.recording_id, cause=str(error))
            self._fill(recording)

    def _fill(self, recording: Recording) -> None:
        recording.is_full = True
        for track in recording.tracks.values():
            try:
                track.close()
            except OSError:
                continue  # its last cluster did not fit; what is before it plays

    def tick(self) -> None:
        """Write what waits, keep the index, look at the disk."""
        used = self._octets_before + sum(r.octets for r in self._rooms.values())
        free = shutil.disk_usage(self._root).free
        is_full = used > self._settings.max_mib * _MIB or free < self._settings.min_free_mib * _MIB
        for recording in self._rooms.values():
            if is_full and not recording.is_full:
                self._fill(recording)
            if not recording.is_full:
                for track in recording.tracks.values():
                    self._guarded(recording, track.tick)
                self._guarded(recording, recording.write_index)

    def told(self) -> dict[str, Any]:
        """What the server's lamp goes by."""
        return {
            r.recording_id: {"bytes": r.octets, "is_full": r.is_full} for r in self._rooms.values()
        }

    def file_numbers(self) -> list[int]:
        """Duplicates of the open files' numbers: closing a file while it is synced is no harm."""
        tracks = [track for r in self._rooms.values() for track in r.tracks.values()]
        return [os.dup(number) for track in tracks for number in track.file_numbers()]


def _earlier(index: Path) -> list[dict[str, Any]]:
    try:
        tracks: list[dict[str, Any]] = json.loads(index.read_text())["tracks"]
    except (OSError, ValueError, KeyError):
        return []
    return tracks


def _sync(numbers: list[int]) -> None:
    for number in numbers:
        try:
            os.fdatasync(number)
        finally:
            os.close(number)


class Intake:
    """Takes the workers' connections, and what comes over them. Owner: run_recorder."""

    def __init__(self, path: Path, take: Callable[[bytes], None]) -> None:
        path.unlink(missing_ok=True)  # of a recorder that was killed
        self._take = take
        self._loop = asyncio.get_running_loop()
        self._lines: set[socket.socket] = set()
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listening.setblocking(False)
        self._listening.bind(str(path))
        self._listening.listen(_MOST_WAITING)
        self._loop.add_reader(self._listening.fileno(), self._welcome)

    def _welcome(self) -> None:
        try:
            line, _ = self._listening.accept()
        except OSError:
            return  # it has gone again
        line.setblocking(False)
        self._lines.add(line)
        self._loop.add_reader(line.fileno(), self._read, line)

    def _read(self, line: socket.socket) -> None:
        for _ in range(_BURST):
            try:
                packet = line.recv(65536)
            except BlockingIOError:
                return
            except OSError:
                packet = b""
            if not packet:
                self._hang_up(line)
                return
            self._take(packet)

    def _hang_up(self, line: socket.socket) -> None:
        self._loop.remove_reader(line.fileno())
        line.close()
        self._lines.discard(line)

    def close(self) -> None:
        """Take no more."""
        self._loop.remove_reader(self._listening.fileno())
        self._listening.close()
        for line in list(self._lines):
            self._hang_up(line)


async def run_recorder(
    settings: RecordingSettings, root: Path, control_socket: Path, data_socket: Path
) -> None:
    """Record until the server hangs up. Raises: OSError: nobody listens at `control_socket`."""
    recorder = Recorder(settings, root)
    intake = Intake(data_socket, recorder.take)
    loop = asyncio.get_running_loop()

    async def keep(tell: Tell) -> None:
        synced_at = 0.0
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            recorder.tick()
            await tell("bytes", recorder.told())
            if loop.time() - synced_at >= SYNC_EVERY_S:
                synced_at = loop.time()
                await asyncio.to_thread(_sync, recorder.file_numbers())

    try:
        await serve_requests(control_socket, recorder.handle, keep)
    finally:
        intake.close()
        recorder.close()
