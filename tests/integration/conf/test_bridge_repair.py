"""Lost packets are asked for and repeated, both ways; layers follow what the link carries."""

import asyncio
import time
from itertools import pairwise
from pathlib import Path

import pytest

from conf.media import rtcp
from conf.media.twcc import LOST, parse_feedback
from tests.support.bridge import (
    eventually,
    kernel_drops,
    running_bridge,
    stream,
    stream_until,
    take_seat,
)
from tests.support.bridge_client import Site

pytestmark = pytest.mark.timeout(60)
STAGE_AUDIO, MAIN = "3", "6"
HAS_PADDING = 0x20


class Mended(Site):
    """Notes the RTX packets it gets but for a probe's, which are padding only."""

    def __init__(self, name: str) -> None:
        super().__init__(name, keep=True)
        self.again: list[int] = []  # sources

    def _on_rtp(self, view: memoryview, size: int) -> None:
        ssrc = int.from_bytes(view[8:12], "big")
        if ssrc in self.answer.rtx_ssrcs and not view[0] & HAS_PADDING:
            self.again.append(ssrc)
        super()._on_rtp(view, size)


def watched(site: Site) -> list[bytes]:
    """Every media datagram that reaches it from now on, as it is: a repeated one is no news."""
    seen: list[bytes] = []
    handle = site._on_datagram

    def watch(view: memoryview, size: int) -> None:
        if view[0] > 127 and not 191 < view[1] < 224:
            seen.append(bytes(view[:size]))
        handle(view, size)

    site._on_datagram = watch  # type: ignore[method-assign]
    return seen


async def test_the_bridge_asks_the_publisher_for_what_is_missing(tmp_path: Path) -> None:
    """A NACK names the hole, after the reorder guard."""
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a", "b")
        a = await take_seat(bridge, "room", Site("a", keep=True))
        b = await take_seat(bridge, "room", Site("b"))
        await stream([a, b], 1)
        a.rtcp_seen.clear()
        a.send_frame("q", packets=3, drop=(1,))
        missing = (a.cameras["q"].sequence - 1) & 0xFFFF

        def asked() -> list[rtcp.Nack]:
            nacks = [r for r in a.rtcp_seen if isinstance(r, rtcp.Nack)]
            return [r for r in nacks if missing in r.sequences]

        await eventually(lambda: bool(asked()))
        assert asked()[0].media == a.cameras["q"].ssrc
        await a.close()
        await b.close()


async def test_a_publisher_is_told_of_each_packet_that_came(tmp_path: Path) -> None:
    """By transport-wide feedback: without it a browser falls to 80 kbit/s within seconds."""
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a", "b")
        a = await take_seat(bridge, "room", Site("a", keep=True))
        dropped = kernel_drops()
        await stream([a], 1)

        def came() -> set[int]:
            told = [r for r in a.rtcp_seen if isinstance(r, rtcp.TransportFeedback)]
            read = [parse_feedback(report.body) for report in told]
            return {
                feedback.base + place
                for feedback in read
                for place, at_us in enumerate(feedback.arrivals_us)
                if at_us != LOST
            }

        sent = set(range(1, a._transport_number + 1))
        assert len(sent) > 100
        await eventually(lambda: len(sent - came()) <= kernel_drops() - dropped)
        assert came() <= sent
        await a.close()


async def test_a_hole_is_asked_for_once_in_a_long_round_trip(tmp_path: Path) -> None:
    """Over a satellite the repair cannot be here sooner: asking again would be asking twice."""
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a", "b")
        a = await take_seat(bridge, "room", Site("a", keep=True))
        b = await take_seat(bridge, "room", Site("b"))
        await stream([a, b], 0.5)
        a_second_ago = rtcp.middle(rtcp.ntp_time(time.time() - 1))
        block = rtcp.ReportBlock(next(iter(a.answer.ssrcs)), 0, 0, 0, 0, a_second_ago, 0)
        a.send_rtcp(rtcp.ReceiverReport(1, (block,)))
        a.send_frame("q", packets=3, drop=(1,))
        missing = (a.cameras["q"].sequence - 1) & 0xFFFF
        await stream([a], 1.2)

        asked = [r for r in a.rtcp_seen if isinstance(r, rtcp.Nack) and missing in r.sequences]
        assert len(asked) == 1
        await a.close()
        await b.close()


@pytest.mark.parametrize("kind", [rtcp.Pli, rtcp.Fir])
async def test_a_viewer_that_asks_for_a_key_frame_gets_one(
    tmp_path: Path, kind: type[rtcp.Pli | rtcp.Fir]
) -> None:
    """By PLI or by FIR; a request within half a second of the last is not lost but comes later."""
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a", "b")
        a = await take_seat(bridge, "room", Site("a", layers=()))
        b = await take_seat(bridge, "room", Site("b", keep=True))
        await stream_until([a], lambda: b.mid(MAIN).packets > 20)
        main = next(ssrc for ssrc, mid in b.answer.ssrcs.items() if mid == MAIN)
        wish = rtcp.Pli(1, main) if kind is rtcp.Pli else rtcp.Fir(1, ((main, 1),))
        for _ in range(3):
            asked, keys = a.plis, b.mid(MAIN).key_frames
            b.send_rtcp(wish)
            await stream_until([a], lambda n=asked: a.plis > n)
            await stream_until([a], lambda n=keys: b.mid(MAIN).key_frames > n)
        await a.close()
        await b.close()


async def test_a_lost_picture_packet_comes_again_as_rtx(tmp_path: Path) -> None:
    """RTX has its own source and numbers, and carries the number first sent (RFC 4588)."""
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a", "b")
        a = await take_seat(bridge, "room", Site("a"))
        b = Mended("b")
        await take_seat(bridge, "room", b)
        await stream_until([a, b], lambda: b.mid(MAIN).packets > 20)
        main = next(ssrc for ssrc, mid in b.answer.ssrcs.items() if mid == MAIN)
        wanted = b.streams[main].sequences[-3]
        nack = rtcp.Nack(1, main, (wanted,))
        b.send_rtcp(nack, nack)
        await eventually(lambda: bool(b.again))
        await b.check()
        assert [b.answer.rtx_ssrcs[ssrc] for ssrc in b.again] == [MAIN]  # once per round trip
        await a.close()
        await b.close()


async def test_a_lost_voice_packet_comes_again_byte_for_byte(tmp_path: Path) -> None:
    """The stored ciphertext is repeated: nothing is encrypted twice under one nonce."""
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a", "b")
        a = await take_seat(bridge, "room", Site("a"))
        b = await take_seat(bridge, "room", Site("b", keep=True))
        await stream([a], 1)
        audio = next(ssrc for ssrc, mid in b.answer.ssrcs.items() if mid == STAGE_AUDIO)
        seen = watched(b)

        def voices() -> list[bytes]:
            return [p for p in seen if int.from_bytes(p[8:12], "big") == audio]

        await stream_until([a], lambda: len(voices()) > 5)
        repeated = voices()[-2]
        b.send_rtcp(rtcp.Nack(1, audio, (int.from_bytes(repeated[2:4], "big"),)))
        await eventually(lambda: seen.count(repeated) == 2)
        await a.close()
        await b.close()


async def test_what_was_muted_is_not_repeated(tmp_path: Path) -> None:
    """A NACK cannot bring back what an order has forbidden since."""
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a", "b")
        a = await take_seat(bridge, "room", Site("a"))
        b = await take_seat(bridge, "room", Site("b", keep=True))
        await stream_until([a], lambda: b.mid(STAGE_AUDIO).packets > 20)
        audio = next(ssrc for ssrc, mid in b.answer.ssrcs.items() if mid == STAGE_AUDIO)
        numbers = b.streams[audio].sequences[-5:]
        await bridge.open("room", "b", version=2)
        await b.check()
        seen = watched(b)
        b.send_rtcp(rtcp.Nack(1, audio, tuple(numbers)))
        await b.check()
        await bridge.worker.stats()  # reports wait aside; now they have been taken
        await b.check()
        assert seen == []
        await a.close()
        await b.close()


async def test_key_frames_are_asked_for_once_however_many_want_one(tmp_path: Path) -> None:
    """Ten joins within a moment: at most two requests a second reach a layer."""
    async with running_bridge(tmp_path) as bridge:
        names = [f"s{i}" for i in range(10)]
        await bridge.open("room", "a", *names)
        a = await take_seat(bridge, "room", Site("a", keep=True))
        await stream([a], 1)
        viewers = [Site(name) for name in names]
        a.rtcp_seen.clear()
        start = asyncio.get_running_loop().time()
        joining = asyncio.gather(*(take_seat(bridge, "room", viewer) for viewer in viewers))
        while not joining.done():
            await stream([a], 0.2)
        await stream_until([a], lambda: all(viewer.mid(MAIN).key_frames for viewer in viewers))
        elapsed = asyncio.get_running_loop().time() - start
        asked = [r.media for r in a.rtcp_seen if isinstance(r, rtcp.Pli)]
        assert [viewer.name for viewer in viewers if not viewer.mid(MAIN).key_frames] == []
        assert max(asked.count(media) for media in set(asked)) <= 1 + 2 * elapsed
        for site in (a, *viewers):
            await site.close()


async def test_the_main_picture_grows_when_the_link_proves_it(tmp_path: Path) -> None:
    """From the smallest layer to the largest by probes, every switch on a key frame, no gap."""
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a", "b")
        a = await take_seat(bridge, "room", Site("a"))
        b = await take_seat(bridge, "room", Site("b", keep=True))
        dropped = kernel_drops()
        await stream_until([a], lambda: b.mid(MAIN).key_frames >= 2, 40)
        await stream([a], 2)
        main = b.mid(MAIN)
        excused = kernel_drops() - dropped
        assert main.lost <= excused
        steps = [(later - earlier) & 0x7FFF for earlier, later in pairwise(main.pictures)]
        assert sum(step > 1 for step in steps) <= excused
        backward = [
            earlier
            for earlier, later in pairwise(main.timestamps)
            if (later - earlier) & 0xFFFFFFFF >= 1 << 31
        ]
        assert not backward
        await a.close()
        await b.close()
