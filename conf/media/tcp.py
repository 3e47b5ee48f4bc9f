"""ICE-TCP, passive side: media over TCP for sites whose firewall drops UDP (RFC 6544, RFC 4571).

Each connection carries frames of a 16-bit length and a packet; the packets pass the same guard as
datagrams. A connection is a stranger's until a connectivity check passed on it, which must be its
first frame: any other, and it is cut. Most have said it when they are accepted and are judged on
the spot (the kernel holds back who is silent); who has not gets a place for a few seconds, of which
an address has few, and loses it when another needs it. What a member's line does not take is
dropped: late media helps nobody.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from typing import Any, Final, Protocol

from conf.media.bucket import Bucket
from conf.media.udp import MAX_DATAGRAM, Endpoint, open_socket, pack_sockaddr

MAX_CONNECTIONS: Final = 512
MAX_STRANGERS: Final = 128  # the oldest goes when one more comes
MAX_STRANGERS_OF_ONE_ADDRESS: Final = 16  # a whole township may sit behind one
MAX_STRANGE_PIECES: Final = 8  # in which a first frame may come
FRAMES_PER_TURN: Final = 64  # of one connection; then the others and the timers get theirs
SETTLED_S: Final = 1.0  # an idle stranger so old gives its address's place to the next
ACCEPTS_PER_WAKE: Final = 16
BACKLOG: Final = 4096  # also of those the kernel keeps; beyond it answers with cookies
ACCEPTS: Final = (1200.0, 128.0)  # a second and at once; a district may join in one moment
ACCEPT_PAUSE_S: Final = 0.01  # after a wake that used up its own or the second's
SILENCE_S: Final = 1  # for which the kernel alone keeps who has not said anything yet
FIRST_FRAME_TIMEOUT_S: Final = 5.0
LINGER_S: Final = 5.0  # for what a leaving member has not read yet
MAX_BUFFERED: Final = 256 * 1024  # bytes waiting in one connection before packets are dropped
READ_AT_ONCE: Final = 64 * 1024
_STRANGE_ROOM: Final = 2 + MAX_DATAGRAM  # a first frame; the rest, if that is good
_LENGTH = struct.Struct("!H")
_LINGER = struct.Struct("ii")


class StreamSink(Protocol):
    """The mux."""

    def on_stream_packet(self, data: bytes | memoryview, endpoint: Endpoint) -> None:
        """A packet came; `data` is valid during the call."""
        ...

    def after_stream_packets(self) -> None:
        """Those were all for now."""
        ...

    def forget_endpoint(self, endpoint: Endpoint) -> None:
        """The connection ended."""
        ...


class TcpConnection(Endpoint):
    """A peer behind one TCP connection; `pointer` 0 keeps it out of sendmmsg.

    Owner: the listener. The socket does not block and nobody else reads it.
    """

    __slots__ = (
        "_has_turn",
        "_is_leaving",
        "_is_watched",
        "_listener",
        "_pieces",
        "_rest",
        "_sock",
        "_unsent",
        "came_at",
        "dropped",
        "host",
        "is_open",
        "is_stranger",
    )

    def __init__(self, listener: "TcpListener", sock: socket.socket, address: Any) -> None:
        self.key = b"tcp" + pack_sockaddr(sock.family, address)
        self.pointer = 0
        self.host: str = address[0]
        self.came_at = 0.0
        self.dropped = 0
        self.is_open = self.is_stranger = True
        self._listener = listener
        self._sock = sock
        self._pieces = 0
        self._rest = b""  # of a frame that has not come whole, or waits for its turn
        self._unsent = bytearray()
        self._is_watched = self._is_leaving = False
        self._has_turn = True

    @property
    def source(self) -> bytes:
        """The raw sockaddr, for XOR-MAPPED-ADDRESS."""
        return self.key[3:]

    def watch(self) -> None:
        """Take what comes from now on."""
        self._is_watched = True
        asyncio.get_running_loop().add_reader(self._sock.fileno(), self.on_readable)

    def on_readable(self) -> None:
        """Take what has come: of a stranger one frame, of a member what is there."""
        if not self._has_turn:
            return  # the next turn of the loop first takes what has been read already
        room = self._listener.room
        try:
            size = self._sock.recv_into(room, _STRANGE_ROOM if self.is_stranger else READ_AT_ONCE)
        except BlockingIOError:
            return
        except OSError:
            size = 0
        if not size:
            self.cut()
            return
        self.take(room[:size])

    def take(self, data: bytes | memoryview) -> None:
        """What has come; valid during the call."""
        self._unframe(self._rest + data if self._rest else data)

    def _unframe(self, data: bytes | memoryview) -> None:
        """Hand on whole frames, some now, the rest in the loop's next turn."""
        at, end, sink = 0, len(data), self._listener.sink
        for _ in range(FRAMES_PER_TURN):
            if end - at < 2:
                break
            size = data[at] << 8 | data[at + 1]
            if self.is_stranger and not 1 <= size <= MAX_DATAGRAM:
                self.cut()  # a member's may be empty (RFC 4571 §2) or long: the sink counts it
                return
            if end - at - 2 < size:
                break
            at += 2 + size
            sink.on_stream_packet(data[at - size : at], self)
            if self.is_stranger and not self._prove():
                return
            if not self.is_open or self._is_leaving:
                return  # what it said has ended it
        else:
            self._wait_for_turn()
        self._rest = bytes(data[at:])
        self._pieces += 1
        if self.is_stranger and self._pieces >= MAX_STRANGE_PIECES:
            self.cut()
        elif not self.is_stranger:
            sink.after_stream_packets()

    def _prove(self) -> bool:
        """After a stranger's first frame: a member from now on, or cut."""
        if not self._listener.is_known(self):
            self.cut()
            return False
        self.is_stranger = False
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER.pack(0, 0))
        self._listener.welcome(self)
        return True

    def _wait_for_turn(self) -> None:
        self._has_turn = False
        asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        self._has_turn = True
        if self.is_open and not self._is_leaving:
            self._unframe(memoryview(self._rest))

    def send_frame(self, data: bytes) -> None:
        """One framed packet, or nothing when the line is choked."""
        if not self.is_open or self._is_leaving:
            return
        frame = _LENGTH.pack(len(data)) + data
        if self._unsent:
            if len(self._unsent) > MAX_BUFFERED:
                self.dropped += 1
            else:
                self._unsent += frame
            return
        sent = self._send(frame)
        if sent < len(frame):
            self._unsent += frame[sent:]
            asyncio.get_running_loop().add_writer(self._sock.fileno(), self._on_writable)

    def _send(self, data: bytes | bytearray) -> int:
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return 0
        except OSError:  # it is gone; whoever sends may be in the middle of something
            asyncio.get_running_loop().call_soon(self.cut)
            return len(data)

    def _on_writable(self) -> None:
        del self._unsent[: self._send(self._unsent)]
        if not self._unsent:
            asyncio.get_running_loop().remove_writer(self._sock.fileno())
            if self._is_leaving:
                self.cut()

    def hang_up(self) -> None:
        """Its member has left: what goes out still does, then the connection ends."""
        if not self.is_open or self._is_leaving:
            return
        if self._unsent:
            self._is_leaving = True
            self._stop_reading()
            asyncio.get_running_loop().call_later(LINGER_S, self.cut)
        else:
            self.cut()

    def cut(self) -> None:
        """End the connection: a stranger's with a reset, which costs least; idempotent."""
        if not self.is_open:
            return
        self.is_open = False
        self._stop_reading()
        if self._unsent:
            asyncio.get_running_loop().remove_writer(self._sock.fileno())
        self._sock.close()
        self._listener.discard(self)

    def _stop_reading(self) -> None:
        if self._is_watched:
            self._is_watched = False
            asyncio.get_running_loop().remove_reader(self._sock.fileno())


class TcpListener:
    """Owner: the worker. `is_known` says whether an endpoint has passed a connectivity check."""

    def __init__(self, sink: StreamSink, is_known: Callable[[Endpoint | None], bool]) -> None:
        self.sink = sink
        self.is_known = is_known
        self.room = memoryview(bytearray(READ_AT_ONCE))  # what is read lies here until unframed
        self._members: set[TcpConnection] = set()
        # Strangers who have said nothing yet, oldest first: all, and by their address.
        self._strangers: dict[TcpConnection, None] = {}
        self._of_address: dict[str, dict[TcpConnection, None]] = {}
        self._socket: socket.socket | None = None
        self._accepts = Bucket(*ACCEPTS)
        self._pause: asyncio.TimerHandle | None = None
        self._sweep: asyncio.TimerHandle | None = None
        self.port = 0
        self.refused = 0  # for want of a place
        self.cut = 0  # strangers whose first words were none

    async def open(self, host: str, port: int) -> None:
        """Listen. Raises: OSError: the port is taken."""
        sock, host = open_socket(host, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if sock.family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            _hold_back(sock)
            sock.setblocking(False)
            sock.bind((host, port))
            sock.listen(BACKLOG)
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
        loop = asyncio.get_running_loop()
        for _ in range(ACCEPTS_PER_WAKE):
            if not self._accepts.take(loop.time()):
                break
            try:
                sock, address = self._socket.accept()
            except BlockingIOError:
                return
            except OSError:  # gone again, or no descriptor free: who waits goes on waiting
                break
            self._admit(sock, address)
        loop.remove_reader(self._socket.fileno())
        self._pause = loop.call_later(ACCEPT_PAUSE_S, self._listen)

    def _admit(self, sock: socket.socket, address: Any) -> None:
        """Hear what a newcomer has said so far; silent, it takes a place, maybe an older one's."""
        if len(self._members) >= MAX_CONNECTIONS:
            self.refused += 1
            sock.close()
            return
        sock.setblocking(False)
        connection = TcpConnection(self, sock, address)
        connection.on_readable()
        if not connection.is_open:
            return
        if connection.is_stranger and not self._give_place(connection):
            self.refused += 1
            connection.cut()
            return
        connection.watch()

    def _give_place(self, connection: TcpConnection) -> bool:
        """Make one where there is none, unless the address is too eager."""
        loop, host = asyncio.get_running_loop(), connection.host
        now = connection.came_at = loop.time()
        neighbours = self._of_address.get(host, {})
        if len(neighbours) >= MAX_STRANGERS_OF_ONE_ADDRESS:
            oldest = next(iter(neighbours))
            if now - oldest.came_at < SETTLED_S:
                return False
            oldest.cut()
        is_full = len(self._members) + len(self._strangers) >= MAX_CONNECTIONS
        if self._strangers and (is_full or len(self._strangers) >= MAX_STRANGERS):
            next(iter(self._strangers)).cut()
        self._strangers[connection] = None
        self._of_address.setdefault(host, {})[connection] = None
        if self._sweep is None:
            self._sweep = loop.call_later(FIRST_FRAME_TIMEOUT_S, self._cut_silent)
        return True

    def _cut_silent(self) -> None:
        """One timer for all: the oldest decides when it rings next."""
        loop, self._sweep = asyncio.get_running_loop(), None
        for connection in list(self._strangers):
            ends_at = connection.came_at + FIRST_FRAME_TIMEOUT_S
            if ends_at > loop.time():
                self._sweep = loop.call_at(ends_at, self._cut_silent)
                return
            connection.cut()

    def welcome(self, connection: TcpConnection) -> None:
        """A check has passed: it is nobody's place to take any more."""
        self._forget_stranger(connection)
        self._members.add(connection)

    def _forget_stranger(self, connection: TcpConnection) -> None:
        if connection in self._strangers:
            del self._strangers[connection]
            neighbours = self._of_address[connection.host]
            del neighbours[connection]
            if not neighbours:
                del self._of_address[connection.host]

    def discard(self, connection: TcpConnection) -> None:
        """It ended."""
        if connection.is_stranger:
            self.cut += 1
            self._forget_stranger(connection)
        else:
            self._members.discard(connection)
            self.sink.forget_endpoint(connection)

    async def close(self) -> None:
        """Cut everything; idempotent."""
        if self._socket is None:
            return
        for timer in (self._pause, self._sweep):
            if timer is not None:
                timer.cancel()
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()
        self._socket = None
        for connection in (*self._members, *self._strangers):
            connection.cut()


def _hold_back(sock: socket.socket) -> None:
    """Let the kernel keep the silent, and let those it hands out be ended with a reset."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER.pack(1, 0))
    with contextlib.suppress(AttributeError, OSError):  # not Linux: they come at once
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, SILENCE_S)
