"""A child process of the server and the Unix socket to it: start, watch, restart, ask, listen.

Frames as in conf.media.control. The server listens, the child connects and says hello, then
`{"event": "alive"}` every second: one that falls silent is killed (conf.watchdog) and started anew.
End of file ends the child, so that none outlives its server. The media worker has its own, older
form of this.
"""

import asyncio
import enum
import os
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import structlog

from conf.media import control
from conf.watchdog import until_hung
from core.errors import AppError, Conflict, InvalidInput, NotFound, Unavailable

log = structlog.get_logger("conf.child")

REQUEST_TIMEOUT_S: Final = 5.0
START_TIMEOUT_S: Final = 45.0
STOP_TIMEOUT_S: Final = 5.0
RESTART_PAUSES_S: Final = (0.1, 0.5, 1.0, 2.0, 5.0)
ALIVE: Final = "alive"
ALIVE_EVERY_S: Final = 1.0
_ERRORS: Final[dict[str, type[AppError]]] = {
    cls.code: cls for cls in (InvalidInput, NotFound, Conflict, Unavailable)
}

Handle = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]
Tell = Callable[[str, dict[str, Any]], None]
_Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class End(enum.StrEnum):
    """Why a process is no more, though nobody asked for it."""

    DIED = "died"
    HUNG = "hung"
    NOT_STARTED = "not_started"


class Child:
    """Owner of one process.

    `on_start` is awaited at each (re)start, `on_event` called at each event, `on_end` as soon as
    the process is known to have died or hung, before its successor starts.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        socket_path: Path,
        on_start: Callable[[], Coroutine[Any, Any, None]],
        on_event: Callable[[str, dict[str, Any]], None],
        on_end: Callable[[End], None] = lambda end: None,
    ) -> None:
        """`command` gets `--socket PATH` appended."""
        self.name = name
        self.process_id = 0
        self.restarts = 0
        self._command = [*command, "--socket", os.fspath(socket_path)]
        self._socket_path = socket_path
        self._on_start = on_start
        self._on_event = on_event
        self._on_end = on_end
        self._words = 0  # messages read so far
        self._pending: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._last_id = 0
        self._stopping = asyncio.Event()

    async def run(self, ready: asyncio.Event) -> None:
        """Keep it running until `stop`; `ready` at once, for nobody need wait for it."""
        ready.set()
        failures = 0
        while not self._stopping.is_set():
            try:
                end = await self._run_once()
                failures = 0
            except (Unavailable, OSError) as error:
                end = End.NOT_STARTED
                failures += 1
                log.warning("child_not_started", child=self.name, cause=str(error))
            if self._stopping.is_set():
                return
            self.restarts += 1
            pause = RESTART_PAUSES_S[min(failures, len(RESTART_PAUSES_S) - 1)]
            log.warning("child_ended", child=self.name, how=end.value, restart_in_s=pause)
            self._on_end(end)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()

    def stop(self) -> None:
        """Hang up; the child closes its files and ends. Idempotent."""
        self._stopping.set()
        if self._writer is not None:
            self._writer.close()

    async def ask(self, op: str, **args: Any) -> dict[str, Any]:
        """The child's answer. Raises: Unavailable; what the child raised."""
        writer = self._writer
        if writer is None or writer.is_closing():
            raise Unavailable(f"{self.name} is not running")
        self._last_id += 1
        number = self._last_id
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._pending[number] = future
        try:
            writer.write(control.encode_frame({"id": number, "op": op, "args": args}))
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                await writer.drain()
                return await future
        except (TimeoutError, ConnectionError, control.ControlError) as error:
            raise Unavailable(f"{self.name} does not answer") from error
        finally:
            self._pending.pop(number, None)

    async def _run_once(self) -> End:
        lines: asyncio.Queue[_Line] = asyncio.Queue(1)

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if lines.full():
                writer.close()
            else:
                lines.put_nowait((reader, writer))

        self._socket_path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(
            accept, str(self._socket_path), limit=control.MAX_FRAME
        )
        self._socket_path.chmod(0o600)
        process = await asyncio.create_subprocess_exec(*self._command)
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                reader, writer = await lines.get()
        except TimeoutError as error:
            raise Unavailable("it did not start") from error
        else:
            return await self._serve(process, reader, writer)
        finally:
            server.close()
            self._writer = None
            self._fail_pending()
            await self._end(process)
            self._socket_path.unlink(missing_ok=True)

    async def _serve(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> End:
        self._writer = writer
        async with asyncio.TaskGroup() as tasks:
            watch = tasks.create_task(self._watch(process), name=f"{self.name}:watch")
            try:
                await self._greet(reader)
                tasks.create_task(self._on_start(), name=f"{self.name}:start")
                await self._read(reader)
            finally:
                self._writer = None  # who asks from now on is refused at once
                writer.close()
            has_hung = watch.done()
            watch.cancel()
        return End.HUNG if has_hung else End.DIED

    async def _greet(self, reader: asyncio.StreamReader) -> None:
        with suppress(control.ControlError):
            hello = await control.read_frame(reader)
            self.process_id = int((hello or {}).get("hello", {}).get("pid", 0))

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """Kill a child that hangs: its end is then found as any other's."""
        silence = await until_hung(process.pid, lambda: self._words)
        log.error("child_hangs", child=self.name, silent_s=silence.seconds)
        with suppress(ProcessLookupError):
            process.kill()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while (message := await control.read_frame(reader)) is not None:
                self._words += 1
                self._take(message)
        except control.ControlError as error:  # it died in the middle of a word
            log.warning("child_line_broken", child=self.name, cause=str(error))
        finally:
            self._fail_pending()

    def _take(self, message: dict[str, Any]) -> None:
        if "event" in message:
            if message["event"] != ALIVE:
                self._on_event(str(message["event"]), message.get("data") or {})
            return
        future = self._pending.pop(int(message.get("id") or 0), None)
        if future is None or future.done():
            return
        if "error" in message:
            future.set_exception(_error(message["error"]))
        else:
            future.set_result(message.get("ok") or {})

    def _fail_pending(self) -> None:
        for future in self._pending.values():
            if not future.done():
                future.set_exception(Unavailable(f"{self.name} went away"))
        self._pending.clear()

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        """Wait for it, then kill it; one the kernel holds (a dead disk) is left to its fate."""
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
                return
        with suppress(ProcessLookupError):
            process.kill()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            log.error("child_cannot_be_killed", child=self.name, process_id=process.pid)


def _error(error: dict[str, Any]) -> AppError:
    code = str(error.get("code"))
    cls = _ERRORS.get(code, Unavailable)
    return cls(str(error.get("message")), field=error.get("field"), code=code)


class _ServerGone(Exception):
    """The server hung up: so does the child."""


async def serve_requests(
    socket_path: Path, handle: Handle, background: Callable[[Tell], Coroutine[Any, Any, None]]
) -> None:
    """The child's side: answer in order, with `background` running, until the server hangs up."""
    reader, writer = await asyncio.open_unix_connection(str(socket_path), limit=control.MAX_FRAME)

    def tell(event: str, data: dict[str, Any]) -> None:
        if not writer.is_closing():
            writer.write(control.encode_frame({"event": event, "data": data}))

    async def answer() -> None:
        while (message := await control.read_frame(reader)) is not None:
            reply: dict[str, Any] = {"id": message.get("id")}
            try:
                reply["ok"] = await handle(str(message.get("op")), message.get("args") or {})
            except AppError as error:
                reply["error"] = error.as_wire()
            except KeyError as error:
                reply["error"] = InvalidInput("missing argument", field=str(error)).as_wire()
            writer.write(control.encode_frame(reply))
            await writer.drain()
        raise _ServerGone

    async def say_alive() -> None:
        while True:
            tell(ALIVE, {})
            await asyncio.sleep(ALIVE_EVERY_S)

    writer.write(control.encode_frame({"hello": {"pid": os.getpid()}}))
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(say_alive(), name="alive")
            tasks.create_task(background(tell), name="background")
            tasks.create_task(answer(), name="answer")
    except* (_ServerGone, ConnectionError):
        pass
    finally:
        writer.close()
