"""The camera process: one thread a camera; the server opens and closes them (frames: conf.line).

op `open` {camera, url, key, socket}, op `close` {camera}, op `try` {trial, url}
event `cameras` {camera: {"state", "code", "words"}} at every change
event `trial` {trial: {"state", "code", "words"}} once
"""

import asyncio
import threading
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from conf.cameras import address
from conf.cameras.ingest import Feed, Ingest, News, trial
from conf.line import Tell, serve_requests
from core.errors import InvalidInput


class Cameras:
    """Owner of the threads; all methods run on the loop."""

    def __init__(self) -> None:
        self._running: dict[str, Ingest] = {}
        self._news: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()

    async def handle(self, op: str, args: dict[str, Any]) -> dict[str, Any]:
        """One request. Raises: InvalidInput."""
        if op == "try":
            self._try(str(args["trial"]), address.check(str(args["url"])))
            return {}
        camera = str(args["camera"])
        self._close(camera)
        if op == "open":
            url = address.check(str(args["url"]))
            feed = Feed(camera, url, bytes.fromhex(str(args["key"])), str(args["socket"]))
            self._running[camera] = ingest = Ingest(feed, self._tell)
            ingest.start()
        elif op != "close":
            raise InvalidInput("unknown operation", field="op")
        return {}

    async def report(self, tell: Tell) -> None:
        """Pass on what the threads say."""
        while True:
            await tell(*await self._news.get())

    def close(self) -> None:
        """End every thread soon."""
        for camera in list(self._running):
            self._close(camera)

    def _close(self, camera: str) -> None:
        ingest = self._running.pop(camera, None)
        if ingest is not None:
            ingest.stop()

    def _try(self, key: str, url: str) -> None:
        """In a thread of its own: it ends by itself, within the deadlines of `trial`."""
        work = threading.Thread(
            target=lambda: self._put("trial", key, trial(url)), name=f"trial:{key}", daemon=True
        )
        work.start()

    def _tell(self, camera: str, news: News) -> None:
        self._put("cameras", camera, news)

    def _put(self, event: str, key: str, news: News) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._news.put_nowait, (event, {key: asdict(news)}))


async def run_cameras(control_socket: Path) -> None:
    """Read cameras until the server hangs up."""
    cameras = Cameras()
    try:
        await serve_requests(control_socket, cameras.handle, cameras.report)
    finally:
        cameras.close()
