"""A UDP socket that receives and sends datagrams in batches, in memory allocated once.

The slots and calls are those of `conf.media.mmsg`. Where the calls are missing (not Linux),
`PlainPort` keeps the same face over recvfrom and sendto.
"""

import errno
import select
import socket
import struct
from collections.abc import Sequence
from typing import Any, Final

from conf.media import sieve
from conf.media.mmsg import HEADROOM, MSG_DONTWAIT, RX_SLOTS, SLOT, RxSlots, SlotArray, libc
from conf.media.rows import ffi
from conf.media.steering import open_reports

MAX_DATAGRAM: Final = sieve.LONGEST
TX_SLOTS: Final = 32  # more would make the first of a picture's copies wait for the last
SOCKET_BUFFER: Final = 4 * 1024 * 1024
OTHER_NUMBERS: Final = 20  # tried when any number will do

SOL_UDP: Final = 17
UDP_SEGMENT: Final = 103
MAX_SEGMENTS: Final = 44  # of 1472 bytes fill one UDP send of at most 65507
_SOCKADDR_IN6 = struct.Struct("=HHI16sI")  # the port is in network order inside
_SOCKADDR_IN = struct.Struct("=HH4s8x")
CONTROL = struct.Struct("=QiiH6x")  # cmsghdr and a 16-bit size
CONTROL_SIZE: Final = 18  # CMSG_LEN of a 16-bit size
# msg_name, msg_namelen, msg_iov, msg_iovlen, msg_control, msg_controllen of one mmsghdr.
_pack_message = struct.Struct("=QQQQQQ").pack_into
V4_MAPPED: Final = b"\0" * 10 + b"\xff\xff"


# Where each message's packets begin, and how many it takes.
Cuts = list[tuple[int, int]]


class Endpoint:
    """A peer's address as the kernel wants it; `pointer` goes straight into a `mmsghdr`.

    A TCP endpoint (`conf.media.tcp`) has pointer 0 and takes its frames through `send_frame`.
    """

    __slots__ = ("_memory", "key", "pointer")

    def __init__(self, key: bytes) -> None:
        """`key`: the raw sockaddr as received; also the dictionary key of the address."""
        self.key = key
        self._memory = ffi.new("char[]", key)
        self.pointer = int(ffi.cast("uintptr_t", self._memory))

    def send_frame(self, data: bytes) -> None:
        """Only TCP endpoints take frames."""
        raise NotImplementedError

    def hang_up(self) -> None:
        """Its member has left; only TCP endpoints have a connection to end."""

    @property
    def source(self) -> bytes:
        """The raw sockaddr."""
        return self.key

    @property
    def address(self) -> tuple[str, int]:
        """Host and port as text; an IPv4-mapped address is shown as IPv4."""
        return unpack_sockaddr(self.source)


def unpack_sockaddr(key: bytes) -> tuple[str, int]:
    """Host and port of a raw `sockaddr_in` or `sockaddr_in6`."""
    if len(key) >= _SOCKADDR_IN6.size:
        _, port, _, host, _ = _SOCKADDR_IN6.unpack_from(key)
        if host[:12] == V4_MAPPED:
            return socket.inet_ntop(socket.AF_INET, host[12:]), socket.ntohs(port)
        return socket.inet_ntop(socket.AF_INET6, host), socket.ntohs(port)
    _, port, host = _SOCKADDR_IN.unpack_from(key)
    return socket.inet_ntop(socket.AF_INET, host), socket.ntohs(port)


def pack_sockaddr(family: int, address: tuple[Any, ...]) -> bytes:
    """The raw sockaddr of what `recvfrom` returned; inverse of `unpack_sockaddr`."""
    host, port = address[0], socket.htons(address[1])
    if family == socket.AF_INET6:
        raw = socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
        scope = address[3] if len(address) > 3 else 0
        return _SOCKADDR_IN6.pack(family, port, 0, raw, scope)
    return _SOCKADDR_IN.pack(family, port, socket.inet_pton(socket.AF_INET, host))


def open_socket(host: str, kind: socket.SocketKind) -> tuple[socket.socket, str]:
    """A socket for `host`, and the host to bind it to: IPv4's spelling of `::` without IPv6.

    Raises: OSError: the family of another address is absent.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.socket(family, kind), host
    except OSError:
        if host != "::":
            raise
        return socket.socket(socket.AF_INET, kind), "0.0.0.0"  # noqa: S104 - as asked


def open_udp(host: str, port: int) -> socket.socket:
    """A bound, non-blocking UDP socket; `::` serves both families, or IPv4 where IPv6 is absent.

    Raises: OSError: the address is taken or cannot be bound.
    """
    sock, host = open_socket(host, socket.SOCK_DGRAM)
    try:
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER)
        sock.setblocking(False)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def _offers_segments(sock: socket.socket) -> bool:
    """Does the kernel cut one send into datagrams (Linux 4.18 and later)?"""
    try:
        sock.setsockopt(SOL_UDP, UDP_SEGMENT, 0)
    except OSError:
        return False
    return True


class MmsgPort:
    """Batched I/O on one UDP socket (Linux)."""

    rx: "RxSlots | PlainSlots"

    def __init__(self, sock: socket.socket, reports: socket.socket | None = None) -> None:
        """`reports`: a second socket, see conf.media.steering."""
        assert libc is not None
        self._lib = libc
        self._sock = sock
        self._fd = sock.fileno()
        self._poll = ffi.new("struct pollfd *", {"fd": self._fd, "events": select.POLLIN})
        self._pause = ffi.new("struct timespec *")
        self.rx = RxSlots(sock)
        self.reports = RxSlots(reports, is_stamped=True) if reports is not None else None
        self.tx = SlotArray(TX_SLOTS)
        self.name_size = self.rx.name_size
        self._sizes_named: dict[int, tuple[Any, int]] = {}  # segment size → control message
        self.has_segments = _offers_segments(sock)
        self.dropped_sends = 0

    def fileno(self) -> int:
        """For `loop.add_reader`."""
        return self._fd

    def local_port(self) -> int:
        """The bound port."""
        port: int = self._sock.getsockname()[1]
        return port

    def dropped_by_kernel(self) -> int:
        """Datagrams that could not be for us (conf.media.sieve) or found no room, modulo 2³²."""
        slots = (self.rx, self.reports)
        return sum(sieve.dropped(one.socket) for one in slots if one is not None)

    def wait(self, seconds: float) -> bool:
        """Wait less than a millisecond, which a loop's timers cannot; has something arrived?"""
        if seconds <= 0:
            return False
        self._pause.tv_nsec = int(seconds * 1e9)
        ready: int = self._lib.ppoll(self._poll, 1, self._pause, ffi.NULL)
        return ready > 0

    def cut(self, sizes: Sequence[int]) -> Cuts:
        """How packets of `sizes` for one address leave in the fewest messages."""
        if not self.has_segments:
            return [(i, 1) for i in range(len(sizes))]
        cuts, first = [], 0
        while first < len(sizes):
            size, end, last = sizes[first], first + 1, min(len(sizes), first + MAX_SEGMENTS)
            while end < last and sizes[end] == size:
                end += 1
            if end < last and sizes[end] < size:
                end += 1
            cuts.append((first, end - first))
            first = end
        return cuts

    def shape(self, message: int, first: int, count: int, pointer: int) -> None:
        """Message `message` of the batch is slots first..first+count-1 for one address.

        More than one is cut by the kernel (UDP_SEGMENT): all as long as the first, but the last.
        """
        control = self._control(self.tx.lengths[2 * first + 1]) if count > 1 else 0
        iovec = self.tx.first_iovec + 16 * first
        words = (pointer, self.name_size, iovec, count, control, CONTROL_SIZE if control else 0)
        _pack_message(self.tx.messages, 64 * message, *words)

    def _control(self, size: int) -> int:
        """Address of the control message that names a segment size; kept for ever."""
        known = self._sizes_named.get(size)
        if known is None:
            memory = ffi.new("char[]", CONTROL.pack(CONTROL_SIZE, SOL_UDP, UDP_SEGMENT, size))
            known = self._sizes_named[size] = (memory, int(ffi.cast("uintptr_t", memory)))
        return known[1]

    def flush(self, count: int) -> None:
        """Send messages 0..count-1; what the kernel refuses is dropped and counted."""
        headers, lib, fd = self.tx.headers, self._lib, self._fd
        start = 0
        while start < count:
            sent = lib.sendmmsg(fd, headers + start, count - start, MSG_DONTWAIT)
            if sent > 0:
                start += sent
            elif ffi.errno in (errno.EAGAIN, errno.ENOBUFS):
                self.dropped_sends += count - start  # the kernel is full: late media helps nobody
                return
            else:
                self._send_singly(start)
                start += 1

    def _send_singly(self, message: int) -> None:
        """A refused message: an unreachable destination, or a path that does not cut segments."""
        header = self.tx.headers[message].msg_hdr
        if header.msg_iovlen == 1:
            self.dropped_sends += 1
            return
        for i in range(header.msg_iovlen):
            part = header.msg_iov[i]
            sent = self._lib.sendto(
                self._fd,
                part.iov_base,
                part.iov_len,
                MSG_DONTWAIT,
                header.msg_name,
                self.name_size,
            )
            self.dropped_sends += sent < 0

    def send(self, data: bytes, endpoint: Endpoint) -> None:
        """Send one datagram now (slow paths: STUN, DTLS)."""
        if not endpoint.pointer:
            endpoint.send_frame(data)
            return
        name = ffi.cast("void *", endpoint.pointer)
        sent = self._lib.sendto(self._fd, data, len(data), MSG_DONTWAIT, name, self.name_size)
        if sent < 0:
            self.dropped_sends += 1

    def close(self) -> None:
        """Release the port."""
        self._sock.close()
        if self.reports is not None:
            self.reports.close()


class PlainSlots(SlotArray):
    """The face of `RxSlots` over recvfrom."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(RX_SLOTS, HEADROOM)
        self.socket = sock
        self._keys = [b""] * RX_SLOTS
        self._sizes = [0] * RX_SLOTS

    def receive(self) -> int:
        """As in RxSlots."""
        for i, base in enumerate(self.bases):
            try:
                slot = self.memory[base : base + SLOT - HEADROOM]
                size, address = self.socket.recvfrom_into(slot)
            except BlockingIOError:
                return i
            except OSError:  # an ICMP error of an earlier send, reported here on some systems
                self._sizes[i], self._keys[i] = 0, b""
                continue
            self._sizes[i] = size
            self._keys[i] = pack_sockaddr(self.socket.family, address)
        return RX_SLOTS

    def length(self, i: int) -> int:
        """As in RxSlots."""
        return self._sizes[i]

    def key(self, i: int) -> bytes:
        """As in RxSlots."""
        return self._keys[i]


class PlainPort(MmsgPort):
    """The same face over recvfrom and sendto, for systems without the mmsg calls."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._fd = sock.fileno()
        self.rx = PlainSlots(sock)
        self.reports = None
        self.tx = SlotArray(TX_SLOTS)
        self.name_size = 28 if sock.family == socket.AF_INET6 else 16
        self._sizes_named = {}
        self.has_segments = False
        self.dropped_sends = 0

    def wait(self, seconds: float) -> bool:
        """As in MmsgPort, but it never waits: there is no segmented send to gain."""
        return False

    def flush(self, count: int) -> None:
        """As in MmsgPort."""
        for i in range(count):
            name = self.tx.headers[i].msg_hdr.msg_name
            key = bytes(ffi.buffer(name, self.name_size))
            base = self.tx.bases[i]
            self._send_to(self.tx.memory[base : base + self.tx.lengths[2 * i + 1]], key)

    def send(self, data: bytes, endpoint: Endpoint) -> None:
        """As in MmsgPort."""
        if endpoint.pointer:
            self._send_to(data, endpoint.key)
        else:
            endpoint.send_frame(data)

    def _send_to(self, data: bytes | memoryview, key: bytes) -> None:
        host, port = unpack_sockaddr(key)
        if self._sock.family == socket.AF_INET6 and ":" not in host:
            host = "::ffff:" + host
        try:
            self._sock.sendto(data, (host, port))
        except OSError:
            self.dropped_sends += 1


def _is_free_for_tcp(bound: socket.socket) -> bool:
    """Can the worker listen on TCP under the same number?"""
    with socket.socket(bound.family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(bound.getsockname())
        except OSError:
            return False
    return True


def open_port(host: str, port: int) -> MmsgPort:
    """The fastest port this system offers, bound to `host` and `port`.

    0: any number that is free, for TCP too.

    Raises: OSError: the address is taken or cannot be bound.
    """
    sock = open_udp(host, port)
    for _ in range(OTHER_NUMBERS if not port else 0):
        if _is_free_for_tcp(sock):
            break
        sock.close()
        sock = open_udp(host, port)
    if libc is None:
        return PlainPort(sock)
    reports = open_reports(sock)
    for one in (sock, reports):
        if one is not None:
            sieve.attach(one)
    return MmsgPort(sock, reports)
