"""Reading information lines of TS 27.005 and TS 27.007 (pure)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sms.driver import ModemFamily, Registration, UssdReply
from sms.pdu import gsm7

_REGISTRATIONS = (
    Registration.NOT_SEARCHING,
    Registration.HOME,
    Registration.SEARCHING,
    Registration.DENIED,
    Registration.UNKNOWN,
    Registration.ROAMING,
)
_MAX_DIGITS = 9
_MAX_VALUES = 255  # of one parameter; `(0-999999999)` must not eat the memory
_QUOTED = re.compile(r'"([^"]*)"')
_LISTED = re.compile(r"\+CMGL: *(\d{1,9})(?!\d)")
_USSD = re.compile(r'\+CUSD: *(\d)(?:, *"?(.*?)"?(?:, *(\d{1,3}))?)?\Z', re.DOTALL)


def _is_figure(text: str) -> bool:
    """A plain figure of a believable size; a noisy line may hold a ³ or thousands of digits."""
    return text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS


def registration_in(line: str) -> Registration:
    """Of `+CREG: <n>,<stat>…` or the notification `+CREG: <stat>…`."""
    fields = [field.strip() for field in line.partition(":")[2].split(",")]
    digits = fields[1] if len(fields) > 1 and _is_figure(fields[1]) else fields[0]
    index = int(digits) if _is_figure(digits) else 4
    return _REGISTRATIONS[index] if index < len(_REGISTRATIONS) else Registration.UNKNOWN


def rssi_dbm_in(line: str) -> int | None:
    """Of `+CSQ: <rssi>,<ber>`: −113…−51 dBm, None for 99 or nonsense."""
    found = re.match(r"\+CSQ: *(\d{1,9})(?!\d)", line)
    value = int(found[1]) if found else 99
    return -113 + 2 * value if value <= 31 else None


def quoted_in(lines: Sequence[str]) -> str:
    """The first quoted string of an answer, empty if there is none."""
    for line in lines:
        if found := _QUOTED.search(line):
            return found[1]
    return ""


def first_line(lines: Sequence[str]) -> str:
    """Free text answers (+CGMI …), with or without their prefix."""
    return re.sub(r"^\+\w+: *", "", lines[0]).strip('" ') if lines else ""


@dataclass(frozen=True, slots=True)
class Listed:
    index: int
    hex: str


def listed_in(lines: Sequence[str]) -> list[Listed]:
    """Index and PDU of each `+CMGL:` pair; a header without its PDU line is left out."""
    listed: list[Listed] = []
    index: int | None = None
    for line in lines:
        if found := _LISTED.match(line):
            index = int(found[1])
        elif index is not None:
            listed.append(Listed(index, line))
            index = None
    return listed


def used_places_in(line: str) -> int:
    """Used places of the first memory of `+CPMS: "SM",3,50,…` or the answer `+CPMS: 3,50,…`."""
    numbers = re.findall(r"(?<![\w\"])\d+", line.partition(":")[2])
    return int(numbers[0]) if numbers and _is_figure(numbers[0]) else 0


def memories_in(line: str) -> tuple[str, ...]:
    """Names in the first group of `+CPMS: ("SM","ME"),(…),(…)`."""
    group = re.search(r"\(([^()]*)\)", line)
    return tuple(_QUOTED.findall(group[1])) if group else ()


def notification_choice(line: str) -> str:
    """The AT+CNMI parameters that fit `+CNMI: (0-2),(0-3),(0,2),(0-2),(0,1)`.

    Stored messages (mt=1) and, if offered, stored reports (ds=2): what is stored survives our
    crash. Else reports come directly (ds=1).
    """
    groups = [_values(group) for group in re.findall(r"\(([^()]*)\)", line)]
    mode = 2 if not groups or 2 in groups[0] else 1
    reports = 2 if len(groups) > 3 and 2 in groups[3] else 1
    return f"{mode},1,0,{reports},0"


def _values(group: str) -> set[int]:
    values: set[int] = set()
    for item in group.split(","):
        low, _, high = item.strip().partition("-")
        if _is_figure(low):
            last = int(high) if _is_figure(high) else int(low)
            values.update(range(int(low), min(last, int(low) + _MAX_VALUES) + 1))
    return values


def family_of(manufacturer: str, model: str) -> ModemFamily:
    """The family by +CGMI and +CGMM."""
    text = f"{manufacturer} {model}".lower()
    if "simcom" in text or "sim800" in text or "sim900" in text:
        return ModemFamily.SIM800
    if "huawei" in text:
        return ModemFamily.HUAWEI
    if "quectel" in text:
        return ModemFamily.QUECTEL
    return ModemFamily.GENERIC


def ussd_in(line: str) -> UssdReply | None:
    """Of `+CUSD: <m>[,"<text>"[,<dcs>]]`; None if it is no such line."""
    found = _USSD.match(line)
    if not found:
        return None
    text, dcs = found[2] or "", int(found[3] or 0)
    return UssdReply(ussd_text(text, dcs), awaits_answer=found[1] == "1")


def ussd_text(text: str, dcs: int) -> str:
    """Modems send plain text, hex of UCS-2, or hex of packed septets, whatever +CSCS says."""
    if not re.fullmatch(r"(?:[0-9A-Fa-f]{2}){2,}", text):
        return text
    raw = bytes.fromhex(text)
    if dcs >> 2 & 3 == 2 and len(raw) % 2 == 0:
        return raw.decode("utf-16-be", "replace")
    if dcs in (0, 15) and raw.isascii() and text.isdigit() and len(text) < 8:
        return text  # a short figure, not hex
    septets = gsm7.unpack(raw, len(raw) * 8 // 7)
    return gsm7.decode(septets).rstrip("\r@\0")
