"""What one line of a modem is: end of an answer, part of it, or unsolicited (pure).

TS 27.005, TS 27.007, V.250, and the unsolicited lines of SIM800, Huawei, Quectel, Wavecom, ZTE.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto

from sms.driver import ModemError
from sms.errors_cms import ErrorFamily


class Kind(Enum):
    OK = auto()
    ERROR = auto()
    INFO = auto()  # belongs to the running command
    URC = auto()
    NOISE = auto()  # echo, garbage, leftovers


@dataclass(frozen=True, slots=True)
class Command:
    """One AT command and what its answer may look like.

    `prefixes`: information lines start so. `has_free_text`: any other line is information
    (+CGMI, +CIMI). `has_data_lines`: hex lines belong to it (+CMGL, +CMGR). `opens_prompt`:
    AT+CMGS. `is_dial`: NO CARRIER, BUSY … end it. `secret`: masked in the trace.
    """

    text: str
    prefixes: tuple[str, ...] = ()
    has_free_text: bool = False
    has_data_lines: bool = False
    opens_prompt: bool = False
    is_dial: bool = False
    secret: str = ""

    @property
    def is_plain(self) -> bool:
        """`AT` and the like: nothing but OK can be its answer."""
        return not (self.prefixes or self.has_free_text or self.opens_prompt or self.is_dial)


TWO_LINE_URCS = ("+CMT:", "+CDS:", "+CBM:")
STORED_URCS = ("+CMTI:", "+CDSI:", "+CBMI:")
_URCS = (
    *TWO_LINE_URCS, *STORED_URCS, "+CREG:", "+CGREG:", "+CEREG:", "RING", "+CRING:",
    "+CLIP:", "+CCWA:", "+CUSD:", "NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE", "+CPIN:",
    "+CFUN:", "+CIEV:", "+CTZV:", "+CTZE:", "+CSSI:", "+CSSU:", "+CMGS:", "^", "*PSUTTZ", "+PSUTTZ",
    "+CTZDST", "DST:", "+QIND:", "+QUSIM:", "+QNTP", "+QSIMSTAT:", "RDY", "CALL READY", "SMS READY",
    "+SIM READY", "PB DONE", "NORMAL POWER DOWN", "POWERED DOWN", "UNDER-VOLTAGE", "OVER-VOLTAGE",
    "+WIND:", "+ZPAS:", "+ZUSIMR:", "+ZDONR:", "+CMTE:", "SMS FULL", "+SMSFULL", "+MSTK:",
    "+STKPCI:", "MODEM:STARTUP", "+PBREADY", "+CSQ:", "+CSQN:", "+SPN:", "START",
    "CONNECT", "HANGUP:",
)  # fmt: skip
# Only what is said once, at the very start: "Call Ready" comes seconds later, ^BOOT repeats.
_RESTARTS = ("RDY", "MODEM:STARTUP", "^SYSSTART")
_STORAGE_FULL = ("SMS FULL", "+SMSFULL", "^SMMEMFULL", '+QIND: "SMSFULL"', "+CIEV: 8,1")
_SIM_GONE = re.compile(
    r"\+CPIN: ?NOT (INSERTED|READY)|\^SIMST: ?(0|255)\b|\+QUSIM: ?0|\+QSIMSTAT: ?\d,0",
    re.IGNORECASE,
)
_SIM_BACK = re.compile(r"\+CPIN: ?READY|\^SIMST: ?1\b|\+QUSIM: ?1|\+QSIMSTAT: ?\d,1", re.IGNORECASE)
_OK = "OK"
_PLAIN_ERRORS = ("ERROR", "COMMAND NOT SUPPORT", "TOO MANY PARAMETERS", "INVALID COMMAND")
_CODED_ERROR = re.compile(r"\+(CMS|CME) ERROR: *(\d{1,5})?")
_CALL_ENDS = ("NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE", "CONNECT")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")
_EMBEDDED = re.compile(r"\+(?:CMGS|CMTI|CDSI|CMT|CDS|CMGL|CMGR|CREG|CMS ERROR|CME ERROR|CUSD):")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+\Z")
_REGISTRATION_ANSWER = re.compile(r"\+C(?:E|G)?REG: *\d *, *\d(?:,|\s*$)")


def clean(line: str) -> str:
    """`line` without stray bytes in it or in front of a known token."""
    if line.startswith("+CUSD"):
        return line  # its text may be Latin-1
    plain = _UNPRINTABLE.sub("", line).strip()
    found = _EMBEDDED.search(plain)
    if found and found.start() and not _is_urc(plain):
        return plain[found.start() :]
    return plain


def is_hex(line: str) -> bool:
    """True for a PDU line: at least nine octets, so that no number is taken for one."""
    return len(line) >= 18 and _HEX.match(line) is not None


def is_data_of(header: str, line: str) -> bool:
    """Is `line` the PDU that `header` (one of TWO_LINE_URCS) announces, by its length?

    Not a shorter one, such as the number of a SIM: the PDU was lost, and this answers a command.
    """
    octets = header.rpartition("," if "," in header else ":")[2].strip()
    is_told = octets.isascii() and octets.isdigit()
    return is_hex(line) and (not is_told or len(line) >= 2 * int(octets))


def kind_of(line: str, running: Command | None) -> Kind:
    """What `line` (cleaned) is while `running` awaits its answer."""
    if line == _OK:
        return Kind.OK
    if error_in(line) is not None:
        return Kind.ERROR
    if running is None:
        return Kind.URC if _is_urc(line) else Kind.NOISE
    if running.is_dial and line.upper().startswith(_CALL_ENDS):
        return Kind.ERROR
    if line.startswith(running.prefixes):
        return Kind.INFO if _is_own_answer(line, running) else Kind.URC
    if _is_urc(line):
        return Kind.URC
    if running.has_data_lines and _HEX.match(line):
        return Kind.INFO
    if running.has_free_text and line != running.text:
        return Kind.INFO
    return Kind.NOISE


def error_in(line: str) -> ModemError | None:
    """The error a final line carries, None if it is none; words without a code are code 0."""
    if line in _PLAIN_ERRORS:
        return ModemError(ErrorFamily.PLAIN, 0)
    found = _CODED_ERROR.match(line)
    if not found:
        return None
    if found[2] is None:  # +CMEE=2: words
        return ModemError(ErrorFamily.PLAIN, 0)
    return ModemError(ErrorFamily(found[1].lower()), int(found[2]))


def is_restart(line: str) -> bool:
    """The modem says it has booted."""
    return line.upper().startswith(_RESTARTS)


def is_storage_full(line: str) -> bool:
    return line.upper().startswith(_STORAGE_FULL)


def sim_presence(line: str) -> bool | None:
    """True or False if the line says the SIM is back or gone, else None."""
    if _SIM_GONE.match(line):
        return False
    return True if _SIM_BACK.match(line) else None


def _is_urc(line: str) -> bool:
    return line.upper().startswith(_URCS)


def _is_own_answer(line: str, running: Command) -> bool:
    """+CREG is both: the answer to AT+CREG? has <n> in front of <stat>."""
    if not running.text.endswith("REG?"):
        return True
    return _REGISTRATION_ANSWER.match(line) is not None
