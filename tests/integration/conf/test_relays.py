"""A relay (TURN) is handed to who has a seat: for a while, in its name, and to nobody else."""

import asyncio
import base64
import hashlib
import hmac
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from conf.media.client import PublishingChanged
from conf.media.turn import ice_servers
from conf.settings import TurnSettings
from core.clock import MovableClock
from signaling.settings import Settings
from tests.support.bridge import running_bridge, stream, take_seat
from tests.support.bridge_browser import browsers
from tests.support.bridge_client import Site
from tests.support.meeting import Page, Refused, running_house

FIRST_AUDIO = "3"

URLS, SECRET, LIFETIME_S, PIN = (
    ["turns:relay.example:443?transport=tcp"],
    "relays-secret",
    600,
    "204863",
)


def handed(page: Page) -> tuple[str, str]:
    """Until when and to whom the page's credential is good; coturn has checked it."""
    (server,) = page.joined["ice_servers"]
    assert server["urls"] == URLS
    digest = hmac.new(SECRET.encode(), server["username"].encode(), hashlib.sha1).digest()
    assert server["credential"] == base64.b64encode(digest).decode()
    until, _, name = server["username"].partition(":")
    return until, name


def command_line(process_id: int) -> bytes:
    """What everybody on the machine can read of a process."""
    return Path(f"/proc/{process_id}/cmdline").read_bytes()


async def test_a_seat_comes_with_the_relays_credential(
    sqlite_url: str, house_settings: Callable[..., Settings], clock: MovableClock
) -> None:
    """A new one each time it is taken; none to a refused page; the secret itself to no process."""
    turn = {"urls": URLS, "secret": SECRET, "lifetime_s": LIFETIME_S}
    settings = house_settings(sqlite_url, media={"turn": turn})
    async with running_house(settings, clock=clock) as house:
        await house.open()
        async with house.app.database.write() as uow:
            await house.app.meetings.set_pin(uow, "east", PIN)
        hall, east = await house.page("hall"), await house.page("east")
        for _ in range(2):
            resume = {"resume": hall.joined["resume"]} if hall.joined else {}
            await hall.join(with_media=False, **resume)
            until = int(clock.now().timestamp()) + LIFETIME_S
            assert handed(hall) == (str(until), hall.pid)
            clock.advance(60)
        with pytest.raises(Refused, match="wrong_pin"):
            await east.join(with_media=False, pin="000000")
        assert not east.joined
        assert "relay.example" not in f"{await hall.room()} {hall.heard} {east.heard}"
        children = house.app.rooms.recordings.child, house.app.rooms.cameras.child, house.worker
        for child in children:
            assert len(line := command_line(child.process_id)) > 0
            assert SECRET.encode() not in line


async def test_without_a_relay_none_is_handed(
    sqlite_url: str, house_settings: Callable[..., Settings]
) -> None:
    async with running_house(house_settings(sqlite_url)) as house:
        await house.open()
        hall = await (await house.page("hall")).join(with_media=False)
        assert hall.joined["ice_servers"] == []


@asynccontextmanager
async def coturn(port: int, folder: Path) -> AsyncIterator[None]:
    """As docs/operations.md sets it up, but on loopback and without TLS."""
    told = (
        "-n", "--listening-ip=127.0.0.1", f"--listening-port={port}", "--relay-ip=127.0.0.1",
        "--use-auth-secret", f"--static-auth-secret={SECRET}", "--realm=fengsui", "--no-tls",
        "--no-dtls", "--allow-loopback-peers", "--no-cli", "--log-file=stdout",
        f"--pidfile={folder / 'coturn.pid'}", f"--userdb={folder / 'coturn.db'}",
    )  # fmt: skip
    with (folder / "coturn.log").open("wb") as log:
        server = await asyncio.create_subprocess_exec("turnserver", *told, stdout=log, stderr=log)
    try:
        await listens(port)
        yield
    finally:
        server.terminate()
        await server.wait()


async def listens(port: int) -> None:
    """Until somebody does."""
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                await writer.wait_closed()
                return


@pytest.mark.skipif(shutil.which("turnserver") is None, reason="coturn is not installed")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_coturn_carries_a_site_that_has_no_other_way(
    tmp_path: Path, free_port: Callable[[], int], transport: str
) -> None:
    """A browser that may use a relay only, with the credential we hand out."""
    port = free_port()
    url = f"turn:127.0.0.1:{port}?transport={transport}"
    turn = TurnSettings.model_validate({"urls": [url], "secret": SECRET})
    servers = ice_servers(turn, "b", int(time.time()))
    async with coturn(port, tmp_path), running_bridge(tmp_path) as bridge, browsers() as chromium:
        await bridge.open("room", "a", "b")
        a, b = Site("a", layers=()), await chromium.site()
        await take_seat(bridge, "room", a)
        offer = await b.offer(ice={"iceServers": servers, "iceTransportPolicy": "relay"})
        await b.answer((await bridge.worker.join("room", "b", offer)).answer_sdp)
        async with asyncio.timeout(60):
            while not (inbound := (await b.stats())["inbound"]).get(FIRST_AUDIO, {}).get("packets"):
                await stream([a], 0.5)
        assert inbound
        seen = [event for event in bridge.seen if isinstance(event, PublishingChanged)]
        assert any(event.participant_id == "b" and event.camera for event in seen)
        await a.close()
