"""Matroska and WebM, written front to back so that a cut file plays up to the cut (RFC 9559; pure).

The segment has no size, no cues and no duration; a cluster is written whole. One track a file.
"""

import struct
from dataclasses import dataclass
from typing import Final

_UNKNOWN_SIZE: Final = b"\x01" + b"\xff" * 7
_EPOCH_2001_S: Final = 978_307_200
_OPUS_PRE_ROLL_NS: Final = 80_000_000  # RFC 7845 §4.6
LONGEST_CLUSTER_MS: Final = 30_000  # a block's time is 16 bits, relative to its cluster


@dataclass(frozen=True)
class TrackForm:
    """What a player must know before the first frame. `width`, `height`: 0 for audio."""

    codec_id: str
    private: bytes = b""
    width: int = 0
    height: int = 0

    @property
    def is_video(self) -> bool:
        return self.codec_id.startswith("V_")

    @property
    def suffix(self) -> str:
        """WebM admits VP8 and Opus, not H.264."""
        return ".mkv" if self.codec_id == "V_MPEG4/ISO/AVC" else ".webm"


@dataclass(frozen=True)
class Block:
    """One frame. `at_ms`: from the start of the file."""

    at_ms: int
    data: bytes
    is_key: bool


def opus_form() -> TrackForm:
    """Opus as browsers send it: 48 kHz, two channels, nothing to skip (RFC 7845 §5.1)."""
    return TrackForm("A_OPUS", b"OpusHead" + struct.pack("<BBHIhB", 1, 2, 0, 48_000, 0, 0))


def vp8_form(width: int, height: int) -> TrackForm:
    """VP8 needs only its size."""
    return TrackForm("V_VP8", b"", width, height)


def h264_form(sps: bytes, pps: bytes, width: int, height: int) -> TrackForm:
    """H.264 with lengths of 4 bytes before each unit (ISO/IEC 14496-15 §5.2.4.1)."""
    private = b"\x01" + sps[1:4] + b"\xff\xe1" + len(sps).to_bytes(2, "big") + sps
    private += b"\x01" + len(pps).to_bytes(2, "big") + pps
    return TrackForm("V_MPEG4/ISO/AVC", private, width, height)


def header(form: TrackForm, started_s: float) -> bytes:
    """Everything before the first cluster. `started_s`: Unix time of the first frame."""
    doctype = b"matroska" if form.suffix == ".mkv" else b"webm"
    ebml = (
        _number(0x4286, 1) + _number(0x42F7, 1) + _number(0x42F2, 4) + _number(0x42F3, 8)
        + _element(0x4282, doctype) + _number(0x4287, 4) + _number(0x4285, 2)
    )  # fmt: skip
    date = struct.pack("!q", int((started_s - _EPOCH_2001_S) * 1e9))
    info = (
        _number(0x2AD7B1, 1_000_000) + _element(0x4461, date)
        + _element(0x4D80, b"fengsui") + _element(0x5741, b"fengsui")
    )  # fmt: skip
    return (
        _element(0x1A45DFA3, ebml)
        + _identifier(0x18538067) + _UNKNOWN_SIZE
        + _element(0x1549A966, info)
        + _element(0x1654AE6B, _element(0xAE, _track_entry(form)))
    )  # fmt: skip


def cluster(blocks: list[Block]) -> bytes:
    """A whole cluster of frames in order, spanning at most LONGEST_CLUSTER_MS."""
    base = blocks[0].at_ms
    body = _number(0xE7, base)
    for block in blocks:
        flags = 0x80 if block.is_key else 0
        head = b"\x81" + struct.pack("!hB", block.at_ms - base, flags)
        body += _element(0xA3, head + block.data)
    return _element(0x1F43B675, body)


def _track_entry(form: TrackForm) -> bytes:
    entry = _number(0xD7, 1) + _number(0x73C5, 1) + _number(0x9C, 0)
    entry += _number(0x83, 1 if form.is_video else 2) + _element(0x86, form.codec_id.encode())
    if form.private:
        entry += _element(0x63A2, form.private)
    if form.is_video:
        return entry + _element(0xE0, _number(0xB0, form.width) + _number(0xBA, form.height))
    rate = _element(0xB5, struct.pack("!f", 48_000.0))
    return entry + _number(0x56BB, _OPUS_PRE_ROLL_NS) + _element(0xE1, rate + _number(0x9F, 2))


def _identifier(identifier: int) -> bytes:
    return identifier.to_bytes((identifier.bit_length() + 7) // 8, "big")


def _element(identifier: int, data: bytes) -> bytes:
    return _identifier(identifier) + (1 << 56 | len(data)).to_bytes(8, "big") + data


def _number(identifier: int, value: int) -> bytes:
    return _element(identifier, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))
