"""Slots for packets in memory allocated once, and the system calls that fill and empty them.

`recvmmsg` and `sendmmsg` are called through cffi in ABI mode, so nothing is compiled at install.
Every datagram lives in a 2 KiB slot; the `mmsghdr`, `iovec` and `sockaddr` arrays point at the
slots for ever, and the hot path only writes a length and an address pointer into them.

Layout relied upon and checked at import: 64-bit little-endian, `mmsghdr` of 64 bytes.
"""

import socket
import struct
import sys
from array import array
from typing import Any, Final

from pylibsrtp._binding import ffi as srtp_ffi

from conf.media.rows import ffi

SLOT: Final = 2048
HEADROOM: Final = 64  # before a received packet, so that its header can grow in place
RX_SLOTS: Final = 64
MSG_DONTWAIT: Final = 0x40
SO_TIMESTAMPNS: Final = 35
_STAMP = struct.Struct("=Qiiqq")  # cmsghdr and a timespec

ffi.cdef(
    """
    struct iovec { void *iov_base; size_t iov_len; };
    struct msghdr { void *msg_name; unsigned int msg_namelen; struct iovec *msg_iov;
                    size_t msg_iovlen; void *msg_control; size_t msg_controllen; int msg_flags; };
    struct mmsghdr { struct msghdr msg_hdr; unsigned int msg_len; };
    int recvmmsg(int fd, struct mmsghdr *v, unsigned int n, int flags, void *timeout);
    int sendmmsg(int fd, struct mmsghdr *v, unsigned int n, int flags);
    struct pollfd { int fd; short events; short revents; };
    struct timespec { long tv_sec; long tv_nsec; };
    int ppoll(struct pollfd *fds, unsigned long n, const struct timespec *wait, void *mask);
    ssize_t sendto(int fd, const void *data, size_t size, int flags, void *name, unsigned int n);
    """
)


def _load_mmsg() -> Any | None:
    """The C library when it offers mmsg calls with the layout we write by hand, else None."""
    if sys.byteorder != "little" or ffi.sizeof("struct mmsghdr") != 64:
        return None
    try:
        lib = ffi.dlopen(None)
        _ = lib.recvmmsg, lib.sendmmsg, lib.ppoll
    except (OSError, AttributeError):
        return None
    return lib


libc = _load_mmsg()


class SlotArray:
    """`count` slots in one block, with the pointers libsrtp needs for working in place.

    `memory[bases[i]:]` is slot i's packet. `sizes[i]` is an `int *` aliasing the low half of slot
    i's `iov_len`: libsrtp's in-place length update is thereby also the length the kernel sends. Not
    for receive slots, whose `iov_len` stays the slot's room.
    """

    def __init__(self, count: int, headroom: int = 0) -> None:
        self.count = count
        self._block = ffi.new("char[]", count * SLOT)
        self.memory = memoryview(ffi.buffer(self._block)).cast("B")
        start = self.first_byte = int(ffi.cast("uintptr_t", self._block))
        self.bases = [i * SLOT + headroom for i in range(count)]
        self.pointers = [srtp_ffi.cast("char *", start + base) for base in self.bases]
        self._iovecs = ffi.new("struct iovec[]", count)
        self.lengths = memoryview(ffi.buffer(self._iovecs)).cast("B").cast("Q")  # [2*i + 1]
        first = int(ffi.cast("uintptr_t", self._iovecs))
        self.sizes = [srtp_ffi.cast("int *", first + 16 * i + 8) for i in range(count)]
        self.headers = ffi.new("struct mmsghdr[]", count)
        self.messages = memoryview(ffi.buffer(self.headers)).cast("B")  # 64 bytes each
        self.first_iovec = first
        for i in range(count):
            self._iovecs[i].iov_base = self._block + self.bases[i]
            self._iovecs[i].iov_len = SLOT - headroom
            self.headers[i].msg_hdr.msg_iov = self._iovecs + i
            self.headers[i].msg_hdr.msg_iovlen = 1


class RxSlots(SlotArray):
    """What came to one socket in the last `receive`: 64 datagrams at most, and from where."""

    def __init__(self, sock: socket.socket, *, is_stamped: bool = False) -> None:
        """`is_stamped`: the socket tells when each came (SO_TIMESTAMPNS)."""
        super().__init__(RX_SLOTS, HEADROOM)
        assert libc is not None
        self._lib = libc
        self.socket = sock
        self.descriptor = sock.fileno()
        self.name_size = name_size = 28 if sock.family == socket.AF_INET6 else 16
        self._names = ffi.new("char[]", RX_SLOTS * name_size)
        self._name_bytes = ffi.buffer(self._names)
        words = memoryview(ffi.buffer(self.headers)).cast("B")
        self._received = words.cast("I")  # [16*i + 14]
        self._control_sizes = words.cast("Q")  # [8*i + 5]
        self._controls = ffi.new("char[]", RX_SLOTS * _STAMP.size) if is_stamped else None
        self._control_bytes = ffi.buffer(self._controls) if is_stamped else b""
        self._rooms = array("Q", [_STAMP.size] * RX_SLOTS)
        self._used = RX_SLOTS if is_stamped else 0  # slots whose room for a stamp is to be told
        for i in range(RX_SLOTS):
            header = self.headers[i].msg_hdr
            header.msg_name, header.msg_namelen = self._names + i * name_size, name_size
            if self._controls is not None:
                header.msg_control = self._controls + i * _STAMP.size

    def receive(self) -> int:
        """Fill the slots with what has arrived; returns how many, 0 when nothing."""
        if used := self._used:  # where the kernel wrote how much it needed
            self._control_sizes[5 : 8 * used : 8] = memoryview(self._rooms)[:used]
        n: int = self._lib.recvmmsg(self.descriptor, self.headers, RX_SLOTS, MSG_DONTWAIT, ffi.NULL)
        n = max(n, 0)
        if self._controls is not None:
            self._used = n
        return n

    def length(self, i: int) -> int:
        """Bytes of datagram i (cut to the slot: more than 1500 means over-long)."""
        return self._received[16 * i + 14]

    def key(self, i: int) -> bytes:
        """Raw source address of datagram i."""
        at = i * self.name_size
        key: bytes = self._name_bytes[at : at + self.name_size]
        return key

    def keys(self, count: int) -> list[bytes]:
        """Raw source addresses of the first `count` datagrams."""
        size = self.name_size
        names = self._name_bytes[: count * size]
        return [names[at : at + size] for at in range(0, count * size, size)]

    def came_at(self, i: int) -> float | None:
        """When the kernel had datagram i, by the wall clock; None where it does not tell."""
        if self._control_sizes[8 * i + 5] < _STAMP.size:
            return None
        at = i * _STAMP.size
        _, level, kind, seconds, nanoseconds = _STAMP.unpack_from(self._control_bytes, at)
        if (level, kind) != (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            return None
        return float(seconds + nanoseconds / 1e9)

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()
