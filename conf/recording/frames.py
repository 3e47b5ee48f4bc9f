"""From RTP payloads back to frames: order, Opus and RED, VP8, H.264 (RFC 2198, 7587, 7741, 6184).

Pure. A frame that lacks a packet is left out; what follows is kept, for players conceal a hole.
"""

from dataclasses import dataclass, field
from typing import Final, Protocol

from conf.media.errors import DecodeError
from conf.media.sdp import CodecName
from conf.media.vp8 import Vp8Descriptor
from conf.recording.matroska import TrackForm, h264_form, opus_form, vp8_form
from conf.recording.sps import picture_size

REORDER: Final = 64  # packets held back for one that may still come; 0.3 s of a good picture
MAX_FRAME: Final = 4 * 1024 * 1024
MAX_PARAMETER_SET: Final = 4096  # a browser's has 30 octets; the file's header has 16 bits for it
_SPS, _PPS, _IDR, _STAP_A, _FU_A = 7, 8, 5, 24, 28


@dataclass(frozen=True)
class Piece:
    """One packet. `ext`: extended sequence number; `timestamp`: 32 bits, as on the wire."""

    ext: int
    timestamp: int
    marker: bool
    payload: bytes


@dataclass(frozen=True)
class Frame:
    """One whole frame. `form`: set on those a file may begin with (key frames, any audio)."""

    timestamp: int
    data: bytes
    form: TrackForm | None


@dataclass
class Order:
    """Puts packets in order; gives up a hole once REORDER later ones have come."""

    _next: int = -1
    _held: dict[int, Piece] = field(default_factory=dict)

    def push(self, piece: Piece) -> list[Piece]:
        """What can be used now, in order; duplicates and what is too late vanish."""
        if self._next < 0:
            self._next = piece.ext
        if piece.ext < self._next:
            return []
        self._held[piece.ext] = piece
        ready = self._take()
        while len(self._held) > REORDER:
            self._next = min(self._held)
            ready += self._take()
        return ready

    def _take(self) -> list[Piece]:
        ready = []
        while (piece := self._held.pop(self._next, None)) is not None:
            ready.append(piece)
            self._next += 1
        return ready


class Depacketizer(Protocol):
    """Takes packets in order, gives frames."""

    def push(self, piece: Piece) -> Frame | None:
        """The frame this packet completes. Raises: DecodeError: it cannot be read."""


def depacketizer(codec: str) -> Depacketizer:
    """The one for a codec's name. Raises: ValueError: none."""
    match CodecName(codec):
        case CodecName.OPUS:
            return OpusFrames()
        case CodecName.RED:
            return OpusFrames(is_redundant=True)
        case CodecName.VP8:
            return Vp8Frames()
        case CodecName.H264:
            return H264Frames()


@dataclass
class OpusFrames:
    """A packet is a frame; of RED the newest block, for older ones came by themselves."""

    is_redundant: bool = False

    def push(self, piece: Piece) -> Frame | None:
        """Nothing for an empty payload (silence)."""
        data = _newest_block(piece.payload) if self.is_redundant else piece.payload
        return Frame(piece.timestamp, data, opus_form()) if data else None


def _newest_block(payload: bytes) -> bytes:
    """The primary block of a RED payload (RFC 2198 §3)."""
    at = skipped = 0
    while at < len(payload) and payload[at] & 0x80:
        if at + 4 > len(payload):
            raise DecodeError("red: cut header")
        skipped += (payload[at + 2] & 0x03) << 8 | payload[at + 3]
        at += 4
    if at + 1 + skipped > len(payload):
        raise DecodeError("red: blocks overrun the payload")
    return payload[at + 1 + skipped :]


@dataclass
class _Picture:
    """The packets of the picture under way."""

    timestamp: int = -1
    ext: int = -1
    parts: list[bytes] = field(default_factory=list)
    is_whole: bool = False
    size: int = 0  # of all packets so far; a picture need not ever end

    def accepts(self, piece: Piece, *, starts: bool) -> bool:
        """Does this packet carry on, without a hole? A new timestamp begins a new picture."""
        if piece.timestamp != self.timestamp:
            self.timestamp, self.parts, self.is_whole = piece.timestamp, [], starts
            self.size = 0
        elif piece.ext != self.ext + 1 or self.size > MAX_FRAME:
            self.parts, self.is_whole = [], False
        self.size += len(piece.payload) + 1
        self.ext = piece.ext
        return self.is_whole


@dataclass
class Vp8Frames:
    """Pictures begin with the S bit of partition 0 and end with the marker."""

    _picture: _Picture = field(default_factory=_Picture)
    _descriptor: Vp8Descriptor = field(default_factory=Vp8Descriptor)
    _form: TrackForm | None = None

    def push(self, piece: Piece) -> Frame | None:
        """Raises: DecodeError."""
        descriptor = self._descriptor
        descriptor.read(piece.payload, 0, len(piece.payload))
        is_new = piece.timestamp != self._picture.timestamp
        if not self._picture.accepts(piece, starts=descriptor.is_start):
            return None
        if is_new:
            is_key = descriptor.is_key_frame
            self._form = vp8_form(descriptor.width, descriptor.height) if is_key else None
        self._picture.parts.append(piece.payload[descriptor.size :])
        if not piece.marker:
            return None
        data = b"".join(self._picture.parts)
        self._picture.is_whole = False  # what still comes for it has been seen
        return Frame(piece.timestamp, data, self._form)


@dataclass
class H264Frames:
    """Access units end with the marker; parameter sets are kept for the file's header."""

    _picture: _Picture = field(default_factory=_Picture)
    _fragment: bytearray = field(default_factory=bytearray)
    _sps: bytes = b""
    _pps: bytes = b""

    def push(self, piece: Piece) -> Frame | None:
        """Raises: DecodeError."""
        before = self._picture.ext
        is_new = piece.timestamp != self._picture.timestamp
        starts = before < 0 or piece.ext == before + 1
        is_wanted = self._picture.accepts(piece, starts=starts)
        if is_new or not is_wanted:
            self._fragment.clear()
        if not is_wanted:
            return None
        for unit in self._units(piece.payload):
            self._keep(unit)
            self._picture.parts.append(len(unit).to_bytes(4, "big") + unit)
        if not piece.marker:
            return None
        self._picture.is_whole = False
        is_key = any(part[4] & 0x1F == _IDR for part in self._picture.parts)
        data = b"".join(self._picture.parts)
        return Frame(piece.timestamp, data, self._form() if is_key else None) if data else None

    def _units(self, payload: bytes) -> list[bytes]:
        if not payload:
            raise DecodeError("h264: empty payload")
        kind = payload[0] & 0x1F
        if kind == _STAP_A:
            return _aggregated(payload)
        if kind != _FU_A:
            return [payload]
        if len(payload) < 3:
            raise DecodeError("h264: fragment without its header")
        if payload[1] & 0x80:
            self._fragment[:] = bytes((payload[0] & 0xE0 | payload[1] & 0x1F,))
        self._fragment += payload[2:]
        if not payload[1] & 0x40:
            return []
        unit = bytes(self._fragment)
        self._fragment.clear()
        return [unit]

    def _keep(self, unit: bytes) -> None:
        if len(unit) > MAX_PARAMETER_SET:
            return
        if unit[0] & 0x1F == _SPS:
            self._sps = unit
        elif unit[0] & 0x1F == _PPS:
            self._pps = unit

    def _form(self) -> TrackForm | None:
        if not self._sps or not self._pps:
            return None  # nobody could decode a file that begins here
        return h264_form(self._sps, self._pps, *picture_size(self._sps))


def _aggregated(payload: bytes) -> list[bytes]:
    units, at = [], 1
    while at + 2 < len(payload):
        size = payload[at] << 8 | payload[at + 1]
        if size == 0 or at + 2 + size > len(payload):
            raise DecodeError("h264: aggregate overruns the payload")
        units.append(payload[at + 2 : at + 2 + size])
        at += 2 + size
    return units
