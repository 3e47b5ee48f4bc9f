"""ICE-TCP, passive side: media over TCP for sites whose firewall drops UDP (RFC 6544, RFC 4571).

Each connection carries frames of a 16-bit length and a packet; the packets pass the same guard as
datagrams. A connection is a stranger's until a connectivity check passed on it. A stranger is cut
when that does not come within a few seconds and a few frames, and when another needs the place; one
address has few places for strangers. What a member's send buffer does not take is dropped: late
media helps nobody.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Final, Protocol

from conf.media.udp import MAX_DATAGRAM, Endpoint, pack_sockaddr

MAX_CONNECTIONS: Final = 512
MAX_STRANGERS: Final = 128  # the oldest goes when one more comes
MAX_STRANGERS_OF_ONE_ADDRESS: Final = 16  # a whole township may sit behind one
MAX_STRANGE_FRAMES: Final = 16
FRAMES_PER_TURN: Final = 64  # of one connection; then the others and the timers get theirs
SETTLED_S: Final = 1.0  # an idle stranger so old gives its address's place to the next
ACCEPTS_PER_WAKE: Final = 16
ACCEPT_PAUSE_S: Final = 0.02  # between wakes that used all of theirs: at most 800/s
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

    def hang_up(self) -> None:
        """Its member has left: what goes out still does, then the connection ends."""
        self._transport.close()

    @property
    def source(self) -> bytes:
        """The raw sockaddr, for XOR-MAPPED-ADDRESS."""
        return self.key[3:]


class _Connection(asyncio.Protocol):
    """Unframes one connection. Owner: the listener."""

    def __init__(self, listener: "TcpListener", host: str) -> None:
        self.host = host
        self._listener = listener
        self._buffer = bytearray()
        self._is_stranger = True
        self._frames = 0  # so far, as a stranger
        self._endpoint: TcpEndpoint | None = None
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        sock = transport.get_extra_info("socket")
        peer = transport.get_extra_info("peername")
        if peer is None:  # gone already
            transport.abort()
            return
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._endpoint = TcpEndpoint(pack_sockaddr(sock.family, peer), transport)
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(FIRST_FRAME_TIMEOUT_S, self._give_up)

    def _give_up(self) -> None:
        if not self._listener.is_known(self._endpoint):
            self.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._unframe()

    def _unframe(self) -> None:
        """Hand on whole frames, some now, the rest in the loop's next turn."""
        buffer, at = self._buffer, 0
        assert self._endpoint is not None
        for _ in range(FRAMES_PER_TURN):
            if len(buffer) - at < 2:
                break
            (size,) = _LENGTH.unpack_from(buffer, at)
            if not 1 <= size <= MAX_DATAGRAM:
                self.abort()
                return
            if len(buffer) - at - 2 < size:
                break
            self._listener.sink.on_stream_packet(
                bytes(buffer[at + 2 : at + 2 + size]), self._endpoint
            )
            at += 2 + size
            if self._is_stranger and not self._may_go_on():
                self.abort()
                return
        else:
            self._wait_for_turn()
        del buffer[:at]

    def _wait_for_turn(self) -> None:
        assert self._transport is not None
        self._transport.pause_reading()
        asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        assert self._transport is not None
        if not self._transport.is_closing():
            self._transport.resume_reading()
            self._unframe()

    def _may_go_on(self) -> bool:
        """After each frame of a stranger; one that passed a check is none from then on."""
        if self._listener.is_known(self._endpoint):
            self._is_stranger = False
            self._listener.welcome(self)
        self._frames += 1
        return not self._is_stranger or self._frames < MAX_STRANGE_FRAMES

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
        self._members: set[_Connection] = set()
        # Strangers with the time they came, oldest first: all, and by their address.
        self._strangers: dict[_Connection, float] = {}
        self._of_address: dict[str, dict[_Connection, float]] = {}
        self._socket: socket.socket | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.refused = 0

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
            sock.listen(1024)
        except OSError:
            sock.close()
            raise
        self._socket = sock
        self.port = sock.getsockname()[1]
        self._listen()

    def _listen(self) -> None:
        self._pause = None
        if self._socket is not None:
            asyncio.get_running_loop().add_reader(self._socket.fileno(), self._accept)

    def _accept(self) -> None:
        """Take who waits; after a handful media comes first (asyncio's server takes a hundred)."""
        assert self._socket is not None
        for _ in range(ACCEPTS_PER_WAKE):
            try:
                sock, address = self._socket.accept()
            except BlockingIOError:
                return
            except OSError:  # gone again, or no descriptor free: who waits goes on waiting
                break
            self._admit(sock, address[0])
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket.fileno())
        self._pause = loop.call_later(ACCEPT_PAUSE_S, self._listen)

    def _admit(self, sock: socket.socket, host: str) -> None:
        """A stranger is in, if need be in the place of an older one."""
        now = asyncio.get_running_loop().time()
        if not self._has_place(host, now):
            self.refused += 1
            sock.close()
            return
        sock.setblocking(False)
        connection = _Connection(self, host)
        self._strangers[connection] = now
        self._of_address.setdefault(host, {})[connection] = now
        task = asyncio.get_running_loop().create_task(self._attach(connection, sock), name="tcp")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _has_place(self, host: str, now: float) -> bool:
        """Make one where there is none, unless all are members' or the address is too eager."""
        neighbours = self._of_address.get(host, {})
        if len(neighbours) >= MAX_STRANGERS_OF_ONE_ADDRESS:
            oldest, came_at = next(iter(neighbours.items()))
            if now - came_at < SETTLED_S:
                return False
            self._put_out(oldest)
        is_full = len(self._members) + len(self._strangers) >= MAX_CONNECTIONS
        if is_full and not self._strangers:
            return False
        if is_full or len(self._strangers) >= MAX_STRANGERS:
            self._put_out(next(iter(self._strangers)))
        return True

    def _put_out(self, connection: _Connection) -> None:
        self.discard(connection)
        connection.abort()

    async def _attach(self, connection: _Connection, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(lambda: connection, sock)
        except OSError:
            sock.close()
            self.discard(connection)

    def welcome(self, connection: _Connection) -> None:
        """A check has passed: it is nobody's place to take any more."""
        self._forget_stranger(connection)
        self._members.add(connection)

    def _forget_stranger(self, connection: _Connection) -> None:
        if self._strangers.pop(connection, None) is not None:
            neighbours = self._of_address[connection.host]
            del neighbours[connection]
            if not neighbours:
                del self._of_address[connection.host]

    def discard(self, connection: _Connection) -> None:
        """It ended; idempotent."""
        self._members.discard(connection)
        self._forget_stranger(connection)

    async def close(self) -> None:
        """Cut everything; idempotent."""
        if self._socket is None:
            return
        if self._pause is not None:
            self._pause.cancel()
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()
        self._socket = None
        for task in self._tasks:
            task.cancel()
        for connection in (*self._members, *self._strangers):
            connection.abort()
