"""A track on disk: frames to clusters, clusters to segment files. Owner: the recorder's loop."""

import errno
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from conf.media.errors import DecodeError
from conf.recording import matroska
from conf.recording.frames import Depacketizer, Frame, Order, Piece, depacketizer
from conf.recording.matroska import Block, TrackForm

CLUSTER_MS: Final = 1_000
_M32: Final = 1 << 32


@dataclass
class Segment:
    """One file. `octets`: on disk so far."""

    name: str
    form: TrackForm
    started_at: float
    file: BinaryIO
    origin: int  # unwrapped timestamp of its first frame
    octets: int = 0
    frames: int = 0
    length_ms: int = 0
    blocks: list[Block] = field(default_factory=list)

    def flush(self) -> None:
        """Write the cluster under way. Raises: OSError: the disk is full."""
        if not self.blocks:
            return
        data = matroska.cluster(self.blocks)
        self.blocks = []
        self.write(data)

    def write(self, data: bytes) -> None:
        """All of it. Raises: OSError: also when a part fits, for nothing may follow that."""
        taken = self.file.write(data)
        self.octets += taken
        if taken < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.name)

    def describe(self) -> dict[str, object]:
        """Its entry in the index."""
        return {
            "file": self.name,
            "codec": self.form.codec_id,
            "width": self.form.width,
            "height": self.form.height,
            "started_at": self.started_at,
            "length_ms": self.length_ms,
            "frames": self.frames,
            "bytes": self.octets,
        }


class TrackWriter:
    """One published track of one participant, as a row of segment files."""

    def __init__(
        self, folder: Path, participant_id: str, source: str, codec: str, segment_s: float
    ) -> None:
        self.participant_id = participant_id
        self.source = source
        self.codec = codec
        self.segments: list[Segment] = []
        self.unreadable = 0
        self._folder = folder
        self._segment_ms = segment_s * 1000
        self._order = Order()
        self._frames: Depacketizer = depacketizer(codec)
        self._clock = 48_000 if source == "audio" else 90_000
        self._last: int | None = None
        self._open: Segment | None = None

    @property
    def octets(self) -> int:
        """On disk, of all segments."""
        return sum(segment.octets for segment in self.segments)

    def file_numbers(self) -> list[int]:
        """Open files, to be synced."""
        return [self._open.file.fileno()] if self._open is not None else []

    def push(self, piece: Piece, now_s: float) -> None:
        """Take a packet. Raises: OSError: the disk is full."""
        for ready in self._order.push(piece):
            try:
                frame = self._frames.push(ready)
            except DecodeError:
                self.unreadable += 1
                continue
            if frame is not None:
                self._add(frame, now_s)

    def tick(self) -> None:
        """Once a second: what has come is written, though its cluster be short."""
        if self._open is not None:
            self._open.flush()

    def close(self) -> None:
        """End the present file; idempotent. Raises: OSError."""
        segment, self._open = self._open, None
        if segment is not None:
            try:
                segment.flush()
                segment.file.flush()
                os.fsync(segment.file.fileno())
            finally:
                segment.file.close()

    def _add(self, frame: Frame, now_s: float) -> None:
        at = self._unwrap(frame.timestamp)
        segment = self._segment(frame, at, now_s)
        if segment is None:
            return  # a file begins with what can be decoded
        at_ms = max(0, (at - segment.origin) * 1000 // self._clock)
        first_ms = segment.blocks[0].at_ms if segment.blocks else at_ms
        if not 0 <= at_ms - first_ms < CLUSTER_MS:
            segment.flush()
        segment.blocks.append(Block(at_ms, frame.data, frame.form is not None))
        segment.frames += 1
        segment.length_ms = max(segment.length_ms, at_ms)

    def _segment(self, frame: Frame, at: int, now_s: float) -> Segment | None:
        segment = self._open
        if frame.form is None:
            return segment
        is_over = segment is not None and (
            frame.form != segment.form
            or (at - segment.origin) * 1000 / self._clock >= self._segment_ms
        )
        if is_over:
            self.close()
        if self._open is None:
            self._open = self._begin(frame.form, at, now_s)
        return self._open

    def _begin(self, form: TrackForm, origin: int, now_s: float) -> Segment:
        name = f"{self.participant_id}-{self.source}-{int(now_s * 1000)}{form.suffix}"
        file = (self._folder / name).open("wb", buffering=0)
        segment = Segment(name, form, now_s, file, origin)
        self.segments.append(segment)
        segment.write(matroska.header(form, now_s))
        return segment

    def _unwrap(self, timestamp: int) -> int:
        """Without the wrap at 2³², nearest to the one before."""
        if self._last is None:
            self._last = timestamp + _M32
        else:
            step = (timestamp - self._last + _M32 // 2) % _M32 - _M32 // 2
            self._last += step
        return self._last
