"""What the recorder has taken is on the disk, not in a cache; and it leaves the disk its room."""

import asyncio
import io
import json
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from conf import line
from conf.media.tap import PACKET, TRACK
from conf.recording.files import TrackWriter
from conf.recording.frames import Piece
from conf.recording.recorder import Recorder, run_recorder
from conf.settings import RecordingSettings
from tests.support.encoded import opus_packets

ROOMY = RecordingSettings(min_free_mib=0)


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Inodes of the files that were really synced, each time."""
    done: list[int] = []

    def noting(sync: Callable[[int], None]) -> Callable[[int], None]:
        def sync_and_note(number: int) -> None:
            sync(number)
            done.append(os.fstat(number).st_ino)

        return sync_and_note

    monkeypatch.setattr(os, "fsync", noting(os.fsync))
    monkeypatch.setattr(os, "fdatasync", noting(os.fdatasync))
    return done


def test_a_file_is_synced_when_it_ends(tmp_path: Path, synced: list[int]) -> None:
    writer = TrackWriter(tmp_path, "p", "audio", "opus", segment_s=600)
    for n, packet in enumerate(opus_packets()[:10]):
        writer.push(Piece(n, 960 * n, True, packet), 1.7e9)
    writer.close()
    (file,) = tmp_path.iterdir()
    assert synced == [file.stat().st_ino]


def test_the_last_words_before_a_silence_are_written_at_the_next_tick(tmp_path: Path) -> None:
    """A voice that stops (DTX) ends no cluster by itself; twice a second what waits is written."""
    writer = TrackWriter(tmp_path, "p", "audio", "opus", segment_s=600)
    for n, packet in enumerate(opus_packets()[:10]):
        writer.push(Piece(n, 960 * n, True, packet), 1.7e9)
    writer.tick()
    (file,) = tmp_path.iterdir()
    with av.open(io.BytesIO(file.read_bytes())) as container:
        assert sum(1 for _ in container.decode(audio=0)) == 10
    writer.close()


async def test_an_open_file_is_synced_while_it_grows(tmp_path: Path, synced: list[int]) -> None:
    """A machine that loses its power keeps all but the last seconds."""
    came, hang_up = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        args = {"recording_id": "r", "room_id": "m", "folder": "m/r"}
        writer.write(line.encode_frame({"id": 1, "op": "start", "args": args}))
        while (message := await line.read_frame(reader)) is not None:
            if message.get("id") == 1:
                break
        came.set()
        await hang_up.wait()
        writer.close()

    orders, data = tmp_path / "orders", tmp_path / "data"
    server = await asyncio.start_unix_server(serve, str(orders))
    running = asyncio.create_task(run_recorder(ROOMY, tmp_path / "all", orders, data))
    async with asyncio.timeout(10):
        await came.wait()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as worker:
        worker.connect(str(data))
        worker.setblocking(False)
        send = asyncio.get_running_loop().sock_sendall
        named = {"track": 9, "room_id": "m", "participant_id": "p", "source": "audio"}
        await send(worker, TRACK + json.dumps(named | {"codec": "opus"}).encode())
        for n, packet in enumerate(opus_packets()[:60]):
            await send(worker, struct.pack("!cIQIB", PACKET, 9, n, 960 * n, 1) + packet)
    async with asyncio.timeout(10):
        while not synced:  # noqa: ASYNC110 - it is synced from a thread, once a second
            await asyncio.sleep(0.02)
    (file,) = (tmp_path / "all" / "m" / "r").glob("p-audio-*")
    assert file.stat().st_ino in synced
    hang_up.set()
    async with asyncio.timeout(10):
        await running
    server.close()


@pytest.mark.parametrize(
    ("settings", "is_full"),
    [
        (ROOMY, False),
        (RecordingSettings(min_free_mib=10_000_000), True),  # more than any disk has
        (RecordingSettings(min_free_mib=0, max_mib=1), True),
    ],
    ids=["room", "little free", "ceiling"],
)
def test_the_disk_keeps_its_room(
    tmp_path: Path, settings: RecordingSettings, is_full: bool
) -> None:
    """What is there from before counts; a full one is told, and nothing more is written."""
    (tmp_path / "old.webm").write_bytes(bytes(1_100_000))
    recorder = Recorder(settings, tmp_path)
    recorder.start("r", "m", "m/r")
    recorder.tick()
    assert recorder.told() == {"r": {"bytes": 0, "is_full": is_full}}
    named = {"track": 9, "room_id": "m", "participant_id": "p", "source": "audio"}
    recorder.take(TRACK + json.dumps(named | {"codec": "opus"}).encode())
    for n, packet in enumerate(opus_packets()[:60]):
        recorder.take(struct.pack("!cIQIB", PACKET, 9, n, 960 * n, 1) + packet)
    assert bool(list(tmp_path.rglob("p-audio-*"))) is not is_full
    recorder.close()
