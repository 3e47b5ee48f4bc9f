"""The server's side of a media worker: start it, watch it, give it orders, hear its events.

How to use it (room owner, signaling)
-------------------------------------
    worker = MediaWorker(settings.media, index=0, socket_path=data_dir / "media-0.sock")
    # as a component: `await worker.run(ready)`; `await worker.stop()`
    await worker.open_room(room_id)
    await worker.apply(room_id, RoomState(version=1, participants={pid: ParticipantState()}))
    answer = await worker.join(room_id, pid, offer_sdp)   # after apply names the pid
    async for event in worker.events(): ...

- `RoomState` is always the whole desired state. Only participants named in it send or receive a
  packet, so name one *before* its join; leaving one out removes it from the media at once (then
  call `leave` to free its seat). A state of a lower version than that in force raises Conflict.
- `apply` returns after the forwarder enforces the state. While the worker is down it raises
  Unavailable, but the state is kept and in force before the restarted worker forwards anything.
- `JoinAnswer.slots`: the down sections in the order offered, all empty. What fills them follows as
  `SlotMapChanged` events, each the whole map with a `revision` that counts up per seat: send them
  to that participant as the `slots` message. `mid` is the m-line's mid (the transceiver's `mid`).
- `LayersWanted` goes to that participant's page as `layers`; a page that ignores it costs its line.
- `ParticipantLost` keeps the seat: the browser first tries `restart` (new offer with ICE restart,
  same page), and `join` if that raises Conflict with code "rejoin" or NotFound.
- `WorkerRestarted`: all seats are gone; rooms and states are back. Every participant must `join`
  again (tell the pages; `room.restart` raises NotFound until then).
- Raises of every call: Unavailable (worker down, or no answer in 5 s), InvalidInput (offer, with
  the field), NotFound (room, participant), Conflict. Calls are sent in the order
  made; await each to keep order.

What the page must do (web)
---------------------------
- One RTCPeerConnection, `bundlePolicy: "max-bundle"`, transceivers made in this order, never
  sendrecv: audio sendonly; camera sendonly with `sendEncodings` rids "q" (scaleResolutionDownBy
  4), "h" (2), "f" (1); screen sendonly (one encoding); audio recvonly x3; video recvonly main,
  share, thumbnail xN (N = 8 phone, 16 pc, 25 wall; 0..25 accepted). Where a device is missing, add
  the up transceiver with a kind and `replaceTrack` later: nothing is renegotiated.
- `setCodecPreferences`: video VP8 (+ rtx) and H.264 42e01f; audio opus and red. Munge the offer:
  add `a=rtcp-fb:<opus pt> nack` to every audio section (our answer repeats it).
- Send the offer without waiting for candidates; set the answer; that is all. No trickle.
- After the connection state is "failed" or "disconnected" for 3 s: `restartIce()`, new offer to
  `room.restart`, set the answer.
- Which participant a <video> shows comes from the `slots` message by transceiver `mid`; a slot with
  participant_id null shows nothing (its last frame must be hidden).
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

import structlog

from conf.media import control, hugepages
from conf.media.model import (
    JoinAnswer,
    LayersWanted,
    ParticipantConnected,
    ParticipantLost,
    ParticipantState,
    PublishingChanged,
    Quality,
    QualityChanged,
    RoomState,
    Slot,
    SlotKind,
    SlotMapChanged,
    SourceKind,
    SpeakerChanged,
    StatsReport,
    WorkerEvent,
    WorkerRestarted,
)
from conf.media.plain import SOCKET_PATTERN
from conf.settings import MediaSettings
from conf.watchdog import until_hung
from core.errors import AppError, Conflict, InvalidInput, NotFound, Unavailable

__all__ = [
    "JoinAnswer",
    "LayersWanted",
    "MediaWorker",
    "ParticipantConnected",
    "ParticipantLost",
    "ParticipantState",
    "PublishingChanged",
    "Quality",
    "QualityChanged",
    "RoomState",
    "Slot",
    "SlotKind",
    "SlotMapChanged",
    "SourceKind",
    "SpeakerChanged",
    "StatsReport",
    "WorkerEvent",
    "WorkerRestarted",
]

REQUEST_TIMEOUT_S: Final = 5.0
START_TIMEOUT_S: Final = 45.0
STOP_TIMEOUT_S: Final = 3.0
RESTART_PAUSES_S: Final = (0.1, 0.5, 1.0, 2.0, 5.0)
EVENT_QUEUE: Final = 20_000
_ERRORS: Final[dict[str, type[AppError]]] = {
    cls.code: cls for cls in (InvalidInput, NotFound, Conflict, Unavailable)
}
_log = structlog.get_logger("conf.media")


def _error_from_wire(error: dict[str, Any]) -> AppError:
    code = str(error.get("code"))
    cls = _ERRORS.get(code, Conflict if code == "rejoin" else Unavailable)
    return cls(str(error.get("message")), field=error.get("field"), code=code)


class MediaWorker:
    """Owner of one worker process and of the connection to it; a `core.components.Component`."""

    def __init__(
        self,
        settings: MediaSettings,
        index: int,
        socket_path: Path,
        command: Sequence[str] | None = None,
    ) -> None:
        """`command`: what starts a worker; `--index I --socket PATH` is appended.

        Default: `python -m conf.media.worker` with these settings. server.py passes its own.
        """
        self.name = f"media-{index}"
        self.index = index
        self.restarts = 0
        self.port = 0  # of the running worker
        self.process_id = 0
        self._socket_path = socket_path
        self.plain_socket = socket_path.with_name(SOCKET_PATTERN.format(index))
        settings_json = settings.model_dump_json(exclude={"turn"})
        self._has_huge_pages = settings.has_huge_pages
        self._command = list(
            command or [sys.executable, "-m", "conf.media.worker", "--settings", settings_json]
        )
        self._states: dict[str, RoomState | None] = {}
        self._events: asyncio.Queue[WorkerEvent] = asyncio.Queue(EVENT_QUEUE)
        self._pending: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._has_orders = False  # does the running worker know all rooms and their states?
        self._next_id = 0
        self._words = 0  # messages read from the running worker
        self._is_stopping = False
        self._process: asyncio.subprocess.Process | None = None
        self._stopped = asyncio.Event()

    # -- life -----------------------------------------------------------------------------------

    async def run(self, ready: asyncio.Event) -> None:
        """Keep a worker running until `stop`; `ready` is set when the first one serves.

        Raises: Unavailable: the first worker did not start (its log says why).
        """
        failures = 0
        try:
            while True:
                try:
                    await self._run_once(ready)
                    failures = 0
                except Unavailable:
                    if not ready.is_set():
                        raise
                    failures += 1
                if self._is_asked_to_stop():
                    break
                self.restarts += 1
                pause = RESTART_PAUSES_S[min(failures, len(RESTART_PAUSES_S) - 1)]
                _log.warning("media_worker_died", index=self.index, restart_in_s=pause)
                await asyncio.sleep(pause)
        finally:
            await self._end_process()
            self._stopped.set()

    async def stop(self) -> None:
        """Hang up; the worker says goodbye to everybody and ends. Idempotent."""
        self._is_stopping = True
        if self._writer is not None:
            self._writer.close()
        if self._process is None:
            self._stopped.set()
        await self._stopped.wait()

    def _is_asked_to_stop(self) -> bool:
        return self._is_stopping

    async def _run_once(self, ready: asyncio.Event) -> None:
        """One worker from start to end of its connection."""
        connected: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue(
            1
        )

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if connected.full():
                writer.close()
            else:
                connected.put_nowait((reader, writer))

        self._socket_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._socket_path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(
            accept, str(self._socket_path), limit=control.MAX_FRAME
        )
        self._socket_path.chmod(0o600)
        try:
            reader, writer = await self._start_process(connected)
        finally:
            server.close()  # one worker, one connection
        try:
            await self._serve(reader, writer, ready)
        finally:
            self._writer = None
            self._has_orders = False
            writer.close()
            self._fail_pending()
            await self._end_process()
            self._socket_path.unlink(missing_ok=True)

    async def _start_process(
        self, connected: "asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]"
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self._process = await asyncio.create_subprocess_exec(
            *(hugepages.prefix() if self._has_huge_pages else ()),
            *self._command,
            "--index",
            str(self.index),
            "--socket",
            str(self._socket_path),
        )
        ended = asyncio.ensure_future(self._process.wait())
        came = asyncio.ensure_future(connected.get())
        try:
            await asyncio.wait(
                (ended, came), timeout=START_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED
            )
            if not came.done():
                await self._end_process()
                raise Unavailable("the media worker did not start")
            return came.result()
        finally:
            ended.cancel()
            came.cancel()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ready: asyncio.Event
    ) -> None:
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                first = await control.read_frame(reader)
        except (TimeoutError, control.ControlError) as error:
            raise Unavailable("the media worker did not say hello") from error
        hello = (first or {}).get("hello")
        if not isinstance(hello, dict) or hello.get("version") != control.VERSION:
            raise Unavailable("the media worker ended, or speaks another version")
        self.port, self.process_id = int(hello["port"]), int(hello["pid"])
        self._writer = writer
        async with asyncio.TaskGroup() as tasks:
            pump = tasks.create_task(self._read(reader), name=f"{self.name}:read")
            watch = tasks.create_task(self._watch(), name=f"{self.name}:watch")
            await self._rebuild()
            if ready.is_set():
                self._put(WorkerRestarted(self.index, self.restarts))
            ready.set()
            _log.info("media_worker_ready", index=self.index, port=self.port)
            await pump
            watch.cancel()

    async def _watch(self) -> None:
        """Kill a worker that hangs: its end is then found as any other's."""
        silence = await until_hung(self.process_id, lambda: self._words)
        _log.error(
            "media_worker_hangs", index=self.index, silent_s=silence.seconds,
            with_core_s=round(silence.counted_s, 1),
        )  # fmt: skip
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def _rebuild(self) -> None:
        """Rooms and states first, so that the worker forwards nothing the orders forbid.

        Until then every other call finds the worker away; what is ordered meanwhile goes as well.
        """
        told: dict[str, RoomState | None] = {}
        try:
            while told != self._states:
                for room_id, state in list(self._states.items()):
                    if room_id not in told:
                        await self._request("open_room", room_id=room_id)
                    if state is not None and told.get(room_id) is not state:
                        wire = control.state_to_wire(state)
                        await self._request("apply", room_id=room_id, state=wire)
                    told[room_id] = state
                for room_id in told.keys() - self._states.keys():
                    del told[room_id]
                    await self._request("close_room", room_id=room_id)
            self._has_orders = True
        except AppError as error:
            _log.warning("media_worker_rebuild_failed", index=self.index, error=str(error))
            if self._writer is not None:
                self._writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while (message := await control.read_frame(reader)) is not None:
                self._words += 1
                if "event" in message:
                    self._put(control.event_from_wire(message))
                    continue
                future = self._pending.pop(int(message.get("id") or 0), None)
                if future is None or future.done():
                    continue
                if "error" in message:
                    future.set_exception(_error_from_wire(message["error"]))
                else:
                    future.set_result(message.get("ok") or {})
        except control.ControlError as error:
            _log.error("media_worker_protocol", index=self.index, error=str(error))
        finally:
            self._fail_pending()

    def _put(self, event: WorkerEvent) -> None:
        if self._events.full():
            self._events.get_nowait()  # nobody listens; the newest facts are worth more
        self._events.put_nowait(event)

    def _fail_pending(self) -> None:
        for future in self._pending.values():
            if not future.done():
                future.set_exception(Unavailable("the media worker went away"))
        self._pending.clear()

    async def _end_process(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
                return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    # -- orders -----------------------------------------------------------------------------------

    async def open_room(self, room_id: str) -> None:
        """Idempotent; remembered over worker restarts until `close_room`."""
        self._states.setdefault(room_id, None)
        await self._ask("open_room", room_id=room_id)

    async def close_room(self, room_id: str) -> None:
        """Everybody is put out; idempotent, and done even if the worker is down."""
        self._states.pop(room_id, None)
        if self._has_orders:
            await self._ask("close_room", room_id=room_id)

    async def apply(self, room_id: str, state: RoomState) -> None:
        """Make `state` the room's orders; returns when the forwarder enforces them.

        Raises: NotFound: the room is not open; Conflict: a newer version is in force; Unavailable.
        """
        if room_id not in self._states:
            raise NotFound("the room is not open")
        known = self._states[room_id]
        if known is not None and known.version > state.version:
            raise Conflict("a newer state is in force")
        self._states[room_id] = state
        await self._ask("apply", room_id=room_id, state=control.state_to_wire(state))

    async def join(
        self,
        room_id: str,
        participant_id: str,
        offer_sdp: str,
    ) -> JoinAnswer:
        """Give a participant its seat; an earlier seat of the same id is closed."""
        answer = await self._ask(
            "join",
            room_id=room_id,
            participant_id=participant_id,
            offer_sdp=offer_sdp,
        )
        return JoinAnswer(str(answer["answer_sdp"]), control.slots_from_wire(answer["slots"]))

    async def join_plain(self, room_id: str, participant_id: str) -> str:
        """A seat for a camera on this machine. Returns: the key its packets to `plain_socket` bear.

        Raises: NotFound, Unavailable.
        """
        answer = await self._ask("join_plain", room_id=room_id, participant_id=participant_id)
        return str(answer["key"])

    async def restart(self, participant_id: str, offer_sdp: str) -> JoinAnswer:
        """ICE restart of a seat.

        Raises: NotFound: no such seat; Conflict (code "rejoin"): another page, so join instead.
        """
        answer = await self._ask("restart", participant_id=participant_id, offer_sdp=offer_sdp)
        return JoinAnswer(str(answer["answer_sdp"]), control.slots_from_wire(answer["slots"]))

    async def leave(self, participant_id: str) -> None:
        """Free the seat; idempotent, and done even if the worker is down."""
        if self._has_orders:
            await self._ask("leave", participant_id=participant_id)

    async def stats(self) -> dict[str, float]:
        """The worker's counters now."""
        return {name: float(value) for name, value in (await self._ask("stats")).items()}

    async def events(self) -> AsyncIterator[WorkerEvent]:
        """What the worker reports, in order. One consumer; ends never."""
        while True:
            yield await self._events.get()

    async def _ask(self, op: str, **args: Any) -> dict[str, Any]:
        """A call of the server's: of a worker that knows the orders."""
        if not self._has_orders:
            raise Unavailable("the media worker is not running")
        return await self._request(op, **args)

    async def _request(self, op: str, **args: Any) -> dict[str, Any]:
        writer = self._writer
        if writer is None or writer.is_closing():
            raise Unavailable("the media worker is not running")
        self._next_id += 1
        request_id = self._next_id
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._pending[request_id] = future
        try:
            writer.write(control.encode_frame({"id": request_id, "op": op, "args": args}))
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                await writer.drain()
                return await future
        except (TimeoutError, ConnectionError, control.ControlError) as error:
            raise Unavailable("the media worker does not answer") from error
        finally:
            self._pending.pop(request_id, None)
