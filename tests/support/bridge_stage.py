"""A track, its forwarding loop and real down slots whose packets arrive on a socket of ours."""

import socket
from dataclasses import dataclass, replace
from typing import Any

from aiortc.rtcdtlstransport import RTCCertificate
from pylibsrtp import Policy
from pylibsrtp._binding import ffi

from conf.media import compiled
from conf.media.answer import DownStream
from conf.media.downslot import DownSlot
from conf.media.forward import Forwarder
from conf.media.outbox import Outbox
from conf.media.publisher import Track
from conf.media.rtp import MAX_HEADER, Packet, extension_table
from conf.media.sdp import CodecName, Extension, Role, Section, parse_offer
from conf.media.session import Session
from conf.media.srtp import OK, Keys, SrtpContexts, unprotect
from conf.media.twcc import Told
from conf.media.udp import Endpoint, open_port, pack_sockaddr
from tests.support.bridge_client import OPUS, VP8, Site
from tests.support.bridge_viewer import Viewer

KEYS = Keys(Policy.SRTP_PROFILE_AEAD_AES_128_GCM, bytes(28), bytes(28))


class Nobody:
    """A sink that takes nothing."""

    def on_rtp(self, memory: memoryview, base: int, size: int, now: float) -> None:
        """Ignored."""

    def on_rtcp(
        self, memory: memoryview, base: int, size: int, now: float, waited_s: float
    ) -> None:
        """Ignored."""

    def on_told(self, told: Told, now: float) -> None:
        """Ignored."""

    def on_connected(self) -> None:
        """Ignored."""

    def on_lost(self, reason: str) -> None:
        """Ignored."""


@dataclass
class Arrived:
    """One packet as the subscriber reads it."""

    number: int
    timestamp: int
    kind: int
    payload: bytes
    transport: int = -1  # its transport-wide number

    @property
    def picture(self) -> int:
        """The wide PictureID."""
        return (self.payload[2] & 0x7F) << 8 | self.payload[3]

    @property
    def tl0(self) -> int:
        """TL0PICIDX."""
        return self.payload[4]


class Stage:
    """One camera or voice, one slot; `say` puts a packet in, `read` takes what came out."""

    def __init__(self, role: Role = Role.CAMERA_UP, down: Role = Role.MAIN_DOWN) -> None:
        site: Site = Viewer("stage")
        offer = parse_offer(site.offer())
        site.socket.close()
        self.sections: dict[Role, Section] = {s.role: s for s in offer.sections}
        self.port = open_port("127.0.0.1", 0)
        self.outbox = Outbox(self.port)
        self.forwarder = Forwarder(self.outbox, lambda *_: None, native=compiled.load())
        self.track = Track("a", self.sections[role])
        self.track.is_allowed = True
        self.layer = self.track.layers[0]
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.05)
        self.session = Session(
            RTCCertificate.generateCertificate(), (), self.port.send, Nobody(), 0.0
        )
        self.session.srtp = SrtpContexts(KEYS)
        self.session.context = self.session.srtp.send
        self.session.endpoint = Endpoint(pack_sockaddr(socket.AF_INET, self.socket.getsockname()))
        self._receiver = SrtpContexts(KEYS)
        self.slot = self.add_slot(down)
        self._packet = Packet()
        self.table = extension_table({})
        self.down_table = extension_table({Extension.TRANSPORT_CC: 3})

    def add_slot(self, down: Role, ssrc: int = 77, lacks: CodecName | None = None) -> DownSlot:
        """A slot that waits for the layer; `lacks`: a codec its site did not offer."""
        section = self.sections[down]
        codecs = tuple(codec for codec in section.codecs if codec.name is not lacks)
        section = replace(section, codecs=codecs)
        slot = DownSlot(self.session, section, DownStream(ssrc, ssrc + 1))
        slot.track = self.track
        slot.want(self.layer)
        return slot

    def say(
        self,
        sequence: int,
        payload: bytes,
        *,
        timestamp: int = 0,
        kind: int = VP8,
        now: float = 1.0,
    ) -> None:
        """A packet from the publisher; forwarded at the next `read`."""
        memory, base = self.port.rx.memory, self.port.rx.bases[0] + MAX_HEADER
        data = bytes((0x80, kind)) + sequence.to_bytes(2, "big") + timestamp.to_bytes(4, "big")
        data += bytes(4) + payload
        memory[base : base + len(data)] = data
        self._packet.read(memory, base, base + len(data), self.table)
        self.forwarder.on_packet(self.layer, self._packet, memory, now)

    def picture(
        self,
        sequence: int,
        number: int,
        *,
        temporal: int = 0,
        key: bool = False,
        now: float = 1.0,
    ) -> None:
        """A picture of one packet with PictureID `number`."""
        payload = vp8(number, temporal=temporal, key=key)
        self.say(sequence, payload, timestamp=3000 * number, now=now)

    def voice(self, sequence: int, body: bytes) -> None:
        """20 ms of sound."""
        self.say(sequence, body, timestamp=960 * sequence, kind=OPUS)

    def read(self, now: float = 1.0) -> list[Arrived]:
        """What has been sent since the last call."""
        self.forwarder.emit(now)
        self.outbox.flush()
        got: list[Arrived] = []
        while True:
            try:
                got.append(self._decrypt(self.socket.recv(2048)))
            except TimeoutError:
                return got

    def _decrypt(self, data: bytes) -> Arrived:
        buffer = ffi.new("char[]", data.ljust(2048, b"\0"))
        size = ffi.new("int *", len(data))
        context: Any = self._receiver.receive
        assert unprotect(context, buffer, size) == OK
        plain = bytes(ffi.buffer(buffer, size[0]))
        packet = Packet()
        packet.read(bytearray(plain), 0, len(plain), self.down_table)
        payload = plain[packet.payload : packet.payload_end]
        kind, number = packet.payload_type, packet.transport_sequence
        return Arrived(packet.sequence, packet.timestamp, kind, payload, number)

    def close(self) -> None:
        """Free the ports."""
        self.socket.close()
        self.port.close()


def vp8(number: int, *, temporal: int = 0, key: bool = False) -> bytes:
    """The start of a VP8 picture with all fields browsers send."""
    descriptor = bytes((0x90, 0xE0, 0x80 | number >> 8, number & 0xFF, number & 0xFF))
    descriptor += bytes((temporal << 6 | 0x20 * (temporal == 1),))
    head = b"\x10\x02\x00\x9d\x01\x2a\x80\x02\x68\x01" if key else b"\x11" + bytes(9)
    return descriptor + head + bytes(40)


def red(*voices: bytes) -> bytes:
    """A RED payload of voices 20 ms apart, oldest first."""
    back = range(960 * (len(voices) - 1), 0, -960)
    heads = [
        bytes((0x80 | OPUS, at >> 6, at << 2 & 0xFF | len(old) >> 8, len(old) & 0xFF))
        for at, old in zip(back, voices, strict=False)
    ]
    return b"".join((*heads, bytes((OPUS,)), *voices))
