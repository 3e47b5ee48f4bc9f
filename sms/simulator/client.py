"""Talking to the simulator's control socket; for the demo's phones page and for tests."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from core.errors import InvalidInput, Unavailable

_LIMIT_S = 5.0
_MAX_LINE = 1 << 24


class SimulatorClient:
    """One order at a time on one connection, opened when first needed."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._lock = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def do(self, order: str, **arguments: Any) -> Any:
        """Run an order of `control`. Raises: InvalidInput: it said no. Unavailable: not running."""
        async with self._lock:
            try:
                async with asyncio.timeout(_LIMIT_S):
                    return await self._exchange({"do": order, **arguments})
            except (OSError, TimeoutError, EOFError) as error:
                await self.close()
                raise Unavailable(f"the modem simulator does not answer: {error}") from error
            except asyncio.CancelledError:
                await self.close()  # the answer on its way would be taken for the next one's
                raise

    async def watch(self, after: int = 0) -> AsyncIterator[dict[str, Any]]:
        """Journal entries above `after`, then each new one, on a connection of its own."""
        reader, writer = await self._connect()
        try:
            writer.write(json.dumps({"do": "watch", "after": after}).encode() + b"\n")
            await reader.readline()
            while line := await reader.readline():
                yield json.loads(line)["entry"]
        finally:
            writer.close()

    async def close(self) -> None:
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].close()

    async def _exchange(self, request: dict[str, Any]) -> Any:
        if self._streams is None:
            self._streams = await self._connect()
        reader, writer = self._streams
        writer.write(json.dumps(request, ensure_ascii=False).encode() + b"\n")
        await writer.drain()
        line = await reader.readline()
        if not line:
            raise EOFError("it closed the connection")
        answer = json.loads(line)
        if "error" in answer:
            raise InvalidInput(str(answer["error"]))
        return answer["ok"]

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_unix_connection(self._socket, limit=_MAX_LINE)
