"""The Unix socket between the server and a child process: frames, and the child's end of it.

A frame is a 4-byte big-endian length and that many bytes of UTF-8 JSON, at most 1 MiB. The server
(conf.child) listens, the child connects and says `{"hello": {"version": 1, …}}`. Then

    server → child  {"id": n, "op": NAME, "args": {…}}
    child → server  {"id": n, "ok": {…}} | {"id": n, "error": {"kind", "code", "message", "field"}}
                    {"event": NAME, "data": {…}}, of which `alive` every second

End of file ends the child, so that none outlives its server. Requests are answered in the order
they were sent.
"""

import asyncio
import json
import struct
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final

from core.errors import AppError, InvalidInput

VERSION: Final = 1
MAX_FRAME: Final = 1024 * 1024
ALIVE: Final = "alive"
ALIVE_EVERY_S: Final = 1.0
_LENGTH = struct.Struct("!I")

Handle = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]
Tell = Callable[[str, dict[str, Any]], Awaitable[None]]
"""Tell the server of an event; waits while it reads nothing."""


class LineError(Exception):
    """The other end broke the framing or speaks another version; the connection is over."""


async def read_frame(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    """The next message, or None at a clean end of file.

    Raises: LineError: over-long, truncated, or not a JSON object.
    """
    try:
        head = await reader.readexactly(_LENGTH.size)
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            return None
        raise LineError("cut inside a length") from error
    except ConnectionError:
        return None
    (size,) = _LENGTH.unpack(head)
    if size > MAX_FRAME:
        raise LineError(f"frame of {size} bytes")
    try:
        message = json.loads(await reader.readexactly(size))
    except (asyncio.IncompleteReadError, ConnectionError, ValueError) as error:
        raise LineError("not a whole JSON frame") from error
    if not isinstance(message, dict):
        raise LineError("not a JSON object")
    return message


def encode_frame(message: dict[str, Any]) -> bytes:
    """The bytes of one message. Raises: LineError: longer than 1 MiB."""
    body = json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()
    if len(body) > MAX_FRAME:
        raise LineError(f"frame of {len(body)} bytes")
    return _LENGTH.pack(len(body)) + body


class ServerGone(Exception):
    """The server hung up: so does the child."""


async def serve_requests(
    socket_path: Path,
    handle: Handle,
    background: Callable[[Tell], Coroutine[Any, Any, None]],
    hello: Mapping[str, Any] | None = None,
) -> None:
    """The child's end: answer in order, with `background` running, until the server hangs up.

    `hello`: what the server must know at once. Raises: OSError: nobody listens there.
    """
    reader, writer = await asyncio.open_unix_connection(str(socket_path), limit=MAX_FRAME)

    async def say(message: dict[str, Any]) -> None:
        writer.write(encode_frame(message))
        await writer.drain()

    async def tell(event: str, data: dict[str, Any]) -> None:
        await say({"event": event, "data": data})

    async def answer() -> None:
        while (message := await read_frame(reader)) is not None:
            await say({"id": message.get("id"), **await _answer(handle, message)})
        raise ServerGone

    async def say_alive() -> None:
        while True:
            await tell(ALIVE, {})
            await asyncio.sleep(ALIVE_EVERY_S)

    try:
        await say({"hello": {"version": VERSION, **(hello or {})}})
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(say_alive(), name="alive")
            tasks.create_task(background(tell), name="background")
            tasks.create_task(answer(), name="answer")
    except* (ServerGone, ConnectionError):
        pass
    finally:
        writer.close()


async def _answer(handle: Handle, message: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"ok": await handle(str(message.get("op")), message.get("args") or {})}
    except AppError as error:
        wire, kind = error.as_wire(), error.code
    except KeyError as missing:
        wire = InvalidInput("missing argument", field=str(missing)).as_wire()
        kind = InvalidInput.code
    return {"error": {"kind": kind, **wire}}
