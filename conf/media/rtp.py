"""RTP packets as bytes in place: read once, rewrite per subscriber (RFC 3550, 8285, 4588, 2198).

Nothing here copies a payload or makes an object per packet. A worker keeps one `Packet` per
socket and reads every datagram into it; then, once per packet and header form, `HeaderForm.compose`
writes a clean header right before the payload; then, per subscriber, the bytes are copied to a
slot and one `stamp` writes marker, payload type, sequence, timestamp, SSRC and the transport-wide
number. Buffers are anything with the buffer protocol and integer items (bytearray, memoryview).
"""

import struct
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from conf.media.errors import DecodeError
from conf.media.sdp import Extension

FIXED_HEADER: Final = 12
MAX_HEADER: Final = 40  # what compose may write at most; keep this much room before the payload
NONE: Final = -1  # an extension value that is absent
MAX_RED_BLOCKS: Final = 8
MAX_BLOCKS: Final = 512  # extensions a form remembers: a voice's 256 levels, and a few pictures'

Buffer = bytearray | memoryview

_FIXED = struct.Struct("!BBHII")
_WORD = struct.Struct("!HH")
_RED_HEADER = struct.Struct("!BHB")

_pack_stamp = struct.Struct("!BHII").pack_into  # marker and type, sequence, timestamp, SSRC
_pack_number = struct.Struct("!H").pack_into

_ONE_BYTE_PROFILE: Final = 0xBEDE
_TWO_BYTE_PROFILE: Final = 0x1000  # the low four bits are free for the application

_MID, _RID, _RRID, _LEVEL, _TRANSPORT, _SEND_TIME, _ORIENTATION, _PLAYOUT = range(1, 9)
_KINDS: Final = {
    Extension.MID: _MID,
    Extension.RID: _RID,
    Extension.REPAIRED_RID: _RRID,
    Extension.AUDIO_LEVEL: _LEVEL,
    Extension.TRANSPORT_CC: _TRANSPORT,
    Extension.ABS_SEND_TIME: _SEND_TIME,
    Extension.ORIENTATION: _ORIENTATION,
    Extension.PLAYOUT_DELAY: _PLAYOUT,
}


def extension_table(ids: Mapping[Extension, int]) -> bytes:
    """What `Packet.read` needs to know of a session's extension ids; make it once per session."""
    table = bytearray(256)
    for extension, identity in ids.items():
        table[identity] = _KINDS[extension]
    return bytes(table)


def is_rtcp(buffer: Buffer | bytes, start: int) -> bool:
    """True when the packet at `start` is RTCP, not RTP (RFC 5761 §4). Needs two bytes."""
    return 192 <= buffer[start + 1] <= 223


class Packet:
    """The last packet read. Reused: copy out what must outlive the next `read`.

    Offsets are absolute in the buffer given to `read`. Extension values are NONE (or None for the
    three names) when absent. `read_rtx` turns a repair packet into the packet it repairs.
    """

    __slots__ = (
        "abs_send_time",
        "audio_level",
        "end",
        "has_voice",
        "marker",
        "mid",
        "orientation",
        "payload",
        "payload_end",
        "payload_type",
        "playout_delay",
        "repaired_rid",
        "rid",
        "sequence",
        "ssrc",
        "start",
        "timestamp",
        "transport_sequence",
    )

    start: int  # first byte of the RTP header
    end: int  # one past the last byte
    payload: int  # first byte of the payload
    payload_end: int  # one past the payload, padding left out
    marker: bool
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    mid: str | None
    rid: str | None
    repaired_rid: str | None
    audio_level: int  # 0 (loudest) .. 127 (silence), -dBov, RFC 6464
    has_voice: bool
    transport_sequence: int
    abs_send_time: int  # 6.18 fixed-point seconds
    orientation: int  # one byte, 3GPP TS 26.114 §7.4.5
    playout_delay: int  # min and max, 12 bits each, in 10 ms

    def read(self, buffer: Buffer, start: int, end: int, table: bytes) -> None:
        """Parse the packet at [start, end). `table` is from `extension_table`.

        Raises: DecodeError: not RTP version 2, or header, extension or padding overrun the packet.
        """
        if end - start < FIXED_HEADER:
            raise DecodeError("rtp: shorter than its header")
        first, second, self.sequence, self.timestamp, self.ssrc = _FIXED.unpack_from(buffer, start)
        if first >> 6 != 2:
            raise DecodeError("rtp: version")
        self.marker = second > 127
        self.payload_type = second & 0x7F
        self.start = start
        self.end = end
        self.mid = self.rid = self.repaired_rid = None
        self.audio_level = self.transport_sequence = self.abs_send_time = NONE
        self.orientation = self.playout_delay = NONE
        self.has_voice = False
        payload = start + FIXED_HEADER + 4 * (first & 0x0F)
        if first & 0x10:
            payload = self._read_extension(buffer, payload, end, table)
        padding = buffer[end - 1] if first & 0x20 else 0
        if payload + padding > end or (first & 0x20 and not padding):
            raise DecodeError("rtp: header or padding overruns the packet")
        self.payload = payload
        self.payload_end = end - padding

    def _read_extension(self, buffer: Buffer, at: int, end: int, table: bytes) -> int:
        """Read the block at `at`; the offset after it."""
        if at + 4 > end:
            raise DecodeError("rtp: extension header overruns the packet")
        profile, words = _WORD.unpack_from(buffer, at)
        at += 4
        stop: int = at + 4 * words
        if stop > end:
            raise DecodeError("rtp: extension overruns the packet")
        if profile == _ONE_BYTE_PROFILE:
            self._read_one_byte(buffer, at, stop, table)
        elif profile & 0xFFF0 == _TWO_BYTE_PROFILE:
            self._read_two_byte(buffer, at, stop, table)
        return stop

    def _read_one_byte(self, buffer: Buffer, at: int, stop: int, table: bytes) -> None:
        while at < stop:
            head = buffer[at]
            at += 1
            if head == 0:  # padding
                continue
            if head >> 4 == 15:  # reserved: stop here (RFC 8285 §4.2)
                return
            after = at + (head & 0x0F) + 1
            if after > stop:
                raise DecodeError("rtp: extension element overruns its block")
            kind = table[head >> 4]
            if kind:
                self._take(kind, buffer, at, after)
            at = after

    def _read_two_byte(self, buffer: Buffer, at: int, stop: int, table: bytes) -> None:
        while at < stop:
            identity = buffer[at]
            if identity == 0:
                at += 1
                continue
            after = at + 2 + buffer[at + 1] if at + 1 < stop else stop + 1
            if after > stop:
                raise DecodeError("rtp: extension element overruns its block")
            kind = table[identity]
            if kind:
                self._take(kind, buffer, at + 2, after)
            at = after

    def _take(self, kind: int, buffer: Buffer, at: int, after: int) -> None:
        """Keep one known element; one of an unexpected size is ignored as unknown."""
        size = after - at
        if kind == _TRANSPORT and size == 2:
            self.transport_sequence = buffer[at] << 8 | buffer[at + 1]
        elif kind == _LEVEL and size == 1:
            self.audio_level = buffer[at] & 0x7F
            self.has_voice = buffer[at] > 127
        elif kind == _ORIENTATION and size == 1:
            self.orientation = buffer[at]
        elif kind == _SEND_TIME and size == 3:
            self.abs_send_time = int.from_bytes(buffer[at:after], "big")
        elif kind == _PLAYOUT and size == 3:
            self.playout_delay = int.from_bytes(buffer[at:after], "big")
        elif kind <= _RRID and 0 < size <= 16:
            self._take_name(kind, bytes(buffer[at:after]))

    def _take_name(self, kind: int, name: bytes) -> None:
        """Names are ASCII tokens; Chromium may pad the SDES item with zeros."""
        text = name.rstrip(b"\0").decode("ascii", "replace")
        if kind == _MID:
            self.mid = text
        elif kind == _RID:
            self.rid = text
        else:
            self.repaired_rid = text

    def read_rtx(self, buffer: Buffer, media_type: int, media_ssrc: int) -> bool:
        """Make this repair packet the one it repairs (RFC 4588 §4); nothing moves in the buffer.

        False when it carries no packet (a probe of padding); then nothing has changed.
        """
        if self.payload_end - self.payload < 2:
            return False
        self.sequence = buffer[self.payload] << 8 | buffer[self.payload + 1]
        self.payload += 2
        self.payload_type = media_type
        self.ssrc = media_ssrc
        return True


_ORDER: Final = (
    Extension.TRANSPORT_CC,
    Extension.AUDIO_LEVEL,
    Extension.ORIENTATION,
    Extension.PLAYOUT_DELAY,
)


class HeaderForm:
    """The header we send to subscribers that share extension ids: no CSRC, only these elements.

    Order: transport-cc first (its number is then at a fixed place), then audio level,
    orientation and playout delay when the packet has them. Ids above 14 make the two-byte form.
    Equal ones are one object, so that one composed packet serves all their subscribers.
    """

    __slots__ = (
        "_blocks",
        "_ids",
        "_is_two_byte",
        "has_transport",
        "number_at",
    )

    def __init__(self, ids: tuple[int, int, int, int]) -> None:
        """`ids`: by the order above, 0 for one the subscriber lacks; use `of`."""
        self._ids = ids
        self._blocks: dict[tuple[int, bool, int, int], bytes] = {}
        self._is_two_byte = max(ids) > 14
        self.has_transport = ids[0] > 0
        behind = 6 if self._is_two_byte else 5  # the extension's word and the element's head
        self.number_at = FIXED_HEADER + behind if self.has_transport else 0  # the transport-wide

    @staticmethod
    def of(ids: Mapping[Extension, int]) -> "HeaderForm":
        """`ids`: the subscriber's extension ids for sections it receives."""
        transport, level, orientation, playout = (ids.get(extension, 0) for extension in _ORDER)
        return _form((transport, level, orientation, playout))

    def compose(self, buffer: Buffer, packet: Packet) -> int:
        """Write this form's header right before the payload of `packet`, in place.

        The caller's buffer has MAX_HEADER bytes before the payload. The old header is gone after;
        composing again, in another form, is fine because `packet` holds all values. The bytes to
        send are [start, packet.payload_end).

        Returns: start.
        """
        values = (packet.audio_level, packet.has_voice, packet.orientation, packet.playout_delay)
        block = self._blocks.get(values)
        if block is None:
            block = self._write_block(packet)
            if len(self._blocks) == MAX_BLOCKS:
                self._blocks.clear()  # a source may make up as many as it likes
            self._blocks[values] = block
        start = packet.payload - FIXED_HEADER - len(block)
        if start < 0:
            raise DecodeError("rtp: no room for the header")
        _FIXED.pack_into(
            buffer,
            start,
            0x90 if block else 0x80,
            packet.payload_type | (0x80 if packet.marker else 0),
            packet.sequence,
            packet.timestamp,
            packet.ssrc,
        )
        buffer[start + FIXED_HEADER : packet.payload] = block
        return start

    def stamp(
        self,
        buffer: Buffer,
        at: int,
        kind: int,
        sequence: int,
        timestamp: int,
        ssrc: int,
        transport: int,
    ) -> None:
        """Write what differs from copy to copy into the composed packet at `at`.

        `kind`: marker and payload type; `transport`: transport-wide number, if the form has one.
        """
        _pack_stamp(buffer, at + 1, kind, sequence, timestamp, ssrc)
        if self.has_transport:
            _pack_number(buffer, at + self.number_at, transport)

    def _write_block(self, packet: Packet) -> bytes:
        """The extension, its transport-wide number still zero; empty when there is no element."""
        elements = self._elements(packet)
        if not elements:
            return b""
        elements += b"\0" * (-len(elements) % 4)
        profile = _TWO_BYTE_PROFILE if self._is_two_byte else _ONE_BYTE_PROFILE
        word = profile << 16 | len(elements) >> 2
        return word.to_bytes(4, "big") + elements

    def _elements(self, packet: Packet) -> bytes:
        transport, level, orientation, playout = self._ids
        data = b""
        if transport:
            data += self._element(transport, b"\0\0")
        if level and packet.audio_level != NONE:
            value = packet.audio_level | (0x80 if packet.has_voice else 0)
            data += self._element(level, bytes((value,)))
        if orientation and packet.orientation != NONE:
            data += self._element(orientation, bytes((packet.orientation,)))
        if playout and packet.playout_delay != NONE:
            data += self._element(playout, packet.playout_delay.to_bytes(3, "big"))
        return data

    def _element(self, identity: int, data: bytes) -> bytes:
        if self._is_two_byte:
            return bytes((identity, len(data))) + data
        return bytes((identity << 4 | len(data) - 1,)) + data


# Browsers have a handful. Who makes up more finds that equal ones are no longer shared, only that.
_form = lru_cache(maxsize=256)(HeaderForm)


def wrap_rtx(
    source: Buffer | bytes, header: int, end: int, out: Buffer, at: int, sequence: int
) -> int:
    """Put the sent packet source[0:end] into out[at:] as an RTX payload (RFC 4588 §4).

    `header`: bytes before its payload; `sequence`: the number it was first sent under. The caller
    then stamps the RTX payload type, number and SSRC at `at`; the timestamp stays.

    Returns: one past the last byte written.
    """
    out[at : at + header] = source[:header]
    middle = at + header
    out[middle] = sequence >> 8
    out[middle + 1] = sequence & 0xFF
    stop = middle + 2 + end - header
    out[middle + 2 : stop] = source[header:end]
    return stop


def write_padding(out: Buffer, at: int, header: int, size: int) -> int:
    """Turn the header at out[at:at+header] into a packet of `size` (1..255) bytes of padding only.

    For probing on an RTX source. Returns: one past the last byte written.
    """
    if not 1 <= size <= 255:
        raise ValueError("padding is 1 to 255 bytes")
    out[at] |= 0x20
    stop = at + header + size
    out[at + header : stop] = bytes(size - 1) + bytes((size,))
    return stop


def read_red(buffer: Buffer | bytes, start: int, end: int) -> list[tuple[int, int, int, int]]:
    """The blocks of a RED payload, oldest first, the primary last (RFC 2198 §3).

    Returns: (payload type, timestamp offset back from the packet's, first byte, one past last).
    Raises: DecodeError: a header or block overruns the payload, or more than MAX_RED_BLOCKS.
    """
    headers: list[tuple[int, int, int]] = []
    at = start
    while at < end and buffer[at] & 0x80:
        if at + 4 > end or len(headers) == MAX_RED_BLOCKS:
            raise DecodeError("red: header overruns the payload")
        head, middle, low = _RED_HEADER.unpack_from(buffer, at)
        headers.append((head & 0x7F, middle >> 2, (middle & 3) << 8 | low))
        at += 4
    if at >= end:
        raise DecodeError("red: no primary block")
    primary = buffer[at]
    at += 1
    blocks = []
    for payload_type, offset, length in headers:
        if at + length > end:
            raise DecodeError("red: block overruns the payload")
        blocks.append((payload_type, offset, at, at + length))
        at += length
    blocks.append((primary, 0, at, end))
    return blocks
