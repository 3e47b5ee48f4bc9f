"""The guards catch what they are for, in our code only."""

import asyncio
import logging
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from services import guards
from tools.steps import ROOT

BLOCKING = {
    "sleep": lambda: time.sleep(0),
    "database": lambda: sqlite3.connect(":memory:").close(),
    "name look-up": lambda: socket.getaddrinfo("127.0.0.1", 80),
    "process": lambda: subprocess.run([sys.executable, "-V"], check=True, capture_output=True),
}


def _as_if_in(path: str, call: Callable[[], object]) -> None:
    """Run `call` below a frame that belongs to file `path`."""
    code = compile("call()", str(ROOT / path), "exec")
    exec(code, {"call": call})


@pytest.mark.parametrize("call", BLOCKING.values(), ids=BLOCKING.keys())
async def test_a_blocking_call_of_ours_in_the_loop_raises(
    call: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guards, "TESTS", str(ROOT / "nowhere"))
    with pytest.raises(guards.BlockingCall, match=r"sms/modem\.py:1"):
        _as_if_in("sms/modem.py", call)


@pytest.mark.parametrize("call", BLOCKING.values(), ids=BLOCKING.keys())
def test_the_same_call_outside_a_loop_is_fine(call: Callable[[], object]) -> None:
    _as_if_in("sms/modem.py", call)


async def test_the_same_call_in_a_thread_is_fine() -> None:
    await asyncio.to_thread(_as_if_in, "sms/modem.py", lambda: time.sleep(0))


async def test_asyncio_may_start_processes_and_connect() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-V", stdout=subprocess.DEVNULL)
    assert await process.wait() == 0


def _spend(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


@pytest.mark.holds_loop
async def test_a_long_callback_is_noted() -> None:
    asyncio.get_running_loop().call_soon(_spend, guards.CALLBACK_CPU_S + 0.05)
    await asyncio.sleep(0.01)
    await asyncio.sleep(0)
    assert len(guards._slow) == 1


async def test_a_short_callback_is_not() -> None:
    asyncio.get_running_loop().call_soon(_spend, 0.02)
    await asyncio.sleep(0.05)
    assert guards._slow == []


@pytest.mark.parametrize(("path", "is_ours"), [("sms/modem.py", True), (".venv/x.py", False)])
def test_only_lost_errors_of_our_code_count(path: str, is_ours: bool) -> None:
    log = guards._Log()
    text = f"Task exception was never retrieved: running at {ROOT / path}:12"
    log.emit(logging.LogRecord("asyncio", logging.ERROR, "", 0, text, None, None))
    assert bool(log.errors) is is_ours


async def test_a_foreign_thread_may_not_call_soon() -> None:
    loop = asyncio.get_running_loop()
    with pytest.raises(guards.ForeignThread, match="call_soon from another thread"):
        await asyncio.to_thread(loop.call_soon, print)


async def test_a_foreign_thread_may_call_soon_threadsafe() -> None:
    loop, called = asyncio.get_running_loop(), asyncio.Event()
    await asyncio.to_thread(loop.call_soon_threadsafe, called.set)
    await called.wait()
