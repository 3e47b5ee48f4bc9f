"""The server's side of a media worker: start it, watch it, give it orders, hear its events.

How to use it (room owner, signaling)
-------------------------------------
    worker = MediaWorker(settings.media, index=0, socket_path=data_dir / "media-0.sock")
    # as a component: `await worker.run(ready)`; `worker.stop()`
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
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from conf.child import Child, End
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
from core.errors import Conflict, NotFound, Unavailable

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

EVENT_QUEUE: Final = 20_000


class MediaWorker:
    """Owner of one worker process, by its `Child`; a `core.components.Component`."""

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
        self.plain_socket = socket_path.with_name(SOCKET_PATTERN.format(index))
        self._states: dict[str, RoomState | None] = {}
        self._events: asyncio.Queue[WorkerEvent] = asyncio.Queue(EVENT_QUEUE)
        self._has_orders = False  # does the running worker know all rooms and their states?
        settings_json = settings.model_dump_json(exclude={"turn"})
        default = [sys.executable, "-m", "conf.media.worker", "--settings", settings_json]
        prefix = hugepages.prefix() if settings.has_huge_pages else []
        self.child = Child(
            self.name, [*prefix, *(command or default), "--index", str(index)], socket_path,
            self._rebuild, self._on_event, self._on_end,
        )  # fmt: skip

    # -- life -----------------------------------------------------------------------------------

    async def run(self, ready: asyncio.Event) -> None:
        """Keep a worker running until `stop`; `ready` is set when the first one serves.

        Raises: Unavailable: the first worker did not start (its log says why).
        """
        await self.child.run(ready, is_needed=True)

    def stop(self) -> None:
        """Hang up; the worker says goodbye to everybody and ends. Idempotent."""
        self.child.stop()

    def renew(self) -> None:
        """Hang up as in `stop`, and start a successor."""
        self.child.renew()

    @property
    def is_serving(self) -> bool:
        """Whether it runs and knows its orders."""
        return self._has_orders and self.child.is_connected

    @property
    def port(self) -> int:
        """Of the running worker, UDP and TCP."""
        return int(self.child.hello.get("port", 0))

    @property
    def process_id(self) -> int:
        """Of the running worker."""
        return self.child.process_id

    @property
    def restarts(self) -> int:
        """How often it had to be started anew."""
        return self.child.restarts

    async def _rebuild(self) -> None:
        """Rooms and states first, so that the worker forwards nothing the orders forbid.

        Until then every other call finds the worker away; what is ordered meanwhile goes as well.
        """
        told: dict[str, RoomState | None] = {}
        while told != self._states:
            for room_id, state in list(self._states.items()):
                if room_id not in told:
                    await self.child.ask("open_room", room_id=room_id)
                if state is not None and told.get(room_id) is not state:
                    wire = control.state_to_wire(state)
                    await self.child.ask("apply", room_id=room_id, state=wire)
                told[room_id] = state
            for room_id in told.keys() - self._states.keys():
                del told[room_id]
                await self.child.ask("close_room", room_id=room_id)
        self._has_orders = True
        if self.restarts:
            self._put(WorkerRestarted(self.index, self.restarts))

    def _on_event(self, name: str, data: dict[str, Any]) -> None:
        self._put(control.event_from_wire(name, data))

    def _on_end(self, end: End) -> None:
        self._has_orders = False

    def _put(self, event: WorkerEvent) -> None:
        if self._events.full():
            self._events.get_nowait()  # nobody listens; the newest facts are worth more
        self._events.put_nowait(event)

    # -- orders -----------------------------------------------------------------------------------

    async def open_room(self, room_id: str) -> None:
        """Idempotent; remembered over worker restarts until `close_room`."""
        self._states.setdefault(room_id, None)
        await self._ask("open_room", room_id=room_id)

    async def close_room(self, room_id: str) -> None:
        """Everybody is put out; idempotent, and done even if the worker is down."""
        self._states.pop(room_id, None)
        with suppress(Unavailable):
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
        with suppress(Unavailable):
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
        return await self.child.ask(op, **args)
