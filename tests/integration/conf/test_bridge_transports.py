"""ICE-TCP, IPv6, the plain socket fallback and the CM profile carry the same media."""

import asyncio
import socket
from pathlib import Path

import pytest
from aiortc.rtcdtlstransport import SRTP_AES128_CM_SHA1_80
from ifaddr import IP, Adapter

from conf.media import addresses, udp
from conf.settings import MediaSettings
from tests.support.bridge import (
    LOOPBACK,
    Bridge,
    kernel_drops,
    running_bridge,
    stream_until,
    take_seat,
)
from tests.support.bridge_client import Site
from tests.support.bridge_tcp import TcpSite

pytestmark = pytest.mark.timeout(60)
STAGE_AUDIO, MAIN = "3", "6"


async def exchange(bridge: Bridge, a: Site, b: Site) -> None:
    """Both get voice and picture of the other without loss."""
    await bridge.open("room", a.name, b.name)
    for site in (a, b):
        await take_seat(bridge, "room", site)
    dropped = kernel_drops()
    await stream_until([a, b], lambda: all(has_both(site) for site in (a, b)))
    for site in (a, b):
        assert site.mid(MAIN).lost <= kernel_drops() - dropped
        await site.close()


def has_both(site: Site) -> bool:
    return site.mid(STAGE_AUDIO).packets > 40 and site.mid(MAIN).packets > 40


async def test_media_over_tcp_reaches_a_site_on_udp_and_back(tmp_path: Path) -> None:
    """One side behind a firewall that lets only TCP through."""
    async with running_bridge(tmp_path) as bridge:
        await exchange(bridge, TcpSite("a"), Site("b"))


async def test_who_leaves_has_no_connection_left(tmp_path: Path) -> None:
    """The bridge hangs up a member's TCP connection once its seat is free."""
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a")
        a = await take_seat(bridge, "room", TcpSite("a"))
        await bridge.worker.leave("a")
        asyncio.get_running_loop().remove_reader(a.socket.fileno())
        async with asyncio.timeout(20):
            while await asyncio.get_running_loop().sock_recv(a.socket, 2000):
                pass
        await a.close()


async def test_the_older_srtp_profile_works_too(tmp_path: Path) -> None:
    """AES_CM_128_HMAC_SHA1_80 when that is all a site has."""
    async with running_bridge(tmp_path) as bridge:
        await exchange(bridge, Site("a", profiles=[SRTP_AES128_CM_SHA1_80]), Site("b"))


async def test_ipv6_and_ipv4_share_one_port(tmp_path: Path) -> None:
    """Listening on :: serves both; both kinds of candidate are told."""
    both = MediaSettings.model_validate({"port": 0, "listen": "::"})
    async with running_bridge(tmp_path, both) as bridge:
        await bridge.open("room", "a", "b")
        a, b = Site("a"), Site("b")
        answer = await bridge.worker.join("room", "a", a.offer())
        assert "::1" in answer.answer_sdp
        assert "127.0.0.1" in answer.answer_sdp
        a.socket.close()
        a.socket = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        a.socket.setblocking(False)
        a.accept(answer.answer_sdp)
        a.accept = lambda _: None  # type: ignore[method-assign]
        a.remote = ("::1", bridge.worker.port)
        await a.connect(answer.answer_sdp)
        await take_seat(bridge, "room", b)
        await stream_until([a], lambda: b.mid(STAGE_AUDIO).packets > 20)
        await a.close()
        await b.close()


class TcpSite6(TcpSite):
    """Over IPv6."""

    family = socket.AF_INET6


async def test_tcp_over_ipv6_carries_media_too(tmp_path: Path) -> None:
    """To a site that has neither IPv4 nor UDP."""
    both = MediaSettings.model_validate({"port": 0, "listen": "::", "addresses": ["::1"]})
    async with running_bridge(tmp_path, both) as bridge:
        await bridge.open("room", "a", "b")
        a, b = TcpSite6("a"), TcpSite6("b")
        for site in (a, b):
            await take_seat(bridge, "room", site)
        assert a.socket.family == b.socket.family == socket.AF_INET6
        await stream_until([a, b], lambda: has_both(a) and has_both(b))
        await a.close()
        await b.close()


async def test_the_advertised_address_may_be_another(tmp_path: Path) -> None:
    """Behind 1:1 NAT only the configured addresses are told."""
    told = MediaSettings.model_validate(LOOPBACK.model_dump() | {"addresses": ["203.0.113.9"]})
    async with running_bridge(tmp_path, told) as bridge:
        await bridge.open("room", "a")
        site = Site("a")
        answer = await bridge.worker.join("room", "a", site.offer())
        assert "203.0.113.9" in answer.answer_sdp
        assert " 127.0.0.1 " not in answer.answer_sdp.split("m=", 1)[1]
        site.socket.close()


def test_an_address_that_comes_later_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that starts before its network does, or gets another lease, needs no restart."""
    everywhere = MediaSettings.model_validate({"port": 0, "listen": "0.0.0.0"})
    now, there = 1000.0, ["192.0.2.1"]
    monkeypatch.setattr("conf.media.addresses.time.monotonic", lambda: now)
    monkeypatch.setattr(
        addresses,
        "get_adapters",
        lambda: [Adapter("eth0", "eth0", [IP(host, 24, "eth0") for host in there])],
    )
    for host in ("192.0.2.1", "192.0.2.2"):
        there = [host]
        assert [one.host for one in addresses.candidates(everywhere, 7000)] == [host]
        now += addresses.LOOK_EVERY_S
    addresses._of_this_machine.cache_clear()  # what was told here is nobody else's


@pytest.mark.parametrize("host", ["127.0.0.1", "::"])
def test_the_plain_port_does_what_the_batched_one_does(host: str) -> None:
    """recvfrom and sendto behind the same face."""
    for port in (udp.open_port(host, 0), udp.PlainPort(udp.open_udp(host, 0))):
        peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        peer.settimeout(10)
        for data in (b"\x80hello" + bytes(16), b"\x80" * 22, b"\x80" * 1500):
            peer.sendto(data, ("127.0.0.1", port.local_port()))
        count = port.rx.receive()
        assert [port.rx.length(i) for i in range(count)] == [22, 22, 1500]
        base = port.rx.bases[0]
        assert bytes(port.rx.memory[base : base + 6]) == b"\x80hello"
        endpoint = udp.Endpoint(port.rx.key(0))
        assert endpoint.address == ("127.0.0.1", peer.getsockname()[1])
        port.send(b"one", endpoint)
        for i, data in enumerate((b"two", b"three")):
            port.tx.memory[port.tx.bases[i] : port.tx.bases[i] + len(data)] = data
            port.tx.lengths[2 * i + 1] = len(data)
            port.shape(i, i, 1, endpoint.pointer)
        port.flush(2)
        assert [peer.recv(100) for _ in range(3)] == [b"one", b"two", b"three"]
        assert port.dropped_sends == 0
        peer.close()
        port.close()
