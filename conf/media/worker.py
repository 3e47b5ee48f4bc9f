"""The media worker process: ports, timers, and the control connection to the server.

One asyncio loop, no threads, no database. `run_worker` ends when the control connection does, so a
worker never outlives its server.
"""

import argparse
import asyncio
import contextlib
import gc
import secrets
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from conf.line import ServerGone, Tell, serve_requests
from conf.media import compiled, control, rtcp
from conf.media.addresses import candidates
from conf.media.answer import AnswerPlan, Endpoint, build_answer, plan_streams
from conf.media.budget import DownBudget
from conf.media.dtls import CertificateStore, fingerprint
from conf.media.forward import Forwarder
from conf.media.layer import Layer
from conf.media.model import Quality, QualityChanged, RoomState, StatsReport, WorkerEvent
from conf.media.mux import Mux
from conf.media.outbox import Outbox
from conf.media.plain import SOCKET_PATTERN, PlainInput, plain_offer
from conf.media.room import Room
from conf.media.rtp import Packet
from conf.media.sdp import Offer, Role, parse_offer
from conf.media.seat import Seat
from conf.media.session import Session
from conf.media.stats import figures
from conf.media.subscriber import Subscriber
from conf.media.tap import SOCKET_NAME, Tap
from conf.media.tcp import TcpListener
from conf.media.ticker import Ticker
from conf.media.udp import open_port
from conf.settings import MediaSettings
from core.errors import Conflict, InvalidInput, NotFound

PACE_S: Final = 0.005
MAX_QUEUED_EVENTS: Final = 10_000
LEAVERS: Final = 200  # then what the libraries keep of each is looked for; media wait 20 ms


class Worker:
    """Owner of everything in the process; all methods run on the loop."""

    def __init__(
        self, settings: MediaSettings, index: int, tasks: asyncio.TaskGroup, folder: Path
    ) -> None:
        """`folder`: where the sockets are. Raises: OSError: the port is taken."""
        self.settings = settings
        self.index = index
        self._tasks = tasks
        loop = asyncio.get_running_loop()
        self.clock: Callable[[], float] = loop.time
        self.port = open_port(settings.listen, settings.port + index if settings.port else 0)
        self.outbox = Outbox(self.port)
        native = compiled.load()
        self.forwarder = Forwarder(self.outbox, self._on_level, native=native)
        self.certificates = CertificateStore()
        self.mux = Mux(
            self.port,
            self.clock,
            self._start_handshake,
            self._after_batch,
            self.forwarder.open,
            native,
        )
        self.rooms: dict[str, Room] = {}
        self.seats: dict[str, Seat] = {}
        self.arrived: set[Seat] = set()  # whose packets no feedback has told of yet
        self.events: asyncio.Queue[WorkerEvent] = asyncio.Queue(MAX_QUEUED_EVENTS)
        self.counters = {"keyframe_requests": 0, "nacks_sent": 0, "events_dropped": 0}
        self.probing: set[DownBudget] = set()  # whose probe sends padding
        self.repeating: set[Subscriber] = set()  # who is sent its pictures twice
        self._releasing: asyncio.TimerHandle | None = None
        self._leavers = 0
        self.tap = Tap(folder / SOCKET_NAME)
        self.plain = PlainInput(folder / SOCKET_PATTERN.format(index), self.clock)
        self.udp_port: int = self.port.local_port()
        self.tcp = TcpListener(self.mux, self.mux.knows)
        self.ticker = Ticker(self)
        loop.add_reader(self.port.fileno(), self.mux.on_readable)
        loop.add_reader(self.plain.socket.fileno(), self._on_plain)

    async def open_tcp(self) -> None:
        """Listen on TCP at the same number as UDP. Raises: OSError: the port is taken."""
        if self.settings.is_tcp_enabled:
            await self.tcp.open(self.settings.listen, self.udp_port)

    def ntp_now(self) -> int:
        """Wall time as NTP, for sender reports only."""
        return self.ntp_ago(0.0)

    def ntp_ago(self, seconds: float) -> int:
        """Wall time that long ago."""
        return rtcp.ntp_time(time.time() - seconds)

    def emit(self, event: WorkerEvent) -> None:
        """Queue an event; when the server has not read ten thousand, drop it and count."""
        try:
            self.events.put_nowait(event)
        except asyncio.QueueFull:
            self.counters["events_dropped"] += 1

    def _after_batch(self, now: float) -> None:
        self.forwarder.emit(now)
        self.outbox.flush()
        if self.outbox.holders and self._releasing is None:
            self._releasing = asyncio.get_running_loop().call_later(PACE_S, self._release)
        self.ticker.carry(now)

    def _release(self) -> None:
        """Let the weak links' held packets go, every 5 ms while there are any."""
        now = self.clock()
        outbox = self.outbox
        outbox.holders = {shaper for shaper in outbox.holders if shaper.release(now)}
        outbox.flush()
        loop = asyncio.get_running_loop()
        self._releasing = loop.call_later(PACE_S, self._release) if outbox.holders else None

    def _on_plain(self) -> None:
        self.plain.on_readable()
        self._after_batch(self.clock())

    def _start_handshake(self, session: Session) -> None:
        self._tasks.create_task(session.handshake(), name="dtls")

    def _on_level(self, layer: Layer, packet: Packet, now: float) -> None:
        seat = self.seats.get(layer.track.owner)
        if seat is not None and packet.audio_level >= 0 and layer.track.is_allowed:
            seat.room.on_level(seat.participant_id, packet.audio_level, now)

    # -- what the server asks ---------------------------------------------------------------------

    def open_room(self, room_id: str) -> None:
        """Idempotent."""
        if room_id not in self.rooms:
            self.rooms[room_id] = Room(room_id, self.emit)

    async def close_room(self, room_id: str) -> None:
        """Everybody leaves; idempotent."""
        room = self.rooms.pop(room_id, None)
        if room is not None:
            for seat in list(room.seats.values()):
                await self.leave(seat.participant_id)

    def apply(self, room_id: str, state: RoomState) -> None:
        """In force when this returns. Raises: NotFound; Conflict: an older version."""
        if not self._room(room_id).apply(state, self.clock()):
            raise Conflict("a newer state is in force")

    async def join(self, room_id: str, participant_id: str, offer_sdp: str) -> dict[str, Any]:
        """Take a seat, in place of an earlier one of the same participant.

        Raises: NotFound: no such room; InvalidInput: the offer.
        """
        room, offer = self._room(room_id), parse_offer(offer_sdp)
        seat = await self._take_seat(room, participant_id, offer)
        room.add(seat, self.clock())
        return self._answer(seat, offer)

    async def join_plain(self, room_id: str, participant_id: str) -> dict[str, Any]:
        """A seat for a camera, fed by Unix datagrams (conf.media.plain). Raises: NotFound."""
        room = self._room(room_id)
        seat = await self._take_seat(room, participant_id, parse_offer(plain_offer()))
        room.add(seat, self.clock())
        return {"key": self.plain.admit(seat)}

    async def _take_seat(self, room: Room, participant_id: str, offer: Offer) -> Seat:
        if participant_id in self.seats:
            await self.leave(participant_id)
        streams = plan_streams(offer, secrets.randbits(32))
        seat = Seat(self, room, participant_id, offer, streams, self.clock())
        self.seats[participant_id] = seat
        self.mux.add(seat.session)
        return seat

    def restart(self, participant_id: str, offer_sdp: str) -> dict[str, Any]:
        """ICE restart. Raises: NotFound; InvalidInput; Conflict: not a restart, join anew."""
        seat = self.seats.get(participant_id)
        if seat is None:
            raise NotFound("no such participant in this worker")
        offer = parse_offer(offer_sdp)
        before, after = (
            [(section.mid, section.direction) for section in one.sections]
            for one in (seat.offer, offer)
        )
        try:
            if before != after:
                raise ValueError("sections changed")
            dead = seat.session.restart(offer.fingerprints)
        except ValueError as error:
            raise Conflict("this is another connection; join anew", code="rejoin") from error
        self.mux.add(seat.session, dead)
        seat.version += 1
        return self._answer(seat, offer)

    async def leave(self, participant_id: str) -> None:
        """Idempotent."""
        seat = self.seats.pop(participant_id, None)
        if seat is not None:
            seat.room.remove(seat, self.clock())
            self.mux.remove(seat.session)
            self.plain.forget(seat)
            for layer in [layer for t in seat.publisher.tracks.values() for layer in t.layers]:
                self.forwarder.open.forget(layer)
            seat.publisher.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await seat.session.close()
            self._collect()

    def _collect(self) -> None:
        """Our part of a leaver is freed at once; pyOpenSSL's verify callback is a circle of 2 kB.

        At the end of the last meeting, when nobody waits, or after so many.
        """
        self._leavers += 1
        if self._leavers >= LEAVERS or not self.seats:
            self._leavers = 0
            gc.collect()

    def _room(self, room_id: str) -> Room:
        room = self.rooms.get(room_id)
        if room is None:
            raise NotFound("no such room in this worker")
        return room

    def _answer(self, seat: Seat, offer: Offer) -> dict[str, Any]:
        algorithm, _, digest = fingerprint(seat.session.certificate).partition(" ")
        credentials = seat.session.credentials
        plan = AnswerPlan(
            session_id=seat.sender_ssrc,
            endpoint=Endpoint(
                credentials.ufrag,
                credentials.password,
                (algorithm, digest),
                candidates(self.settings, self.udp_port, self.tcp.port),
            ),
            streams=seat.streams,
            version=seat.version,
            limits_bps={s.mid: seat.max_up_bps for s in offer.of(Role.CAMERA_UP)}
            | {s.mid: seat.max_screen_bps for s in offer.of(Role.SCREEN_UP)},
        )
        slots = [slot.describe() for slot in seat.subscriber.slots]
        return {
            "answer_sdp": build_answer(offer, plan),
            "slots": [
                {"mid": s.mid, "kind": s.kind, "participant_id": None, "source": None}
                for s in slots
            ],
        }

    # -- what the ticker asks ---------------------------------------------------------------------

    def tell_quality(self, seat: Seat, quality: Quality) -> None:
        """A site's lamp changes its colour."""
        seat.quality = quality
        self.emit(QualityChanged(seat.room.room_id, seat.participant_id, quality))

    def drop_silent(self, now: float) -> None:
        """Who has not been heard of is lost, until it speaks again."""
        limit = self.settings.silence_timeout_s
        for seat in self.seats.values():
            if seat.is_connected and now - seat.session.heard_at > limit:
                seat.on_lost("silence")
            elif not seat.is_connected and seat.session.can_send:
                seat.on_connected()  # it has spoken since: `pause` took the address away

    def report(self) -> StatsReport:
        """Counters of the process; Prometheus-ready names."""
        worker = self.mux.counters.as_dict()
        worker |= {
            "datagrams_dropped_by_kernel_total": float(self.port.dropped_by_kernel()),
            "packets_forwarded_total": float(self.forwarder.forwarded),
            "packets_sent_total": float(self.outbox.packets),
            "messages_sent_total": float(self.outbox.sends),
            "picture_waits_total": float(self.forwarder.open.waits),
            "picture_waits_in_vain_total": float(self.forwarder.open.in_vain),
            "packets_refused_total": float(self.outbox.failed + self.port.dropped_sends),
            "tcp_refused_total": float(self.tcp.refused),
            "tcp_cut_total": float(self.tcp.cut),
            "packets_late_total": float(self.forwarder.late),
            "packets_duplicate_total": float(self.forwarder.duplicates),
            "rooms": float(len(self.rooms)),
            "participants": float(len(self.seats)),
            "loop_lag_p99_s": self.ticker.lag.p99(),
            "recorded_packets_total": float(self.tap.sent),
            "recorded_packets_dropped_total": float(self.tap.dropped),
        }
        worker |= {f"{name}_total": float(value) for name, value in self.counters.items()}
        return StatsReport(worker, {pid: figures(s).as_dict() for pid, s in self.seats.items()})

    async def close(self) -> None:
        """Say goodbye to everybody and release the ports."""
        asyncio.get_running_loop().remove_reader(self.port.fileno())
        self.tap.close()
        asyncio.get_running_loop().remove_reader(self.plain.socket.fileno())
        self.plain.close()
        for participant_id in list(self.seats):
            await self.leave(participant_id)
        await self.tcp.close()
        self.port.close()


async def _handle(worker: Worker, op: str, args: dict[str, Any]) -> dict[str, Any]:
    """One request. Raises: AppError for the wire; LineError: the server broke the protocol."""
    match op:
        case "open_room":
            worker.open_room(str(args["room_id"]))
        case "close_room":
            await worker.close_room(str(args["room_id"]))
        case "join":
            return await worker.join(
                str(args["room_id"]),
                str(args["participant_id"]),
                str(args["offer_sdp"]),
            )
        case "join_plain":
            return await worker.join_plain(str(args["room_id"]), str(args["participant_id"]))
        case "restart":
            return worker.restart(str(args["participant_id"]), str(args["offer_sdp"]))
        case "leave":
            await worker.leave(str(args["participant_id"]))
        case "apply":
            worker.apply(str(args["room_id"]), control.state_from_wire(args["state"]))
        case "stats":
            worker.mux.take_reports(worker.clock())  # what has come by now counts
            worker.outbox.flush()
            return dict(worker.report().worker)
        case _:
            raise InvalidInput("unknown operation", field="op")
    return {}


async def _send_events(worker: Worker, tell: Tell) -> None:
    while True:
        await tell(*control.event_to_wire(await worker.events.get()))


def _spare_collections() -> None:
    """Look for garbage in cycles more seldom, and never among what was made at the start.

    Only once: a site that leaves is such garbage, and frozen it would never be freed.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 50)


async def run_worker(settings: MediaSettings, index: int, socket_path: Path) -> None:
    """Serve media until the server hangs up.

    Raises: OSError: the port is taken, or nobody listens at `socket_path`.
    """
    worker: Worker | None = None
    try:
        async with asyncio.TaskGroup() as tasks:
            worker = Worker(settings, index, tasks, socket_path.parent)
            await worker.open_tcp()
            tasks.create_task(worker.ticker.run(), name="timers")
            _spare_collections()
            await serve_requests(
                socket_path,
                partial(_handle, worker),
                partial(_send_events, worker),
                {"port": worker.udp_port},
            )
            raise ServerGone
    except* ServerGone:
        pass
    finally:
        if worker is not None:
            await worker.close()


def main() -> None:
    """`python -m conf.media.worker --index I --socket PATH [--settings JSON]`."""
    parser = argparse.ArgumentParser(description="Fengsui media worker")
    parser.add_argument("--index", type=int, required=True)
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--settings", default="{}")
    arguments = parser.parse_args()
    settings = MediaSettings.model_validate_json(arguments.settings)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server; it then hangs up
    asyncio.run(run_worker(settings, arguments.index, arguments.socket))


if __name__ == "__main__":
    main()
