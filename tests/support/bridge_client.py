"""A synthetic site: a participant of the bridge without a browser, written from docs/protocol.md.

Its own transport (ICE controlling side, DTLS client, SRTP), its own transport feedback, media that
only looks like VP8 and Opus and carries its send time. As a command: see `--help`.
"""

import asyncio
import contextlib
import random
import secrets
import socket
import struct
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aioice import stun
from aiortc.rtcdtlstransport import RTCCertificate
from pylibsrtp._binding import ffi

from conf.media import dtls, rtcp
from conf.media.sdp import Extension
from conf.media.srtp import OK, Keys, SrtpContexts, protect, unprotect, unprotect_rtcp
from conf.media.twcc import FeedbackBuilder

LEVEL, SEND_TIME, TRANSPORT, MID, RID, RRID = 1, 2, 3, 4, 10, 11
OPUS, RED, VP8, RTX, H264 = 111, 63, 96, 97, 102
_FIXED = struct.Struct("!BBHII")
_STAMP = struct.Struct("!d")
_PAYLOAD_STAMP_AT = 16  # after the longest descriptor and a key frame's header

_EXTENSIONS = "".join(
    f"a=extmap:{number} {uri}\r\n"
    for number, uri in (
        (LEVEL, Extension.AUDIO_LEVEL),
        (TRANSPORT, Extension.TRANSPORT_CC),
        (MID, Extension.MID),
        (RID, Extension.RID),
        (RRID, Extension.REPAIRED_RID),
    )
)


def make_offer(
    ufrag: str, password: str, fingerprint: str, layers: Sequence[str], thumbnails: int
) -> str:
    """The offer of the fixed pool."""
    kinds = ["audio", "video", "video", *["audio"] * 3, *["video"] * (2 + thumbnails)]
    mids = [str(i) for i in range(len(kinds))]
    lines = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
    lines += f"a=group:BUNDLE {' '.join(mids)}\r\na=extmap-allow-mixed\r\n"
    for i, kind in enumerate(kinds):
        payloads = f"{OPUS}" if kind == "audio" else f"{VP8} {RTX} {H264}"
        lines += f"m={kind} 9 UDP/TLS/RTP/SAVPF {payloads}\r\nc=IN IP4 0.0.0.0\r\n"
        lines += f"a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\na=fingerprint:{fingerprint}\r\n"
        lines += f"a=setup:actpass\r\na=mid:{i}\r\n{_EXTENSIONS}"
        lines += "a=sendonly\r\n" if i < 3 else "a=recvonly\r\n"
        lines += "a=rtcp-mux\r\na=rtcp-rsize\r\n"
        if kind == "audio":
            lines += f"a=rtpmap:{OPUS} opus/48000/2\r\na=rtcp-fb:{OPUS} transport-cc\r\n"
            lines += f"a=rtcp-fb:{OPUS} nack\r\na=fmtp:{OPUS} minptime=10;useinbandfec=1\r\n"
        else:
            lines += f"a=rtpmap:{VP8} VP8/90000\r\n"
            for feedback in ("transport-cc", "ccm fir", "nack", "nack pli"):
                lines += f"a=rtcp-fb:{VP8} {feedback}\r\n"
            lines += f"a=rtpmap:{H264} H264/90000\r\na=fmtp:{H264} packetization-mode=1;"
            lines += "profile-level-id=42e01f\r\n"
            lines += f"a=rtpmap:{RTX} rtx/90000\r\na=fmtp:{RTX} apt={VP8}\r\n"
        if i == 1 and layers:
            lines += "".join(f"a=rid:{rid} send\r\n" for rid in layers)
            lines += f"a=simulcast:send {';'.join(layers)}\r\n"
    return lines


@dataclass
class Answer:
    """What a client needs of the bridge's answer."""

    ufrag: str
    password: str
    fingerprint: tuple[str, str]
    candidates: list[tuple[str, str, int]]  # "udp" | "tcp", host, port
    ssrcs: dict[int, str]  # media SSRC → mid
    rtx_ssrcs: dict[int, str]


def read_answer(sdp: str) -> Answer:
    """Parse the bridge's own answer."""
    answer = Answer("", "", ("", ""), [], {}, {})
    mid = ""
    for line in sdp.splitlines():
        name, _, value = line.partition(":")
        words = value.split(" ")
        if name == "a=ice-ufrag":
            answer.ufrag = value
        elif name == "a=ice-pwd":
            answer.password = value
        elif name == "a=fingerprint":
            answer.fingerprint = (words[0], words[1])
        elif name == "a=candidate":
            answer.candidates.append((words[2].lower(), words[4], int(words[5])))
        elif name == "a=mid":
            mid = value
        elif name == "a=ssrc-group":
            answer.rtx_ssrcs[int(words[2])] = mid
        elif name == "a=ssrc" and int(words[0]) not in answer.rtx_ssrcs:
            answer.ssrcs[int(words[0])] = mid
    return answer


@dataclass
class Stream:
    """One received SSRC."""

    mid: str
    packets: int = 0
    octets: int = 0
    key_frames: int = 0
    first_at: float = 0.0
    highest: int = -1
    lost: int = 0
    reordered: int = 0
    sequences: list[int] = field(default_factory=list)
    timestamps: list[int] = field(default_factory=list)
    pictures: list[int] = field(default_factory=list)
    origins: list[bytes] = field(default_factory=list)


@dataclass
class Source:
    """One sent SSRC."""

    ssrc: int
    payload_type: int
    mid: str
    rid: str | None
    sequence: int = 0
    timestamp: int = 0
    picture: int = 0
    tl0: int = 0
    packets: int = 0
    octets: int = 0
    sent: dict[int, bytes] = field(default_factory=dict)


class Site:
    """One synthetic participant. `keep` records sequences and the like (tests, not benches)."""

    def __init__(
        self,
        name: str,
        *,
        layers: Sequence[str] = ("q", "h", "f"),
        thumbnails: int = 8,
        keep: bool = False,
        profiles: Iterable[Any] | None = None,
    ) -> None:
        self.name = name
        self.keep = keep
        self._certificate = RTCCertificate.generateCertificate()
        self._ufrag, self._password = secrets.token_hex(4), secrets.token_hex(12)
        self._layers, self._thumbnails = layers, thumbnails
        self._profiles = list(profiles) if profiles else None
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.answer = Answer("", "", ("", ""), [], {}, {})
        self.remote: tuple[str, int] = ("", 0)
        self.srtp: SrtpContexts | None = None
        self.streams: dict[int, Stream] = {}
        self.audio = Source(secrets.randbits(32), OPUS, "0", None)
        rids: Sequence[str] = layers or ("",)
        self.cameras = {rid: Source(secrets.randbits(32), VP8, "1", rid or None) for rid in rids}
        self.latencies: list[float] = []
        self.wants_latency = False
        self.plis = self.firs = self.nacks = self.feedbacks = self.reports = 0
        self.keyframe_asked: set[int] = set()
        self.rtcp_seen: list[rtcp.Report] = []
        self._feedback = FeedbackBuilder()
        self._transport_number = 0
        self._link: dtls.DtlsLink | None = None
        self._buffer = ffi.new("char[]", 2048)
        self._bytes = memoryview(ffi.buffer(self._buffer)).cast("B")
        self._size = ffi.new("int *")
        self._tx = ffi.new("char[]", 2048)
        self._tx_bytes = memoryview(ffi.buffer(self._tx)).cast("B")
        self._tasks: list[asyncio.Task[None]] = []
        self._stun_ok = asyncio.Event()
        self._checks: set[bytes] = set()
        self.stun_replies = 0
        self.drop_received = 0.0  # share of media packets thrown away on arrival

    # -- connecting -------------------------------------------------------------------------------

    def offer(self) -> str:
        """The offer; the same until `new_credentials`."""
        return make_offer(
            self._ufrag,
            self._password,
            dtls.fingerprint(self._certificate),
            self._layers,
            self._thumbnails,
        )

    def new_credentials(self) -> None:
        """For an ICE restart."""
        self._ufrag, self._password = secrets.token_hex(4), secrets.token_hex(12)

    async def connect(self, answer_sdp: str) -> None:
        """ICE, DTLS, SRTP; then receive until `close`."""
        self.accept(answer_sdp)
        asyncio.get_running_loop().add_reader(self.socket.fileno(), self._readable)
        await self.check()
        self._link = dtls.DtlsLink(
            self._certificate, self.send_raw, lambda: None, is_server=False, profiles=self._profiles
        )
        keys: Keys = await self._link.handshake([self.answer.fingerprint])
        self.srtp = SrtpContexts(keys)
        self._tasks = [asyncio.create_task(self._keep_alive()), asyncio.create_task(self._report())]

    def accept(self, answer_sdp: str) -> None:
        """Take the bridge's answer: where it is and its credentials."""
        self.answer = read_answer(answer_sdp)
        udp = [(host, port) for kind, host, port in self.answer.candidates if kind == "udp"]
        self.remote = next((at for at in udp if ":" not in at[0]), udp[0])

    def binding_request(self, transaction_id: bytes | None = None) -> bytes:
        """A connectivity check with USE-CANDIDATE."""
        message = stun.Message(
            stun.Method.BINDING,
            stun.Class.REQUEST,
            transaction_id,
            {
                "USERNAME": f"{self.answer.ufrag}:{self._ufrag}",
                "PRIORITY": 1845501695,
                "ICE-CONTROLLING": random.getrandbits(64),
                "USE-CANDIDATE": None,
            },
        )
        message.add_message_integrity(self.answer.password.encode())
        return bytes(message)

    async def check(self) -> None:
        """Send checks until one of them is answered: all the bridge sent before has been read."""
        self._stun_ok.clear()
        self._checks.clear()
        async with asyncio.timeout(20):
            while not self._stun_ok.is_set():
                self._checks.add(transaction := secrets.token_bytes(12))
                self.send_raw(self.binding_request(transaction))
                try:
                    await asyncio.wait_for(self._stun_ok.wait(), 0.1)
                except TimeoutError:
                    continue

    def move(self) -> None:
        """Go on from another local port, as after a change of network."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self.socket.fileno())
        self.socket.close()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind(("127.0.0.1", 0))
        loop.add_reader(self.socket.fileno(), self._readable)

    async def close(self, *, says_goodbye: bool = True) -> None:
        """Stop; without a goodbye it just falls silent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._link is not None and says_goodbye:
            await self._link.close()
        asyncio.get_running_loop().remove_reader(self.socket.fileno())
        self.socket.close()
        if self._link is not None:
            await self._link.close()  # unheard, for the socket is closed

    def send_raw(self, data: bytes | memoryview) -> None:
        """One datagram to the bridge."""
        with contextlib.suppress(OSError):
            self.socket.sendto(data, self.remote)

    # -- receiving --------------------------------------------------------------------------------

    def _readable(self) -> None:
        view = self._bytes
        for _ in range(256):
            try:
                size = self.socket.recv_into(view)
            except BlockingIOError:
                return
            except OSError:
                continue
            if size:
                self._on_datagram(view, size)

    def _on_datagram(self, view: memoryview, size: int) -> None:
        first = view[0]
        if first < 4:
            self.stun_replies += 1
            if bytes(view[8:20]) in self._checks:
                self._stun_ok.set()
        elif first < 64:
            if self._link is not None:
                self._link.feed(bytes(view[:size]))
        elif self.srtp is not None:
            self._size[0] = size
            if 191 < view[1] < 224:
                if unprotect_rtcp(self.srtp.receive, self._buffer, self._size) == OK:
                    self._on_rtcp(bytes(view[: self._size[0]]))
            elif self.drop_received and random.random() < self.drop_received:
                return
            elif unprotect(self.srtp.receive, self._buffer, self._size) == OK:
                self._on_rtp(view, self._size[0])

    def _on_rtp(self, view: memoryview, size: int) -> None:
        now = time.monotonic()
        _, second, sequence, timestamp, ssrc = _FIXED.unpack_from(view)
        header = 12 + 4 + 4 * int.from_bytes(view[14:16], "big") if view[0] & 0x10 else 12
        if view[0] & 0x10 and view[16] >> 4 == TRANSPORT:
            self._feedback.add(view[17] << 8 | view[18], int(now * 1e6))
        stream = self.streams.get(ssrc)
        if stream is None:
            mid = self.answer.ssrcs.get(ssrc) or "rtx" + self.answer.rtx_ssrcs.get(ssrc, "?")
            stream = self.streams[ssrc] = Stream(mid, first_at=now)
        stream.packets += 1
        stream.octets += size
        self._number(stream, sequence)
        if self.wants_latency and size >= header + _PAYLOAD_STAMP_AT + 8:
            (sent_at,) = _STAMP.unpack_from(view, header + _PAYLOAD_STAMP_AT)
            self.latencies.append(now - sent_at)
        if second & 0x7F == VP8:
            stream.key_frames += view[header] & 0x10 != 0 and not view[header + 6] & 1
            if self.keep:
                stream.pictures.append((view[header + 2] & 0x7F) << 8 | view[header + 3])
        if self.keep:
            stream.sequences.append(sequence)
            stream.timestamps.append(timestamp)
            at = header + _PAYLOAD_STAMP_AT + 8
            stream.origins.append(bytes(view[at : at + 8]))

    @staticmethod
    def _number(stream: Stream, sequence: int) -> None:
        if stream.highest < 0:
            stream.highest = sequence
            return
        step = ((sequence - stream.highest + 0x8000) & 0xFFFF) - 0x8000
        if step > 0:
            stream.lost += step - 1
            stream.highest = sequence
        else:
            stream.reordered += 1
            stream.lost -= 1

    def _on_rtcp(self, packet: bytes) -> None:
        for report in rtcp.parse(packet):
            match report:
                case rtcp.Pli():
                    self.plis += 1
                    self.keyframe_asked.add(report.media)
                case rtcp.Fir():
                    self.firs += 1
                case rtcp.Nack():
                    self.nacks += 1
                    self._repair(report)
                case rtcp.TransportFeedback():
                    self.feedbacks += 1
                case _:
                    self.reports += 1
            if self.keep:
                self.rtcp_seen.append(report)

    def _repair(self, nack: rtcp.Nack) -> None:
        """For those who keep what they sent."""

    def mid(self, mid: str) -> Stream:
        """What came for one section; an empty stream when nothing did."""
        return next((s for s in self.streams.values() if s.mid == mid), Stream(mid))

    def received(self) -> int:
        """Media packets of all sections."""
        return sum(s.packets for s in self.streams.values())

    # -- sending ----------------------------------------------------------------------------------

    def send_audio(self, level: int = 20, size: int = 80, *, drop: bool = False) -> None:
        """20 ms of something loud by `level` -dBov."""
        self.audio.timestamp = (self.audio.timestamp + 960) & 0xFFFFFFFF
        self._send(self.audio, True, self._body(b"\xfc" * 16, size), level, drop=drop)

    def send_frame(
        self,
        rid: str = "",
        *,
        packets: int = 1,
        key: bool = False,
        size: int = 1100,
        drop: Iterable[int] = (),
        temporal: int = 0,
    ) -> None:
        """One picture of a layer in `packets` packets; those numbered in `drop` are not sent."""
        source = self.cameras[rid]
        source.timestamp = (source.timestamp + 3000) & 0xFFFFFFFF
        source.picture = (source.picture + 1) & 0x7FFF
        source.tl0 = (source.tl0 + (temporal == 0)) & 0xFF
        layer = bytes((temporal << 6 | 0x20 * (temporal == 1),))  # Y: needs only layer 0
        for i in range(packets):
            descriptor = bytes((0x90 if i == 0 else 0x80, 0xE0, 0x80 | source.picture >> 8))
            descriptor += bytes((source.picture & 0xFF, source.tl0)) + layer
            head = b"\x10\x02\x00\x9d\x01\x2a\x80\x02\x68\x01" if key else b"\x11" + bytes(9)
            body = self._body(descriptor + head, size)
            self._send(source, i == packets - 1, body, None, drop=i in drop)

    def send_payload(
        self, source: Source, payload: bytes, step: int, *, marker: bool = True
    ) -> None:
        """A payload as it is (really encoded media), `step` later than the one before."""
        source.timestamp = (source.timestamp + step) & 0xFFFFFFFF
        self._send(source, marker, payload, 20 if source is self.audio else None)

    def send_vp8(self, source: Source, frame: bytes, step: int, size: int = 1000) -> None:
        """An encoded picture in as many packets as it needs."""
        parts = [frame[at : at + size] for at in range(0, len(frame), size)]
        for i, part in enumerate(parts):
            head = b"\x10" if i == 0 else b"\x00"
            self.send_payload(source, head + part, 0 if i else step, marker=i == len(parts) - 1)

    def _body(self, head: bytes, size: int) -> bytes:
        stamp = _STAMP.pack(time.monotonic())
        body = head[:_PAYLOAD_STAMP_AT] + stamp + self.name.encode().ljust(8, b"\0")[:8]
        return body + bytes(max(0, size - len(body)))

    def _send(
        self, source: Source, marker: bool, body: bytes, level: int | None, *, drop: bool = False
    ) -> None:
        assert self.srtp is not None
        source.sequence = (source.sequence + 1) & 0xFFFF
        self._transport_number = (self._transport_number + 1) & 0xFFFF
        elements = bytes((TRANSPORT << 4 | 1,)) + self._transport_number.to_bytes(2, "big")
        elements += bytes((MID << 4 | len(source.mid) - 1,)) + source.mid.encode()
        if source.rid:
            elements += bytes((RID << 4 | len(source.rid) - 1,)) + source.rid.encode()
        if level is not None:
            elements += bytes((LEVEL << 4, level | 0x80))
        elements += bytes(-len(elements) % 4)
        first = (0x90, source.payload_type | (0x80 if marker else 0))
        packet = _FIXED.pack(*first, source.sequence, source.timestamp, source.ssrc)
        packet += b"\xbe\xde" + (len(elements) // 4).to_bytes(2, "big") + elements + body
        self._tx_bytes[: len(packet)] = packet
        self._size[0] = len(packet)
        if protect(self.srtp.send, self._tx, self._size) != OK:
            return
        source.packets += 1
        source.octets += len(body)
        if not drop:
            self.send_raw(self._tx_bytes[: self._size[0]])

    def send_rtcp(self, *reports: rtcp.Report) -> None:
        """A compound packet."""
        assert self.srtp is not None
        protected = self.srtp.protect_rtcp(rtcp.build(reports))
        assert protected is not None
        self.send_raw(protected)

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(2.0)
            self.send_raw(self.binding_request())

    async def _report(self) -> None:
        """Transport feedback every 60 ms, an RR every second."""
        count = 0
        while True:
            await asyncio.sleep(0.06)
            count += 1
            assert self.srtp is not None
            if self.streams:
                for packet in self._feedback.build(1, next(iter(self.streams))):
                    protected = self.srtp.protect_rtcp(packet) if packet else None
                    if protected:
                        self.send_raw(protected)
            if count % 16 == 0:
                blocks = [self._block(*stream) for stream in list(self.streams.items())[:31]]
                self.send_rtcp(rtcp.ReceiverReport(1, tuple(blocks)))

    def _block(self, ssrc: int, stream: Stream) -> rtcp.ReportBlock:
        return rtcp.ReportBlock(ssrc, 0, 0, max(0, stream.highest), 0, 0, 0)


if __name__ == "__main__":
    from tests.support.bridge_site import main

    raise SystemExit(main())
