"""The switches: what a simulated modem can do wrong (reference: the fault table of the platform).

Submit faults act at the n-th AT+CMGS to come; standing faults act at once, for a time or for good.
"""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any


class SubmitFault(StrEnum):
    """Acts once, at one AT+CMGS. `is_sent`: did the network get the text?"""

    CMS_AT_PROMPT = "cms_at_prompt"  # error `code` instead of the prompt
    CMS_ERROR = "cms_error"  # error `code` after the text; with is_sent a false error
    PROMPT_LATE = "prompt_late"  # prompt after `seconds`
    NO_PROMPT = "no_prompt"  # prompt state without a prompt, until ESC
    DEAF_AT_PROMPT = "deaf_at_prompt"  # no prompt, no byte understood for `seconds`
    PDU_SWALLOWED = "pdu_swallowed"  # text lost, deaf for `seconds`; never sent
    CTRL_Z_LOST = "ctrl_z_lost"  # still collects the text
    ANSWER_LATE = "answer_late"  # +CMGS after `seconds`; other commands wait meanwhile
    ANSWER_LATE_ALIVE = "answer_late_alive"  # the same, but other commands are answered
    ANSWER_LOST = "answer_lost"  # sent, no answer, alive
    DEAF_AFTER_SEND = "deaf_after_send"  # sent, no answer, deaf for `seconds`
    PORT_AWAY = "port_away"  # the device vanishes for `seconds` at Ctrl-Z
    REBOOT = "reboot"  # restarts at Ctrl-Z, back after `seconds`


class StandingFault(StrEnum):
    """Acts at once."""

    DEAF = "deaf"  # for `seconds`
    NETWORK_LOST = "network_lost"  # for `seconds`: +CREG, CMS 331
    SIM_REMOVED = "sim_removed"  # for `seconds`
    UNPLUG = "unplug"  # device path gone for `seconds`; 0 = until `plug`
    PLUG = "plug"
    RESTART = "restart"  # reboots now, back after `seconds`; `mode` silent: without RDY
    LINE_ENDS = "line_ends"  # `mode`: crlf, crcrlf, lf
    ECHO_STUCK = "echo_stuck"  # ATE0 is answered OK and ignored
    NOISE = "noise"  # unsolicited lines inside a `share` of the answers
    GARBAGE = "garbage"  # stray bytes, no UTF-8, before a `share` of the answers
    REFERENCE_ZERO = "reference_zero"  # every TP-MR is 0
    STORAGE = "storage"  # capacity becomes `code` places


_NEEDS_TIME = {
    SubmitFault.PROMPT_LATE,
    SubmitFault.ANSWER_LATE,
    SubmitFault.ANSWER_LATE_ALIVE,
}


@dataclass(slots=True)
class Fault:
    """One armed switch. `after`: so many AT+CMGS pass first; `count`: for so many in a row."""

    kind: SubmitFault | StandingFault
    after: int = 0
    count: int = 1
    seconds: float = 0.0
    code: int = 0
    is_sent: bool = False
    mode: str = ""
    share: float = 0.0

    @classmethod
    def from_wire(cls, kind: str, options: dict[str, Any]) -> "Fault":
        """Raises: ValueError: unknown fault or option."""
        known = {field.name for field in fields(cls)} - {"kind"}
        if unknown := set(options) - known:
            raise ValueError(f"unknown option of a fault: {', '.join(sorted(unknown))}")
        submit = {fault.value: fault for fault in SubmitFault}
        standing = {fault.value: fault for fault in StandingFault}
        found = submit.get(kind) or standing.get(kind)
        if found is None:
            raise ValueError(f"unknown fault {kind!r}; known: {', '.join([*submit, *standing])}")
        fault = cls(found, **options)
        if found in _NEEDS_TIME and fault.seconds <= 0:
            raise ValueError(f"{kind} needs seconds")
        return fault


class Armed:
    """The submit faults waiting for their AT+CMGS."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._waiting.append(fault)

    def clear(self) -> None:
        self._waiting.clear()

    def next(self) -> Fault | None:
        """Called once at each AT+CMGS: the fault that acts now, if any."""
        acting: Fault | None = None
        for fault in self._waiting:
            if fault.after > 0:
                fault.after -= 1
            elif acting is None:
                acting = fault
                fault.count -= 1
        self._waiting = [fault for fault in self._waiting if fault.count > 0]
        return acting
