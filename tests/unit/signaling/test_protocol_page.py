"""docs/protocol.md names every event and every error code that goes on the wire."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic.fields import FieldInfo

from conf.media.answer import AnswerPlan, Candidate, Endpoint, build_answer, plan_streams
from conf.media.sdp import Role, parse_offer
from core import errors
from core.errors import AppError
from signaling import protocol, routes
from signaling.api import ApiModel
from signaling.sockets import topic_events

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "protocol.md").read_text("utf-8")
PACKAGES = ("core", "directory", "sms", "conf", "plans", "command", "signaling")


def _codes() -> set[str]:
    """Codes given to an AppError by keyword, and those of its classes."""
    kinds = {kind for kind in AppError.__subclasses__() if kind.__module__ == errors.__name__}
    found = {kind.code for kind in kinds}
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            if "simulator" not in file.parts and "media" not in file.parts:
                found |= _given(file, {kind.__name__ for kind in kinds})
    return found


def _given(file: Path, kinds: set[str]) -> set[str]:
    calls = [node for node in ast.walk(ast.parse(file.read_bytes())) if isinstance(node, ast.Call)]
    return {
        part.value
        for call in calls
        if ast.unparse(call.func).rpartition(".")[2] in kinds
        for keyword in call.keywords
        if keyword.arg == "code"
        for part in ast.walk(keyword.value)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }


@pytest.mark.parametrize("code", sorted(_codes()))
def test_every_error_code_is_listed(code: str) -> None:
    assert f"`{code}`" in PAGE, f"docs/protocol.md must say what {code} means"


@pytest.mark.parametrize("name", [event.name for event in (*routes.all_events(), *topic_events())])
def test_every_event_is_listed(name: str) -> None:
    assert f"`{name} " in PAGE or f"`{name}`" in PAGE


NAMES = {
    protocol.Handshake: "`auth` of the connection",
    protocol.TopicSubscribe: "`topic.subscribe`",
    protocol.TopicUnsubscribe: "`topic.unsubscribe`",
    protocol.RoomJoin: "`room.join`",
    protocol.RoomJoined: "ack of `room.join`",
    protocol.RoomSlot: "slot",
    protocol.IceServer: "ICE server",
    protocol.RoomRestart: "`room.restart`",
    protocol.RoomRestarted: "ack of `room.restart`",
    protocol.RoomPublish: "`room.publish`",
    protocol.RoomOrder: "`room.order`",
    protocol.RoomFloor: "`room.floor`",
    protocol.RoomChat: "`room.chat`",
    protocol.RoomStats: "`room.stats`",
}
KINDS = {str: "string", int: "integer", float: "number", bool: "boolean", dict: "object"}
UNITS = {str: " characters"}


def _kind(annotation: Any) -> str:
    """An annotation in the page's words."""
    origin, words = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " ".join(f"`{word}`" for word in words)
    if origin is tuple:
        return f"array of {_kind(words[0])}"
    if annotation in NAMES:
        return NAMES[annotation]
    return KINDS.get(annotation) or KINDS[origin]


def _limits(metadata: list[Any], unit: str) -> Iterator[str]:
    found = {
        name.removesuffix("_length").replace("ge", "min").replace("le", "max"): value
        for entry in metadata
        for name in ("min_length", "max_length", "ge", "le", "pattern")
        if (value := getattr(entry, name, None)) is not None
    }
    if "pattern" in found:
        yield f"`{found['pattern'].replace('|', chr(92) + '|')}`"
    match found.get("min"), found.get("max"):
        case None, None:
            return
        case least, None:
            yield f"from {least}{unit}"
        case None, most:
            yield f"up to {most}{unit}"
        case least, most:
            yield f"{least} to {most}{unit}"


def _row(model: type[ApiModel], name: str, field: FieldInfo) -> str:
    annotation, metadata = field.annotation, list(field.metadata)
    inner = [one for one in get_args(annotation) if one is not NoneType]
    is_nullable = NoneType in get_args(annotation)
    if is_nullable:
        annotation = inner[0]
    if hasattr(annotation, "__metadata__"):
        annotation, (info,) = get_args(annotation)[0], annotation.__metadata__
        metadata += info.metadata
    words = [_kind(annotation), *_limits(metadata, UNITS.get(annotation, ""))]
    if is_nullable:
        words[0] += " or null"
    default = f"`{str(field.default).lower()}`" if field.default not in (None, ...) else ""
    must = "required" if field.is_required() else f"optional {default}".strip()
    return f"| {NAMES[model]} | `{name}` | {', '.join(words)} | {must} |"


def _rows() -> list[str]:
    return [
        _row(model, name, field) for model in NAMES for name, field in model.model_fields.items()
    ]


def test_the_table_of_fields_is_that_of_the_messages() -> None:
    """Name, type, limits, whether required: what the server checks is what the page says."""
    table = PAGE.partition("#### Fields of the messages")[2]
    told = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert told == _rows(), "the table must be:\n" + "\n".join(_rows())


def test_every_message_is_in_the_table() -> None:
    """A new message needs a name there."""
    models = {
        one
        for one in vars(protocol).values()
        if isinstance(one, type) and one.__module__ == protocol.__name__
    }
    assert models == set(NAMES)


def test_the_worked_answer_is_ours() -> None:
    """The page's example offer is accepted and answered as shown."""
    offer, answer = (
        (ROOT / "docs" / "examples" / f"{name}.sdp").read_bytes().decode()
        for name in ("offer", "answer")
    )
    read = parse_offer(offer)
    here = (Candidate("192.0.2.10", 7000), Candidate("192.0.2.10", 7000, is_tcp=True))
    digest = ":".join(["C4"] * 32)
    endpoint = Endpoint("aB3dE5gH", "pQ2rS4tU6vW8xY0zA1bC3dE5", ("sha-256", digest), here)
    plan = AnswerPlan(
        session_id=3141592653,
        endpoint=endpoint,
        streams=plan_streams(read, 1000),
        limits_bps={section.mid: 4_000_000 for section in read.of(Role.CAMERA_UP)},
    )
    assert build_answer(read, plan) == answer
    for block in re.findall(r"```\n(v=0\n.*?)```", PAGE, re.DOTALL):
        sdp = answer if "a=ice-lite" in block else offer
        assert [line for line in block.splitlines() if f"{line}\r\n" not in sdp] == []
