"""A UDP link that loses, delays and limits, between one client and the bridge; repeatable."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast


@dataclass
class Impairment:
    """Of one direction. `rate_bps` 0: unlimited; `delay_s` one way; the queue holds 300 ms."""

    loss: float = 0.0
    delay_s: float = 0.0
    rate_bps: int = 0


class _Direction:
    """One direction: decides when a packet arrives, if at all."""

    def __init__(self, impairment: Impairment, seed: int) -> None:
        self._impairment = impairment
        self._random = random.Random(seed)
        self._busy_until = 0.0
        self.lost = self.passed = 0

    def arrival(self, size: int, now: float) -> float | None:
        """Time of arrival, or None when it is lost."""
        link = self._impairment
        start = max(now, self._busy_until)
        if self._random.random() < link.loss or start - now > 0.3:
            self.lost += 1
            return None
        self.passed += 1
        if link.rate_bps:
            self._busy_until = start + size * 8 / link.rate_bps
            start = self._busy_until
        return start + link.delay_s


class _Side(asyncio.DatagramProtocol):
    def __init__(self, link: "Link", direction: _Direction) -> None:
        self.link = link
        self.direction = direction
        self.transport: asyncio.DatagramTransport | None = None
        self.peer: tuple[str, int] | None = None
        self.other: _Side | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self.peer is None or self.link.follows:
            self.peer = addr[:2] if self is self.link.near else self.peer or addr[:2]
        loop = asyncio.get_running_loop()
        at = self.direction.arrival(len(data), loop.time())
        other = self.other
        if at is None or other is None or other.peer is None:
            return
        if at <= loop.time():
            self._deliver(other, data)
        else:
            loop.call_at(at, self._deliver, other, data)

    @staticmethod
    def _deliver(other: "_Side", data: bytes) -> None:
        transport = other.transport
        if transport is not None and other.peer is not None and not transport.is_closing():
            transport.sendto(data, other.peer)


class Link:
    """`port` is where the client sends instead of the bridge's."""

    def __init__(self, up: Impairment, down: Impairment, seed: int) -> None:
        self.up, self.down = up, down
        self.follows = True  # the client's newest address
        self.near = _Side(self, _Direction(up, seed))
        self.far = _Side(self, _Direction(down, seed + 1))
        self.near.other, self.far.other = self.far, self.near
        self.port = 0


@asynccontextmanager
async def link_to(
    bridge_port: int, up: Impairment | None = None, down: Impairment | None = None, seed: int = 1
) -> AsyncIterator[Link]:
    """A link in front of the bridge's UDP port on loopback."""
    link = Link(up or Impairment(), down or Impairment(), seed)
    loop = asyncio.get_running_loop()
    near, _ = await loop.create_datagram_endpoint(lambda: link.near, local_addr=("127.0.0.1", 0))
    far, _ = await loop.create_datagram_endpoint(lambda: link.far, local_addr=("127.0.0.1", 0))
    link.far.peer = ("127.0.0.1", bridge_port)
    link.port = near.get_extra_info("sockname")[1]
    try:
        yield link
    finally:
        near.close()
        far.close()
