"""A filled slot that shows nothing says why, and stops saying so when it shows."""

from pathlib import Path

import pytest

from conf.media.client import ParticipantState, RoomState, SlotMapChanged
from tests.support.bridge import Bridge, running_bridge, stream_until, take_seat
from tests.support.bridge_client import Site

pytestmark = pytest.mark.timeout(60)
MAIN = "6"


def reason(bridge: Bridge, name: str) -> str | None:
    """What a site's page was last told of its main picture."""
    maps = [e for e in bridge.seen if isinstance(e, SlotMapChanged) and e.participant_id == name]
    return next(slot.reason for slot in maps[-1].slots if slot.mid == MAIN) if maps else None


class Newer(Site):
    """A client that offers VP8 upwards only; what it is to be shown must be H.264."""

    def offer(self) -> str:
        head, *sections = super().offer().split("m=")
        return "m=".join([head, *(_without_vp8(s) if "recvonly" in s else s for s in sections)])


def _without_vp8(section: str) -> str:
    if not section.startswith("video"):
        return section
    lines = [line for line in section.splitlines() if ":96 " not in line and ":97 " not in line]
    return "\r\n".join([lines[0].replace(" 96 97", ""), *lines[1:]]) + "\r\n"


async def test_a_viewer_without_the_codec_is_told(tmp_path: Path) -> None:
    """The others' pictures are not held up by it."""
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a", "b", "c")
        a, b, c = Site("a"), Newer("b"), Site("c")
        for site in (a, b, c):
            await take_seat(bridge, "room", site)
        await stream_until([a], lambda: reason(bridge, "b") == "no_common_codec")
        assert b.mid(MAIN).packets == 0
        await stream_until([a], lambda: c.mid(MAIN).packets > 20)
        assert reason(bridge, "c") is None
        for site in (a, b, c):
            await site.close()


async def test_a_line_too_weak_for_any_picture_is_told_and_taken_back(tmp_path: Path) -> None:
    """By a ceiling below the smallest picture, and its end."""
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room")
        free, tight = ParticipantState(), ParticipantState(max_down_bps=64_000)
        await bridge.worker.apply("room", RoomState(1, {"a": free, "b": tight}))
        a, b = Site("a"), Site("b")
        for site in (a, b):
            await take_seat(bridge, "room", site)
        await stream_until([a], lambda: reason(bridge, "b") == "line_too_weak")
        await bridge.worker.apply("room", RoomState(2, {"a": free, "b": free}))
        await stream_until([a], lambda: b.mid(MAIN).packets > 20, 40)
        await stream_until([a], lambda: reason(bridge, "b") is None)
        for site in (a, b):
            await site.close()


async def test_a_source_that_sends_no_key_frame_is_told(tmp_path: Path) -> None:
    """It was asked for one; until it comes the page says what it waits for."""
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a", "b")
        a, b = Site("a", layers=("q",)), Site("b")
        for site in (a, b):
            await take_seat(bridge, "room", site)
        a.cameras["q"].packets = 1  # `stream` begins with a key frame otherwise
        await stream_stubbornly(a, bridge)
        await stream_until([a], lambda: b.mid(MAIN).packets > 20)
        await stream_until([a], lambda: reason(bridge, "b") is None)
        for site in (a, b):
            await site.close()


class _Never(set[int]):
    """Of key frames asked for: none is heard."""

    def add(self, item: int) -> None:
        """Ignored."""


async def stream_stubbornly(site: Site, bridge: Bridge) -> None:
    """Pictures without a key frame, until the viewer's page is told."""
    heard, site.keyframe_asked = site.keyframe_asked, _Never()
    await stream_until([site], lambda: reason(bridge, "b") == "waiting_key_frame")
    site.keyframe_asked = heard
