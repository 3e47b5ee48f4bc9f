"""The control socket: JSON lines over a Unix socket only its owner may open.

Request `{"do": "reply", …}` → `{"ok": result}` or `{"error": "sentence"}`. `watch` goes on with
`{"entry": …}` for each journal entry.
"""

import asyncio
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sms.simulator.air import WaitingPdu
from sms.simulator.faults import Fault
from sms.simulator.journal import Entry
from sms.simulator.world import World

_MAX_LINE = 1 << 20


class Control:
    """Serves one `World`."""

    def __init__(self, world: World, stop: asyncio.Event) -> None:
        """`stop`: set by the order `stop`, which ends the simulator."""
        self._world = world
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}
        self._doers: dict[str, Callable[..., Any]] = {
            "ping": lambda: "pong",
            "modems": world.describe_modems,
            "handsets": lambda: [h.as_wire() for h in world.air.handsets.values()],
            "handset": lambda number: world.air.handset(number).as_wire(),
            "reply": world.air.reply,
            "inject": self._inject,
            "behave": self._behave,
            "fault": self._fault,
            "heal": self._heal,
            "radio": self._radio,
            "call": self._call,
            "advance": self._advance,
            "journal": lambda after=0: world.air.journal.after(after),
            "stop": stop.set,
        }

    async def start(self, path: Path) -> None:
        """Listen on `path`, mode 0700; a leftover socket is replaced."""
        listening = socket.socket(socket.AF_UNIX)
        _bind(listening, path)
        self._server = await asyncio.start_unix_server(self._serve, sock=listening, limit=_MAX_LINE)

    async def stop(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for writer in self._connections:
            writer.close()
        if self._connections:
            await asyncio.wait(self._connections.values(), timeout=1)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stop_watching: Callable[[], None] | None = None
        task = asyncio.current_task()
        assert task is not None
        self._connections[writer] = task
        try:
            while line := await reader.readline():
                answer, watches = self._handle(line)
                writer.write(_line(answer))
                if watches is not None:
                    stop_watching = self._watch(writer, watches)
                await writer.drain()
        except (ConnectionError, ValueError):
            pass  # the other side went away, or sent a line without end
        finally:
            if stop_watching is not None:
                stop_watching()
            writer.close()
            del self._connections[writer]

    def _handle(self, line: bytes) -> tuple[dict[str, Any], int | None]:
        """The answer, and after which entry to watch, if asked."""
        try:
            request = json.loads(line)
            name = request.pop("do")
            if name == "watch":
                return {"ok": None}, int(request.get("after", 0))
            if name not in self._doers:
                raise ValueError(f"unknown order {name!r}; known: {', '.join(self._doers)}, watch")
            return {"ok": self._doers[name](**request)}, None
        except (ValueError, TypeError, KeyError, AttributeError, LookupError) as error:
            return {"error": str(error)}, None

    def _watch(self, writer: asyncio.StreamWriter, after: int) -> Callable[[], None]:
        def push(entry: Entry) -> None:
            writer.write(_line({"entry": entry}))

        for entry in self._world.air.journal.after(after):
            push(entry)
        return self._world.air.journal.watch(push)

    def _inject(self, modem: str, pdu: str, is_report: bool = False) -> None:
        """Put a PDU of the caller's own making, also a broken one, into a modem."""
        sim = self._world.modem(modem).sim
        self._world.air.deliver(sim, WaitingPdu(pdu, is_report))

    def _behave(self, number: str, **changes: Any) -> None:
        self._world.air.handset(number).behaviour.change(changes)

    def _fault(self, modem: str, fault: str, **options: Any) -> None:
        armed = Fault.from_wire(fault, options)
        self._world.air.journal.add("fault", modem=modem, fault=fault, **options)
        self._world.modem(modem).apply(armed)

    def _heal(self, modem: str) -> None:
        self._world.modem(modem).heal()

    def _radio(self, modem: str, seconds: float) -> None:
        self._world.modem(modem).radio_s = seconds

    def _call(self, number: str, modem: str, rings: int = 3) -> None:
        """A handset rings a modem."""
        target = self._world.modem(modem)

        def ring(left: int) -> None:
            target.notify("RING", f'+CLIP: "{number}",145')
            if left > 1:
                target.plan(1.0, lambda: ring(left - 1))

        ring(rings)

    def _advance(self, seconds: float) -> str:
        self._world.air.agenda.advance(seconds)
        return self._world.air.agenda.now().isoformat()


def _bind(listening: socket.socket, path: Path) -> None:
    """Mode 0700 from the first moment: the mask acts while the socket is made."""
    path.unlink(missing_ok=True)
    before = os.umask(0o077)
    try:
        listening.bind(str(path))
    finally:
        os.umask(before)


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, default=str).encode() + b"\n"
