"""Recording with the real edge, worker and recorder process; files are judged by PyAV."""

import asyncio
import io
import os
import resource
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import av
import pytest
from structlog.testing import capture_logs

from conf.media.tap import Tap
from conf.recording.recorder import Intake
from core.auth.model import Role
from core.clock import MovableClock
from core.database import Database
from signaling.settings import Settings
from tests.support.bridge import eventually, kernel_drops
from tests.support.cores import waited_s
from tests.support.encoded import opus_packets, vp8_frames
from tests.support.meeting import House, Page, Refused, running_house

pytestmark = [pytest.mark.timeout(90), pytest.mark.holds_loop]  # it encodes and decodes


@pytest.fixture
def settings(sqlite_url: str, house_settings: Callable[..., Settings]) -> Settings:
    return house_settings(sqlite_url, recording={"min_free_mib": 0})


@pytest.fixture
async def recorded(settings: Settings) -> AsyncIterator[tuple[House, Page, Page]]:
    """A meeting whose chair has ordered the recording; hall and east have joined."""
    async with running_house(settings) as house:
        await house.open()
        hall, east = await house.joined("hall", "east")
        await hall.order("record_start")
        yield house, hall, east


NOWHERE = "postgresql+asyncpg://nobody:x@127.0.0.1:9/none"
SOMETHING = 1_000  # bytes: more than a file's head


def files(settings: Settings, source: str) -> list[Path]:
    """The segment files of a source, oldest first."""
    folder = settings.data.dir / "recordings"
    return sorted(folder.rglob(f"*-{source}-*"), key=lambda path: path.stat().st_mtime)


BOTH = ("audio", "camera")


async def until_files(settings: Settings, number: int, sources: tuple[str, ...] = BOTH) -> None:
    """Of voice and picture each, the newest with something in it; the lamp needs one of them."""
    async with asyncio.timeout(30):
        for source in sources:
            while True:
                found = files(settings, source)
                if len(found) >= number and found[-1].stat().st_size > SOMETHING:
                    break
                await asyncio.sleep(0.05)


def decoded(path: Path) -> int:
    """How many frames a player gets out of a file."""
    with av.open(io.BytesIO(path.read_bytes())) as container:
        return sum(1 for _ in container.decode(container.streams[0]))


async def until_plays(settings: Settings, source: str, frames: int, number: int = 1) -> None:
    """Until the last of `number` files plays more than so many frames."""

    def plays() -> bool:
        found = files(settings, source)
        with suppress(av.FFmpegError):
            return len(found) == number and decoded(found[-1]) > frames
        return False

    await eventually(plays)


def ends_at(path: Path) -> float:
    """Unix time of the last frame that plays: the file's name says when it began."""
    with av.open(io.BytesIO(path.read_bytes())) as container:
        last = max(frame.time for frame in container.decode(container.streams[0]))
    return int(path.stem.rpartition("-")[2]) / 1000 + float(last)


async def perform(page: Page, seconds: float) -> None:
    """Really encoded pictures at 25/s and voice at 50/s."""
    loop, start, tick = asyncio.get_running_loop(), asyncio.get_running_loop().time(), 0
    pictures, voice = vp8_frames(), opus_packets()
    while loop.time() - start < seconds:
        page.media.send_payload(page.media.audio, voice[tick % len(voice)], 960)
        if tick % 2 == 0:
            camera = page.media.cameras["f"]
            frame = pictures[tick // 2 % len(pictures)]
            page.media.send_vp8(camera, frame, 3600)
        tick += 1
        await asyncio.sleep(max(0.0, start + tick * 0.02 - loop.time()))


@asynccontextmanager
async def performing(page: Page) -> AsyncIterator[None]:
    """As long as the block takes: how soon the recorder is ready is the machine's affair."""
    acting = asyncio.create_task(perform(page, float("inf")))
    try:
        yield
    finally:
        acting.cancel()
        with suppress(asyncio.CancelledError):
            await acting


async def test_the_lamp_is_on_while_bytes_reach_the_disk_and_files_play(
    recorded: tuple[House, Page, Page], settings: Settings
) -> None:
    house, hall, east = recorded
    assert (await hall.room())["recording"] == "stalled"
    async with performing(east):
        assert await hall.change("room.changed", recording="on")
        await until_files(settings, 1)
        hall.heard.clear()
        before, dropped = east.media.audio.packets, kernel_drops()
        await asyncio.sleep(3)
        sent = east.media.audio.packets - before
    assert await hall.change("room.changed", recording="stalled")
    excused = kernel_drops() - dropped
    excused += int((await house.worker.stats())["recorded_packets_dropped_total"])
    await hall.order("record_stop")
    assert (await hall.room())["recording"] == "off"
    (audio,), (camera,) = files(settings, "audio"), files(settings, "camera")
    assert decoded(audio) >= sent - excused
    assert decoded(camera) >= sent // 2 - (63 + excused if excused else 1)
    assert [a for a in await house.audited() if "record" in a] == [
        "room.record_start", "room.record_stop",
    ]  # fmt: skip


async def test_what_was_said_two_seconds_before_a_kill_plays(
    recorded: tuple[House, Page, Page], settings: Settings
) -> None:
    """And the recording goes on with a new recorder, in new files."""
    house, hall, east = recorded
    async with performing(east):
        await hall.change("room.changed", recording="on")
        await until_files(settings, 1)
        recorder = house.app.rooms.recordings.child.process_id
        both = recorder, house.worker.process_id
        waited = waited_s(*both)
        await asyncio.sleep(4)
        killed_at = time.time()
        late_s = waited_s(*both) - waited  # without a core: as if said so much later
        os.kill(recorder, signal.SIGKILL)
        await asyncio.sleep(0)
        (audio,), (camera,) = files(settings, "audio"), files(settings, "camera")
        assert ends_at(audio) > killed_at - 2 - late_s
        assert ends_at(camera) > killed_at - 2 - late_s
        assert decoded(audio) > 100
        assert decoded(camera) > 50
        await until_plays(settings, "audio", 50, number=2)
    assert (await hall.room())["recording"] in ("on", "stalled")


async def test_a_hung_recorder_is_replaced_and_the_recording_goes_on(
    recorded: tuple[House, Page, Page], settings: Settings
) -> None:
    """A stopped process does not die of itself: the lamp goes out, then new files begin."""
    house, hall, east = recorded
    child = house.app.rooms.recordings.child
    async with performing(east):
        await hall.change("room.changed", recording="on")
        await until_files(settings, 1)
        hung = child.process_id
        hall.heard.clear()
        os.kill(hung, signal.SIGSTOP)
        assert await hall.change("room.changed", recording="stalled")
        assert await hall.until(
            "change", lambda c: c["data"].get("recording") == "on", timeout_s=40
        )
        with pytest.raises(ProcessLookupError):
            os.kill(hung, 0)
        assert child.restarts == 1
        await until_files(settings, 2)
    await hall.order("record_stop")
    for source in ("audio", "camera"):
        before, after = files(settings, source)
        assert decoded(before)
        assert decoded(after)


async def test_a_burst_reaches_a_recorder_that_is_busy_and_the_next_one(tmp_path: Path) -> None:
    """A key frame has more packets than the kernel holds datagrams; none of them may be missing."""
    path, taken = tmp_path / "s", list[bytes]()
    tap = Tap(path)
    burst = [number.to_bytes(2, "big") + bytes(1100) for number in range(300)]
    for _ in range(2):
        intake = Intake(path, taken.append)
        before = tap.dropped
        for packet in burst:
            tap._send(packet)  # the recorder does not run meanwhile
        await eventually(lambda: len(taken) >= len(burst))
        assert taken == burst
        assert tap.dropped == before
        taken.clear()
        intake.close()
        tap._send(b"nobody is there")
        assert tap.dropped == before + 1
    tap.close()


async def test_a_muted_site_is_not_recorded(
    recorded: tuple[House, Page, Page], settings: Settings
) -> None:
    _, hall, east = recorded
    await hall.order("mute", east.pid)
    async with performing(east):
        await until_files(settings, 1, ("camera",))
    await hall.order("record_stop")
    assert files(settings, "audio") == []
    assert len(files(settings, "camera")) == 1


async def test_a_full_disk_ends_the_recording_and_not_the_meeting(
    sqlite_url: str, house_settings: Callable[..., Settings]
) -> None:
    settings = house_settings(sqlite_url, recording={"min_free_mib": 0, "max_mib": 1})
    ballast = settings.data.dir / "recordings" / "old.webm"
    ballast.parent.mkdir(parents=True)
    ballast.write_bytes(bytes(1024 * 1024 - 20_000))
    async with running_house(settings) as house:
        await house.open()
        hall, east = await house.joined("hall", "east")
        await hall.order("record_start")
        async with performing(east):
            assert await hall.change("room.changed", recording="disk_full")
            heard = hall.media.mid("3").packets
            await eventually(lambda: hall.media.mid("3").packets > heard + 20)
        async with house.app.database.read() as uow:
            rows = await house.app.rooms.recordings.of_meeting(uow, house.meeting_id)
        assert [row.end_cause for row in rows] == ["disk_full"]


async def test_a_disk_that_takes_no_more_in_the_middle_leaves_a_file_that_plays(
    recorded: tuple[House, Page, Page], settings: Settings
) -> None:
    """The kernel refuses the recorder's writes; the worker and the meeting know nothing of it."""
    house, hall, east = recorded
    async with performing(east):
        await until_plays(settings, "audio", 20)
        await until_plays(settings, "camera", 20)
        most = 1024 + max(path.stat().st_size for path in files(settings, "camera"))
        recorder = house.app.rooms.recordings.child.process_id
        resource.prlimit(recorder, resource.RLIMIT_FSIZE, (most, most))
        assert await hall.change("room.changed", recording="disk_full")
        heard = hall.media.mid("3").packets
        await eventually(lambda: hall.media.mid("3").packets > heard + 20)
    (camera,) = files(settings, "camera")
    assert camera.stat().st_size <= most
    assert decoded(camera) > 10
    assert decoded(files(settings, "audio")[0]) > 10


async def test_recordings_are_listed_and_taken_by_those_who_may_chair(
    recorded: tuple[House, Page, Page], settings: Settings
) -> None:
    house, hall, east = recorded
    async with performing(east):
        await until_plays(settings, "audio", 20)
    await hall.order("record_stop")
    path = f"/meetings/{house.meeting_id}/recordings"
    staff = await house.desk("staff", Role.MEETING_STAFF)
    (recording,) = (await staff.get(path))["items"]
    assert recording["end_cause"] == "ordered"
    track = next(t for t in recording["tracks"] if t["source"] == "audio")
    assert track["site"] == "east"
    name = track["segments"][0]["file"]
    address = f"{house.url}/api/v1{path}/{recording['id']}/{name}"
    async with staff.http.get(address) as answer:
        assert answer.status == 200
        assert answer.content_type == "video/webm"
        assert (await answer.read())[:4] == b"\x1a\x45\xdf\xa3"
    for other in ("index.json.new", "..%2Findex.json"):
        async with staff.http.get(address.replace(name, other)) as answer:
            assert answer.status == 404
    assert "recording.download" in await house.audited()
    village = await house.desk("village", Role.VILLAGE_REPORTER)
    with pytest.raises(Refused, match="not_allowed"):
        await village.get(path)


async def test_a_database_that_blinks_ends_neither_server_nor_recording(settings: Settings) -> None:
    """What could not be read at the first try, or written, is done at the next."""
    async with running_house(settings) as first:
        await first.open()
        meeting_id, tokens = first.meeting_id, first.tokens
        (hall,) = await first.joined("hall")
        await hall.order("record_start")
    clock = MovableClock()
    async with running_house(settings, clock=clock) as second, Database(NOWHERE) as nowhere:
        second.meeting_id, second.tokens = meeting_id, tokens
        recordings = second.app.rooms.recordings
        database, recordings._database = recordings._database, nowhere
        with capture_logs() as logs:
            back = await (await second.page("hall")).join(resume=hall.joined["resume"])
            clock.advance(3601)
            await eventually(
                lambda: any(entry["event"] == "recordings_not_tidied" for entry in logs)
            )
        assert not recordings._active
        recordings._database = database
        async with asyncio.timeout(30):
            while not recordings._active:
                clock.advance(6)
                await asyncio.sleep(0.05)
        assert (await back.seat(back.pid))["is_connected"]
        recordings._database = nowhere
        await recordings._give_up(meeting_id)
        assert recordings._active
        recordings._database = database
        await recordings._give_up(meeting_id)
        assert not recordings._active
        async with second.app.database.read() as uow:
            (row,) = await recordings.of_meeting(uow, meeting_id)
        assert row.end_cause == "disk_full"


async def test_a_restarted_server_goes_on_recording(settings: Settings) -> None:
    async with running_house(settings) as first:
        await first.open()
        meeting_id, tokens = first.meeting_id, first.tokens
        (hall,) = await first.joined("hall")
        await hall.order("record_start")
        async with performing(hall):
            await until_plays(settings, "audio", 20)
    async with running_house(settings) as second:
        second.meeting_id, second.tokens = meeting_id, tokens
        back = await (await second.page("hall")).join(resume=hall.joined["resume"])
        async with performing(back):
            assert await back.change("room.changed", recording="on")
            await until_plays(settings, "audio", 20, number=2)
        async with second.app.database.read() as uow:
            rows = await second.app.rooms.recordings.of_meeting(uow, meeting_id)
        assert len(rows) == 1
    assert len(files(settings, "audio")) == 2
