"""The control socket between server and media worker: frames and their JSON.

A frame is a 4-byte big-endian length and that many bytes of UTF-8 JSON, at most 1 MiB. The server
listens, the worker connects and says `{"hello": {"version": 1, "index": I, "pid": P}}`. Then

    server → worker  {"id": n, "op": NAME, "args": {…}}
    worker → server  {"id": n, "ok": {…}} | {"id": n, "error": {"code", "message", "field"}}
                     {"event": CLASS, "data": {…}}

End of file ends the worker. Requests are answered in the order they were sent.
"""

import asyncio
import json
import struct
from dataclasses import asdict
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from conf.media import model

VERSION: Final = 1
MAX_FRAME: Final = 1024 * 1024
_LENGTH = struct.Struct("!I")
_ROOM_STATE = TypeAdapter(model.RoomState)
_SLOTS = TypeAdapter(tuple[model.Slot, ...])
_EVENTS: Final[dict[str, TypeAdapter[Any]]] = {
    cls.__name__: TypeAdapter(cls)
    for cls in (
        model.ParticipantConnected,
        model.ParticipantLost,
        model.SpeakerChanged,
        model.PublishingChanged,
        model.SlotMapChanged,
        model.LayersWanted,
        model.QualityChanged,
        model.StatsReport,
    )
}


class ControlError(Exception):
    """The other end broke the framing or speaks another version; the connection is over."""


async def read_frame(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    """The next message, or None at a clean end of file.

    Raises: ControlError: over-long, truncated, or not a JSON object.
    """
    try:
        head = await reader.readexactly(_LENGTH.size)
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            return None
        raise ControlError("cut inside a length") from error
    except ConnectionError:
        return None
    (size,) = _LENGTH.unpack(head)
    if size > MAX_FRAME:
        raise ControlError(f"frame of {size} bytes")
    try:
        message = json.loads(await reader.readexactly(size))
    except (asyncio.IncompleteReadError, ValueError) as error:
        raise ControlError("not a whole JSON frame") from error
    if not isinstance(message, dict):
        raise ControlError("not a JSON object")
    return message


def encode_frame(message: dict[str, Any]) -> bytes:
    """The bytes of one message. Raises: ControlError: longer than 1 MiB."""
    body = json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()
    if len(body) > MAX_FRAME:
        raise ControlError(f"frame of {len(body)} bytes")
    return _LENGTH.pack(len(body)) + body


def state_to_wire(state: model.RoomState) -> dict[str, Any]:
    """JSON form of a room state."""
    wire: dict[str, Any] = _ROOM_STATE.dump_python(state, mode="json")
    return wire


def state_from_wire(data: object) -> model.RoomState:
    """Inverse of `state_to_wire`. Raises: ControlError."""
    try:
        return _ROOM_STATE.validate_python(data)
    except ValidationError as error:
        raise ControlError(f"room state: {error.error_count()} faults") from error


def slots_from_wire(data: object) -> tuple[model.Slot, ...]:
    """The slots of a join answer. Raises: ControlError."""
    try:
        return _SLOTS.validate_python(data)
    except ValidationError as error:
        raise ControlError("slots") from error


def event_to_wire(event: model.WorkerEvent) -> dict[str, Any]:
    """JSON form of an event."""
    if isinstance(
        event, model.StatsReport
    ):  # large and flat: `asdict` would copy it value by value
        slots = {pid: [_flat(figures) for figures in filled] for pid, filled in event.slots.items()}
        data = {"worker": event.worker, "participants": event.participants, "slots": slots}
        return {"event": "StatsReport", "data": data}
    return {"event": type(event).__name__, "data": asdict(event)}


def _flat(figures: model.SlotFigures) -> dict[str, Any]:
    return {name: getattr(figures, name) for name in figures.__slots__}


def event_from_wire(message: dict[str, Any]) -> model.WorkerEvent:
    """Inverse of `event_to_wire`. Raises: ControlError: unknown or malformed."""
    adapter = _EVENTS.get(str(message.get("event")))
    if adapter is None:
        raise ControlError(f"unknown event {message.get('event')!r}")
    try:
        event: model.WorkerEvent = adapter.validate_python(message.get("data"))
    except ValidationError as error:
        raise ControlError("malformed event") from error
    return event
