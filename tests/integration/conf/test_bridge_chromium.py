"""Two real Chromiums in one room see and hear each other through the media worker."""

import asyncio
from pathlib import Path

import pytest

from conf.media.client import ParticipantState, RoomState
from conf.settings import MediaSettings
from tests.support.bridge import LOOPBACK, Bridge, running_bridge
from tests.support.bridge_browser import BrowserSite, browsers
from tests.support.bridge_link import Impairment, link_to

pytestmark = pytest.mark.timeout(90)
UDP_ONLY = MediaSettings.model_validate(LOOPBACK.model_dump() | {"is_tcp_enabled": False})
FIRST_AUDIO, MAIN = "3", "6"


async def join(bridge: Bridge, room: str, name: str, site: BrowserSite, **options: object) -> None:
    answer = await bridge.worker.join(room, name, await site.offer(**options))
    await site.answer(answer.answer_sdp)


async def test_two_sites_see_and_hear_each_other(tmp_path: Path) -> None:
    """Picture at full rate and sound in both directions, with nothing renegotiated."""
    async with running_bridge(tmp_path) as bridge, browsers() as chromium:
        await bridge.open("room", "a", "b")
        a, b = await chromium.site(), await chromium.site()
        await join(bridge, "room", "a", a)
        await join(bridge, "room", "b", b)
        await asyncio.sleep(4)
        first = [await site.stats() for site in (a, b)]
        await asyncio.sleep(4)
        second = [await site.stats() for site in (a, b)]
        for before, after in zip(first, second, strict=True):
            print(after)
            frames = after["inbound"][MAIN]["frames"] - before["inbound"][MAIN]["frames"]
            energy = (
                after["inbound"][FIRST_AUDIO]["energy"] - before["inbound"][FIRST_AUDIO]["energy"]
            )
            assert after["state"] == "connected"
            assert frames > 4 * 10
            assert energy > 0


async def main_picture(site: BrowserSite) -> dict[str, float]:
    figures: dict[str, float] = (await site.stats())["inbound"][MAIN]
    return figures


async def test_orders_and_layers_change_without_a_freeze(tmp_path: Path) -> None:
    """Three sites: the picture grows by probes, the broadcast moves, and nothing stops decoding."""
    async with running_bridge(tmp_path) as bridge, browsers() as chromium:
        await bridge.open("room", "a", "b", "c")
        sites = [await chromium.site() for _ in "abc"]
        for name, site in zip("abc", sites, strict=True):
            await join(bridge, "room", name, site, thumbnails=2)
        viewer = sites[2]
        rights = {name: ParticipantState() for name in "abc"}
        await asyncio.sleep(5)
        for version, on_air in enumerate("abab", start=2):
            state = RoomState(version, rights, broadcast=on_air)
            await bridge.worker.apply("room", state)
            before = await main_picture(viewer)
            await asyncio.sleep(2.5)
            after = await main_picture(viewer)
            print(on_air, after)
            assert after["frames"] - before["frames"] > 2.5 * 6
        assert after["lost"] == 0
        assert after["width"] >= 320
        figures = await viewer.stats()
        thumbnails = [figures["inbound"].get(str(mid), {}).get("frames", 0) for mid in (8, 9)]
        assert max(thumbnails) > 10


async def test_an_ice_restart_keeps_the_call(tmp_path: Path) -> None:
    """New credentials on the same connection: pictures go on, no new handshake, no new seat."""
    async with running_bridge(tmp_path) as bridge, browsers() as chromium:
        await bridge.open("room", "a", "b")
        a, b = await chromium.site(), await chromium.site()
        await join(bridge, "room", "a", a)
        await join(bridge, "room", "b", b)
        await asyncio.sleep(3)
        answer = await bridge.worker.restart("b", await b.restart_offer())
        await b.answer(answer.answer_sdp)
        await asyncio.sleep(2)
        before = await main_picture(b)
        await asyncio.sleep(2)
        after = await main_picture(b)
        assert after["frames"] - before["frames"] > 2 * 6
        assert (await b.stats())["state"] == "connected"


async def test_a_browser_repairs_lost_voice_and_picture(tmp_path: Path) -> None:
    """5 % loss towards one browser: pictures come again as RTX, voices as the stored bytes."""
    async with running_bridge(tmp_path, UDP_ONLY) as bridge, browsers() as chromium:
        await bridge.open("room", "a", "b")
        a, b = await chromium.site(), await chromium.site()
        await join(bridge, "room", "a", a)
        async with link_to(bridge.worker.port, down=Impairment(loss=0.05)) as link:
            answer = await bridge.worker.join("room", "b", await b.offer())
            straight, detour = f" {bridge.worker.port} typ", f" {link.port} typ"
            await b.answer(answer.answer_sdp.replace(straight, detour))
            await asyncio.sleep(10)
            inbound = (await b.stats())["inbound"]
        print(inbound[FIRST_AUDIO], inbound[MAIN])
        assert inbound[MAIN]["rtx"] > 0
        assert inbound[MAIN]["frames"] > 10 * 10
        assert inbound[FIRST_AUDIO]["nacks"] > 0
        assert inbound[FIRST_AUDIO]["concealed"] < 0.05 * inbound[FIRST_AUDIO]["samples"]
