"""Identifiers: 26 characters that sort by time of creation (ULID: 48 bits time, 80 random)."""

import re
import secrets
import time
from typing import NewType

UserId = NewType("UserId", str)
UnitId = NewType("UnitId", str)
PersonId = NewType("PersonId", str)
GroupId = NewType("GroupId", str)
ImportId = NewType("ImportId", str)
MessageId = NewType("MessageId", str)
RecipientId = NewType("RecipientId", str)
SegmentId = NewType("SegmentId", str)
ModemId = NewType("ModemId", str)
MeetingId = NewType("MeetingId", str)
RoomId = NewType("RoomId", str)
ParticipantId = NewType("ParticipantId", str)
PlanId = NewType("PlanId", str)
HazardId = NewType("HazardId", str)
IncidentId = NewType("IncidentId", str)
ActivationId = NewType("ActivationId", str)
TaskId = NewType("TaskId", str)
AssignmentId = NewType("AssignmentId", str)
EventId = NewType("EventId", str)
TimerId = NewType("TimerId", str)

_ID = re.compile(r"[A-Za-z0-9_-]{1,26}")
_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id() -> str:
    """A fresh identifier; ids made in different milliseconds sort by time.

    The wall clock only orders ids for the reader's comfort; nothing decides by it.
    """
    value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return "".join(_CROCKFORD[value >> shift & 31] for shift in range(125, -1, -5))


def is_id(text: str) -> bool:
    """Whether `text` has the form of an id (demo data uses shorter, readable ones)."""
    return bool(_ID.fullmatch(text))
