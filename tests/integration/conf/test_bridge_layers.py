"""Layers nobody uses are stopped at the source, and come again when somebody can be sent them."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from conf.media.client import LayersWanted, SourceKind
from signaling.settings import Settings
from tests.support.bridge import Bridge, kernel_drops, running_bridge, speak, take_seat
from tests.support.bridge_browser import BrowserSite, browsers
from tests.support.bridge_client import Site
from tests.support.meeting import running_house

pytestmark = pytest.mark.timeout(90)
MAIN = "6"


def wanted(bridge: Bridge, name: str) -> tuple[str, ...]:
    """The layers a site was last told to send; all of them at first."""
    told = [e for e in bridge.seen if isinstance(e, LayersWanted) and e.participant_id == name]
    return told[-1].rids if told else ("q", "h", "f")


async def test_a_camera_nobody_looks_at_sends_its_smallest_layer(tmp_path: Path) -> None:
    """A viewer with room on its line brings the larger ones back, though none of them arrives."""
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a", "b")
        a, b = Site("a"), Site("b")
        await take_seat(bridge, "room", a)
        async with asyncio.timeout(30):
            while wanted(bridge, "a") != ("q",):
                await speak(a, 0.3, wanted(bridge, "a"))
        dropped = kernel_drops()
        await speak(a, 2.5, ("q",))  # the others are silent by now
        await take_seat(bridge, "room", b)
        async with asyncio.timeout(40):
            shown = before = 0
            while shown < 25_000:  # a second of the middle layer has 30 kB, of the smallest 9
                await speak(a, 1, wanted(bridge, "a"))
                shown, before = b.mid(MAIN).octets - before, b.mid(MAIN).octets
        assert "h" in wanted(bridge, "a")
        assert b.mid(MAIN).lost <= kernel_drops() - dropped
        await b.close()
        await bridge.worker.leave("b")
        async with asyncio.timeout(30):
            while wanted(bridge, "a") != ("q",):
                await speak(a, 0.3, wanted(bridge, "a"))
        await a.close()


async def test_what_the_worker_wants_is_told_to_that_page_and_no_other(
    sqlite_url: str, house_settings: Callable[..., Settings]
) -> None:
    async with running_house(house_settings(sqlite_url)) as house:
        await house.open()
        hall, east = [
            await (await house.page(name)).join(with_media=False) for name in ("hall", "east")
        ]
        room = house.app.rooms.room_of(east.pid)
        wanted = LayersWanted(house.meeting_id, east.pid, SourceKind.CAMERA, ("q", "h"))
        await room.ask(lambda: room.media_event(house.worker, wanted))
        assert await east.until("layers") == {"source": "camera", "rids": ["q", "h"]}
        await hall.room()  # what was sent before has come
        assert not any(name == "layers" for name, _ in hall.heard)


Layers = dict[str, dict[str, float]]


async def until(layers: Callable[[], Awaitable[Layers]], wanted: Callable[[Layers], bool]) -> None:
    """Ask the browser until it says so; forty seconds, for it may be slow."""
    for _ in range(80):
        if wanted(await layers()):
            return
        await asyncio.sleep(0.5)
    pytest.fail(f"not within 40 s: {await layers()}")


async def obey(bridge: Bridge, name: str, site: BrowserSite) -> None:
    """Do what a page does with `layers`."""
    done = ("q", "h", "f")
    while True:
        if (rids := wanted(bridge, name)) != done:
            done = rids
            await site.page.evaluate("rids => setLayers(rids)", list(rids))
        await asyncio.sleep(0.1)


async def test_a_browser_stops_and_resumes_its_layers(tmp_path: Path) -> None:
    """By its own counters: `active`, and pictures encoded for each layer."""
    async with running_bridge(tmp_path) as bridge, browsers() as chromium:
        await bridge.open("room", "a", "b")
        a, b = await chromium.site(), await chromium.site()
        answer = await bridge.worker.join("room", "a", await a.offer())
        await a.answer(answer.answer_sdp)
        obeying = asyncio.create_task(obey(bridge, "a", a))

        async def layers() -> Layers:
            async with asyncio.timeout(10):
                while True:  # a layer is in the browser's figures once its encoder is
                    outbound = (await a.stats())["outbound"]
                    if all(f"1{rid}" in outbound for rid in "qhf"):
                        return {rid: outbound[f"1{rid}"] for rid in "qhf"}
                    await asyncio.sleep(0.1)

        await until(layers, lambda now: not now["h"]["active"] and not now["f"]["active"])
        await asyncio.sleep(1)
        before = await layers()
        await asyncio.sleep(1.5)
        after = await layers()
        assert after["q"]["frames"] > before["q"]["frames"]
        assert [after[rid]["frames"] for rid in "hf"] == [before[rid]["frames"] for rid in "hf"]
        answer = await bridge.worker.join("room", "b", await b.offer())
        await b.answer(answer.answer_sdp)
        await until(layers, lambda now: now["h"]["frames"] > after["h"]["frames"])
        obeying.cancel()
