"""The owner of a child process of the server: start, watch, restart, ask, listen.

The media workers, the recorder and the camera process are run so (their end of the socket:
conf.line). One that falls silent is killed (conf.watchdog); whatever ended it, it is started anew.
"""

import asyncio
import enum
import os
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import structlog

from conf import line
from conf.watchdog import until_hung
from core.errors import AppError, Conflict, InvalidInput, NotFound, Unavailable

log = structlog.get_logger("conf.child")

REQUEST_TIMEOUT_S: Final = 5.0
START_TIMEOUT_S: Final = 45.0
STOP_TIMEOUT_S: Final = 5.0
RESTART_PAUSES_S: Final = (0.1, 0.5, 1.0, 2.0, 5.0)
STEADY_S: Final = 30.0
"""Who lived so long is started again at once; who dies at every start, ever more seldom."""
_ERRORS: Final[dict[str, type[AppError]]] = {
    cls.code: cls for cls in (InvalidInput, NotFound, Conflict, Unavailable)
}
_Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class End(enum.StrEnum):
    """Why a process is no more, though it is still wanted."""

    DIED = "died"
    HUNG = "hung"
    NOT_STARTED = "not_started"
    RENEWED = "renewed"  # as asked


class Child:
    """Owner of one process.

    `on_start` is awaited at each (re)start, an AppError there starts it anew; `on_event` is called
    at each event, `on_end` as soon as the process is known to have died or hung, before its
    successor starts.
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
        self.hello: dict[str, Any] = {}
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
        self._renewing = False

    async def run(self, ready: asyncio.Event, *, is_needed: bool = False) -> None:
        """Keep it running until `stop`; `ready` at once, or when one that is needed serves.

        Raises: Unavailable: one that is needed did not start (its log says why).
        """
        if not is_needed:
            ready.set()
        loop = asyncio.get_running_loop()
        short_lives = 0
        while not self._stopping.is_set():
            started_at = loop.time()
            end = await self._run_once(ready)
            if self._stopping.is_set():
                return
            if not ready.is_set():
                raise Unavailable(f"{self.name} did not start")
            is_steady = end is not End.NOT_STARTED and loop.time() - started_at >= STEADY_S
            is_steady = is_steady or end is End.RENEWED
            short_lives = 0 if is_steady else short_lives + 1
            self.restarts += 1
            pause = RESTART_PAUSES_S[min(short_lives, len(RESTART_PAUSES_S) - 1)]
            log.warning("child_ended", child=self.name, how=end.value, restart_in_s=pause)
            self._on_end(end)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()

    def stop(self) -> None:
        """Hang up; the child closes its files and ends. Idempotent."""
        self._stopping.set()

    def renew(self) -> None:
        """Hang up; the child closes its files and ends, and a new one is started."""
        if self._writer is not None:
            self._renewing = True
            self._writer.close()

    @property
    def is_connected(self) -> bool:
        """Whether questions reach it."""
        return self._writer is not None and not self._writer.is_closing()

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
            writer.write(line.encode_frame({"id": number, "op": op, "args": args}))
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                await writer.drain()
                return await future
        except (TimeoutError, ConnectionError, line.LineError) as error:
            raise Unavailable(f"{self.name} does not answer") from error
        finally:
            self._pending.pop(number, None)
            if future.done() and not future.cancelled():
                future.exception()  # told already, where the line broke while we wrote

    # -- one life ---------------------------------------------------------------------------------

    async def _run_once(self, ready: asyncio.Event) -> End:
        came: asyncio.Future[_Line] = asyncio.get_running_loop().create_future()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if came.done():  # one child, one connection
                writer.close()
            else:
                came.set_result((reader, writer))

        process: asyncio.subprocess.Process | None = None
        server: asyncio.Server | None = None
        try:
            self._socket_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._socket_path.unlink(missing_ok=True)
            server = await asyncio.start_unix_server(
                accept, str(self._socket_path), limit=line.MAX_FRAME
            )
            self._socket_path.chmod(0o600)
            process = await asyncio.create_subprocess_exec(*self._command)
            self.process_id = process.pid
            if await self._comes(process, came):
                return await self._serve(process, came.result(), ready)
        except OSError as error:
            log.warning("child_not_started", child=self.name, cause=str(error))
        finally:
            if server is not None:
                server.close()
            has_come = not came.cancel()  # who comes now is turned away
            if has_come:
                came.result()[1].close()
            self._fail_pending()
            if process is not None:  # one that never came has nothing to close
                await self._end(process, STOP_TIMEOUT_S if has_come else 0)
            self._socket_path.unlink(missing_ok=True)
        return End.NOT_STARTED

    async def _comes(
        self, process: asyncio.subprocess.Process, came: "asyncio.Future[_Line]"
    ) -> bool:
        """Wait until it connects, or never will."""
        ends = asyncio.ensure_future(process.wait())
        stops = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait(
                (came, ends, stops),
                timeout=START_TIMEOUT_S,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            ends.cancel()
            stops.cancel()
        if not came.done() and not self._stopping.is_set():
            log.warning("child_not_started", child=self.name, exit_code=process.returncode)
        return came.done()

    async def _serve(
        self, process: asyncio.subprocess.Process, connection: _Line, ready: asyncio.Event
    ) -> End:
        reader, writer = connection
        end = End.NOT_STARTED
        async with asyncio.TaskGroup() as tasks:
            watch = tasks.create_task(self._watch(process), name=f"{self.name}:watch")
            hanging_up = tasks.create_task(self._hang_up(writer), name=f"{self.name}:stop")
            try:
                if await self._greet(reader):
                    end = End.DIED
                    self._writer = writer
                    tasks.create_task(self._begin(writer, ready), name=f"{self.name}:start")
                    await self._read(reader)
            finally:
                self._writer = None  # who asks from now on is refused at once
                writer.close()
            if self._renewing:
                end, self._renewing = End.RENEWED, False
            if watch.done():
                end = End.HUNG
            watch.cancel()
            hanging_up.cancel()
        return end

    async def _hang_up(self, writer: asyncio.StreamWriter) -> None:
        await self._stopping.wait()
        writer.close()

    async def _greet(self, reader: asyncio.StreamReader) -> bool:
        """Whether it says hello in our version: the files may have been upgraded under us."""
        hello = None
        with suppress(line.LineError):
            hello = (await line.read_frame(reader) or {}).get("hello")
        if not isinstance(hello, dict) or hello.get("version") != line.VERSION:
            log.warning("child_not_understood", child=self.name, hello=hello)
            return False
        self.hello = hello
        return True

    async def _begin(self, writer: asyncio.StreamWriter, ready: asyncio.Event) -> None:
        try:
            await self._on_start()
        except AppError as error:
            log.warning("child_not_begun", child=self.name, cause=error.message)
            writer.close()
        else:
            ready.set()
            log.info("child_ready", child=self.name, process_id=self.process_id)

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """Kill a child that hangs: its end is then found as any other's."""
        silence = await until_hung(process.pid, lambda: self._words)
        log.error(
            "child_hangs", child=self.name, silent_s=silence.seconds,
            with_core_s=round(silence.counted_s, 1),
        )  # fmt: skip
        with suppress(ProcessLookupError):
            process.kill()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while (message := await line.read_frame(reader)) is not None:
                self._words += 1
                self._take(message)
        except line.LineError as error:  # it died in the middle of a word
            log.warning("child_line_broken", child=self.name, cause=str(error))
        finally:
            self._fail_pending()

    def _take(self, message: dict[str, Any]) -> None:
        if "event" in message:
            if message["event"] != line.ALIVE:
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

    async def _end(self, process: asyncio.subprocess.Process, patience_s: float) -> None:
        """Wait for it, then kill it; one the kernel holds (a dead disk) is left to its fate."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
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
    cls = _ERRORS.get(str(error.get("kind")), Unavailable)
    return cls(str(error.get("message")), field=error.get("field"), code=str(error.get("code")))
