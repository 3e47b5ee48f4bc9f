"""Two real Chromiums in one room see and hear each other through the media worker."""

import asyncio
from pathlib import Path

import pytest

from tests.support.bridge import Bridge, running_bridge
from tests.support.bridge_browser import BrowserSite, browsers

pytestmark = pytest.mark.timeout(90)
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
