"""A subscriber alone at the bridge's front door, which reports on what it is sent."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from conf.media import rtcp
from conf.media.errors import DecodeError
from conf.media.session import Session
from conf.media.srtp import SrtpContexts
from conf.media.twcc import Burst, FeedbackBuilder, Told, gather, parse_feedback
from conf.media.udp import pack_sockaddr
from tests.support.bridge_mux import FrontDoor, check, front_door
from tests.support.bridge_stage import KEYS, Nobody

SSRC: Final = 1  # Chromium's own, of all who send nothing
SENT_US: Final = 1_000_000


class Listener(Nobody):
    """Notes what it is told, and settles what it is left to read."""

    def __init__(self) -> None:
        self.session: Session
        self.told: list[Told] = []
        self.read = 0  # packets it was left
        self.refused = 0
        self.waited_s = 0.0

    def on_told(self, told: Told, now: float) -> None:
        """Settled already."""
        self.told.append(told)

    def on_rtcp(
        self, memory: memoryview, base: int, size: int, now: float, waited_s: float
    ) -> None:
        """As a seat's budget does."""
        self.read += 1
        self.waited_s = waited_s
        body = rtcp.lone_feedback(memory, base, size)
        if body is None:
            return
        history = self.session.history
        try:
            told = history.settle_at_once(memory, *body)
            if told is None:
                told = gather(history.settle(parse_feedback(bytes(memory[slice(*body)]))))
        except DecodeError:
            self.refused += 1
            return
        self.told.append(told)

    def all(self) -> tuple[list[Burst], int, int, int]:
        """In one, what is still kept included."""
        kept = self.session.kept.take(0)
        told = [*self.told, *([kept] if kept is not None else [])]
        bursts = [burst for one in told for burst in one[0]]
        newest = max((one[3] for one in told), default=-1)
        return bursts, sum(one[1] for one in told), sum(one[2] for one in told), newest


class Peer:
    """A subscriber with keys and an address; `tell` makes it report."""

    def __init__(self, door: FrontDoor, sock: socket.socket) -> None:
        self.door = door
        self.listener = Listener()
        self.session = self.listener.session = door.session(self.listener)
        door.knock(sock, check(self.session))
        self.socket = sock
        self.session.srtp = SrtpContexts(KEYS)
        self.session.context = self.session.srtp.send
        self.key = pack_sockaddr(socket.AF_INET, sock.getsockname())
        self.session.move_to(self.key)
        self.keys = SrtpContexts(KEYS)  # alike in both directions
        self.builder = FeedbackBuilder()
        self.now_us = SENT_US

    def send(self, *sizes: int, gap_us: int = 0) -> None:
        """Packets leave for it."""
        for size in sizes:
            self.now_us += gap_us
            self.session.history.add(self.now_us, size)

    def datagram(self, packet: bytes) -> bytes:
        """Protected, as it goes over the wire."""
        protected = self.keys.protect_rtcp(packet)
        assert protected is not None
        return protected

    def tell(self, packet: bytes, after_s: float = 0.0) -> None:
        """The packet arrives so much later."""
        self.door.now += after_s
        self.door.knock(self.socket, self.datagram(packet))

    def arrival(self, number: int, at_us: int) -> None:
        """Packet `number` has come at `at_us` by the peer's clock."""
        self.builder.add(number & 0xFFFF, at_us)

    def report(self) -> bytes:
        """Of what has arrived since the last."""
        (packet,) = self.builder.build(SSRC, 2)
        return packet


@contextmanager
def visited(native: object | None = None) -> Iterator[Peer]:
    """A peer at a door that reads in compiled form, or with None in Python."""
    with front_door(native) as door, door.visitor() as sock:
        yield Peer(door, sock)


def tell_of_one(peer: Peer, way_us: int = 0, after_s: float = 0.0) -> None:
    """One packet is sent, comes after `way_us`, and is told of."""
    number = peer.session.history.next_sequence
    peer.send(100, gap_us=20_000)
    peer.arrival(number, peer.now_us + way_us)
    peer.tell(peer.report(), after_s)
