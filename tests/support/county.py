"""The demo county as a user starts it: `server.py demo` in a folder of its own, on free ports."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from signaling.cli.simulator import MODEMS
from sms.simulator.client import SimulatorClient
from tools.steps import ROOT

START_S = 120.0
END_S = 5.0
RADIO_S = 0.5
"""Seconds on the air per segment, of each modem, unless a test orders otherwise."""
LINK = re.compile(r"https?://\S+/j/[A-Za-z0-9_-]{17}")


@dataclass
class DemoCounty:
    """A running demo. `kill` is kill -9 of the server alone: the air goes on."""

    folder: Path
    port: int
    media_port: int
    extra: dict[str, str] = field(default_factory=dict)
    process: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database_url(self) -> str:
        return self.extra.get(
            "FENGSUI_DATABASE__URL", f"sqlite+aiosqlite:///{self.folder / 'fengsui.sqlite3'}"
        )

    @property
    def air(self) -> SimulatorClient:
        return SimulatorClient(self.folder / "modem-sim.sock")

    async def start(self) -> None:
        """Start and wait until it is ready."""
        environment = {name: os.environ[name] for name in os.environ if not name.startswith("FENG")}
        environment |= {
            "FENGSUI_DATA__DIR": str(self.folder),
            "FENGSUI_HTTP__PORT": str(self.port),
            "FENGSUI_MEDIA__PORT": str(self.media_port),
            **self.extra,
        }
        with (self.folder / "server.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, str(ROOT / "server.py"), "demo", cwd=ROOT, env=environment,
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        async with asyncio.timeout(START_S):
            while not await self._is_ready():
                if self.process.returncode is not None:
                    raise AssertionError((self.folder / "server.log").read_text()[-3000:])
                await asyncio.sleep(0.2)
        await self.set_radio(RADIO_S)

    async def set_radio(self, seconds: float) -> None:
        """How long the air takes for a segment from now on."""
        air = self.air
        try:
            for number in range(1, MODEMS + 1):
                await air.do("radio", modem=f"modem-{number}", seconds=seconds)
        finally:
            await air.close()

    async def kill(self) -> None:
        """Kill -9, at once."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> None:
        """End the server in order, and the air after it.

        One that rings somebody awake would finish that first: it is killed, nobody looks at it.
        """
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()
            with suppress(TimeoutError):
                async with asyncio.timeout(END_S):
                    await self.process.wait()
        if self.process is not None and self.process.returncode is None:
            await self.kill()
        await asyncio.to_thread(_end_air, self.folder)

    async def advance(self, seconds: float) -> None:
        """Move the demo's clock ahead, through its control socket."""
        reader, writer = await asyncio.open_unix_connection(self.folder / "control.sock")
        try:
            writer.write(json.dumps({"do": "advance", "seconds": seconds}).encode() + b"\n")
            await writer.drain()
            assert "now" in json.loads(await reader.readline())
        finally:
            writer.close()

    async def texts(self) -> dict[str, list[str]]:
        """What each handset has received."""
        air = self.air
        try:
            handsets = await air.do("handsets")
        finally:
            await air.close()
        return {
            handset["number"]: [text["text"] for text in handset["received"]]
            for handset in handsets
            if handset["received"]
        }

    async def answer(self, number: str, text: str) -> None:
        """A handset answers whom it heard from last."""
        air = self.air
        try:
            await air.do("reply", number=number, text=text)
        finally:
            await air.close()

    async def command(self, *words: str) -> tuple[int, str]:
        """Run another command of server.py on this county. Returns: status and output."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(ROOT / "server.py"), *words, cwd=ROOT,
            env={**os.environ, "FENGSUI_DATA__DIR": str(self.folder), **self.extra},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await process.communicate()
        return process.returncode or 0, output.decode()

    async def _is_ready(self) -> bool:
        try:
            async with (
                aiohttp.ClientSession() as client,
                client.get(f"{self.address}/readyz") as answer,
            ):
                return answer.status == 200
        except aiohttp.ClientError:
            return False


class Desk:
    """A signed-in user's REST calls, as the page makes them."""

    def __init__(self, county: DemoCounty, client: aiohttp.ClientSession) -> None:
        self._county = county
        self._client = client
        self._csrf = ""

    async def sign_in(self, username: str, password: str = "qinglan-demo") -> None:
        session = await self.post("/session", {"username": username, "password": password})
        self._csrf = session["csrf_token"]

    async def get(self, path: str) -> Any:
        async with self._client.get(f"{self._county.address}/api/v1{path}") as answer:
            body = await answer.json()
            assert answer.status == 200, body
            return body

    async def post(self, path: str, body: Any) -> Any:
        headers = {"X-CSRF-Token": self._csrf, "Origin": self._county.address}
        address = f"{self._county.address}/api/v1{path}"
        async with self._client.post(address, json=body, headers=headers) as answer:
            content = await answer.json() if answer.status != 204 else None
            assert answer.status < 300, content
            return content


@asynccontextmanager
async def desk(county: DemoCounty, username: str) -> AsyncIterator[Desk]:
    """`username`, signed in."""
    jar = aiohttp.CookieJar(unsafe=True)  # cookies of a bare address
    async with aiohttp.ClientSession(cookie_jar=jar) as client:
        signed_in = Desk(county, client)
        await signed_in.sign_in(username)
        yield signed_in


def _end_air(folder: Path) -> None:
    """End the simulator that the demo started, detached, for `folder`."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (process / "cmdline").read_bytes().split(b"\0")
            if b"modem-sim" in words and str(folder).encode() in words:
                os.kill(int(process.name), signal.SIGTERM)


async def until(check: Callable[[], Awaitable[bool]], within_s: float = 30.0) -> None:
    """Wait for something another process does."""
    async with asyncio.timeout(within_s):
        while not await check():  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.1)


def link_in(text: str) -> str:
    """The join link in an SMS."""
    found = LINK.search(text)
    assert found, text
    return found[0]
