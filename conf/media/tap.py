"""The worker's side of a recording: copies of what may be forwarded, over a Unix socket.

The socket keeps packets apart and has a connection (SOCK_SEQPACKET): of datagrams a kernel holds
ten by default (net.unix.max_dgram_qlen), fewer than a key frame has packets.

`T` + JSON names a track by a random number, every second anew, so that a recorder that starts
later knows it; `P` + number, extended sequence, timestamp, marker, payload is one packet. Nothing
waits for the recorder: what its socket does not take is dropped and counted.
"""

import json
import secrets
import socket
import struct
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from conf.media.layer import Layer
from conf.media.model import SourceKind
from conf.media.publisher import Publisher, Track
from conf.media.rtp import Packet
from conf.media.sdp import CodecName

if TYPE_CHECKING:
    from conf.media.room import Room

TRACK: Final = b"T"
PACKET: Final = b"P"
SOCKET_NAME: Final = "recorder-data.sock"
_HEAD: Final = struct.Struct("!cIQIB")


def read_packet(datagram: bytes) -> tuple[int, int, int, bool, bytes]:
    """Track number, extended sequence, timestamp, marker, payload. Raises: struct.error."""
    _, number, ext, timestamp, marker = _HEAD.unpack_from(datagram)
    return number, ext, timestamp, bool(marker), datagram[_HEAD.size :]


class _Tapped:
    """One layer as the recorder knows it."""

    def __init__(self, room_id: str, publisher: Publisher, layer: Layer) -> None:
        self.room_id = room_id
        self.publisher = publisher
        self.layer = layer
        self.ssrc = layer.ssrc
        self.number = secrets.randbits(32)
        self.codec: CodecName | None = None

    def name(self) -> bytes:
        """The datagram that names it."""
        track = self.layer.track
        told = {
            "track": self.number, "room_id": self.room_id, "participant_id": track.owner,
            "source": track.kind.value, "codec": self.codec,
        }  # fmt: skip
        return TRACK + json.dumps(told).encode()

    def close(self) -> None:
        """Record it no more."""
        self.publisher.recorded.pop(self.layer, None)


class Tap:
    """Owner: the worker's loop. `dropped`: packets the recorder did not take."""

    def __init__(self, path: Path) -> None:
        """`path`: the recorder's data socket; it may come and go."""
        self._path = str(path)
        self._socket: socket.socket | None = None
        self._tapped: dict[Track, _Tapped] = {}
        self.sent = 0
        self.dropped = 0

    def tick(self, rooms: Iterable["Room"], now: float) -> None:
        """Every second or so: record the best layer of each track of each recorded room."""
        wanted: dict[Track, tuple[str, Publisher, Layer]] = {}
        for room in rooms:
            if room.state.is_recorded:
                for seat in room.seats.values():
                    for track in seat.publisher.tracks.values():
                        alive = track.alive(now)
                        if alive:
                            wanted[track] = (room.room_id, seat.publisher, alive[-1])
        for track in [track for track in self._tapped if track not in wanted]:
            self._tapped.pop(track).close()
        for track, (room_id, publisher, layer) in wanted.items():
            self._follow(track, room_id, publisher, layer, now)
        for tapped in self._tapped.values():
            if tapped.codec is not None:
                self._send(tapped.name())

    def _follow(
        self, track: Track, room_id: str, publisher: Publisher, layer: Layer, now: float
    ) -> None:
        known = self._tapped.get(track)
        if known is not None and known.layer is layer and known.ssrc == layer.ssrc:
            return
        if known is not None:
            known.close()
        tapped = self._tapped[track] = _Tapped(room_id, publisher, layer)
        publisher.recorded[layer] = partial(self._record, tapped)
        if track.kind is not SourceKind.AUDIO:
            layer.request_keyframe(now)

    def _record(self, tapped: _Tapped, packet: Packet, memory: memoryview) -> None:
        codec = tapped.layer.track.codecs.get(packet.payload_type)
        if codec is None:
            return
        if codec is not tapped.codec:
            tapped.codec = codec
            tapped.number = secrets.randbits(32)
            self._send(tapped.name())
        ext = tapped.layer.extend(packet.sequence)
        head = _HEAD.pack(PACKET, tapped.number, ext, packet.timestamp, packet.marker)
        self._send(head + memory[packet.payload : packet.payload_end])

    def _send(self, datagram: bytes) -> None:
        try:
            if self._socket is None:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                self._socket.setblocking(False)
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
                self._socket.connect(self._path)
            self._socket.send(datagram)
            self.sent += 1
        except BlockingIOError:
            self.dropped += 1  # it is full; a later one may find room
        except OSError:
            self.dropped += 1
            self._hang_up()  # it is dead; opened anew at the next packet

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def close(self) -> None:
        """Record nothing more; idempotent."""
        for tapped in self._tapped.values():
            tapped.close()
        self._tapped.clear()
        self._hang_up()
