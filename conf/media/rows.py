"""The rows of memory that compiled parts and Python both read and write: `rows.h` declares them.

Two rows a peer, one a down slot, most a line or two of the processor's cache. Python reaches their
fields as attributes; nothing keeps a second copy of them.
"""

from pathlib import Path
from typing import Any, Final

import cffi

from conf.media.sdp import CodecName
from conf.media.twcc import SendHistory

ffi = cffi.FFI()
ffi.cdef(Path(__file__).with_name("rows.h").read_text())

CODECS: Final = {CodecName.VP8: 0, CodecName.H264: 1, CodecName.OPUS: 2, CodecName.RED: 3}

NO_TYPE: Final = 255

Row = Any  # cffi knows the fields, mypy does not


def new_peer(history: SendHistory) -> Row:
    """A `peer_row` without keys and address that continues `history`, which counts in it."""
    row = ffi.new("struct peer_row *")
    row.sent_us = ffi.cast("int64_t *", history.sent_us.buffer_info()[0])
    row.sizes = ffi.cast("int32_t *", history.sizes.buffer_info()[0])
    row.next_sequence = history.next_sequence
    history.counter = row
    return row


def new_slot(peer: Row, ssrc: int, types: dict[CodecName, int]) -> Row:
    """A `slot_row` that has sent nothing. `types`: payload types by codec. Keep `peer` alive."""
    row = ffi.new("struct slot_row *")
    row.peer, row.ssrc, row.last_at = peer, ssrc, -1.0
    for codec, place in CODECS.items():
        row.types[place] = types.get(codec, NO_TYPE)
    return row


def list_rows(rows: list[Row]) -> Row:
    """The addresses of slot rows side by side. Keep the rows alive."""
    return ffi.new("struct slot_row *[]", rows)
