"""A camera: an RTSP server written from RFC 2326 that sends H.264 interleaved on TCP, for ever."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from conf.cameras.packetize import Packetizer, units
from tests.support.encoded import h264_frames, video_frames


@dataclass
class Camera:
    """`codec`: what the description says; `frames`: what is sent, 25 a second."""

    frames: list[bytes] = field(default_factory=h264_frames)
    codec: str = "H264"
    password: str = ""
    port: int = 0
    viewers: int = 0
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)
    _server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/live"

    async def start(self) -> None:
        """Listen, after the first time at the same port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Gone from the network."""
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.close()
        self._writers.clear()
        await asyncio.sleep(0.05)

    def _description(self) -> str:
        lines = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\n"
        if self.codec == "none":
            return lines
        lines += f"m=video 0 RTP/AVP 96\r\na=rtpmap:96 {self.codec}/90000\r\n"
        if self.codec == "H264":
            sets = [u for u in units(self.frames[0]) if u[0] & 0x1F in (7, 8)]
            texts = ",".join(base64.b64encode(one).decode() for one in sets)
            lines += f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={texts}\r\n"
        return lines + "a=control:track1\r\n"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        playing: asyncio.Task[None] | None = None
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while request := await self._request(reader):
                method, headers = request
                writer.write(self._answer(method, headers))
                if method == "PLAY" and playing is None:
                    playing = asyncio.create_task(self._play(writer))
        if playing is not None:
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
        writer.close()

    @staticmethod
    async def _request(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]] | None:
        while (first := await reader.readexactly(1)) == b"$":  # RTCP of the viewer
            head = await reader.readexactly(3)
            await reader.readexactly(int.from_bytes(head[1:], "big"))
        text = (first + await reader.readuntil(b"\r\n\r\n")).decode()
        lines = text.split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        return lines[0].split(" ")[0], headers

    def _answer(self, method: str, headers: dict[str, str]) -> bytes:
        body, more, status = "", "", "200 OK"
        if self.password and self.password not in headers.get("Authorization", ""):
            status, more = "401 Unauthorized", 'WWW-Authenticate: Basic realm="camera"\r\n'
        elif method == "OPTIONS":
            more = "Public: DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
        elif method == "DESCRIBE":
            body = self._description()
            more = "Content-Type: application/sdp\r\n"
        elif method == "SETUP":
            more = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n"
        else:
            more = "Session: 1\r\n"
        head = f"RTSP/1.0 {status}\r\nCSeq: {headers.get('CSeq', '0')}\r\n{more}"
        return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()

    async def _play(self, writer: asyncio.StreamWriter) -> None:
        self.viewers += 1
        sequence, number, packetizer = 0, 0, Packetizer()
        loop = asyncio.get_running_loop()
        start = loop.time()
        while not writer.is_closing():
            payloads = packetizer.payloads(self.frames[number % len(self.frames)])
            for i, payload in enumerate(payloads):
                sequence = (sequence + 1) & 0xFFFF
                marker = 0x80 if i == len(payloads) - 1 else 0
                rtp = bytes((0x80, marker | 96)) + sequence.to_bytes(2, "big")
                rtp += (3600 * number & 0xFFFFFFFF).to_bytes(4, "big") + b"\0\0\0\x07" + payload
                writer.write(b"$\0" + len(rtp).to_bytes(2, "big") + rtp)
            await writer.drain()
            number += 1
            await asyncio.sleep(max(0.0, start + number * 0.04 - loop.time()))


def with_b_frames() -> list[bytes]:
    """What a camera set to Main profile may send; sent in decoding order."""
    return video_frames("libx264", 50, 320, 180, 2)


@asynccontextmanager
async def running_camera(camera: Camera | None = None) -> AsyncIterator[Camera]:
    """A camera on the network."""
    camera = camera or Camera()
    await camera.start()
    try:
        yield camera
    finally:
        await camera.stop()
