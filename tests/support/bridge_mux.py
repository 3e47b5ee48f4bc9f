"""The bridge's front door alone, in the process of the test: a port, a mux, a movable clock."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aioice import stun
from aiortc.rtcdtlstransport import RTCCertificate

from conf.media.mux import Mux
from conf.media.opened import OpenPictures
from conf.media.session import PacketSink, Session
from conf.media.udp import open_port
from tests.support.bridge_stage import Nobody


class FrontDoor:
    """What arrives is taken when the test says so; `now` is the time."""

    def __init__(self, native: Any | None = None) -> None:
        """`native`: of `compiled.load`."""
        self.now = 1000.0
        self.port = open_port("127.0.0.1", 0)
        self.shaken: list[Session] = []
        self.after_batch: Callable[[float], None] = lambda now: None
        self.mux = Mux(
            self.port,
            lambda: self.now,
            self.shaken.append,
            lambda now: self.after_batch(now),
            OpenPictures(),
            native,
        )

    def session(self, sink: PacketSink | None = None) -> Session:
        """One more, that can be reached."""
        certificate = RTCCertificate.generateCertificate()
        it = Session(certificate, (), self.port.send, sink or Nobody(), self.now)
        self.mux.add(it)
        return it

    @contextmanager
    def visitor(self) -> Iterator[socket.socket]:
        """A socket that sends to the door."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(("127.0.0.1", self.port.local_port()))
            sock.setblocking(False)
            yield sock

    def knock(self, sock: socket.socket, *datagrams: bytes) -> None:
        """They arrive and are taken, reports too."""
        for data in datagrams:
            sock.send(data)
        self.mux.on_readable()
        self.mux.take_reports(self.now)


def check(session: Session) -> bytes:
    """A connectivity check, fresh and authentic."""
    message = stun.Message(
        stun.Method.BINDING,
        stun.Class.REQUEST,
        attributes={"USERNAME": session.credentials.ufrag + ":x", "PRIORITY": 1},
    )
    message.add_message_integrity(session.credentials.password.encode())
    return bytes(message)


@contextmanager
def front_door(native: Any | None = None) -> Iterator[FrontDoor]:
    """Closed with the block."""
    door = FrontDoor(native)
    try:
        yield door
    finally:
        door.port.close()
