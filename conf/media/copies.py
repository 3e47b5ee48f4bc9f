"""The copy loop in compiled form: `copies.c` between the forwarder and the transmit batch.

Where nothing is compiled, `Forwarder` makes the same copies in Python (decision 0021).
"""

import struct
from typing import Any, Final

from conf.media.layer import Group, Sent
from conf.media.mmsg import SLOT
from conf.media.outbox import Outbox
from conf.media.rows import CODECS, ffi
from conf.media.srtp import PROTECT_ADDRESS
from conf.media.udp import CONTROL, CONTROL_SIZE, SOL_UDP, TX_SLOTS, UDP_SEGMENT

_ITEM_SIZE: Final = ffi.sizeof("struct item")
_ITEM_AT: Final = ffi.offsetof("struct burst", "items") + ffi.offsetof("struct item", "ext")
_CALL_AT: Final = ffi.offsetof("struct burst", "now_us")
_MOVED_AT: Final = ffi.offsetof("struct burst", "at")
_ITEM: Final = struct.Struct("=qIHHHHHHBBB")  # from `ext`
_CALL: Final = struct.Struct("=qd10I")  # from `now_us`
_MOVED: Final = struct.Struct("=6I")  # from `at`


class Copies:
    """One burst at a time; owner: the Forwarder.

    A field set through cffi costs as much as a packet's copy. So a burst is told in one pack, each
    of its packets in another, and its bytes are put where C finds them always.
    """

    def __init__(self, outbox: Outbox, native: Any) -> None:
        """`native`: of `compiled.load`."""
        tx, port = outbox.port.tx, outbox.port
        self._outbox = outbox
        self._make = native.make_copies
        self.forwarded = 0  # by the last call
        controls = [CONTROL.pack(CONTROL_SIZE, SOL_UDP, UDP_SEGMENT, 0)]
        self._controls = ffi.new("uint8_t[]", b"".join(controls * TX_SLOTS))
        self._apart = ffi.new("uint32_t[]", 64)
        self._block = ffi.new("uint8_t[]", TX_SLOTS * SLOT)
        self._templates = memoryview(ffi.buffer(self._block)).cast("B")
        self._burst = burst = ffi.new("struct burst *")
        self._memory = memoryview(ffi.buffer(burst)).cast("B")
        burst.memory = ffi.cast("uint8_t *", tx.first_byte)
        burst.iovecs = ffi.cast("struct iovec *", tx.first_iovec)
        burst.messages = tx.headers
        burst.controls = self._controls
        burst.protect = ffi.cast("int (*)(void *, void *, int *)", PROTECT_ADDRESS)
        burst.name_size, burst.has_segments = port.name_size, port.has_segments
        burst.apart = self._apart
        for i in range(TX_SLOTS):
            burst.items[i].template = self._block + i * SLOT

    def make(self, group: Group, burst: list[Sent], now: float) -> list[int]:
        """A copy of each packet for each slot; the places in `group.slots` that were left out.

        Those need more than the loop can: a TCP connection, a shaper, a part of the burst only.
        """
        call, memory, outbox, count = self._burst, self._memory, self._outbox, len(group.slots)
        if count > len(self._apart):
            self._apart = call.apart = ffi.new("uint32_t[]", 2 * count)
        call.rows = group.rows
        self._describe(burst)
        kind = (CODECS[burst[0].codec], burst[0].is_stripped)
        at = apart = forwarded = failed = 0
        while True:
            _CALL.pack_into(
                memory, _CALL_AT, int(now * 1e6), now, count, len(burst), *kind,
                at, outbox.count, outbox.messages, apart, forwarded, failed,
            )  # fmt: skip
            self._make(call)
            at, outbox.count, outbox.messages, apart, forwarded, failed = _MOVED.unpack_from(
                memory, _MOVED_AT
            )
            if at == count:
                break
            outbox.flush()
        self.forwarded = forwarded
        outbox.failed += failed
        left_out: list[int] = ffi.unpack(self._apart, apart) if apart else []
        return left_out

    def _describe(self, burst: list[Sent]) -> None:
        assert len(burst) <= TX_SLOTS
        memory, templates, number_at = self._memory, self._templates, burst[0].form.number_at
        item_at, start = _ITEM_AT, 0
        for sent in burst:
            template, picture = sent.template, sent.picture
            size = len(template)
            if size <= SLOT:  # a longer one is refused by its size
                templates[start : start + size] = template
            picture_at = tl0_at = number = tl0 = is_wide = 0
            if picture is not None:
                if picture.picture_at >= 0:
                    picture_at, number = sent.header + picture.picture_at, picture.picture
                    is_wide = picture.is_wide
                if picture.tl0_at >= 0:
                    tl0_at, tl0 = sent.header + picture.tl0_at, picture.tl0
            _ITEM.pack_into(
                memory, item_at, sent.ext, sent.timestamp, size, sent.header, number_at,
                picture_at, tl0_at, number, tl0, is_wide, sent.marker,
            )  # fmt: skip
            item_at, start = item_at + _ITEM_SIZE, start + SLOT
