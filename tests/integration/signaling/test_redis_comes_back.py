"""The line to the other nodes heals by itself, whichever part notices last."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from core.clock import SystemClock
from core.database import Database
from signaling import presence
from signaling.presence import Nodes, Presence


@asynccontextmanager
async def _door(port: int, redis_url: str) -> AsyncIterator[None]:
    """Passes bytes between `port` and Redis; leaving closes every connection."""
    redis, open_ends = urlsplit(redis_url), list[asyncio.StreamWriter]()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            writer.write(data)
        writer.close()

    async def through(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection(redis.hostname, redis.port)
        open_ends.extend((writer, outer))
        await asyncio.gather(pass_on(reader, outer), pass_on(inner, writer), return_exceptions=True)

    server = await asyncio.start_server(through, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()
        for end in open_ends:
            end.close()


async def _until(nodes: Nodes, *, is_ready: bool) -> None:
    async with asyncio.timeout(30):
        while nodes.state().is_ready is not is_ready:  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0.05)


@pytest.mark.timeout(120)  # it waits for real beats
async def test_redis_back_is_ready_again(
    sqlite_url: str,
    redis_url: str,
    free_port: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The beat sleeps through the fault: its late notice must not stay the last word."""
    monkeypatch.setattr(presence, "BEAT_S", 4.0)
    port = free_port()
    url = f"redis://127.0.0.1:{port}{urlsplit(redis_url).path}"
    async with Database(sqlite_url) as database:
        nodes = Nodes(url, database, SystemClock(), Presence(lambda: []), lambda topic: None)
        running = asyncio.create_task(nodes.run(asyncio.Event()))
        async with _door(port, redis_url):
            await _until(nodes, is_ready=True)
        await _until(nodes, is_ready=False)
        async with _door(port, redis_url):
            await _until(nodes, is_ready=True)
            await asyncio.sleep(
                4
            )  # now the beat has found its old connection dead, and tried again
            await _until(nodes, is_ready=True)
        nodes.stop()
        await running
