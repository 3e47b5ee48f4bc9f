"""What the forwarding loop needs to know of a video payload: key frame or not, picture numbers."""

from conf.media.errors import DecodeError
from conf.media.h264 import starts_key_frame
from conf.media.sdp import CodecName


class Picture:
    """Offsets are into the buffer inspected (or the template, after `moved`); -1 when absent."""

    __slots__ = (
        "has_sync",
        "is_key",
        "is_start",
        "is_wide",
        "pair_at",
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
        # Where a wide PictureID has TL0PICIDX right behind it, as browsers send; else 0.
        self.pair_at = picture_at if is_wide and tl0_at == picture_at + 2 else 0

    @property
    def has_numbers(self) -> bool:
        """Is there anything to move?"""
        return self.picture_at >= 0 or self.tl0_at >= 0

    def moved(self, start: int) -> "Picture":
        """A copy with offsets counted from `start`; each header form has its own."""
        picture_at = self.picture_at - start if self.picture_at >= 0 else -1
        tl0_at = self.tl0_at - start if self.tl0_at >= 0 else -1
        other = Picture(self.is_key, picture_at, self.picture, self.is_wide, tl0_at, self.tl0)
        other.temporal = self.temporal
        other.is_start = self.is_start
        other.has_sync = self.has_sync
        return other


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
            picture_at, wide = at, bool(buffer[at] & 0x80)
            picture = (buffer[at] & 0x7F) << 8 | buffer[at + 1] if wide else buffer[at]
            at += 2 if wide else 1
        if flags & 0x40 and at < end:
            tl0_at, tl0 = at, buffer[at]
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
