"""A child process of the server that breaks off, hangs or cannot be understood is started anew."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from conf.child import ALIVE, Child, End
from core.errors import Unavailable

pytestmark = pytest.mark.timeout(60)
CONNECT = "import json, socket, struct, sys, time; s = socket.socket(socket.AF_UNIX);"
CONNECT += "s.connect(sys.argv[-1]); say = lambda m: s.sendall(struct.pack('!I', len(m)) + m);"
HELLO = CONNECT + """say(b'{"hello": {"pid": 1}}');"""


class Told:
    """What an owner of a child hears."""

    def __init__(self) -> None:
        self.starts = 0
        self.ends: list[End] = []
        self.events: list[str] = []
        self._news = asyncio.Condition()

    async def on_start(self) -> None:
        """One more start."""
        self.starts += 1

    def on_event(self, event: str, data: dict[str, Any]) -> None:
        """One more event."""
        self.events.append(event)

    def on_end(self, end: End) -> None:
        """One more end."""
        self.ends.append(end)

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait for something told."""
        async with asyncio.timeout(40):
            while not happened():  # noqa: ASYNC110 - told by plain calls
                await asyncio.sleep(0.02)


@asynccontextmanager
async def running(script: str, path: Path, told: Told) -> AsyncIterator[Child]:
    """A child that runs `script`; stopped at the end."""
    command = [sys.executable, "-c", script]
    child = Child("trial", command, path / "s", told.on_start, told.on_event, told.on_end)
    task = asyncio.create_task(child.run(asyncio.Event()))
    try:
        yield child
        assert not task.done()
    finally:
        child.stop()
        with suppress(asyncio.CancelledError):
            await task


@pytest.mark.parametrize(
    "script",
    [
        HELLO,
        CONNECT,
        HELLO + "s.sendall(b'\\0\\0\\0\\x20{')",
        CONNECT + "s.sendall(b'\\0\\0')",
        HELLO + "say(b'no JSON')",
    ],
    ids=["dies", "no-hello", "cut-in-a-word", "cut-in-its-hello", "no-json"],
)
async def test_one_that_breaks_off_is_started_again(script: str, tmp_path: Path) -> None:
    """Wherever it breaks off: never does that end the server."""
    told = Told()
    async with running(script, tmp_path, told) as child:
        await told.until(lambda: len(told.ends) >= 2)
        assert set(told.ends) == {End.DIED}
        assert told.starts >= 2
        assert child.restarts >= 2


async def test_one_that_is_alive_may_have_nothing_to_say(tmp_path: Path) -> None:
    """Only its pulse is heard, and by nobody but its watch."""
    told = Told()
    script = (
        HELLO
        + f"""
while True:
    say(json.dumps({{"event": "{ALIVE}"}}).encode()); time.sleep(0.5)
"""
    )
    async with running(script, tmp_path, told) as child:
        await told.until(lambda: child._words >= 15)
        assert told.ends == []
        assert told.events == []


async def test_one_that_falls_silent_is_killed_and_questions_fail(tmp_path: Path) -> None:
    """Its line stays open, its process sleeps for ever."""
    told = Told()
    async with running(HELLO + "time.sleep(3600)", tmp_path, told) as child:
        await told.until(lambda: told.starts == 1)
        with pytest.raises(Unavailable):
            await child.ask("anything")
        await told.until(lambda: told.starts == 2)
        assert told.ends == [End.HUNG]
