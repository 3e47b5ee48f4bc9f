"""A server process of the SMS platform alone, to be killed: `python -m tests.support.sms_server`.

Orders come as JSON lines on stdin, `{"class", "text", "numbers", "key"}`; each is acknowledged on
stdout with `{"accepted": id}` once it is committed. It ends when stdin closes.
"""

import argparse
import asyncio
import json
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog

from core.clock import SystemClock
from core.database import Database
from sms.model import MessageClass, Recipient, Submission
from sms.service import SmsPlatform
from tests.support.sms_world import quick, running, settings_for
from tools.steps import ROOT


async def serve(url: str, directory: Path, modems: int, unknown_wait_s: float) -> None:
    """Run the platform until stdin closes."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    clock = SystemClock()
    async with Database(url, clock=clock) as database:
        settings = settings_for(
            directory, modems, unknown_wait_s=unknown_wait_s, stranded_wait_s=3.0, lease_s=3.0
        )
        platform = SmsPlatform(settings, database, quick)
        async with running(platform, database, clock):
            while line := await reader.readline():
                order = json.loads(line)
                people = tuple(Recipient(number) for number in order["numbers"])
                async with database.write() as uow:
                    accepted = await platform.submit(
                        uow,
                        Submission(
                            MessageClass(order["class"]), order["text"], people, order["key"]
                        ),
                    )
                sys.stdout.write(json.dumps({"accepted": accepted}) + "\n")
                sys.stdout.flush()


class SmsServer:
    """The process, seen from outside."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def submit(self, **order: Any) -> str:
        """Returns: the id of the accepted message. Raises: EOFError: it died before the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            await self._process.stdin.drain()
        except ConnectionError as error:
            raise EOFError from error
        line = await self._process.stdout.readline()
        if not line:
            raise EOFError
        accepted: str = json.loads(line)["accepted"]
        return accepted

    async def kill(self) -> None:
        """SIGKILL: no farewell."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def end(self) -> None:
        """Let it stop in order."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


@asynccontextmanager
async def sms_server(
    url: str, directory: Path, *, modems: int, unknown_wait_s: float = 1.5
) -> AsyncIterator[SmsServer]:
    """Start one; it is killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.sms_server", url, str(directory),
        "--modems", str(modems), "--unknown-wait-s", str(unknown_wait_s), cwd=ROOT,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    server = SmsServer(process)
    try:
        yield server
    finally:
        await server.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--modems", type=int, default=2)
    parser.add_argument("--unknown-wait-s", type=float, default=1.5)
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    asyncio.run(serve(given.url, given.directory, given.modems, given.unknown_wait_s))


if __name__ == "__main__":
    main()
