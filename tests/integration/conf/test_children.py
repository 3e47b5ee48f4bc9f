"""A child process of the server that breaks off, hangs or cannot be understood is started anew.

One that the server cannot do without must start once; then it is treated as the others.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from conf.child import Child, End
from conf.line import ALIVE
from core.errors import AppError, Conflict, InvalidInput, NotFound, Unavailable

pytestmark = pytest.mark.timeout(60)
CONNECT = "import json, socket, struct, sys, time; s = socket.socket(socket.AF_UNIX);"
CONNECT += "s.connect(sys.argv[-1]); say = lambda m: s.sendall(struct.pack('!I', len(m)) + m);"
HELLO = CONNECT + """say(b'{"hello": {"version": 1}}');"""
OTHER_VERSION = CONNECT + """say(b'{"hello": {"version": 2}}'); s.recv(1);"""
EXIT = "import sys; sys.exit(3)"
ANSWERING = """
import asyncio, sys
from pathlib import Path
from conf.line import serve_requests
from core.errors import Conflict, InvalidInput, NotFound, Stale, TooMany

RAISED = {
    "field": InvalidInput("bad", field="offer_sdp"), "gone": NotFound("none"),
    "rejoin": Conflict("join anew", code="rejoin"), "many": TooMany("later"),
}

async def handle(op, args):
    if op in RAISED:
        raise RAISED[op]
    return {"got": args["this"]}

async def idle(tell):
    await asyncio.Event().wait()

asyncio.run(serve_requests(Path(sys.argv[-1]), handle, idle, {"port": 5000}))
"""


def is_there(child: Child) -> bool:
    """Its last process."""
    return child.process_id != 0 and Path(f"/proc/{child.process_id}").exists()


class Told:
    """What an owner of a child hears."""

    def __init__(self) -> None:
        self.starts = 0
        self.fails = 0  # so many starts cannot be made good
        self.ends: list[End] = []
        self.events: list[str] = []

    async def on_start(self) -> None:
        """One more start."""
        self.starts += 1
        if self.starts <= self.fails:
            raise Unavailable("what it must know cannot be told")

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


def trial(script: str, path: Path, told: Told) -> Child:
    """A child that shall run `script`."""
    command = [sys.executable, "-c", script]
    return Child("trial", command, path / "s", told.on_start, told.on_event, told.on_end)


@asynccontextmanager
async def running(
    script: str, path: Path, told: Told, *, is_needed: bool = False
) -> AsyncIterator[Child]:
    """A child that runs `script`; stopped at the end, and then it has gone."""
    child, ready = trial(script, path, told), asyncio.Event()
    task = asyncio.create_task(child.run(ready, is_needed=is_needed))
    try:
        async with asyncio.timeout(40):
            await ready.wait()
        yield child
        assert not task.done()
    finally:
        child.stop()
        with suppress(asyncio.CancelledError):
            await task
    assert not is_there(child)


async def test_one_that_is_renewed_has_a_successor(tmp_path: Path) -> None:
    """It ends by itself, is told of as asked for, and questions reach the next."""
    told = Told()
    async with running(ANSWERING, tmp_path, told, is_needed=True) as child:
        before = child.process_id
        child.renew()
        await told.until(lambda: told.starts == 2)
        assert told.ends == [End.RENEWED]
        assert child.process_id != before
        assert (await child.ask("echo", this=1))["got"] == 1


@pytest.mark.parametrize(
    "script",
    [HELLO, HELLO + "s.sendall(b'\\0\\0\\0\\x20{')", HELLO + "say(b'no JSON')"],
    ids=["dies", "cut-in-a-word", "no-json"],
)
async def test_one_that_breaks_off_is_started_again(script: str, tmp_path: Path) -> None:
    """Wherever it breaks off: never does that end the server."""
    told = Told()
    async with running(script, tmp_path, told) as child:
        await told.until(lambda: len(told.ends) >= 2)
        assert set(told.ends) == {End.DIED}
        assert told.starts >= 2
        assert child.restarts >= 2


NEVER_HERE = [EXIT, CONNECT, CONNECT + "s.sendall(b'\\0\\0')", OTHER_VERSION]
IDS = ["ends-at-once", "no-hello", "cut-in-its-hello", "another-version"]


@pytest.mark.parametrize("script", NEVER_HERE, ids=IDS)
async def test_one_that_never_says_hello_is_tried_ever_more_seldom(
    script: str, tmp_path: Path
) -> None:
    """And its end is noticed at once, not when the time to start is over; it is told nothing."""
    told = Told()
    with capture_logs() as logs:
        async with running(script, tmp_path, told):
            await told.until(lambda: len(told.ends) >= 3)
    assert set(told.ends) == {End.NOT_STARTED}
    assert told.starts == 0
    pauses = [entry["restart_in_s"] for entry in logs if entry["event"] == "child_ended"]
    assert pauses[:3] == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("script", NEVER_HERE, ids=IDS)
async def test_one_that_is_needed_must_start(script: str, tmp_path: Path) -> None:
    """Else whoever runs it is told so, once, and nothing is left behind."""
    told, ready = Told(), asyncio.Event()
    child = trial(script, tmp_path, told)
    with pytest.raises(Unavailable):
        async with asyncio.timeout(40):
            await child.run(ready, is_needed=True)
    assert not ready.is_set()
    assert (told.ends, child.restarts) == ([], 0)
    assert not is_there(child)


async def test_a_command_that_is_not_there_is_no_start(tmp_path: Path) -> None:
    told = Told()
    child = Child("trial", ["/nowhere"], tmp_path / "s", told.on_start, told.on_event)
    with pytest.raises(Unavailable):
        await child.run(asyncio.Event(), is_needed=True)


async def test_after_its_first_start_a_needed_one_is_as_the_others(tmp_path: Path) -> None:
    """It is ready when it has been told what it must know; killed, it comes back."""
    told = Told()
    async with running(ANSWERING, tmp_path, told, is_needed=True) as child:
        assert told.starts == 1
        assert child.hello["port"] == 5000
        first = child.process_id
        os.kill(first, signal.SIGKILL)
        await told.until(lambda: told.starts == 2)
        assert told.ends == [End.DIED]
        assert child.process_id != first
        assert await child.ask("echo", this="今晚") == {"got": "今晚"}


async def test_one_that_cannot_be_told_what_it_must_know_is_started_anew(tmp_path: Path) -> None:
    told = Told()
    told.fails = 1
    async with running(ANSWERING, tmp_path, told):
        await told.until(lambda: told.starts == 2)
        assert told.ends == [End.DIED]


@pytest.mark.parametrize(
    ("op", "kind", "code"),
    [
        ("field", InvalidInput, "invalid_input"),
        ("gone", NotFound, "not_found"),
        ("rejoin", Conflict, "rejoin"),
        ("many", Unavailable, "too_many"),
        ("echo", InvalidInput, "invalid_input"),  # without `this`
    ],
)
async def test_what_the_child_raises_is_raised_here(
    op: str, kind: type[AppError], code: str, tmp_path: Path
) -> None:
    """Of its kind, with the finer code and the field."""
    async with running(ANSWERING, tmp_path, Told(), is_needed=True) as child:
        with pytest.raises(kind) as raised:
            await child.ask(op)
        assert type(raised.value) is kind
        assert raised.value.wire_code == code
        assert (raised.value.field is not None) == (kind is InvalidInput)


async def test_a_stop_does_not_wait_for_one_that_is_still_starting(tmp_path: Path) -> None:
    """It has nothing to close yet; the server would else be killed by whoever stops it."""
    told = Told()
    child = trial("import time; time.sleep(3600)", tmp_path, told)
    async with asyncio.timeout(40), asyncio.TaskGroup() as tasks:  # the start may take 45 s
        tasks.create_task(child.run(asyncio.Event()))
        await told.until(lambda: child.process_id != 0)
        child.stop()
        child.stop()  # idempotent
    assert not is_there(child)
    assert told.ends == []


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
