"""A site's ceilings, up and down, are held by the bridge: octets are counted on the wire."""

import asyncio
from pathlib import Path

import pytest

from conf.media import rtcp
from conf.media.client import ParticipantState, RoomState
from conf.settings import MediaSettings
from tests.support.bridge import (
    LOOPBACK,
    Bridge,
    kernel_drops,
    running_bridge,
    speak,
    take_seat,
    with_screen,
)
from tests.support.bridge_client import Site

pytestmark = pytest.mark.timeout(90)
MAIN, SHARE = "6", "7"


class Meter(Site):
    """Counts every octet of media that reaches it."""

    octets = 0

    def _on_datagram(self, view: memoryview, size: int) -> None:
        self.octets += size if view[0] > 127 else 0
        super()._on_datagram(view, size)


async def apply(bridge: Bridge, version: int, **rights: ParticipantState) -> None:
    await bridge.worker.apply("room", RoomState(version, rights))


FREE = ParticipantState()


async def passed_bps(a: Site, b: Meter, seconds: float) -> float:
    """What the bridge sends to `b` a second while `a` speaks: from one check's answer to another's.

    So nothing counts that was still under way before, on a machine however late.
    """
    loop = asyncio.get_running_loop()
    await b.check()
    before, start = b.octets, loop.time()
    await speak(a, seconds)
    await b.check()
    return 8 * (b.octets - before) / (loop.time() - start)


async def test_nothing_above_its_ceiling_is_sent_to_a_site(tmp_path: Path) -> None:
    """Not to find out more either; a lower ceiling holds from the order on, without a rejoin."""
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room")
        await apply(bridge, 1, a=FREE, b=ParticipantState(max_down_bps=400_000))
        a, b = Site("a"), Meter("b")
        for site in (a, b):
            await take_seat(bridge, "room", site)
        for version, ceiling_bps, least_bps in ((2, 400_000, 200_000), (3, 150_000, 60_000)):
            await apply(bridge, version, a=FREE, b=ParticipantState(max_down_bps=ceiling_bps))
            await speak(a, 2)
            for _ in range(15):  # a fall holds the next rise back for ten seconds
                rate = await passed_bps(a, b, 2.5)
                print(f"ceiling {ceiling_bps}, sent {rate:.0f}")
                assert rate <= ceiling_bps
                if rate > least_bps:
                    break
            else:
                pytest.fail("the picture that fits does not come")
        await a.close()
        await b.close()


async def test_a_site_that_ignores_its_ceiling_loses_its_largest_layers(tmp_path: Path) -> None:
    """1.1 Mbit/s where 300 kbit/s are allowed: voice and the small picture pass, whole."""
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room")
        await apply(bridge, 1, a=ParticipantState(max_up_bps=300_000), b=FREE)
        a, b = Site("a"), Meter("b", keep=True)
        answer = await bridge.worker.join("room", "a", a.offer())
        _, _, camera, screen, *_ = answer.answer_sdp.split("m=")
        assert "b=TIAS:300000" in camera
        assert "b=TIAS:300000" in screen
        await a.connect(answer.answer_sdp)
        await take_seat(bridge, "room", b)
        dropped = kernel_drops()
        await speak(a, 3)
        shown = b.mid(MAIN).packets
        rate = await passed_bps(a, b, 3)
        print(f"passed {rate:.0f}")
        assert rate <= 300_000
        assert b.mid(MAIN).packets > shown
        assert b.mid(MAIN).lost <= kernel_drops() - dropped
        await apply(bridge, 2, a=FREE, b=FREE)
        before = b.mid(MAIN).octets
        for _ in range(15):
            await speak(a, 2)
            if b.mid(MAIN).octets - before > 200_000:
                break
            before = b.mid(MAIN).octets
        else:
            pytest.fail("the larger layers do not come back")
        await a.close()
        await b.close()


@pytest.mark.parametrize(("ceiling_bps", "is_shown"), [(300_000, False), (900_000, True)])
async def test_a_screen_has_a_ceiling_of_its_own(
    tmp_path: Path, ceiling_bps: int, is_shown: bool
) -> None:
    """Half a Mbit/s of screen passes whole or not at all; the camera does not feel it."""
    given = LOOPBACK.model_dump() | {"max_screen_bps": ceiling_bps, "start_down_bps": 6_000_000}
    async with running_bridge(tmp_path, MediaSettings.model_validate(given)) as bridge:
        await bridge.open("room")
        await apply(bridge, 1, a=ParticipantState(max_up_bps=3_000_000), b=FREE)
        a, b = with_screen(Site("a")), Meter("b")
        answer = await bridge.worker.join("room", "a", a.offer())
        assert f"b=TIAS:{ceiling_bps}" in answer.answer_sdp.split("m=")[3]
        await a.connect(answer.answer_sdp)
        await take_seat(bridge, "room", b)
        await speak(a, 2)
        await b.check()
        pictures, passed = b.mid(MAIN).packets, b.mid(SHARE).packets
        for _ in range(20):  # what passes also needs room on the viewer's line
            await passed_bps(a, b, 1)
            if not is_shown or b.mid(SHARE).packets > 100:
                break
        assert b.mid(SHARE).packets > 100 if is_shown else b.mid(SHARE).packets == passed
        assert b.mid(MAIN).packets > pictures
        await a.close()
        await b.close()


class Remb(Meter):
    """An older client: it estimates by itself, and tells (draft-alvestrand-rmcat-remb-03)."""

    def offer(self) -> str:
        lines = super().offer().splitlines()
        kept = [line for line in lines if "transport" not in line or line.startswith("m=")]
        return "\r\n".join(line.replace("96 nack pli", "96 goog-remb") for line in kept) + "\r\n"

    def tell(self, bps: int) -> None:
        exponent = max(0, bps.bit_length() - 18)
        body = bytes(8) + b"REMB" + (1 << 24 | exponent << 18 | bps >> exponent).to_bytes(4, "big")
        packet = rtcp.build([rtcp.ReceiverReport(1)]) + b"\x8f\xce\0\x05" + body + bytes(4)
        assert self.srtp is not None
        protected = self.srtp.protect_rtcp(packet)
        assert protected is not None
        self.send_raw(protected)


async def test_a_client_without_transport_feedback_is_sent_what_it_asks(tmp_path: Path) -> None:
    """Unlimited before, for nothing is known; then the layer that fits its REMB, at once."""
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a", "b")
        a, b = Site("a"), Remb("b")
        await take_seat(bridge, "room", a)
        answer = await bridge.worker.join("room", "b", b.offer())
        assert "96 goog-remb" in answer.answer_sdp
        await b.connect(answer.answer_sdp)
        for _ in range(15):
            if await passed_bps(a, b, 1) > 600_000:
                break
        else:
            pytest.fail("the largest layer does not come")
        b.tell(400_000)
        await speak(a, 1.5)
        assert 60_000 < await passed_bps(a, b, 3) <= 400_000
        await a.close()
        await b.close()
