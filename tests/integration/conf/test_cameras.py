"""Cameras over RTSP as participants: real edge, worker, camera process; a server from the RFC."""

import asyncio
import io
import os
import signal
from collections.abc import AsyncIterator, Callable
from datetime import datetime

import av
import pytest

from core.auth.model import Role
from signaling.settings import Settings
from tests.support.bridge import eventually
from tests.support.meeting import Desk, House, Refused, running_house
from tests.support.rtsp_server import Camera, running_camera, with_b_frames

pytestmark = [pytest.mark.timeout(180), pytest.mark.holds_loop]  # it encodes and decodes
MAIN = "6"


@pytest.fixture
def settings(sqlite_url: str, house_settings: Callable[..., Settings]) -> Settings:
    return house_settings(sqlite_url, recording={"min_free_mib": 0})


@pytest.fixture
async def house(settings: Settings) -> AsyncIterator[House]:
    async with running_house(settings) as house:
        await house.found_county()
        await house.open()
        yield house


async def bring_in(house: House, staff: Desk, url: str) -> str:
    """Name the camera, put it into the meeting. Returns: the participant."""
    admin = await house.desk("admin", Role.ADMIN)
    named = {"name": "水库东坝", "unit_id": "county", "url": url}
    camera = await admin.post("/cameras", named)
    path = f"/meetings/{house.meeting_id}/cameras"
    return str((await staff.post(path, {"camera_id": camera["id"]}))["participant_id"])


async def test_a_camera_is_seen_recorded_and_comes_back(house: House, settings: Settings) -> None:
    """After its own network, the camera process and the worker were gone, one after another."""
    (hall,) = await house.joined("hall")
    staff = await house.desk("staff", Role.MEETING_STAFF)
    async with running_camera() as camera:
        pid = await bring_in(house, staff, camera.url)
        assert await hall.change("participant.changed", participant_id=pid, is_connected=True)
        assert await hall.until(
            "slots", lambda d: any(s["participant_id"] == pid for s in d["slots"])
        )

        async def seen(more: int) -> None:
            before = hall.media.received()
            async with asyncio.timeout(40):
                while hall.media.received() < before + more:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)

        await seen(50)
        await hall.order("record_start")
        await seen(100)
        await hall.order("record_stop")
        await camera.stop()
        hall.heard.clear()
        gone = await hall.change("participant.changed", participant_id=pid, is_connected=False)
        assert gone["note"]
        await camera.start()
        assert await hall.change("participant.changed", participant_id=pid, is_connected=True)
        await seen(50)
        os.kill(house.app.rooms.cameras.child.process_id, signal.SIGKILL)
        await asyncio.sleep(0.5)
        await seen(50)
        os.kill(house.worker.process_id, signal.SIGKILL)
        await hall.until("room.rejoin")
        await hall.join(resume=hall.joined["resume"])
        await seen(50)
        await hall.order("remove", pid)
        assert await hall.change("participant.left", participant_id=pid)
    (file,) = (settings.data.dir / "recordings").rglob("*.mkv")
    with av.open(io.BytesIO(file.read_bytes())) as container:
        assert sum(1 for _ in container.decode(video=0)) > 20


async def test_a_camera_brought_in_while_the_worker_is_away_comes_with_it(house: House) -> None:
    """It is in the meeting at once, dark; its picture follows."""
    (hall,) = await house.joined("hall")
    staff = await house.desk("staff", Role.MEETING_STAFF)
    async with running_camera() as camera:
        os.kill(house.worker.process_id, signal.SIGKILL)
        await eventually(lambda: not house.worker.is_serving)
        pid = await bring_in(house, staff, camera.url)
        await hall.until("room.rejoin")
        await hall.join(resume=hall.joined["resume"])
        assert await hall.change("participant.changed", participant_id=pid, is_connected=True)
        assert await hall.until(
            "slots", lambda d: any(s["participant_id"] == pid for s in d["slots"])
        )


async def test_a_hung_camera_process_is_named_and_replaced(house: House) -> None:
    """The seat says why it is dark; the next process opens the camera again."""
    (hall,) = await house.joined("hall")
    staff = await house.desk("staff", Role.MEETING_STAFF)
    child = house.app.rooms.cameras.child
    async with running_camera() as camera:
        pid = await bring_in(house, staff, camera.url)
        assert await hall.change("participant.changed", participant_id=pid, is_connected=True)
        hung = child.process_id
        hall.heard.clear()
        os.kill(hung, signal.SIGSTOP)
        told = await hall.until(
            "change", lambda c: "did not answer" in (c["data"].get("note") or ""), timeout_s=30
        )
        assert told["data"]["participant_id"] == pid
        assert not told["data"]["is_connected"]
        hall.heard.clear()
        back = await hall.until(
            "change", lambda c: c["data"].get("is_connected") is True, timeout_s=40
        )
        assert back["data"]["note"] == ""
        before = hall.media.received()
        async with asyncio.timeout(40):
            while hall.media.received() < before + 50:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        with pytest.raises(ProcessLookupError):
            os.kill(hung, 0)
        assert child.restarts == 1


@pytest.mark.parametrize(
    ("camera", "words"),
    [
        (Camera(codec="H265"), "H.265"),
        (Camera(codec="none"), "no picture"),
        (Camera(password="secret"), "name or password"),
        (Camera(frames=[]), "B-frames"),
    ],
    ids=["h265", "no-picture", "password", "b-frames"],
)
async def test_a_bad_stream_is_named(house: House, camera: Camera, words: str) -> None:
    camera.frames = camera.frames or with_b_frames()
    (hall,) = await house.joined("hall")
    staff = await house.desk("staff", Role.MEETING_STAFF)
    async with running_camera(camera):
        pid = await bring_in(house, staff, camera.url)
        told = await hall.until(
            "change",
            lambda c: c["data"].get("participant_id") == pid and words in c["data"]["note"],
            timeout_s=40,
        )
    assert told["data"]["quality"] == "lost"


async def test_a_camera_is_tried_changed_and_followed(house: House) -> None:
    """Before it is stored and after; a new address is read at once where the camera is shown."""
    await house.joined("hall")
    staff = await house.desk("staff", Role.MEETING_STAFF)
    admin = await house.desk("admin", Role.ADMIN)

    async def followed(state: str, code: str) -> datetime:
        async with asyncio.timeout(40):
            while True:
                (shown,) = (await staff.get("/cameras"))["items"]
                (stream,) = shown["streams"]
                if (stream["state"], stream["code"]) == (state, code):
                    return datetime.fromisoformat(stream["since"])
                await asyncio.sleep(0.1)

    async with running_camera() as good, running_camera(Camera(password="secret")) as closed:
        for url, expected in ((good.url, ("live", "")), (closed.url, ("retrying", "credentials"))):
            told = await admin.post("/cameras/try", {"url": url})
            assert (told["state"], told["code"]) == expected
        assert (await admin.get("/cameras"))["items"] == []  # nothing was stored
        with pytest.raises(Refused, match="not_allowed"):
            await staff.post("/cameras/try", {"url": good.url})
        with pytest.raises(Refused, match="invalid_input"):
            await admin.post("/cameras/try", {"url": "http://127.0.0.1/"})
        named = {"name": "水库东坝", "unit_id": "county", "url": closed.url}
        chosen = {"camera_id": (await admin.post("/cameras", named))["id"]}
        await staff.post(f"/meetings/{house.meeting_id}/cameras", chosen)
        since = await followed("retrying", "credentials")
        (camera,) = (await admin.get("/cameras"))["items"]
        stored = await admin.post("/cameras/try", {"camera_id": camera["id"]})
        assert stored["code"] == "credentials"
        assert await followed("retrying", "credentials") == since  # the same news is not new
        change = {"name": "水库东坝", "unit_id": "county", "url": good.url, "version": 1}
        await admin.call("PUT", f"/cameras/{camera['id']}", change)
        assert await followed("live", "") > since
        kept = {**change, "name": "东坝", "url": None, "version": 2}
        changed = await admin.call("PUT", f"/cameras/{camera['id']}", kept)
        assert (changed["address"], changed["streams"][0]["state"]) == (good.url, "live")
        with pytest.raises(Refused, match="stale"):
            await admin.call("PUT", f"/cameras/{camera['id']}", kept)


async def test_an_administrator_names_cameras_and_a_chair_brings_them_in(house: House) -> None:
    admin = await house.desk("admin", Role.ADMIN)
    staff = await house.desk("staff", Role.MEETING_STAFF)
    body = {"name": "东坝", "unit_id": "county", "url": "rtsp://op:geheim@10.1.1.2:554/sub"}
    with pytest.raises(Refused, match="not_allowed"):
        await staff.post("/cameras", body)
    for url in ("file:///etc/passwd", "http://10.1.1.2/", "rtsp://", "rtsp://a b/"):
        with pytest.raises(Refused, match="invalid_input"):
            await admin.post("/cameras", {**body, "url": url})
    camera = await admin.post("/cameras", body)
    assert camera["address"] == "rtsp://op:•••@10.1.1.2:554/sub"
    (seen,) = (await staff.get("/cameras"))["items"]
    assert seen["address"] == ""
    path = f"/meetings/{house.meeting_id}/cameras"
    with pytest.raises(Refused, match="not_allowed"):
        await admin.post(path, {"camera_id": camera["id"]})
    pid = (await staff.post(path, {"camera_id": camera["id"]}))["participant_id"]
    with pytest.raises(Refused, match="conflict"):
        await staff.post(path, {"camera_id": camera["id"]})
    await staff.call("DELETE", f"{path}/{pid}")
    await admin.call("DELETE", f"/cameras/{camera['id']}?version=1")
    assert (await staff.get("/cameras"))["items"] == []
    audited = await house.audited()
    assert {"camera.add", "camera.delete", "room.add_camera", "room.remove"} <= set(audited)
