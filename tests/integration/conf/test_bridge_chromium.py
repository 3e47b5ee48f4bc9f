"""Two real Chromiums in one room see and hear each other through the media worker."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from conf.media.client import ParticipantState, RoomState
from conf.settings import MediaSettings
from tests.support.bridge import LOOPBACK, Bridge, kernel_drops, running_bridge
from tests.support.bridge_browser import BrowserSite, browsers
from tests.support.bridge_link import Impairment, link_to

pytestmark = pytest.mark.timeout(90)
UDP_ONLY = MediaSettings.model_validate(LOOPBACK.model_dump() | {"is_tcp_enabled": False})
FIRST_AUDIO, MAIN = "3", "6"


async def join(bridge: Bridge, room: str, name: str, site: BrowserSite, **options: object) -> None:
    answer = await bridge.worker.join(room, name, await site.offer(**options))
    await site.answer(answer.answer_sdp)


Figures = dict[str, dict[str, float]]


async def until(site: BrowserSite, wanted: Callable[[Figures], bool]) -> Figures:
    """The inbound figures once they are as wanted: how soon is the machine's affair."""
    for _ in range(80):
        inbound: Figures = (await site.stats())["inbound"]
        if MAIN in inbound and FIRST_AUDIO in inbound and wanted(inbound):
            return inbound
        await asyncio.sleep(0.5)
    pytest.fail(f"not within 40 s: {await site.stats()}")


def sees_and_hears(now: Figures) -> bool:
    return now[MAIN]["frames"] > 60 and now[FIRST_AUDIO]["energy"] > 0


async def test_two_sites_see_and_hear_each_other(tmp_path: Path) -> None:
    """Picture and sound in both directions, with nothing renegotiated."""
    async with running_bridge(tmp_path) as bridge, browsers() as chromium:
        await bridge.open("room", "a", "b")
        a, b = await chromium.site(), await chromium.site()
        await join(bridge, "room", "a", a)
        await join(bridge, "room", "b", b)
        for site in (a, b):
            await until(site, sees_and_hears)
            assert (await site.stats())["state"] == "connected"


async def test_a_site_behind_a_firewall_sees_and_hears_over_tcp(tmp_path: Path) -> None:
    """A browser that gets only the TCP candidates: its first frame is a check, which lets it in."""
    async with running_bridge(tmp_path) as bridge, browsers() as chromium:
        await bridge.open("room", "a", "b")
        a, b = await chromium.site(), await chromium.site()
        answer = await bridge.worker.join("room", "a", await a.offer())
        lines = answer.answer_sdp.splitlines(keepends=True)
        kept = [line for line in lines if not (line.startswith("a=candidate") and " udp " in line)]
        assert any(" tcp " in line for line in kept)
        assert len(kept) < len(lines)
        await a.answer("".join(kept))
        await join(bridge, "room", "b", b)
        for site in (a, b):
            await until(site, sees_and_hears)


async def test_orders_and_layers_change_without_a_freeze(tmp_path: Path) -> None:
    """The broadcast moves to and fro: decoding goes on after each, and no number is left out.

    A busy machine's kernel drops datagrams, and says how many; every other gap is the bridge's.
    """
    async with running_bridge(tmp_path) as bridge, browsers() as chromium:
        await bridge.open("room", "a", "b", "c")
        sites = [await chromium.site() for _ in "abc"]
        dropped = kernel_drops()
        for name, site in zip("abc", sites, strict=True):
            await join(bridge, "room", name, site, thumbnails=2)
        viewer = sites[2]
        rights = {name: ParticipantState() for name in "abc"}
        now = await until(viewer, lambda now: now[MAIN]["frames"] > 15)
        for version, on_air in enumerate("abab", start=2):
            await bridge.worker.apply("room", RoomState(version, rights, broadcast=on_air))
            enough = now[MAIN]["frames"] + 40
            now = await until(viewer, lambda now, enough=enough: now[MAIN]["frames"] > enough)
            print(on_air, now[MAIN])
        worker = await bridge.worker.stats()
        excused = kernel_drops() - dropped + worker["packets_refused_total"]
        assert now[MAIN]["lost"] <= excused
        await until(
            viewer, lambda now: max(now.get(mid, {}).get("frames", 0) for mid in ("8", "9")) > 10
        )


async def test_an_ice_restart_keeps_the_call(tmp_path: Path) -> None:
    """New credentials on the same connection: pictures go on, no new handshake, no new seat."""
    async with running_bridge(tmp_path) as bridge, browsers() as chromium:
        await bridge.open("room", "a", "b")
        a, b = await chromium.site(), await chromium.site()
        await join(bridge, "room", "a", a)
        await join(bridge, "room", "b", b)
        await until(b, lambda now: now[MAIN]["frames"] > 15)
        answer = await bridge.worker.restart("b", await b.restart_offer())
        await b.answer(answer.answer_sdp)
        await asyncio.sleep(1)
        before = (await b.stats())["inbound"][MAIN]["frames"]
        await until(b, lambda now: now[MAIN]["frames"] > before + 20)
        assert (await b.stats())["state"] == "connected"


def without_red(offer: str) -> str:
    """The offer of a browser that does not know RED (RFC 2198)."""
    numbers = set(re.findall(r"a=rtpmap:(\d+) red/48000", offer))
    assert numbers
    lines = []
    for line in offer.split("\r\n"):
        if line.startswith("m=audio"):
            line = " ".join(word for word in line.split(" ") if word not in numbers)
        if not any(line.startswith((f"a=rtpmap:{n} ", f"a=fmtp:{n} ")) for n in numbers):
            lines.append(line)
    return "\r\n".join(lines)


async def test_a_browser_repairs_lost_voice_and_picture(tmp_path: Path) -> None:
    """3 % loss towards one browser: pictures come again as RTX, voices as the stored bytes.

    It takes no RED, which would bring most voices in its place: a browser counts those as lost.
    """
    async with running_bridge(tmp_path, UDP_ONLY) as bridge, browsers() as chromium:
        await bridge.open("room", "a", "b")
        a, b = await chromium.site(), await chromium.site()
        await join(bridge, "room", "a", a)
        async with link_to(bridge.worker.port, down=Impairment(loss=0.03)) as link:
            answer = await bridge.worker.join("room", "b", without_red(await b.offer()))
            straight, detour = f" {bridge.worker.port} typ", f" {link.port} typ"
            dropped = kernel_drops()
            await b.answer(answer.answer_sdp.replace(straight, detour))
            inbound = await until(
                b, lambda now: now[FIRST_AUDIO]["packets"] > 500 and now[MAIN]["frames"] > 100
            )
        print(inbound[FIRST_AUDIO], inbound[MAIN])
        assert inbound[MAIN]["rtx"] > 0
        voices = inbound[FIRST_AUDIO]
        assert voices["nacks"] > 0
        assert voices["lost"] < 0.015 * voices["packets"] + kernel_drops() - dropped
