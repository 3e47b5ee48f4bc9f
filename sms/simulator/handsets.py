"""Handsets of the simulated air: they receive, join long texts, answer, ring."""

from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from sms.pdu.submit import DecodedSubmit
from sms.pdu.user_data import storable
from sms.reassembly import Added, Part, PartKey, PartSet, add, key_of


class ReportMode(StrEnum):
    """What delivery reports a handset's messages cause."""

    NORMAL = "normal"  # one, delivered, after report_delay_s
    EARLY = "early"  # before +CMGS
    LATE = "late"  # after ten times report_delay_s
    TWICE = "twice"
    NEVER = "never"
    INTERIM = "interim"  # 0x30 still trying, then delivered
    EXPIRED = "expired"  # 0x46


class CallMode(StrEnum):
    """What a handset does when it rings."""

    ANSWER = "answer"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    UNREACHABLE = "unreachable"


@dataclass(slots=True)
class Behaviour:
    """Switches of one handset. `refuse_code`: the network answers +CMS ERROR with it, 0 = never."""

    report: ReportMode = ReportMode.NORMAL
    report_delay_s: float = 0.5
    call: CallMode = CallMode.NO_ANSWER
    auto_reply: str = ""
    auto_reply_delay_s: float = 1.0
    refuse_code: int = 0

    def change(self, changes: dict[str, Any]) -> None:
        """Raises: ValueError: unknown switch or value."""
        known = {f.name: f for f in fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"unknown switch {name!r}; known: {', '.join(known)}")
            kind = type(getattr(self, name))
            setattr(self, name, kind(value))

    def as_wire(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(slots=True)
class Received:
    """One whole message as a person sees it."""

    sender: str  # the number of the SIM it came from
    text: str
    at: datetime
    segments: int
    is_flash: bool = False

    def as_wire(self) -> dict[str, Any]:
        return {
            "sender": self.sender,
            "text": self.text,
            "at": self.at.isoformat(),
            "segments": self.segments,
            "is_flash": self.is_flash,
        }


@dataclass(slots=True)
class Handset:
    """One telephone. `sent`: what it wrote, as (to, text, at)."""

    number: str
    behaviour: Behaviour = field(default_factory=Behaviour)
    received: list[Received] = field(default_factory=list)
    sent: list[tuple[str, str, datetime]] = field(default_factory=list)
    last_sender: str = ""
    _open: dict[PartKey, PartSet] = field(default_factory=dict)

    def take(self, sender: str, submit: DecodedSubmit, at: datetime) -> Received | None:
        """Receive one segment; the message, once it is whole."""
        self.last_sender = sender
        text, segments = storable(submit.user_data.text), 1
        concatenation = submit.user_data.concatenation
        if concatenation is not None:
            key = key_of("", sender, concatenation)
            part = Part(concatenation.number, submit.user_data.text, at)
            held, added = add(self._open.get(key), key, part)
            self._open[key] = held
            if added is not Added.COMPLETED:
                return None
            del self._open[key]
            text, segments = held.text(), concatenation.count
        is_flash = submit.coding.message_class == 0
        message = Received(sender, text, at, segments, is_flash)
        self.received.append(message)
        return message

    def as_wire(self) -> dict[str, Any]:
        """Everything the phones page shows."""
        return {
            "number": self.number,
            "behaviour": self.behaviour.as_wire(),
            "received": [message.as_wire() for message in self.received],
            "sent": [{"to": to, "text": text, "at": at.isoformat()} for to, text, at in self.sent],
        }
