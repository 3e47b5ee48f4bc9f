"""A relay (TURN) is handed to who has a seat: for a while, in its name, and to nobody else."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path

import pytest

from core.clock import MovableClock
from signaling.settings import Settings
from tests.support.meeting import Page, Refused, running_house

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
