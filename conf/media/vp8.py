"""VP8 payload descriptor: read, rewrite, thin out temporal layers (RFC 7741 §4.2)."""

import struct

from conf.media.errors import DecodeError
from conf.media.sequence import NONE, Continuity

_START_CODE = b"\x9d\x01\x2a"
_SIZES = struct.Struct("<HH")
_WIDE = struct.Struct("!H")

Buffer = bytearray | memoryview


class Vp8Descriptor:
    """The last VP8 payload read. Reused, like rtp.Packet. Offsets count from the payload's start.

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
        "key_index_at",
        "picture_at",
        "picture_id",
        "size",
        "temporal_id",
        "tl0_at",
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
        self.picture_at = self.tl0_at = self.key_index_at = NONE
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
            self.picture_at = at - start
            value = buffer[at]
            at += 1
            if value & 0x80:
                self.is_wide = True
                value = (value & 0x7F) << 8 | buffer[at]
                at += 1
            self.picture_id = value
        if flags & 0x40:
            self.tl0_at = at - start
            self.tl0_index = buffer[at]
            at += 1
        if flags & 0x30:
            value = buffer[at]
            if flags & 0x20:
                self.temporal_id = value >> 6
                self.has_sync = bool(value & 0x20)
            if flags & 0x10:
                self.key_index_at = at - start
                self.key_index = value & 0x1F
            at += 1
        return at

    def write(self, buffer: Buffer, start: int, ids: tuple[int, int, int]) -> None:
        """Put (picture id, TL0PICIDX, KEYIDX) into a copy of this payload at `start`."""
        picture, tl0, key = ids
        if self.picture_at != NONE:
            if self.is_wide:
                _WIDE.pack_into(buffer, start + self.picture_at, 0x8000 | picture)
            else:
                buffer[start + self.picture_at] = picture
        if self.tl0_at != NONE:
            buffer[start + self.tl0_at] = tl0
        if self.key_index_at != NONE:
            at = start + self.key_index_at
            buffer[at] = buffer[at] & 0xE0 | key


class PictureMapper:
    """Picture ids of one down slot, continuous across sources, and its temporal filter.

    Per packet, in the order sent: `admit` decides, then `map` gives the ids. A source whose
    pictures carry no id, or ids of another width, starts a series of its own width.
    """

    __slots__ = (
        "_current",
        "_key_last",
        "_key_offset",
        "_pictures",
        "_tl0_last",
        "_tl0_offset",
        "_wide",
        "wanted_temporal",
    )

    def __init__(self, first_picture: int) -> None:
        """`first_picture`: the first picture id of the slot (random, 15 bits)."""
        self._pictures = Continuity(first_picture, 15)
        self._wide = True
        self._tl0_offset = self._key_offset = 0
        self._tl0_last = self._key_last = -1
        self.wanted_temporal = 3  # the highest temporal layer to send; 3 is all
        self._current = 3

    def switch(self, first: Vp8Descriptor) -> None:
        """A new source begins with `first`, a key frame."""
        if first.picture_id != NONE:
            if first.is_wide != self._wide:
                self._wide = first.is_wide
                self._pictures = Continuity(first.picture_id, 15 if first.is_wide else 7)
            self._pictures.switch(first.picture_id)
        self._tl0_offset = (self._tl0_last + 1 - max(0, first.tl0_index)) & 0xFF
        self._key_offset = (self._key_last + 1 - max(0, first.key_index)) & 0x1F
        self._current = self.wanted_temporal

    def admit(self, packet: Vp8Descriptor) -> bool:
        """False when the packet's temporal layer is above what is wanted: then leave it out.

        Down at once, on the next picture; up at a picture that needs only layer 0 (sync) or at a
        key frame. Pictures without a temporal id or a picture id always pass.
        """
        layer = packet.temporal_id
        if layer <= 0 or packet.picture_id == NONE:
            if packet.is_key_frame:
                self._current = self.wanted_temporal
            return True
        if self._pictures.is_dropped(packet.picture_id):
            return False
        if self.wanted_temporal < self._current:
            self._current = self.wanted_temporal
        elif self.wanted_temporal > self._current and packet.is_start and packet.has_sync:
            self._current = min(layer, self.wanted_temporal)
        if layer <= self._current:
            return True
        return not packet.is_start  # a picture whose start is out is sent to its end

    def drop(self, packet: Vp8Descriptor) -> None:
        """The packet's picture is left out; the ids after it close up."""
        self._pictures.drop(packet.picture_id)

    def map(self, packet: Vp8Descriptor) -> tuple[int, int, int]:
        """(picture id, TL0PICIDX, KEYIDX) to send; the parts the packet lacks are 0.

        A packet of this source may be mapped again to repeat it: the ids are the same.
        """
        picture = self._pictures.map(packet.picture_id) if packet.picture_id != NONE else 0
        tl0 = key = 0
        if packet.tl0_index != NONE:
            tl0 = (packet.tl0_index + self._tl0_offset) & 0xFF
            if (tl0 - self._tl0_last) & 0xFF < 0x80:
                self._tl0_last = tl0
        if packet.key_index != NONE:
            key = (packet.key_index + self._key_offset) & 0x1F
            if (key - self._key_last) & 0x1F < 0x10:
                self._key_last = key
        return max(picture, 0), tl0, key
