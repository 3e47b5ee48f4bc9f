"""What crosses the socket between server and media worker (conf.line), as JSON."""

from dataclasses import asdict
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from conf.line import LineError
from conf.media import model

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


def state_to_wire(state: model.RoomState) -> dict[str, Any]:
    """JSON form of a room state."""
    wire: dict[str, Any] = _ROOM_STATE.dump_python(state, mode="json")
    return wire


def state_from_wire(data: object) -> model.RoomState:
    """Inverse of `state_to_wire`. Raises: LineError."""
    try:
        return _ROOM_STATE.validate_python(data)
    except ValidationError as error:
        raise LineError(f"room state: {error.error_count()} faults") from error


def slots_from_wire(data: object) -> tuple[model.Slot, ...]:
    """The slots of a join answer. Raises: LineError."""
    try:
        return _SLOTS.validate_python(data)
    except ValidationError as error:
        raise LineError("slots") from error


def event_to_wire(event: model.WorkerEvent) -> tuple[str, dict[str, Any]]:
    """Name and JSON form of an event."""
    if isinstance(
        event, model.StatsReport
    ):  # large and flat: `asdict` would copy it value by value
        slots = {pid: [_flat(figures) for figures in filled] for pid, filled in event.slots.items()}
        data = {"worker": event.worker, "participants": event.participants, "slots": slots}
        return "StatsReport", data
    return type(event).__name__, asdict(event)


def _flat(figures: model.SlotFigures) -> dict[str, Any]:
    return {name: getattr(figures, name) for name in figures.__slots__}


def event_from_wire(name: str, data: dict[str, Any]) -> model.WorkerEvent:
    """Inverse of `event_to_wire`. Raises: LineError: unknown or malformed."""
    adapter = _EVENTS.get(name)
    if adapter is None:
        raise LineError(f"unknown event {name!r}")
    try:
        event: model.WorkerEvent = adapter.validate_python(data)
    except ValidationError as error:
        raise LineError("malformed event") from error
    return event
