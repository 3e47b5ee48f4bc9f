"""A member with valid keys sends nonsense inside valid SRTP: the worker counts and goes on."""

import asyncio
import random
from pathlib import Path

import pytest
from pylibsrtp._binding import ffi

from conf.media.srtp import OK, protect
from conf.media.streams import MAX_REPORTERS
from tests.support.bridge import running_bridge, stream, take_seat
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
    body = rng.randbytes(4) + rng.choice(ssrcs).to_bytes(4, "big") + rng.randbytes(4 * words)
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


async def test_sources_without_end_are_not_remembered(tmp_path: Path) -> None:
    """libsrtp looks through the states of all SSRCs at each packet, so strays leave none.

    Seen from outside: what left a state is refused when it comes again, a forgotten stray is not.
    """
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a")
        a = await take_seat(bridge, "room", Site("a"))
        await stream([a], 0.5)
        assert a.srtp is not None

        async def refused(name: str, data: bytes) -> float:
            before = (await bridge.worker.stats())[f"datagrams_bad_{name}_total"]
            a.send_raw(data)
            await asyncio.sleep(0.1)
            return (await bridge.worker.stats())[f"datagrams_bad_{name}_total"] - before

        head = b"\x80\x60\0\1" + bytes(4)
        stray = sealed(a, head + b"\1\2\3\4" + b"nothing")
        assert await refused("rtp", stray) == 0
        assert await refused("rtp", stray) == 0
        reports = []
        for ssrc in range(1, MAX_REPORTERS + 3):
            report = a.srtp.protect_rtcp(b"\x80\xc9\0\1" + ssrc.to_bytes(4, "big"))
            assert report is not None
            reports.append(report)
            a.send_raw(report)
        await asyncio.sleep(0.1)
        assert await refused("rtcp", reports[0]) == 1
        assert await refused("rtcp", reports[-1]) == 0
        await stream([a], 0.5)
        assert bridge.worker.restarts == 0
        await a.close()
