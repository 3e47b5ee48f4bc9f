"""A seat fed from this machine: H.264 RTP by Unix datagram instead of ICE, DTLS and SRTP.

For cameras; a new connection to one is a new SSRC. A datagram is the seat's random key of 16 bytes
and a plain RTP packet; whoever can reach the socket (mode 0600, the server's own user) still needs
the key. Such a seat receives nothing and cannot be asked for key frames: a switch to it waits for
the camera's next one.
"""

import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from conf.media.udp import MAX_DATAGRAM

if TYPE_CHECKING:
    from conf.media.seat import Seat

SOCKET_PATTERN: Final = "media-{}-plain.sock"
KEY_BYTES: Final = 16
PAYLOAD_TYPE: Final = 102
_BURST: Final = 200
_HEADER_ROOM: Final = 64  # a clean header may be composed before the payload

_POOL: Final = (
    ("audio", "inactive"), ("video", "sendonly"), ("video", "inactive"),
    *[("audio", "inactive")] * 3, ("video", "inactive"), ("video", "inactive"),
)  # fmt: skip


def plain_offer() -> str:
    """An offer of the fixed pool in which only the camera section is used."""
    lines = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
    lines += f"a=group:BUNDLE {' '.join(str(i) for i in range(len(_POOL)))}\r\n"
    for i, (kind, direction) in enumerate(_POOL):
        payload = 111 if kind == "audio" else PAYLOAD_TYPE
        lines += f"m={kind} 9 UDP/TLS/RTP/SAVPF {payload}\r\nc=IN IP4 0.0.0.0\r\n"
        lines += f"a=ice-ufrag:plain\r\na=ice-pwd:{'0' * 22}\r\na=setup:actpass\r\n"
        lines += f"a=fingerprint:sha-256 {':'.join(['00'] * 32)}\r\na=mid:{i}\r\n"
        lines += f"a={direction}\r\na=rtcp-mux\r\n"
        if kind == "audio":
            lines += "a=rtpmap:111 opus/48000/2\r\n"
        else:
            lines += f"a=rtpmap:{PAYLOAD_TYPE} H264/90000\r\n"
            lines += f"a=fmtp:{PAYLOAD_TYPE} profile-level-id=42e01f;packetization-mode=1\r\n"
    return lines


class PlainInput:
    """Owner: the worker's loop."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        """Raises: OSError: the socket cannot be made."""
        self._path = path
        self._clock = clock
        self._seats: dict[bytes, Seat] = {}
        self._sources: dict[Seat, int] = {}
        self._buffer = bytearray(_HEADER_ROOM + MAX_DATAGRAM + 1)  # one more: it was longer
        self._view = memoryview(self._buffer)
        self.refused = 0
        path.unlink(missing_ok=True)  # of a worker that was killed
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind(str(path))
        path.chmod(0o600)

    def admit(self, seat: "Seat") -> str:
        """Let this seat be fed. Returns: its key, in hex."""
        key = secrets.token_bytes(KEY_BYTES)
        self._seats[key] = seat
        return key.hex()

    def forget(self, seat: "Seat") -> None:
        """Its key opens nothing any more; idempotent."""
        self._seats = {key: known for key, known in self._seats.items() if known is not seat}
        self._sources.pop(seat, None)

    def on_readable(self) -> None:
        """Take what has come, at most a burst."""
        room = self._view[_HEADER_ROOM - KEY_BYTES :]
        for _ in range(_BURST):
            try:
                size = self.socket.recv_into(room)
            except BlockingIOError:
                return
            seat = self._seats.get(bytes(room[:KEY_BYTES]))
            if seat is None or not 12 <= size - KEY_BYTES <= MAX_DATAGRAM:
                self.refused += 1
                continue
            ssrc = int.from_bytes(room[KEY_BYTES + 8 : KEY_BYTES + 12], "big")
            if ssrc != self._sources.get(seat):
                self._sources[seat] = ssrc
                seat.publisher.adopt(ssrc)
            now = self._clock()
            seat.session.heard_at = now
            if not seat.is_connected:
                seat.on_connected()
            seat.on_rtp(self._view, _HEADER_ROOM, size - KEY_BYTES, now)

    def close(self) -> None:
        """Idempotent."""
        self._seats.clear()
        self.socket.close()
        self._path.unlink(missing_ok=True)
