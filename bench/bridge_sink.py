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
from conf.media.mmsg import RX_SLOTS, SO_TIMESTAMPNS, RxSlots
from conf.media.srtp import OK, unprotect
from tests.support.bridge_client import TRANSPORT, Site, Stream

DECRYPTED: Final = 50  # one in so many
DROPPED: Final = 100  # one in so many is thrown away and asked for again, in full mode
PICTURE_BYTES: Final = 500  # what is larger is no voice
_HEAD: Final = struct.Struct("!BBHIIIBH")
_PLAIN: Final = struct.Struct("!BBHII")
_STAMP: Final = struct.Struct("!d")
_STAMP_AT: Final = 16  # as tests.support.bridge_client writes it
_BATCHES: Final = 4
_WALL_LESS_MONOTONIC_S: Final = time.time() - time.monotonic()


class CountingSite(Site):
    """`drops`: throws packets away and asks for them again. `watches`: takes what others send."""

    drops = False
    watches = True
    unwanted: frozenset[str] = frozenset()  # layers it was asked to pause
    _receiver: RxSlots | None = None  # one for all sites of the process
    _length: Any = ffi.new("int *")

    def offer(self) -> str:
        """One who does not watch has no use for slots."""
        offer = super().offer()
        return offer if self.watches else offer.replace("a=recvonly", "a=inactive")

    async def connect(self, answer_sdp: str) -> None:
        """Ask the kernel for times of arrival first."""
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        await super().connect(answer_sdp)

    def _readable(self) -> None:
        receiver = CountingSite._receiver
        if receiver is None:
            receiver = CountingSite._receiver = RxSlots(self.socket, is_stamped=True)
        receiver.descriptor = self.socket.fileno()
        for _ in range(_BATCHES):
            count = receiver.receive()
            if self.srtp is not None:
                self._count(receiver, count)
            else:
                for i in range(count):
                    self._pass_on(receiver, i)
            if count < RX_SLOTS:
                return

    def _pass_on(self, receiver: RxSlots, i: int) -> None:
        """What is no media goes the slow way."""
        size, base = receiver.length(i), receiver.bases[i]
        if size:
            self._bytes[:size] = receiver.memory[base : base + size]
            self._on_datagram(self._bytes, size)

    def _count(self, receiver: RxSlots, count: int) -> None:
        now = time.monotonic()
        now_us, memory, streams = int(now * 1e6), receiver.memory, self.streams
        for i in range(count):
            base, size = receiver.bases[i], receiver.length(i)
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
            is_first_hand = not stream.mid.startswith("rtx")  # its stamp lies two bytes further
            wants_latency = is_first_hand and is_picture and self.wants_latency
            if wants_latency and stream.packets % DECRYPTED == 0:
                self._note_latency(receiver, i, size)

    def _note_latency(self, receiver: RxSlots, i: int, size: int) -> None:
        assert self.srtp is not None
        self._length[0] = size
        if unprotect(self.srtp.receive, receiver.pointers[i], self._length) != OK:
            return
        memory, base = receiver.memory, receiver.bases[i]
        at = base + _PLAIN.size
        if memory[base] & 0x10:
            at += 4 + 4 * (memory[at + 2] << 8 | memory[at + 3])
        (sent_at,) = _STAMP.unpack_from(memory, at + _STAMP_AT)
        came_at = receiver.came_at(i)
        assert came_at is not None
        self.latencies.append(came_at - _WALL_LESS_MONOTONIC_S - sent_at)
