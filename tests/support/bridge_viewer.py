"""A synthetic site that receives like a browser: asks again, takes RED and RTX, decodes in order.

What it cannot play is counted as a listener and a viewer would notice it: voices that never came,
pictures that stood still.
"""

import asyncio
import time
from typing import Final

from conf.media import rtcp
from conf.media.errors import DecodeError
from conf.media.nack import NackGenerator
from conf.media.rtp import read_red
from tests.support.bridge_client import OPUS, RED, RTX, VP8, Site, Stream

FREEZE_S: Final = 0.5
STUCK_S: Final = 1.0
FIRST_AUDIO, MAIN = "3", "6"


class Screen:
    """Decodes one stream of pictures in order; a hole stops it until it is filled or skipped."""

    def __init__(self) -> None:
        self._next = -1
        self._waiting: dict[int, tuple[bool, bool]] = {}  # number → last of its picture, key start
        self._moved_at = 0.0
        self.pictures = 0
        self.freezes = 0
        self.frozen_s = 0.0
        self._shown_at = 0.0

    def add(self, number: int, is_last: bool, is_key: bool, now: float) -> bool:
        """A packet came, first-hand or repaired; True when a key frame must be asked for."""
        if self._next < 0:
            if not is_key:
                return now - self._moved_at > FREEZE_S
            self._next = number
            self._shown_at = self._moved_at = now
        if (number - self._next) & 0xFFFF > 0x8000:
            return False
        self._waiting[number] = (is_last, is_key)
        while self._next in self._waiting:
            last, _ = self._waiting.pop(self._next)
            self._next = (self._next + 1) & 0xFFFF
            self._moved_at = now
            if last:
                self._show(now)
        if now - self._moved_at < STUCK_S:
            return False
        keys = [n for n, (_, key) in self._waiting.items() if key]
        if keys:
            self._next = min(keys, key=lambda n: (n - self._next) & 0xFFFF)
        return not keys

    def stop(self, begun: float, now: float) -> None:
        """Nothing is counted any more: a picture that still stands has stood since, too."""
        since = max(begun, self._shown_at)
        if now - since > FREEZE_S:
            self.freezes += 1
            self.frozen_s += now - since

    def _show(self, now: float) -> None:
        self.pictures += 1
        if now - self._shown_at > FREEZE_S:
            self.freezes += 1
            self.frozen_s += now - self._shown_at
        self._shown_at = now


class Viewer(Site):
    """Count `voices` and `screen` over a stretch of time; `sizes` tells the layer shown."""

    def __init__(self, name: str, *, thumbnails: int = 2, round_trip_s: float = 0.1) -> None:
        super().__init__(name, layers=(), thumbnails=thumbnails)
        self._round_trip_s = round_trip_s  # a browser knows it from its checks
        self.voices: set[int] = set()
        self.screen = Screen()
        self.sizes: list[tuple[float, int]] = []  # (when, payload bytes) of main's packets
        self._holes: dict[int, NackGenerator] = {}
        self._asked_at = 0.0
        self._told: dict[int, tuple[int, float]] = {}  # by SSRC: the last sender report, and when

    def offer(self) -> str:
        """Offers RED on the audio sections too."""
        sdp = super().offer().replace(f"SAVPF {OPUS}\r\n", f"SAVPF {OPUS} {RED}\r\n")
        more = f"a=rtpmap:{RED} red/48000/2\r\na=fmtp:{RED} {OPUS}/{OPUS}\r\n"
        mark = f"a=fmtp:{OPUS} minptime=10;useinbandfec=1\r\n"
        return sdp.replace(mark, mark + more)

    def _on_rtp(self, view: memoryview, size: int) -> None:
        super()._on_rtp(view, size)
        now = asyncio.get_running_loop().time()
        ssrc = int.from_bytes(view[8:12], "big")
        mid = self.answer.ssrcs.get(ssrc)
        number, timestamp = view[2] << 8 | view[3], int.from_bytes(view[4:8], "big")
        header = 12 + 4 + 4 * int.from_bytes(view[14:16], "big") if view[0] & 0x10 else 12
        kind = view[1] & 0x7F
        end = size - view[size - 1] if view[0] & 0x20 else size
        if mid == FIRST_AUDIO:
            self._holes.setdefault(ssrc, NackGenerator()).add(number, now)
            self._hear(bytes(view[header:end]), kind, timestamp)
        elif mid == MAIN and kind == VP8:
            self._holes.setdefault(ssrc, NackGenerator()).add(number, now)
            if end > header + 16:
                self.sizes.append((now, end - header))
            self._see(view, header, number, now, ssrc)
        elif self.answer.rtx_ssrcs.get(ssrc) == MAIN and kind == RTX and end > header + 2:
            media = next(s for s, m in self.answer.ssrcs.items() if m == MAIN)
            number = view[header] << 8 | view[header + 1]
            self._holes.setdefault(media, NackGenerator()).add(number, now)
            self._see(view, header + 2, number, now, media)

    def _hear(self, payload: bytes, kind: int, timestamp: int) -> None:
        if kind == OPUS:
            self.voices.add(timestamp)
            return
        try:
            for _, offset, _, _ in read_red(payload, 0, len(payload)):
                self.voices.add((timestamp - offset) & 0xFFFFFFFF)
        except DecodeError:
            return

    def _see(self, view: memoryview, at: int, number: int, now: float, ssrc: int) -> None:
        is_key = view[at] & 0x10 != 0 and not view[at + 6] & 1
        is_last = view[1] > 127
        if self.screen.add(number, is_last, is_key, now) and now - self._asked_at > 0.5:
            self._asked_at = now
            self.send_rtcp(rtcp.Pli(1, ssrc))

    def _on_rtcp(self, packet: bytes) -> None:
        super()._on_rtcp(packet)
        for report in rtcp.parse(packet):
            if isinstance(report, rtcp.SenderReport):
                self._told[report.ssrc] = (rtcp.middle(report.ntp), time.monotonic())

    def _block(self, ssrc: int, stream: Stream) -> rtcp.ReportBlock:
        """From which the bridge learns the round trip, as from a browser's."""
        last, came_at = self._told.get(ssrc, (0, 0.0))
        waited = int((time.monotonic() - came_at) * 65_536) & 0xFFFFFFFF if last else 0
        return rtcp.ReportBlock(ssrc, 0, 0, max(0, stream.highest), 0, last, waited)

    async def repair(self) -> None:
        """Run as a task: ask for what is missing, every 20 ms."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(0.02)
            for ssrc, holes in self._holes.items():
                missing = holes.due(loop.time(), self._round_trip_s)
                if missing:
                    self.send_rtcp(rtcp.Nack(1, ssrc, tuple(missing)))

    def main(self) -> Stream:
        """What came for the main picture."""
        return self.mid(MAIN)
