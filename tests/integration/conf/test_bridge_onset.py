"""A site that may speak again: what it said while muted reaches neither ears nor recording."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from conf.media.client import ParticipantState, RoomState
from conf.media.rtp import read_red
from conf.media.tap import PACKET, SOCKET_NAME, read_packet
from tests.support.bridge import running_bridge, take_seat
from tests.support.bridge_client import RED
from tests.support.bridge_stage import red
from tests.support.bridge_viewer import Viewer

pytestmark = pytest.mark.timeout(60)
MAY, MUTED = ParticipantState(), ParticipantState(may_audio=False)


class Listener(Viewer):
    """Keeps what it hears."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.heard: list[bytes] = []

    def _hear(self, payload: bytes, kind: int, timestamp: int) -> None:
        self.heard += voices_of(payload) if kind == RED else [payload]


class Speaker(Viewer):
    """A browser that repeats two voices in each packet and numbers what it says."""

    said = 0

    def speak(self) -> bytes:
        """20 ms; the words. Its camera puts it on the stage."""
        if self.said % 5 == 0:
            self.send_frame(key=True)
        self.said += 1
        self.audio.payload_type = RED
        words = [b"\xfc<%d>" % n for n in range(max(self.said - 2, 0), self.said + 1)]
        self.send_payload(self.audio, red(*words), 960)
        return words[-1]


def voices_of(payload: bytes) -> list[bytes]:
    """All voices in a RED packet."""
    return [payload[start:end] for _, _, start, end in read_red(payload, 0, len(payload))]


class Recorder:
    """The other end of the tap."""

    def __init__(self, path: Path) -> None:
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._server.bind(str(path / SOCKET_NAME))
        self._server.listen()
        self._server.setblocking(False)
        self._end: socket.socket | None = None
        self.heard: list[bytes] = []

    def read(self) -> list[bytes]:
        """All voices it was given so far."""
        with suppress(BlockingIOError):
            if self._end is None:
                self._end, _ = self._server.accept()
                self._end.setblocking(False)
            while datagram := self._end.recv(4096):
                payload = read_packet(datagram)[4] if datagram[:1] == PACKET else b""
                if payload.endswith(b">"):  # no picture
                    self.heard += voices_of(payload)
        return self.heard

    def close(self) -> None:
        """Free the sockets."""
        for one in (self._end, self._server):
            if one is not None:
                one.close()


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    """Where the worker looks for it."""
    it = Recorder(tmp_path)
    yield it
    it.close()


async def speak_until(speaker: Speaker, is_enough: Callable[[], object]) -> list[bytes]:
    """What was said until then."""
    said = []
    async with asyncio.timeout(20):
        while not is_enough():
            said.append(speaker.speak())
            await asyncio.sleep(0.02)
    return said


async def test_nothing_said_while_muted_passes_after_it(tmp_path: Path, recorder: Recorder) -> None:
    """Two voices are repeated in each packet of a browser; three times muted and let speak."""
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a", "b", is_recorded=True)
        a, b = Speaker("a"), Listener("b")
        for site in (a, b):
            await take_seat(bridge, "room", site)
        await speak_until(a, lambda: b.heard and recorder.read())
        forbidden: set[bytes] = set()

        async def order(version: int, rights: ParticipantState) -> None:
            orders = RoomState(version, {"a": rights, "b": MAY}, is_recorded=True)
            await bridge.worker.apply("room", orders)

        for version in (2, 4, 6):
            await order(version, MUTED)
            forbidden |= {a.speak() for _ in range(5)}
            await a.check()  # they have been read
            await order(version + 1, MAY)
            goal = len(b.heard) + 30, len(recorder.read()) + 30
            await speak_until(  # it is heard again, and recorded
                a,
                lambda: len(b.heard) > goal[0] and len(recorder.read()) > goal[1],  # noqa: B023
            )
        assert not forbidden & set(b.heard)
        assert not forbidden & set(recorder.heard)
        for site in (a, b):
            await site.close()
