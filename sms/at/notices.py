"""Unsolicited lines → events of the contract (pure)."""

import re

from sms.at import answers
from sms.at.classify import is_restart, is_storage_full, sim_presence
from sms.at.dialogue import Unsolicited
from sms.driver import (
    DriverEvent,
    IncomingCall,
    MessageWaiting,
    ModemRestarted,
    RegistrationChanged,
    SimChanged,
    StorageFull,
)

_STORED = re.compile(r'\+(?:CMTI|CDSI): *"?(\w+)"?, *(\d+)')
_CALLER = re.compile(r'\+CLIP: *"([^"]*)"')
CALL_ENDS = ("NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE")


def event_of(notice: Unsolicited) -> DriverEvent | None:
    """The event `notice` means; None for what nobody needs (signal, clock, end of a call)."""
    line = notice.line
    if found := _STORED.match(line):
        return MessageWaiting(f"{found[1]}:{found[2]}")
    if notice.data:
        return MessageWaiting("direct")
    if line.startswith(("+CREG:", "+CGREG:", "+CEREG:")):
        return RegistrationChanged(answers.registration_in(line))
    if found := _CALLER.match(line):
        return IncomingCall(found[1])
    if is_storage_full(line):
        return StorageFull()
    is_present = sim_presence(line)
    if is_present is not None:
        return SimChanged(is_present, line)
    return ModemRestarted(line) if is_restart(line) else None
