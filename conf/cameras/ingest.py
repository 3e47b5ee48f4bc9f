"""One camera: open the stream, judge it in words, hand its packets to the worker; again and again.

Runs in a thread of its own, for PyAV blocks. Every wait on the camera has a deadline, so that a
stop is heard within seconds.
"""

import errno
import os
import secrets
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import av
from av.error import FFmpegError

from conf.cameras.packetize import Packetizer
from conf.media.plain import PAYLOAD_TYPE

OPEN_TIMEOUT_S: Final = 8.0
READ_TIMEOUT_S: Final = 6.0
RETRY_PAUSES_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0)
OPTIONS: Final = {
    "rtsp_transport": "tcp",
    "protocol_whitelist": "rtsp,rtsps,rtp,tcp,tls",
    "fflags": "nobuffer",
    "allowed_media_types": "video",
}
_B_FRAMES: Final = (
    "the stream has B-frames, which browsers show jerkily or not at all; "
    "set the camera's profile to Baseline"
)
_LATE: Final = ("timeout", "the camera does not answer in time")
_REASONS: Final = {
    "HTTPUnauthorizedError": ("credentials", "the camera refuses the name or password"),
    "HTTPNotFoundError": (
        "no_stream", "the camera has no such stream; check the path in its address"
    ),
    "ConnectionRefusedError": ("refused", "nothing answers at this address and port"),
    "TimeoutError": _LATE,
    "ExitError": _LATE,
    "EOFError": ("ended", "the camera ended the stream"),
    "InvalidDataError": ("garbled", "the camera's answer cannot be understood"),
}  # fmt: skip
"""FFmpeg's errors by the name of their class."""
_HEADER: Final = struct.Struct("!BBHII")
_REORDER_SEEN: Final = 2  # pictures out of order before the stream is called unusable


class Unusable(Exception):
    """The stream can be read and cannot be shown; the text says what to change. `code`: stable."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class News:
    """What is known of a stream: `live`, `retrying` or `unusable`.

    `code`: why not, stable; `words`: the same for people, or the picture's size.
    """

    state: str
    code: str
    words: str


@dataclass(frozen=True)
class Feed:
    """What to read and where to put it. `key`: of the seat, see conf.media.plain."""

    camera: str
    url: str
    key: bytes
    socket_path: str


@dataclass
class Ingest:
    """`tell(camera, news)` is called from the thread, at every change."""

    feed: Feed
    tell: Callable[[str, News], None]
    _stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Begin; once."""
        threading.Thread(target=self._run, name=f"camera:{self.feed.camera}", daemon=True).start()

    def stop(self) -> None:
        """End within READ_TIMEOUT_S; idempotent."""
        self._stop.set()

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            news = ENDED
            try:
                if self._read():
                    failures = 0
            except (Unusable, FFmpegError, OSError) as error:
                news = in_words(error)
            if self._stop.is_set():
                return
            self.tell(self.feed.camera, news)
            pause = RETRY_PAUSES_S[min(failures, len(RETRY_PAUSES_S) - 1)]
            failures += 1
            self._stop.wait(pause)

    def _read(self) -> bool:
        """One connection, to its end. Returns: whether anything was shown."""
        with (
            _opened(self.feed.url) as container,
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out,
        ):
            stream = usable_stream(container)
            out.connect(self.feed.socket_path)
            out.settimeout(1.0)
            sender = _Sender(out, self.feed.key, bytes(stream.codec_context.extradata or b""))
            for packet in container.demux(stream):
                if self._stop.is_set():
                    break
                if packet.pts is None or not packet.size:
                    continue
                if not sender.sent:
                    self.tell(self.feed.camera, News("live", "", size_of(stream)))
                sender.send(bytes(packet), int(packet.pts * packet.time_base * 90_000))
            return sender.sent > 0


ENDED: Final = News("retrying", *_REASONS["EOFError"])


class _Sender:
    """RTP of one connection; its numbers begin at random, as RFC 3550 §5.1 asks."""

    def __init__(self, out: socket.socket, key: bytes, parameter_sets: bytes) -> None:
        self._out = out
        self._key = key
        self._packetizer = Packetizer(parameter_sets)
        self._ssrc = secrets.randbits(32)
        self._sequence = secrets.randbits(15)
        self._offset = secrets.randbits(31)
        self._newest = -(1 << 62)
        self._out_of_order = 0
        self.sent = 0

    def send(self, access_unit: bytes, time: int) -> None:
        """One picture at `time` (90 kHz). Raises: Unusable: pictures come out of order."""
        if time < self._newest:
            self._out_of_order += 1
            if self._out_of_order >= _REORDER_SEEN:
                raise Unusable("b_frames", _B_FRAMES)
        self._newest = max(self._newest, time)
        payloads = self._packetizer.payloads(access_unit)
        for i, payload in enumerate(payloads):
            marker = 0x80 if i == len(payloads) - 1 else 0
            timestamp = (time + self._offset) & 0xFFFFFFFF
            head = _HEADER.pack(0x80, marker | PAYLOAD_TYPE, self._sequence, timestamp, self._ssrc)
            self._sequence = (self._sequence + 1) & 0xFFFF
            self._out.send(self._key + head + payload)
        self.sent += 1


def usable_stream(container: Any) -> Any:
    """The picture to show. Raises: Unusable: says in words why there is none."""
    if not container.streams.video:
        raise Unusable("no_picture", "the camera sends no picture")
    stream = container.streams.video[0]
    codec = stream.codec_context
    if codec.name != "h264":
        known = {"hevc": "H.265", "mjpeg": "Motion JPEG", "mpeg4": "MPEG-4 Part 2"}
        name = known.get(codec.name, codec.name)
        raise Unusable("codec", f"the camera sends {name}; set its sub-stream to H.264")
    if codec.pix_fmt is not None and codec.pix_fmt not in ("yuv420p", "yuvj420p"):
        text = f"pictures of form {codec.pix_fmt}; browsers show 4:2:0 with 8 bits only"
        raise Unusable("pixels", text)
    if codec.has_b_frames:
        raise Unusable("b_frames", _B_FRAMES)
    return stream


def size_of(stream: Any) -> str:
    """As `704x576`; empty while unknown."""
    codec = stream.codec_context
    return f"{codec.width}x{codec.height}" if codec.width else ""


def in_words(error: Unusable | FFmpegError | OSError) -> News:
    """What an operator can act on."""
    if isinstance(error, Unusable):
        return News("unusable", error.code, str(error))
    if not isinstance(error, FFmpegError):
        text = f"the media worker does not take the stream: {error.strerror}"
        return News("retrying", "worker", text)
    if type(error).__name__ in _REASONS:
        return News("retrying", *_REASONS[type(error).__name__])
    return News("retrying", "unreadable", f"the stream cannot be read: {error.strerror}")


def trial(url: str) -> News:
    """Open the stream once, up to its first picture. Blocks for as long as the deadlines allow."""
    try:
        with _opened(url) as container:
            stream = usable_stream(container)
            for packet in container.demux(stream):
                if packet.pts is not None and packet.size:
                    return News("live", "", size_of(stream))
    except (Unusable, FFmpegError, OSError) as error:
        return in_words(error)
    return ENDED


def _opened(url: str) -> Any:
    """FFmpeg calls a camera that takes the connection and says nothing one it cannot understand."""
    timeout, began = (OPEN_TIMEOUT_S, READ_TIMEOUT_S), time.monotonic()
    try:
        return av.open(url, format="rtsp", options=OPTIONS, timeout=timeout)
    except FFmpegError as error:
        if time.monotonic() - began < OPEN_TIMEOUT_S:
            raise
        raise av.error.TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)) from error
