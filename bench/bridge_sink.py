"""Subscribers that count: they read headers as they came and decrypt one picture packet in fifty.

Latency ends when the kernel has the packet, not when this process, busy for all sites, reads it.

A client that decrypts and parses everything is full long before the server. Sequence and
transport-wide numbers are not encrypted, so loss, repair and feedback stay what they are.
"""

import socket
import struct
import time
from typing import Any, Final

from pylibsrtp._binding import ffi

from conf.media import rtcp
from conf.media.srtp import OK, unprotect
from conf.media.udp import RX_SLOTS, MmsgPort, open_udp
from tests.support.bridge_client import TRANSPORT, Site, Stream

DECRYPTED: Final = 50  # one in so many
DROPPED: Final = 100  # one in so many is thrown away and asked for again, in full mode
PICTURE_BYTES: Final = 500  # what is larger is no voice
_HEAD: Final = struct.Struct("!BBHIIIBH")
_PLAIN: Final = struct.Struct("!BBHII")
_STAMP: Final = struct.Struct("!d")
_STAMP_AT: Final = 16  # as tests.support.bridge_client writes it
_BATCHES: Final = 4
_TIMESTAMP: Final = 35  # SO_TIMESTAMPNS
_CONTROL: Final = 64  # bytes for its control message: a header of 16, seconds, nanoseconds
_MOMENT: Final = struct.Struct("=16xqq")
_WALL_LESS_MONOTONIC_S: Final = time.time() - time.monotonic()


class _Receiver(MmsgPort):
    """One array of slots for all sites of the process, each with room for its time of arrival."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self._times = ffi.new("char[]", _CONTROL * RX_SLOTS)
        self._time_bytes = memoryview(ffi.buffer(self._times))
        self._words = self.rx.messages.cast("Q")  # eight a message; 4: control, 5: its size
        first = int(ffi.cast("uintptr_t", self._times))
        for i in range(RX_SLOTS):
            self._words[8 * i + 4] = first + _CONTROL * i
        self._allow_times(RX_SLOTS)

    def _allow_times(self, count: int) -> None:
        """The kernel has written how much it used in place of how much it may."""
        for i in range(count):
            self._words[8 * i + 5] = _CONTROL

    def arrived_at(self, i: int) -> float:
        """When the kernel had datagram i, on the monotonic clock."""
        seconds, nanoseconds = _MOMENT.unpack_from(self._time_bytes, _CONTROL * i)
        return float(seconds + nanoseconds / 1e9 - _WALL_LESS_MONOTONIC_S)

    def receive_from(self, descriptor: int) -> int:
        """As `receive`, from another socket."""
        self._fd = descriptor
        count = self.receive()
        self._allow_times(count)
        return count


class CountingSite(Site):
    """`drops`: throws packets away and asks for them again."""

    drops = False
    unwanted: frozenset[str] = frozenset()  # layers it was asked to pause
    _receiver: _Receiver | None = None
    _length: Any = ffi.new("int *")

    async def connect(self, answer_sdp: str) -> None:
        """Ask the kernel for times of arrival first."""
        self.socket.setsockopt(socket.SOL_SOCKET, _TIMESTAMP, 1)
        await super().connect(answer_sdp)

    def _readable(self) -> None:
        receiver = CountingSite._receiver
        if receiver is None:
            receiver = CountingSite._receiver = _Receiver(open_udp("127.0.0.1", 0))
        for _ in range(_BATCHES):
            count = receiver.receive_from(self.socket.fileno())
            if self.srtp is not None:
                self._count(receiver, count)
            else:
                for i in range(count):
                    self._pass_on(receiver, i)
            if count < RX_SLOTS:
                return

    def _pass_on(self, receiver: _Receiver, i: int) -> None:
        """What is no media goes the slow way."""
        size, base = receiver.received_length(i), receiver.rx.bases[i]
        if size:
            self._bytes[:size] = receiver.rx.memory[base : base + size]
            self._on_datagram(self._bytes, size)

    def _count(self, receiver: _Receiver, count: int) -> None:
        now = time.monotonic()
        now_us, memory, streams = int(now * 1e6), receiver.rx.memory, self.streams
        for i in range(count):
            base, size = receiver.rx.bases[i], receiver.received_length(i)
            if size < _HEAD.size or memory[base] < 128 or 191 < memory[base + 1] < 224:
                self._pass_on(receiver, i)
                continue
            first, _, sequence, _, ssrc, _, tag, number = _HEAD.unpack_from(memory, base)
            stream = streams.get(ssrc)
            if stream is None:
                mid = self.answer.ssrcs.get(ssrc) or "rtx" + self.answer.rtx_ssrcs.get(ssrc, "?")
                stream = streams[ssrc] = Stream(mid, first_at=now)
            stream.packets += 1
            stream.octets += size
            self._number(stream, sequence)
            is_picture = size > PICTURE_BYTES
            if is_picture and self.drops and stream.packets % DROPPED == 0:
                self.send_rtcp(rtcp.Nack(1, ssrc, (sequence,)))
                continue
            if first & 0x10 and tag >> 4 == TRANSPORT:
                self._feedback.add(number, now_us)
            if is_picture and self.wants_latency and stream.packets % DECRYPTED == 0:
                self._note_latency(receiver, i, size)

    def _note_latency(self, receiver: _Receiver, i: int, size: int) -> None:
        assert self.srtp is not None
        self._length[0] = size
        if unprotect(self.srtp.receive, receiver.rx.pointers[i], self._length) != OK:
            return
        memory, base = receiver.rx.memory, receiver.rx.bases[i]
        at = base + _PLAIN.size
        if memory[base] & 0x10:
            at += 4 + 4 * (memory[at + 2] << 8 | memory[at + 3])
        (sent_at,) = _STAMP.unpack_from(memory, at + _STAMP_AT)
        self.latencies.append(receiver.arrived_at(i) - sent_at)
