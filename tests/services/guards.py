"""Guards around every test: our code may not block the event loop, nor lose a task's error.

asyncio's debug mode notes the whole stack at every task and future: half of the processor time of
a test with a database. What it would find is found here at no cost: callbacks that hold the loop,
calls from a foreign thread, errors nobody awaited. `make test ARGS="-o asyncio_debug=true"` adds
where each task was made.
"""

import asyncio
import gc
import logging
import re
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tools.steps import ROOT

PACKAGES = ("core", "directory", "sms", "conf", "plans", "command", "signaling", "server.py")
OURS = tuple(str(ROOT / name) for name in PACKAGES)
TESTS = str(ROOT / "tests")
FILE_OF_OURS = re.compile("|".join(re.escape(path) for path in OURS))
CALLBACK_CPU_S = 1.0
"""Processor time that one callback may take; a busy machine does not change it."""

BLOCKING = frozenset({
    "time.sleep", "socket.connect", "socket.getaddrinfo", "socket.gethostbyname",
    "sqlite3.connect", "subprocess.Popen", "os.system",
})  # fmt: skip


class ForeignThread(AssertionError):
    """A thread used a loop that is not its own; `call_soon_threadsafe` is due."""


class BlockingCall(AssertionError):
    """Our code stopped the event loop; `asyncio.to_thread` or the async form is due."""


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in BLOCKING or asyncio._get_running_loop() is None:
        return
    if event == "socket.connect" and arguments[0].gettimeout() == 0:
        return
    place = _place_of_ours()
    if place is not None:
        raise BlockingCall(f"{event} inside the event loop, at {place}")


def _place_of_ours() -> str | None:
    """Where our code made the call; None when a test did, or asyncio itself starts a process."""
    frame = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.endswith(("asyncio/unix_events.py", "asyncio/base_events.py")):
            return None
        if file.startswith(OURS):
            return f"{file}:{frame.f_lineno}"
        if file.startswith(TESTS):
            return None
        frame = frame.f_back
    return None


class _Log(logging.Handler):
    """Collects errors that only the event loop saw and that come from our code."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        lines = logging.Formatter().format(record).splitlines()
        ours = [line for line in lines[1:-1] if FILE_OF_OURS.search(line) or TESTS in line]
        if any(FILE_OF_OURS.search(line) for line in lines):
            self.errors.append("\n".join([lines[0], *ours, lines[-1]]))


_sleep = time.sleep


def _watched_sleep(seconds: float) -> None:
    """time.sleep raises an audit event only since Python 3.13."""
    _audit("time.sleep", (seconds,))
    _sleep(seconds)


_slow: list[str] = []
_run = asyncio.Handle._run
_collecting = [0.0, 0.0]  # processor time spent collecting garbage; when the current one began


def _clock_collections(phase: str, _: dict[str, int]) -> None:
    if phase == "start":
        _collecting[1] = time.thread_time()
    else:
        _collecting[0] += time.thread_time() - _collecting[1]


def _timed_run(self: asyncio.Handle) -> None:
    before = time.thread_time() - _collecting[0]
    _run(self)
    spent_s = time.thread_time() - _collecting[0] - before
    if spent_s > CALLBACK_CPU_S:
        _slow.append(f"{spent_s:.2f} s in {self!r}")


_call_soon = asyncio.BaseEventLoop._call_soon


def _checked_call_soon(self: asyncio.BaseEventLoop, *given: Any) -> asyncio.Handle:
    """Of `call_soon` and `call_soon_threadsafe`, which alone may come from elsewhere."""
    if self._thread_id not in (None, threading.get_ident()):
        name = sys._getframe(1).f_code.co_name
        if name != "call_soon_threadsafe":
            raise ForeignThread(f"{name} from another thread: {given[0]!r}")
    return _call_soon(self, *given)


def pytest_configure() -> None:
    asyncio.BaseEventLoop._call_soon = _checked_call_soon
    sys.addaudithook(_audit)
    time.sleep = _watched_sleep
    gc.callbacks.append(_clock_collections)
    asyncio.Handle._run = _timed_run  # type: ignore[method-assign]


def pytest_collection_finish() -> None:
    """What is loaded now stays; collections during the tests need not look at it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def event_loop_guard(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails the test whose event loop was held up or saw an error nobody looked at.

    `@pytest.mark.holds_loop` says that the test itself computes inside the loop.
    """
    log = _Log()
    logging.getLogger("asyncio").addHandler(log)
    _slow.clear()
    yield
    gc.collect()  # what a test lost speaks up when it is collected: let that be in its own test
    gc.freeze()  # what is left outlives the tests: to look at it after each of them takes minutes
    logging.getLogger("asyncio").removeHandler(log)
    assert not log.errors, "an error nobody awaited:\n" + "\n".join(log.errors)
    if request.node.get_closest_marker("holds_loop") is None:
        assert not _slow, "one callback held the event loop: " + "; ".join(_slow)
