"""A member with valid keys sends nonsense inside valid SRTP: the worker counts and goes on."""

import asyncio
import random
from pathlib import Path

import pytest
from pylibsrtp._binding import ffi

from conf.media.srtp import MAX_SSRCS, OK, protect
from tests.support.bridge import running_bridge, stream, stream_until, take_seat
from tests.support.bridge_client import Site

pytestmark = pytest.mark.timeout(60)
STAGE_AUDIO = "3"


def nonsense_rtp(rng: random.Random, sequence: int, site: Site) -> bytes:
    """An RTP packet with a header that libsrtp takes and a body nobody should trust."""
    ssrc = rng.choice(
        [site.audio.ssrc + 1, *(s.ssrc + 1 for s in site.cameras.values()), rng.getrandbits(32)]
    )
    payload_type = rng.choice((96, 97, 111, 63, rng.randrange(128)))
    first = rng.choice((0x80, 0x90, 0xA0, 0xB0))
    words = rng.randrange(0, 6)
    head = bytes((first, payload_type)) + sequence.to_bytes(2, "big")
    head += rng.randbytes(4) + ssrc.to_bytes(4, "big")
    if first & 0x10:
        head += rng.choice((b"\xbe\xde", b"\x10\x00")) + words.to_bytes(2, "big")
        head += (b"\x40" + rng.choice(b"012789").to_bytes(1, "big") + rng.randbytes(4 * words))[
            : 4 * words
        ]
    return head + rng.randbytes(rng.choice((0, 1, 2, 3, 7, 40, 1100)))


def nonsense_rtcp(rng: random.Random, site: Site) -> bytes:
    """RTCP of known types with random bodies, about sources that exist."""
    kind = rng.choice((200, 201, 202, 203, 205, 206, 207))
    words = rng.randrange(1, 30)
    ssrcs = [*site.answer.ssrcs, *site.answer.rtx_ssrcs, site.audio.ssrc]
    sender = rng.choice((1, site.audio.ssrc))
    body = sender.to_bytes(4, "big") + rng.choice(ssrcs).to_bytes(4, "big")
    body += rng.randbytes(4 * words)
    return bytes((0x80 | rng.randrange(32), kind)) + (len(body) // 4).to_bytes(2, "big") + body


async def test_a_hostile_member_disturbs_nobody(tmp_path: Path) -> None:
    """Ten thousand random packets under its own keys: no crash, no gap for the others."""
    rng = random.Random(11)
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a", "b", "evil")
        a = await take_seat(bridge, "room", Site("a"))
        b = await take_seat(bridge, "room", Site("b"))
        evil = await take_seat(bridge, "room", Site("evil"))
        sending = asyncio.create_task(stream([a], 6))
        assert evil.srtp is not None
        buffer, size = ffi.new("char[]", 2048), ffi.new("int *")
        for count in range(10_000):
            packet = nonsense_rtp(rng, count & 0xFFFF, evil)
            if rng.random() < 0.3:
                protected = evil.srtp.protect_rtcp(nonsense_rtcp(rng, evil))
                assert protected is not None
                evil.send_raw(protected)
            ffi.memmove(buffer, packet, len(packet))
            size[0] = len(packet)
            if protect(evil.srtp.send, buffer, size) == OK:
                evil.send_raw(bytes(ffi.buffer(buffer, size[0])))
            if count % 20 == 0:
                await asyncio.sleep(0.01)
        await sending
        assert bridge.worker.restarts == 0
        heard = [s for s in b.streams.values() if s.mid.isdigit() and int(s.mid) in (3, 4, 5)]
        assert max(stream.packets for stream in heard) > 50
        for site in (a, b, evil):
            await site.close()


def sealed(site: Site, packet: bytes) -> bytes:
    """The packet under the site's keys."""
    assert site.srtp is not None
    buffer, size = ffi.new("char[]", 2048), ffi.new("int *", len(packet))
    ffi.memmove(buffer, packet, len(packet))
    assert protect(site.srtp.send, buffer, size) == OK
    return bytes(ffi.buffer(buffer, size[0]))


async def test_sources_without_end_are_not_heard(tmp_path: Path) -> None:
    """libsrtp keeps a state for every SSRC and looks through all of them at each packet.

    So a member has so many and no more; and of none a packet is taken twice, media or report.
    """
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a", "b")
        a = await take_seat(bridge, "room", Site("a"))
        b = await take_seat(bridge, "room", Site("b"))
        await stream_until([a], lambda: b.mid(STAGE_AUDIO).packets > 20)
        srtp = a.srtp
        assert srtp is not None

        async def refused(reason: str, *packets: bytes) -> float:
            before = (await bridge.worker.stats())[f"datagrams_{reason}_total"]
            for packet in packets:
                a.send_raw(packet)
            await a.check()  # all of them have been looked at
            return (await bridge.worker.stats())[f"datagrams_{reason}_total"] - before

        def report(ssrc: int) -> bytes:
            protected = srtp.protect_rtcp(b"\x80\xc9\0\1" + ssrc.to_bytes(4, "big"))
            assert protected is not None
            return protected

        head = b"\x80\x60\0\1" + bytes(4)
        stray = sealed(a, head + b"\1\2\3\4" + b"nothing")
        assert await refused("bad_rtp", stray, stray) == 1
        reports = [report(ssrc) for ssrc in range(1, MAX_SSRCS + 20)]
        surplus = await refused("surplus_ssrc", *reports)
        assert surplus >= 20  # the site's own count too
        taken = len(reports) - int(surplus)
        assert taken > 70
        assert await refused("bad_rtcp", *reports[:taken]) == taken
        assert await refused("surplus_ssrc", *reports[taken:]) == surplus
        assert await refused("surplus_ssrc", sealed(a, head + b"\1\2\3\5" + b"nothing")) == 1
        assert await refused("bad_rtcp", report(70)) == 0  # its next is heard
        await stream_until([a], lambda: b.mid(STAGE_AUDIO).packets > 40)
        assert bridge.worker.restarts == 0
        for site in (a, b):
            await site.close()
