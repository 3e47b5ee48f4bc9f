"""ICE-TCP, passive side: media over TCP for sites whose firewall drops UDP (RFC 6544, RFC 4571).

Each connection carries frames of a 16-bit length and a packet; the packets pass the same guard as
datagrams. A connection is cut when its first frame is not a binding request for one of our ufrags
within a few seconds, when a frame is over-long, or when its send buffer fills: late media helps
nobody, so it is dropped rather than queued.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Final, Protocol

from conf.media.udp import MAX_DATAGRAM, Endpoint, pack_sockaddr

MAX_CONNECTIONS: Final = 512
FIRST_FRAME_TIMEOUT_S: Final = 5.0
MAX_BUFFERED: Final = 256 * 1024  # bytes waiting in one connection before packets are dropped
_LENGTH = struct.Struct("!H")


class StreamSink(Protocol):
    """The mux."""

    def on_stream_packet(self, data: bytes, endpoint: Endpoint) -> None:
        """A packet came."""
        ...

    def forget_endpoint(self, endpoint: Endpoint) -> None:
        """The connection ended."""
        ...


class TcpEndpoint(Endpoint):
    """A peer behind a TCP connection; `pointer` 0 keeps it out of sendmmsg."""

    __slots__ = ("_transport", "dropped")

    def __init__(self, key: bytes, transport: asyncio.Transport) -> None:
        self.key = b"tcp" + key
        self.pointer = 0
        self.dropped = 0
        self._transport = transport

    def send_frame(self, data: bytes) -> None:
        """One framed packet, or nothing when the line is choked."""
        if self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > MAX_BUFFERED:
            self.dropped += 1
            return
        self._transport.write(_LENGTH.pack(len(data)) + data)

    @property
    def source(self) -> bytes:
        """The raw sockaddr, for XOR-MAPPED-ADDRESS."""
        return self.key[3:]


class _Connection(asyncio.Protocol):
    """Unframes one connection. Owner: the listener."""

    def __init__(self, listener: "TcpListener") -> None:
        self._listener = listener
        self._buffer = bytearray()
        self._endpoint: TcpEndpoint | None = None
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        sock = transport.get_extra_info("socket")
        peer = transport.get_extra_info("peername")
        if not self._listener.admit(self) or peer is None:
            transport.abort()
            return
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._endpoint = TcpEndpoint(pack_sockaddr(sock.family, peer), transport)
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(FIRST_FRAME_TIMEOUT_S, self._give_up)

    def _give_up(self) -> None:
        if self._transport is not None and not self._listener.is_known(self._endpoint):
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= 2:
            (size,) = _LENGTH.unpack_from(buffer, at)
            if not 1 <= size <= MAX_DATAGRAM:
                self.abort()
                return
            if len(buffer) - at - 2 < size:
                break
            assert self._endpoint is not None
            self._listener.sink.on_stream_packet(
                bytes(buffer[at + 2 : at + 2 + size]), self._endpoint
            )
            at += 2 + size
        del buffer[:at]

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._listener.discard(self)
        if self._endpoint is not None:
            self._listener.sink.forget_endpoint(self._endpoint)

    def abort(self) -> None:
        """Cut the connection."""
        if self._transport is not None:
            self._transport.abort()


class TcpListener:
    """Owner: the worker. `is_known` says whether an endpoint has passed a connectivity check."""

    def __init__(self, sink: StreamSink, is_known: Callable[[Endpoint | None], bool]) -> None:
        self.sink = sink
        self.is_known = is_known
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def open(self, host: str, port: int) -> None:
        """Listen. Raises: OSError: the port is taken."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            sock.setblocking(False)
            sock.bind((host, port))
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(lambda: _Connection(self), sock=sock)
        except OSError:
            sock.close()
            raise
        self.port = sock.getsockname()[1]

    def admit(self, connection: _Connection) -> bool:
        """Take one more connection unless there are too many."""
        if len(self._connections) >= MAX_CONNECTIONS:
            return False
        self._connections.add(connection)
        return True

    def discard(self, connection: _Connection) -> None:
        """It ended."""
        self._connections.discard(connection)

    async def close(self) -> None:
        """Cut everything; idempotent."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._connections):
            connection.abort()
        self._server = None
