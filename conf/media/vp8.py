"""VP8 payload descriptor (RFC 7741 §4.2), whole, for the recorder.

The forwarding loop reads and moves its own part of it in picture.py and forward.py.
"""

import struct
from typing import Final

from conf.media.errors import DecodeError

NONE: Final = -1
_START_CODE = b"\x9d\x01\x2a"
_SIZES = struct.Struct("<HH")

Buffer = bytearray | memoryview


class Vp8Descriptor:
    """The last VP8 payload read. Reused, like rtp.Packet.

    Fields the packet lacks are NONE. `is_key_frame` is true on the first packet of a key frame
    only; `width` and `height` are then set.
    """

    __slots__ = (
        "has_sync",
        "height",
        "is_key_frame",
        "is_start",
        "is_wide",
        "key_index",
        "picture_id",
        "size",
        "temporal_id",
        "tl0_index",
        "width",
    )

    is_start: bool  # first packet of a picture
    is_key_frame: bool
    picture_id: int
    is_wide: bool  # the picture id has 15 bits, not 7
    tl0_index: int
    temporal_id: int
    has_sync: bool  # Y: this picture needs only layer 0
    key_index: int
    size: int  # of the descriptor, in bytes

    def read(self, buffer: Buffer | bytes, start: int, end: int) -> None:
        """Parse the descriptor of the payload at [start, end).

        Raises: DecodeError: the descriptor or a key frame's header overruns the payload.
        """
        try:
            self._read(buffer, start, end)
        except IndexError:
            raise DecodeError("vp8: descriptor overruns the payload") from None

    def _read(self, buffer: Buffer | bytes, start: int, end: int) -> None:
        if start >= end:
            raise DecodeError("vp8: empty payload")
        first = buffer[start]
        at = start + 1
        self.is_start = first & 0x17 == 0x10  # S and partition index 0
        self.picture_id = self.tl0_index = self.temporal_id = self.key_index = NONE
        self.is_wide = self.has_sync = False
        if first & 0x80:
            at = self._read_extended(buffer, start, at)
        self.size = at - start
        if at >= end:
            raise DecodeError("vp8: descriptor overruns the payload")
        self.width = self.height = 0
        self.is_key_frame = self.is_start and not buffer[at] & 1
        if self.is_key_frame:
            if at + 10 > end or bytes(buffer[at + 3 : at + 6]) != _START_CODE:
                raise DecodeError("vp8: key frame without its start code")
            width, height = _SIZES.unpack_from(buffer, at + 6)
            self.width, self.height = width & 0x3FFF, height & 0x3FFF

    def _read_extended(self, buffer: Buffer | bytes, start: int, at: int) -> int:
        flags = buffer[at]
        at += 1
        if flags & 0x80:
            value = buffer[at]
            at += 1
            if value & 0x80:
                self.is_wide = True
                value = (value & 0x7F) << 8 | buffer[at]
                at += 1
            self.picture_id = value
        if flags & 0x40:
            self.tl0_index = buffer[at]
            at += 1
        if flags & 0x30:
            value = buffer[at]
            if flags & 0x20:
                self.temporal_id = value >> 6
                self.has_sync = bool(value & 0x20)
            if flags & 0x10:
                self.key_index = value & 0x1F
            at += 1
        return at
