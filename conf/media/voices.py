"""The ciphertexts a voice slot has sent of late: a lost one is repeated as the very bytes.

Opus has no RTX in browsers, and to protect a packet twice under one number would break GCM.
"""

from typing import Any, Final

from conf.media.rows import Row, ffi

VOICES: Final[int] = 128  # 2.5 s
ROOM: Final[int] = 16_384  # bytes: a little less than that of usual voices, 0.3 s of the longest


class VoiceRing:
    """The last VOICES ciphertexts, as far as ROOM holds them. Owner: the slot; `row` is for C."""

    __slots__ = ("_bytes", "row")

    def __init__(self) -> None:
        self.row: Row = ffi.new("struct voice_ring *")
        self._bytes: Any = memoryview(ffi.buffer(self.row.bytes)).cast("B")

    def keep(self, packet: bytes | memoryview) -> None:
        """Remember an SRTP packet, which names its number itself."""
        row, size = self.row, len(packet)
        at = row.written % ROOM
        if at + size > ROOM:
            row.written += ROOM - at
            at = 0
        self._bytes[at : at + size] = packet
        entry = row.entries[packet[3] & (VOICES - 1)]
        entry.at, entry.size = row.written, size
        row.written += size

    def find(self, number: int) -> bytes | None:
        """The packet of the 16-bit `number`, or None when it is too old or never was."""
        entry = self.row.entries[number & (VOICES - 1)]
        if not entry.size or self.row.written - entry.at > ROOM:
            return None
        at = entry.at % ROOM
        packet = bytes(self._bytes[at : at + entry.size])
        return packet if packet[2] << 8 | packet[3] == number else None

    def clear(self) -> None:
        """Nothing of before is ever repeated."""
        for entry in self.row.entries:
            entry.size = 0
