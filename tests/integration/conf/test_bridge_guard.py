"""What a stranger sends to the media port changes a counter and nothing else."""

import asyncio
import contextlib
import random
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiortc.rtcdtlstransport import RTCCertificate

from bench.bridge_guard import KINDS, run
from conf.media.client import ParticipantConnected, ParticipantLost
from conf.media.dtls import DtlsLink
from conf.media.transactions import TRANSMISSIONS
from tests.support import bridge_flood
from tests.support.bridge import (
    eventually,
    kernel_drops,
    running_bridge,
    stream,
    stream_until,
    take_seat,
)
from tests.support.bridge_client import Site
from tests.support.bridge_flood import random_datagram

pytestmark = pytest.mark.timeout(60)
SIZES = (0, 1, 2, 11, 12, 13, 19, 20, 28, 1499, 1500, 1501, 2047, 2048, 2049, 9000, 65507)
STAGE_AUDIO = "3"


async def test_noise_of_any_size_disturbs_nobody(tmp_path: Path) -> None:
    """Every size from 0 to 65507, every first byte, from a stranger and from a member's address."""
    rng = random.Random(7)
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a", "b")
        a = await take_seat(bridge, "room", Site("a"))
        b = await take_seat(bridge, "room", Site("b"))
        stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        dropped = kernel_drops()
        sending = asyncio.create_task(stream([a], 2.5))
        for sender in (lambda d: stranger.sendto(d, a.remote), a.send_raw):
            for size in SIZES:
                sender(rng.randbytes(size))
            for first in range(256):
                sender(bytes((first,)) + rng.randbytes(rng.randrange(1400)))
                if first % 16 == 0:
                    await asyncio.sleep(0.01)
        await sending
        counters = await bridge.worker.stats()
        await stream_until([a], lambda: b.mid(STAGE_AUDIO).packets > 80)
        assert b.mid(STAGE_AUDIO).lost <= kernel_drops() - dropped
        # The kernel drops the wrong sizes and classes, the mux what looks like somebody's.
        assert counters["datagrams_dropped_by_kernel_total"] > 2 * 6 + 100
        assert counters["datagrams_unknown_source_total"] > 20
        assert bridge.worker.restarts == 0
        stranger.setblocking(False)
        with pytest.raises(BlockingIOError):
            stranger.recv(2000)  # no answer to anything: nothing to amplify
        stranger.close()
        await a.close()
        await b.close()


async def test_a_flood_costs_no_voice(tmp_path: Path) -> None:
    """10 000 random datagrams a second, all answered for and none of the voice lost.

    What one costs: test_bridge_strangers.py; what all cost: bench/bridge_guard.py.
    """
    rng = random.Random(3)
    noise = [random_datagram(rng) for _ in range(500)]
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a", "b")
        a = await take_seat(bridge, "room", Site("a"))
        b = await take_seat(bridge, "room", Site("b", keep=True))
        stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        await stream_until([a], lambda: b.mid(STAGE_AUDIO).packets > 0)
        dropped = kernel_drops()
        sending = asyncio.create_task(stream([a], 2))
        start, sent = time.monotonic(), 0
        while time.monotonic() - start < 2:
            while sent < 10_000 * (time.monotonic() - start):
                stranger.sendto(noise[sent % 500], a.remote)
                sent += 1
            await asyncio.sleep(0.002)
        await sending
        heard = b.mid(STAGE_AUDIO).packets
        await stream_until([a], lambda: b.mid(STAGE_AUDIO).packets > heard)
        assert b.mid(STAGE_AUDIO).lost <= kernel_drops() - dropped
        assert bridge.worker.restarts == 0
        stranger.close()
        await a.close()
        await b.close()


@pytest.mark.slow
@pytest.mark.timeout(120)  # ten floods
async def test_no_kind_of_flood_costs_a_voice() -> None:
    """The short form of bench/bridge_guard.py: noise, forged and repeated packets, connections."""
    dropped = kernel_drops()
    results = await run(KINDS, rate=3000, seconds=1.0)
    excused = kernel_drops() - dropped
    for result in results:
        assert result.lost <= excused, result.kind
        assert result.gap_s < float("inf"), result.kind


async def test_a_check_is_answered_no_more_often_than_it_may_be_sent(tmp_path: Path) -> None:
    """A captured one, repeated from its own address for ever, is answered eight times."""
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a")
        a = await take_seat(bridge, "room", Site("a"))
        before, captured = a.stun_replies, a.binding_request()
        for _ in range(100):
            a.send_raw(captured)
        await a.check()  # its own fresh ones are still answered
        assert a.stun_replies <= before + TRANSMISSIONS + 2  # its own, and one keep-alive
        assert (await bridge.worker.stats())["datagrams_replayed_stun_total"] == 92
        await a.close()


async def test_media_does_not_follow_a_replayed_check(tmp_path: Path) -> None:
    """A captured request sent from elsewhere is dropped, a fresh one only makes a candidate."""
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a", "b")
        a = await take_seat(bridge, "room", Site("a"))
        b = await take_seat(bridge, "room", Site("b"))
        thief = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        thief.setblocking(False)
        captured = b.binding_request()
        b.send_raw(captured)
        thief.sendto(captured, b.remote)
        await b.check()
        with pytest.raises(BlockingIOError):
            thief.recv(2000)
        thief.sendto(b.binding_request(), b.remote)
        await b.check()
        assert thief.recv(2000)[0] == 1  # answered: a candidate
        for head in (b"\x17\xfe\xfd", b"\x15\xfe\xfd", b"\x80\x6f", b"\x80\xc9"):
            thief.sendto(head + bytes(60), b.remote)  # nothing of it is authentic
        await stream([a], 1)
        with pytest.raises(BlockingIOError):
            thief.recv(2000)  # but no media
        await stream_until([a], lambda: b.mid(STAGE_AUDIO).packets > 20)
        assert (await bridge.worker.stats())["datagrams_replayed_stun_total"] == 1
        thief.close()
        await a.close()
        await b.close()


async def test_an_address_that_speaks_for_one_site_is_not_taken_by_another(tmp_path: Path) -> None:
    """A member's own check, sent from a forged address, ends nobody's voice."""
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a", "b", "c")
        a = await take_seat(bridge, "room", Site("a"))
        b = await take_seat(bridge, "room", Site("b"))
        hijacker = Site("c")
        answer = await bridge.worker.join("room", "c", hijacker.offer())
        hijacker.accept(answer.answer_sdp)
        await stream_until([a], lambda: b.mid(STAGE_AUDIO).packets > 0)
        a.send_raw(hijacker.binding_request())
        heard = b.mid(STAGE_AUDIO).packets
        await stream_until([a], lambda: b.mid(STAGE_AUDIO).packets > heard + 20)
        assert (await bridge.worker.stats())["datagrams_bad_stun_total"] == 1
        hijacker.socket.close()
        await a.close()
        await b.close()


async def test_media_follows_its_owner_to_a_new_address(tmp_path: Path) -> None:
    """After a check and an authenticated packet from the new address, media arrives there."""
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a", "b")
        a = await take_seat(bridge, "room", Site("a"))
        b = await take_seat(bridge, "room", Site("b"))
        await stream([a], 1)
        b.move()
        before = b.mid(STAGE_AUDIO).packets
        await b.check()
        b.send_audio()
        await stream_until([a], lambda: b.mid(STAGE_AUDIO).packets > before + 20)
        await a.close()
        await b.close()


@asynccontextmanager
async def first_flight(site: Site) -> AsyncIterator[bytes]:
    """The hello that the site's browser would send."""
    sent: list[bytes] = []
    link = DtlsLink(site._certificate, sent.append, lambda: None, is_server=False)
    shaking = asyncio.create_task(link.handshake([site.answer.fingerprint]))
    await eventually(lambda: bool(sent))
    try:
        yield sent[0]
    finally:
        shaking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await shaking
        await link.close()


async def test_forged_records_starve_no_handshake(tmp_path: Path) -> None:
    """Thousands a second from the member's own address, alerts that would end it among them."""
    forged = bridge_flood.dtls_records(random.Random(3))
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a")
        a = Site("a")
        answer = await bridge.worker.join("room", "a", a.offer())
        a.accept(answer.answer_sdp)
        asyncio.get_running_loop().add_reader(a.socket.fileno(), a._readable)
        await a.check()

        async def forge() -> None:
            for at in range(0, len(forged), 10):
                for data in forged[at : at + 10]:
                    a.send_raw(data)
                await asyncio.sleep(0.002)

        await forge()
        flood = asyncio.create_task(forge())
        async with asyncio.timeout(10):
            await a.connect(answer.answer_sdp)
        await flood
        assert (await bridge.worker.stats())["datagrams_bad_dtls_total"] > len(forged) / 2
        await a.close()


async def test_no_handshake_begins_from_an_address_without_a_check(tmp_path: Path) -> None:
    """A flawless ClientHello from elsewhere is a stranger's datagram: no answer, nothing begun."""
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a")
        a = Site("a")
        answer = await bridge.worker.join("room", "a", a.offer())
        a.accept(answer.answer_sdp)
        async with first_flight(a) as hello:
            for _ in range(5):
                a.send_raw(hello)
            counters = await bridge.worker.stats()
        assert counters["datagrams_unknown_source_total"] == 5
        with pytest.raises(BlockingIOError):
            a.socket.recv(2000)
        await a.connect(answer.answer_sdp)  # its own check, and the same hello is welcome
        await a.close()


async def test_a_certificate_that_was_not_signalled_gets_no_media(tmp_path: Path) -> None:
    """Whoever sits between page and bridge can copy the check, not the fingerprint's key."""
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a", "b")
        a = await take_seat(bridge, "room", Site("a"))
        thief = Site("b", keep=True)
        offer = thief.offer()
        thief._certificate = RTCCertificate.generateCertificate()
        answer = await bridge.worker.join("room", "b", offer)
        connecting = asyncio.create_task(thief.connect(answer.answer_sdp))
        lost = await bridge.until(lambda event: isinstance(event, ParticipantLost))
        assert isinstance(lost, ParticipantLost)
        assert (lost.participant_id, lost.reason) == ("b", "handshake")
        await stream([a], 0.5)
        assert thief.received() == 0
        assert not any(
            isinstance(event, ParticipantConnected) and event.participant_id == "b"
            for event in bridge.seen
        )
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)
        await thief.close()
        await a.close()


async def test_little_is_sent_before_the_handshake(tmp_path: Path) -> None:
    """At most three bytes for each received until the peer has proved to be there."""
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a")
        a = Site("a")
        answer = await bridge.worker.join("room", "a", a.offer())
        a.accept(answer.answer_sdp)
        out = a.binding_request()
        async with first_flight(a) as hello:
            a.socket.sendto(out, a.remote)
            await asyncio.sleep(0.1)
            a.socket.sendto(hello, a.remote)
            await asyncio.sleep(3)
        received = 0
        while True:
            try:
                received += len(a.socket.recv(2000))
            except BlockingIOError:
                break
        assert received <= 3 * (len(out) + len(hello)) + len(out)
        a.socket.close()
