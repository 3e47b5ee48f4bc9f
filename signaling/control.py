"""The control socket of a demo: moves the clock. A 0700 folder; never a route or a setting.

One JSON object a line: {"do": "advance", "seconds": 300} or {"do": "now"}; the answer is
{"now": "2026-…"} or {"error": "…"}. What the clock was moved survives a restart of the server.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import structlog

from core.clock import MovableClock

log = structlog.get_logger(__name__)

SOCKET_NAME = "control.sock"
MOVED_FILE = "clock-moved-s"
_LONGEST_ADVANCE_S = 400 * 86_400.0


def moved_clock(folder: Path) -> MovableClock:
    """A movable clock, ahead by what an earlier run was moved."""
    clock = MovableClock()
    try:
        clock.advance(float((folder / MOVED_FILE).read_text()))
    except (OSError, ValueError):
        log.debug("clock_not_moved")
    return clock


class Control:
    """Serves the control socket while it runs."""

    name = "control"
    stop_deadline_s = 3.0

    def __init__(self, folder: Path, clock: MovableClock) -> None:
        """`folder`: data.dir; the socket lies in it, open to its owner only."""
        self._folder = folder
        self._clock = clock
        self._stop = asyncio.Event()

    async def run(self, ready: asyncio.Event) -> None:
        path = self._folder / SOCKET_NAME
        path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._serve, path)
        path.chmod(0o600)
        try:
            ready.set()
            await self._stop.wait()
        finally:
            server.close()
            path.unlink(missing_ok=True)

    def stop(self) -> None:
        self._stop.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(self._answer(line)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError) as error:
            log.warning("control_connection_lost", cause=str(error))
        finally:
            writer.close()

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            order = json.loads(line)
            if order.get("do") == "advance":
                self._advance(float(order["seconds"]))
            elif order.get("do") != "now":
                return {"error": "unknown order; known: advance, now"}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return {"error": f"not understood: {error}"}
        return {"now": self._clock.now().isoformat()}

    def _advance(self, seconds: float) -> None:
        if not 0 <= seconds <= _LONGEST_ADVANCE_S:
            raise ValueError("seconds must be 0 to 400 days")
        file = self._folder / MOVED_FILE
        before = float(file.read_text()) if file.exists() else 0.0
        file.write_text(f"{before + seconds}\n")
        self._clock.advance(seconds)
        log.info("clock_moved", seconds=seconds)


async def ask(folder: Path, order: dict[str, Any]) -> dict[str, Any]:
    """Send one order to a running demo.

    Raises: OSError: none is running.
    """
    reader, writer = await asyncio.open_unix_connection(folder / SOCKET_NAME)
    try:
        writer.write(json.dumps(order).encode() + b"\n")
        async with asyncio.timeout(5):
            answer: dict[str, Any] = json.loads(await reader.readline())
        return answer
    finally:
        writer.close()
