"""Several workers, moves between them, a stop that lets meetings end; figures on the way."""

import asyncio
import os
import signal
import sys
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from conf.media.client import MediaWorker
from conf.media.model import ParticipantLost, SlotMapChanged
from conf.settings import MediaSettings
from conf.turns import INBOX_SIZE
from core.auth.model import Role
from core.errors import Unavailable
from signaling.settings import Settings
from tests.support.bridge import eventually, kernel_drops
from tests.support.cores import waited_s
from tests.support.meeting import House, Page, Refused, running_house

pytestmark = pytest.mark.timeout(60)
ROOT = Path(__file__).resolve().parents[3]
VOICE, MAIN = "3", "6"
REJOINED_S = 10  # docs/protocol.md promises it


async def two_meetings(house: House) -> dict[int, list[Page]]:
    """One meeting on each of two workers, hall and east joined to each."""
    pages: dict[int, list[Page]] = {}
    while len(pages) < 2:
        await house.open()
        place = zlib.crc32(house.meeting_id.encode()) % 2
        if place not in pages:
            pages[place] = await house.joined("hall", "east")
    return pages


async def test_rooms_keep_to_their_worker_and_move_when_it_is_drained(
    sqlite_url: str, house_settings: Callable[..., Settings]
) -> None:
    async with running_house(house_settings(sqlite_url, media={"workers": 2})) as house:
        pages = await two_meetings(house)
        first, second = house.app.rooms.workers
        for hall, east in pages.values():
            await house.stream_until(hall, east, done=lambda h=hall: h.media.mid(MAIN).packets > 20)
        assert {int((await w.stats())["participants"]) for w in (first, second)} == {2}
        hall, east = pages[0]
        await hall.order("mute", east.pid)
        admin = await house.desk("admin", Role.ADMIN)
        assert (await admin.post("/system/media/0/drain", {}))["moved"] == 1
        for page in (hall, east):
            assert (await page.until("room.rejoin"))["reason"] == "moved"
            await page.join(resume=page.joined["resume"])
        await house.stream_until(hall, east, done=lambda: hall.media.mid(MAIN).packets > 20)
        assert hall.media.mid(VOICE).packets == 0  # still muted
        assert (await second.stats())["participants"] == 4
        assert (await first.stats())["rooms"] == 0
        moved = hall.joined["topic"].removeprefix("room:")
        first._put(SlotMapChanged(moved, hall.pid, 1000, ()))  # said before it knew of the move
        first._put(ParticipantLost(moved, east.pid, "closed"))
        await eventually(first._events.empty)
        await hall.order("lock")  # in its turn after them
        assert (await hall.seat(east.pid))["quality"] != "lost"
        assert all(told["revision"] < 1000 for name, told in hall.heard if name == "slots")
        with pytest.raises(Refused, match="conflict"):
            await admin.post("/system/media/1/drain", {})
        names = ("is_draining", "may_drain", "rooms", "sites")
        told = [
            [one[name] for name in names] for one in (await admin.get("/system/media"))["items"]
        ]
        assert told == [[True, True, 0, 0], [False, False, 2, 4]]
        await admin.call("DELETE", "/system/media/0/drain")
        assert not (await admin.get("/system/media"))["items"][0]["is_draining"]
        assert not any(name == "room.rejoin" for name, _ in pages[1][0].heard)


async def test_a_meeting_that_cannot_move_keeps_no_other_back(
    sqlite_url: str, house_settings: Callable[..., Settings]
) -> None:
    """It is named and goes on where it is; once empty, the worker is given a new process."""
    async with running_house(house_settings(sqlite_url, media={"workers": 2})) as house:
        admin = await house.desk("admin", Role.ADMIN)
        await admin.post("/system/media/1/drain", {})
        meetings = []
        for _ in range(2):
            await house.open()
            await (await house.page("hall")).join(with_media=False)
            meetings.append(house.meeting_id)
        await admin.call("DELETE", "/system/media/1/drain")
        rooms, (first, second) = house.app.rooms, house.app.rooms.workers
        busy, may_go_on = rooms._rooms[meetings[0]], asyncio.Event()

        async def wait() -> None:
            await may_go_on.wait()

        for _ in range(INBOX_SIZE + 1):
            busy.tell(wait)
            await asyncio.sleep(0)
        told = await admin.post("/system/media/0/drain", {})
        assert (told["moved"], told["left"]) == (1, meetings[:1])
        assert busy.worker is first
        assert rooms._rooms[meetings[1]].worker is second
        with pytest.raises(Refused, match="conflict"):
            await admin.post("/system/media/0/restart", {})
        may_go_on.set()
        told = await admin.post("/system/media/0/drain", {})
        assert (told["moved"], told["left"]) == (1, [])
        before = first.process_id
        await admin.post("/system/media/0/restart", {})
        await eventually(lambda: first.process_id != before and first.is_serving)
        assert (await first.stats())["rooms"] == 0
        assert (await second.stats())["rooms"] == 2
        with pytest.raises(Refused, match="conflict"):
            await admin.post("/system/media/1/restart", {})
        assert (await admin.get("/system/media"))["items"][0]["is_draining"]


async def test_a_room_that_could_not_move_leaves_nothing_where_it_did_not_go(
    sqlite_url: str, house_settings: Callable[..., Settings]
) -> None:
    """A worker that comes back later opens no room of a meeting that stayed where it was."""
    async with running_house(house_settings(sqlite_url)) as house:
        await house.open()
        await (await house.page("hall")).join(with_media=False)
        rooms = house.app.rooms
        room, away = rooms._rooms[house.meeting_id], MediaWorker(MediaSettings(), 1, Path("away"))
        with pytest.raises(Unavailable):
            await room.ask(partial(room.move, away))
        assert not away._states
        assert room.worker is rooms.workers[0]


async def test_meetings_spread_over_the_workers_that_run(
    sqlite_url: str, house_settings: Callable[..., Settings]
) -> None:
    """Each core has its part, whatever the ids; a new meeting does not wait for a dead worker."""
    async with running_house(house_settings(sqlite_url, media={"workers": 2})) as house:

        async def one_more() -> None:
            """All of them would go to the first by their ids alone."""
            await house.open()
            while zlib.crc32(house.meeting_id.encode()) % 2:
                await house.open()
            await (await house.page("hall")).join(with_media=False)

        for _ in range(4):
            await one_more()
        assert [load.rooms for load in house.app.rooms.worker_loads()] == [2, 2]
        first = house.app.rooms.workers[0]
        os.kill(first.process_id, signal.SIGKILL)
        await eventually(lambda: not first.is_serving)
        await one_more()


async def test_a_worker_that_dies_takes_nothing_else_with_it(
    sqlite_url: str, house_settings: Callable[..., Settings]
) -> None:
    """The meeting of the other worker loses no voice; its own goes on talking by text and orders.

    Its sites are back within ten seconds, unaided, in the worker that took the dead one's place.
    """
    async with running_house(house_settings(sqlite_url, media={"workers": 2})) as house:
        pages = await two_meetings(house)
        (hall, east), (other_hall, other_east) = pages[0], pages[1]
        await house.stream_until(other_east, done=lambda: other_hall.media.mid(VOICE).packets > 20)
        dropped, other_hall.media.mid(VOICE).lost = kernel_drops(), 0
        before = other_hall.media.mid(VOICE).packets
        first, second = house.app.rooms.workers
        died, kept = first.process_id, second.process_id
        loop = asyncio.get_running_loop()
        async with house.streaming(other_east):
            killed_at, waited = loop.time(), waited_s()
            os.kill(died, signal.SIGKILL)
            await east.ask("room.chat", text="画面断了，会议继续")
            assert await hall.change("chat.said", text="画面断了，会议继续")
            await hall.order("mute", east.pid)
            for page in (hall, east):
                assert (await page.until("room.rejoin"))["reason"] == "worker_restarted"
                await page.join(resume=page.joined["resume"])
            took_s = loop.time() - killed_at
            assert took_s - (waited_s(first.process_id) - waited) < REJOINED_S
        assert first.process_id != died
        assert (second.process_id, second.restarts) == (kept, 0)
        await house.stream_until(hall, east, done=lambda: hall.media.mid(MAIN).packets > 20)
        assert hall.media.mid(VOICE).packets == 0  # as ordered while there was no worker
        assert other_hall.media.mid(VOICE).packets > before
        assert other_hall.media.mid(VOICE).lost <= kernel_drops() - dropped
        assert not any(name == "room.rejoin" for name, _ in other_hall.heard + other_east.heard)


async def test_the_chair_sees_each_sites_line_and_prometheus_too(
    sqlite_url: str, house_settings: Callable[..., Settings]
) -> None:
    async with running_house(house_settings(sqlite_url)) as house:
        await house.open()
        hall, east = await house.joined("hall", "east")
        await east.ask("room.stats", rtt_ms=12.5, freezes=3, frames_decoded=900)
        staff = await house.desk("staff", Role.MEETING_STAFF)
        path = f"/meetings/{house.meeting_id}/quality"
        async with house.streaming(hall, east), asyncio.timeout(30):
            while True:
                rows = {row["site"]: row for row in (await staff.get(path))["items"]}
                slots = {slot["kind"]: slot for slot in rows["hall"]["slots"]}
                if "main" in slots and slots["main"]["bps"] and rows["east"]["up_bps"]:
                    break
                await asyncio.sleep(0.2)
        assert slots["main"]["participant_id"] == east.pid
        assert slots["main"]["layer"] >= 0
        assert rows["hall"]["down_bps"] is not None
        assert rows["east"]["page"]["freezes"] == 3
        told = await hall.change("quality.changed")
        assert {row["site"] for row in told["participants"]} == {"hall", "east"}
        auditor = await house.desk("auditor", Role.AUDITOR)
        async with auditor.http.get(f"{house.url}/metrics") as answer:
            text = await answer.text()
        assert f'fengsui_page_freezes_total{{participant="{east.pid}"}} 3' in text
        assert f'fengsui_participant_up_bps{{participant="{east.pid}"}}' in text
        assert 'fengsui_media_packets_forwarded_total{worker="0"}' in text
        assert "fengsui_slot_bps{" in text
        village = await house.desk("village", Role.VILLAGE_REPORTER)
        with pytest.raises(Refused, match="not_allowed"):
            await village.get(path)


async def test_a_draining_server_opens_no_room_and_ends_with_the_last_meeting(
    sqlite_url: str, house_settings: Callable[..., Settings]
) -> None:
    async with running_house(house_settings(sqlite_url)) as house:
        await house.open()
        (hall,) = await house.joined("hall")
        open_meeting, tokens = house.meeting_id, house.tokens
        draining = asyncio.create_task(house.app.rooms.drain(60))
        await asyncio.sleep(0)  # it has begun
        await house.open()
        with pytest.raises(Refused, match="draining"):
            await (await house.page("hall")).join(with_media=False)
        house.meeting_id, house.tokens = open_meeting, tokens
        await (await house.page("east")).join()
        assert not draining.done()
        await hall.order("end")
        async with asyncio.timeout(20):
            await draining


async def test_a_drain_waits_for_no_meeting_nobody_is_in(
    sqlite_url: str, house_settings: Callable[..., Settings]
) -> None:
    """It is open still, and goes on with the next server."""
    async with running_house(house_settings(sqlite_url)) as house:
        await house.open()
        hall = await (await house.page("hall")).join(with_media=False)
        await hall.ask("room.leave")
        async with asyncio.timeout(20):
            await house.app.rooms.drain(3600)


@pytest.mark.timeout(120)
async def test_sigterm_waits_for_nobody_when_nobody_meets(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    """And the recorder, the camera process and the worker end with the server."""
    port = free_port()
    settings = {
        "DATA__DIR": str(tmp_path), "HTTP__PORT": str(port), "MEDIA__PORT": str(free_port()),
        "MEDIA__DRAIN_S": "30",
    }  # fmt: skip
    environment = os.environ | {f"FENGSUI_{name}": value for name, value in settings.items()}
    command = [sys.executable, str(ROOT / "server.py")]
    made = await asyncio.create_subprocess_exec(*command, "migrate", env=environment)
    assert await made.wait() == 0
    log = (tmp_path / "log").open("wb")
    server = await asyncio.create_subprocess_exec(
        *command, "serve", env=environment, stdout=log, stderr=log
    )
    try:
        async with aiohttp.ClientSession() as http, asyncio.timeout(60):
            while True:
                try:
                    async with http.get(f"http://127.0.0.1:{port}/readyz") as answer:
                        if answer.status == 200:
                            break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.2)
        children = _children(server.pid)
        assert len(children) == 3
        server.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            assert await server.wait() == 0
        assert _alive(children) == []
    finally:
        log.close()
        if server.returncode is None:
            server.kill()
            await server.wait()


def _alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def _children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
