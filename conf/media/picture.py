"""What the forwarding loop needs to know of a video payload: key frame or not, picture numbers."""

import struct

from conf.media.errors import DecodeError
from conf.media.h264 import starts_key_frame
from conf.media.sdp import CodecName

_pack_wide = struct.Struct("!H").pack_into


class Picture:
    """Offsets count from the payload's first byte, so they hold under any header; -1: absent."""

    __slots__ = (
        "has_sync",
        "is_key",
        "is_start",
        "is_wide",
        "picture",
        "picture_at",
        "temporal",
        "tl0",
        "tl0_at",
    )

    def __init__(
        self, is_key: bool, picture_at: int, picture: int, is_wide: bool, tl0_at: int, tl0: int
    ) -> None:
        self.is_key = is_key  # the first packet of a key frame
        self.picture_at = picture_at
        self.picture = picture
        self.is_wide = is_wide
        self.tl0_at = tl0_at
        self.tl0 = tl0
        self.temporal = -1  # temporal layer; -1 when the source names none
        self.is_start = is_key  # the first packet of a picture
        self.has_sync = False  # needs only temporal layer 0

    @property
    def has_numbers(self) -> bool:
        """Is there anything to move?"""
        return self.picture_at >= 0 or self.tl0_at >= 0

    def renumber(
        self, memory: bytearray | memoryview, payload: int, offset: int, tl0_offset: int
    ) -> None:
        """Move PictureID and TL0PICIDX (RFC 7741 §4.2) of the payload there by the offsets."""
        number = self.picture + offset
        if self.picture_at >= 0:
            if self.is_wide:
                _pack_wide(memory, payload + self.picture_at, 0x8000 | number & 0x7FFF)
            else:
                memory[payload + self.picture_at] = number & 0x7F
        if self.tl0_at >= 0:
            memory[payload + self.tl0_at] = (self.tl0 + tl0_offset) & 0xFF


def inspect(codec: CodecName, buffer: memoryview, start: int, end: int) -> Picture | None:
    """Read a video payload's descriptor; None for padding and for what cannot be read."""
    if end - start < 2:
        return None
    if codec is CodecName.H264:
        try:
            is_key = starts_key_frame(buffer, start, end)
        except DecodeError:
            return None
        return Picture(is_key, -1, 0, False, -1, 0)
    first = buffer[start]
    at = start + 1
    temporal, has_sync = -1, False
    picture_at, picture, wide, tl0_at, tl0 = -1, 0, False, -1, 0
    if first & 0x80:
        flags = buffer[at]
        at += 1
        if flags & 0x80 and at + 1 < end:
            picture_at, wide = at - start, bool(buffer[at] & 0x80)
            picture = (buffer[at] & 0x7F) << 8 | buffer[at + 1] if wide else buffer[at]
            at += 2 if wide else 1
        if flags & 0x40 and at < end:
            tl0_at, tl0 = at - start, buffer[at]
            at += 1
        if flags & 0x30 and at < end:
            if flags & 0x20:
                temporal, has_sync = buffer[at] >> 6, bool(buffer[at] & 0x20)
            at += 1
    if at >= end:
        return None
    is_key = first & 0x17 == 0x10 and not buffer[at] & 1
    result = Picture(is_key, picture_at, picture, wide, tl0_at, tl0)
    result.temporal, result.has_sync = temporal, has_sync
    result.is_start = first & 0x17 == 0x10
    return result
