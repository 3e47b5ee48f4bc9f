"""The copy loop in compiled form: `copies.c` between the forwarder and the transmit batch.

Optional: `make` compiles it where a C compiler is (tools/native.py); where none is, or the
system is not Linux, `Forwarder` makes the same copies in Python (decision 0021).
"""

from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from conf.media.layer import Group, Sent
from conf.media.mmsg import libc
from conf.media.outbox import Outbox
from conf.media.rows import CODECS, ffi
from conf.media.srtp import PROTECT_ADDRESS
from conf.media.udp import CONTROL, CONTROL_SIZE, SOL_UDP, TX_SLOTS, UDP_SEGMENT

LIBRARY: Final = Path(__file__).with_name("libcopies.so")
SOURCES: Final = tuple(Path(__file__).with_name(name) for name in ("rows.h", "copies.c"))

ffi.cdef("void make_copies(struct burst *burst); extern const char made_of[65];")


def load(library: Path = LIBRARY) -> Any | None:
    """The compiled loop, or None: there is none, or it was compiled from other sources."""
    if libc is None or not library.is_file():
        return None
    try:
        found, wanted = ffi.dlopen(str(library)), digest()
        # Rows laid out otherwise than rows.h says would be written through.
        return found.make_copies if ffi.string(found.made_of) == wanted.encode() else None
    except (OSError, AttributeError):
        return None


def digest() -> str:
    """Of what it is compiled from, as tools/native.py writes it into it."""
    return sha256(b"".join(source.read_bytes() for source in SOURCES)).hexdigest()


class Copies:
    """One burst at a time; owner: the Forwarder."""

    def __init__(self, outbox: Outbox, make_copies: Any) -> None:
        tx, port = outbox.port.tx, outbox.port
        self._outbox = outbox
        self._make = make_copies
        self.forwarded = 0  # by the last call
        controls = [CONTROL.pack(CONTROL_SIZE, SOL_UDP, UDP_SEGMENT, 0)]
        self._controls = ffi.new("uint8_t[]", b"".join(controls * TX_SLOTS))
        self._apart = ffi.new("uint32_t[]", 64)
        self._burst = burst = ffi.new("struct burst *")
        burst.memory = ffi.cast("uint8_t *", tx.first_byte)
        burst.iovecs = ffi.cast("struct iovec *", tx.first_iovec)
        burst.messages = tx.headers
        burst.controls = self._controls
        burst.protect = ffi.cast("int (*)(void *, void *, int *)", PROTECT_ADDRESS)
        burst.name_size = port.name_size
        self._items = [ffi.addressof(burst, "items", i) for i in range(TX_SLOTS)]

    def make(self, group: Group, burst: list[Sent], now: float) -> list[int]:
        """A copy of each packet for each slot; the places in `group.slots` that were left out.

        Those need more than the loop can: a TCP connection, a shaper, a part of the burst only.
        """
        call, outbox, count = self._burst, self._outbox, len(group.slots)
        if count > len(self._apart):
            self._apart = ffi.new("uint32_t[]", 2 * count)
        call.apart, call.rows, call.row_count = self._apart, group.rows, count
        call.now, call.now_us = now, int(now * 1e6)
        call.at = call.apart_count = call.forwarded = call.failed = 0
        self._describe(burst)
        while True:
            call.count, call.message_count = outbox.count, outbox.messages
            self._make(call)
            outbox.count, outbox.messages = call.count, call.message_count
            if call.at == count:
                break
            outbox.flush()
        self.forwarded = call.forwarded
        outbox.failed += call.failed
        left_out: list[int] = ffi.unpack(self._apart, call.apart_count)
        return left_out

    def _describe(self, burst: list[Sent]) -> None:
        call, first = self._burst, burst[0]
        assert len(burst) <= TX_SLOTS
        call.codec, call.is_stripped = CODECS[first.codec], first.is_stripped
        call.item_count = numbered = len(burst)
        number_at = first.form.number_at
        newest, oldest = 0, first.ext
        for i, (item, sent) in enumerate(zip(self._items, burst, strict=False)):
            item.template = ffi.from_buffer("uint8_t[]", sent.template)  # `burst` keeps it alive
            item.ext, item.timestamp, item.marker = sent.ext, sent.timestamp, sent.marker
            item.size, item.header, item.number_at = len(sent.template), sent.header, number_at
            if sent.ext < oldest:
                oldest = sent.ext
            if sent.ext > burst[newest].ext:
                newest = i
            picture = sent.picture
            item.picture_at = item.tl0_at = 0
            if picture is None or not picture.has_numbers:
                continue
            if picture.picture_at >= 0:
                item.picture_at, item.picture = picture.picture_at, picture.picture
                item.is_wide = picture.is_wide
            if picture.tl0_at >= 0:
                item.tl0_at, item.tl0 = picture.tl0_at, picture.tl0
            if numbered == len(burst) or sent.ext > burst[numbered].ext:
                numbered = i
        call.newest, call.numbered, call.oldest_ext = newest, numbered, oldest
        cuts = self._outbox.port.cut([len(sent.template) for sent in burst])
        call.cut_count = len(cuts)
        for i, (_, together) in enumerate(cuts):
            call.cuts[i] = together
