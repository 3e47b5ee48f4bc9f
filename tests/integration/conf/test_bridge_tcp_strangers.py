"""Who connects over TCP is a member by the first frame, or gone; nobody is kept out by others."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from conf.media.tcp import (
    FIRST_FRAME_TIMEOUT_S,
    FRAMES_PER_TURN,
    MAX_BUFFERED,
    MAX_STRANGE_PIECES,
    MAX_STRANGERS_OF_ONE_ADDRESS,
    SETTLED_S,
    SILENCE_S,
    TcpListener,
)
from conf.media.udp import MAX_DATAGRAM, Endpoint
from tests.support.bridge import Bridge, eventually, running_bridge, stream_until, take_seat
from tests.support.bridge_client import Site
from tests.support.bridge_flood import flood, write_pool
from tests.support.bridge_tcp import TcpSite

pytestmark = pytest.mark.timeout(60)
STAGE_AUDIO = "3"
RUBBISH = b"\x00\x04" + bytes(4)
CHECK = b"\x00\x05check"  # to the listener of these tests


class Sink:
    """Notes what came; whose first packet is `check` has proved itself."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.known: list[Endpoint] = []
        self.gone: list[Endpoint] = []
        self.pauses = 0

    def on_stream_packet(self, data: bytes | memoryview, endpoint: Endpoint) -> None:
        """One more."""
        self.taken.append(bytes(data))
        if data == b"check":
            self.known.append(endpoint)

    def after_stream_packets(self) -> None:
        """A pause."""
        self.pauses += 1

    def forget_endpoint(self, endpoint: Endpoint) -> None:
        """It went."""
        self.gone.append(endpoint)


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[TcpListener, Sink]]:
    """A listener of its own, without a bridge behind it."""
    sink = Sink()
    listener = TcpListener(sink, lambda endpoint: endpoint in sink.known)
    await listener.open("127.0.0.1", 0)
    try:
        yield listener, sink
    finally:
        await listener.close()


async def is_cut(reader: asyncio.StreamReader) -> bool:
    """Waits for the end, by a farewell or a reset."""
    with contextlib.suppress(ConnectionResetError):
        return await reader.read(1) == b""
    return True


def dial(port: int, count: int, words: bytes = b"") -> list[socket.socket]:
    """Connections that have said `words`, and say nothing more."""
    dialled = []
    for _ in range(count):
        dialled.append(socket.create_connection(("127.0.0.1", port)))
        dialled[-1].sendall(words)
    return dialled


async def joins(bridge: Bridge, name: str) -> None:
    """A site takes its seat over TCP and is heard by one on UDP."""
    await bridge.open("room", name, "b")
    site = await take_seat(bridge, "room", TcpSite(name))
    b = await take_seat(bridge, "room", Site("b"))
    await stream_until([site], lambda: b.mid(STAGE_AUDIO).packets > 20)
    for one in (site, b):
        await one.close()


async def test_who_says_nothing_whole_is_cut() -> None:
    """Within five seconds, and one in which the kernel keeps the silent."""
    async with listening() as (listener, sink):
        dialled = []
        for words in (b"", b"\x00", b"\x00\x04ab"):
            dialled.append(await asyncio.open_connection("127.0.0.1", listener.port))
            dialled[-1][1].write(words)
        async with asyncio.timeout(4 * FIRST_FRAME_TIMEOUT_S):
            for reader, _ in dialled:
                assert await is_cut(reader)
        assert listener.cut == len(dialled)
        assert not sink.taken
        for _, writer in dialled:
            writer.close()


@pytest.mark.parametrize("words", [RUBBISH, b"\xff\xff" + bytes(100), b"\x00\x00"])
async def test_the_first_frame_decides(words: bytes) -> None:
    """One that is no check of ours, or none at all, ends the connection at once."""
    async with listening() as (listener, sink):
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(words * 20)
        async with asyncio.timeout(FIRST_FRAME_TIMEOUT_S - 1):
            assert await is_cut(reader)
        assert listener.cut == 1
        assert len(sink.taken) <= 1
        assert not sink.gone  # it was never anybody's
        writer.close()


async def test_a_first_frame_may_come_in_a_few_pieces() -> None:
    """But not octet by octet: each would wake the loop."""
    async with listening() as (listener, sink):
        for size, is_good in ((3, True), (1, False)):
            reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
            before = listener.cut
            frame = CHECK if is_good else struct.pack("!H", MAX_DATAGRAM) + bytes(MAX_DATAGRAM)
            pieces = [frame[at : at + size] for at in range(0, len(frame), size)]
            for piece in pieces[: 4 * MAX_STRANGE_PIECES]:
                writer.write(piece)
                await asyncio.sleep(0.01)
                if listener.cut > before:
                    break
            if is_good:
                await eventually(lambda: len(sink.known) == 1)
            else:
                async with asyncio.timeout(FIRST_FRAME_TIMEOUT_S - 1):
                    assert await is_cut(reader)
            assert listener.cut == before + (not is_good)
            writer.close()


async def test_strangers_who_hang_up_unheard_are_never_met() -> None:
    """The kernel keeps whoever has not said a word: no wake-up, no place taken."""
    loop, slow = asyncio.get_running_loop(), 0
    async with listening() as (listener, _):
        for _ in range(50):
            start = loop.time()
            for sock in dial(listener.port, 1):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.close()
            slow += loop.time() - start > SILENCE_S / 2
        await asyncio.sleep(0.1)
        assert listener.cut + listener.refused <= slow


async def test_silent_neighbours_lock_nobody_out(tmp_path: Path) -> None:
    """Hundreds that begin a frame and stop, from the same address: a site joins, sooner or later.

    And a site whose first words are right needs no place at all: it joins while all are taken.
    """
    async with running_bridge(tmp_path) as bridge:
        idle = dial(bridge.worker.port, 10 * MAX_STRANGERS_OF_ONE_ADDRESS, b"\x00")
        await joins(bridge, "a")
        assert (await bridge.worker.stats())["tcp_refused_total"] > 0
        await asyncio.sleep(SETTLED_S)
        await joins(bridge, "c")
        for sock in idle:
            sock.close()


@pytest.mark.parametrize("how", ["connect", "stub", "frame"])
async def test_an_eager_neighbour_locks_nobody_out(tmp_path: Path, how: str) -> None:
    """Thousands of connections a second from the same address, while a site joins over TCP."""
    pool = write_pool(tmp_path / "pool", [bytes(size) for size in range(1, 400)])
    async with running_bridge(tmp_path) as bridge:
        neighbour = asyncio.create_task(
            flood(pool, bridge.worker.port, rate=5000, seconds=30, tcp=how)
        )
        await asyncio.sleep(0.5)
        await joins(bridge, "a")
        neighbour.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await neighbour
        assert bridge.worker.restarts == 0


async def test_a_members_empty_or_long_frame_is_the_sinks_to_count() -> None:
    """RFC 4571 §2 allows both; the connection goes on."""
    async with listening() as (listener, sink):
        _, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        long = bytes(65_535)
        writer.write(CHECK + b"\0\0" + b"\xff\xff" + long + b"\0\1x")
        await eventually(lambda: len(sink.taken) == 4)
        assert sink.taken[1:] == [b"", long, b"x"]
        assert listener.cut == 0
        writer.close()
        await eventually(lambda: sink.gone == sink.known)


async def test_a_member_that_floods_its_connection_waits_its_turn() -> None:
    """A quarter of a megabyte of tiny frames at once: all are taken, the loop goes on between."""
    async with listening() as (listener, sink):
        turns, number = 0, 20 * FRAMES_PER_TURN
        _, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(CHECK + b"\x00\x01x" * number)
        async with asyncio.timeout(10):
            while len(sink.taken) < 1 + number:
                before = len(sink.taken)
                await asyncio.sleep(0)
                turns += len(sink.taken) > before
                assert len(sink.taken) <= before + 2 * FRAMES_PER_TURN
        assert turns >= 10
        assert sink.pauses >= 10  # what they led to is sent in between
        writer.close()
        await eventually(lambda: sink.gone == sink.known)


async def test_a_choked_line_loses_whole_frames_and_is_emptied_before_the_end() -> None:
    """What does not fit is dropped frame by frame; who hangs up still sends what has been taken."""
    async with listening() as (listener, sink):
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port, limit=1 << 24)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(CHECK)
        await eventually(lambda: bool(sink.known))
        member = sink.known[0]
        frames = 0
        while not member.dropped:  # type: ignore[attr-defined]
            member.send_frame(frames.to_bytes(4, "big") + bytes(1400))
            frames += 1
        assert frames * 1406 > MAX_BUFFERED
        member.hang_up()
        member.send_frame(b"too late")
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        async with asyncio.timeout(10):
            received = await reader.read()
        assert len(received) == (frames - 1) * 1406
        assert received[-1404:-1400] == (frames - 2).to_bytes(4, "big")
        assert sink.gone == [member]
        writer.close()


@pytest.mark.parametrize("way", [TcpListener.close, None])
async def test_who_leaves_a_line_that_is_dead_is_cut(
    way: Callable[[TcpListener], object] | None,
) -> None:
    """A peer that reset the connection, or a listener that ends: the endpoint takes no frame."""
    async with listening() as (listener, sink):
        sock = dial(listener.port, 1, CHECK)[0]
        await eventually(lambda: bool(sink.known))
        if way is None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
            sink.known[0].send_frame(b"into the void")
            await eventually(lambda: bool(sink.gone))
        else:
            await listener.close()
        assert sink.gone == sink.known
        sink.known[0].send_frame(b"nobody there")
        sink.known[0].hang_up()
        sock.close()
