"""The SMPP 3.4 PDUs we need: binding, submit_sm, deliver_sm, data_sm, enquire_link, unbind (pure).

Clause numbers are of the specification's issue 1.2. Integers are big-endian; C-octet strings end
in NUL.
"""

import struct
from dataclasses import dataclass, field
from enum import IntEnum

RESPONSE = 0x8000_0000
MOST_OCTETS = 70_000  # a message_payload may have 64 KiB
_HEADER = struct.Struct(">IIII")
_UDHI, _RECEIPT_MASK, _RECEIPT = 0x40, 0x3C, 0x04
INTERFACE_VERSION = 0x34


class SmppError(ValueError):
    """Octets that are no SMPP PDU."""


class CommandId(IntEnum):
    """§5.1.2.1; a response has `RESPONSE` added."""

    GENERIC_NACK = 0x8000_0000
    SUBMIT_SM = 0x0004
    DELIVER_SM = 0x0005
    UNBIND = 0x0006
    BIND_TRANSCEIVER = 0x0009
    ENQUIRE_LINK = 0x0015
    DATA_SM = 0x0103


class Status(IntEnum):
    """§5.1.3, as far as we act on them."""

    OK = 0x00
    SYSTEM_ERROR = 0x08
    INVALID_DESTINATION = 0x0B
    QUEUE_FULL = 0x14
    SUBMIT_FAILED = 0x45
    THROTTLED = 0x58
    TRY_LATER = 0x64  # ESME_RX_T_APPN: we could not store it


@dataclass(frozen=True, slots=True)
class Pdu:
    """One PDU; `body` is everything behind the header."""

    command: int
    sequence: int
    status: int = 0
    body: bytes = b""

    def encode(self) -> bytes:
        size = _HEADER.size + len(self.body)
        return _HEADER.pack(size, self.command, self.status, self.sequence) + self.body

    @property
    def is_response(self) -> bool:
        return bool(self.command & RESPONSE)


class Splitter:
    """Cuts the octets of a connection into PDUs."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[Pdu]:
        """The PDUs complete by now. Raises: SmppError: an impossible length; give the line up."""
        self._held += data
        found: list[Pdu] = []
        while len(self._held) >= _HEADER.size:
            size, command, status, sequence = _HEADER.unpack_from(self._held)
            if not _HEADER.size <= size <= MOST_OCTETS:
                raise SmppError(f"a PDU of {size} octets")
            if len(self._held) < size:
                break
            found.append(Pdu(command, sequence, status, self._held[_HEADER.size : size]))
            self._held = self._held[size:]
        return found


@dataclass(frozen=True, slots=True)
class ShortMessage:
    """What submit_sm (§4.4.1) and deliver_sm (§4.6.1) have in common. Addresses: digits."""

    source: str
    destination: str
    data_coding: int
    content: bytes  # user data, with its header if `has_header`
    esm_class: int = 0
    wants_receipt: bool = False
    validity: str = ""  # §7.1.1, relative: 000001000000000R = one day
    source_ton: int = 0
    destination_ton: int = 0
    options: dict[int, bytes] = field(default_factory=dict)

    @property
    def has_header(self) -> bool:
        return bool(self.esm_class & _UDHI)

    @property
    def is_receipt(self) -> bool:
        return self.esm_class & _RECEIPT_MASK == _RECEIPT

    def encode(self) -> bytes:
        npi = (int(bool(self.source_ton)), int(bool(self.destination_ton)))
        return b"".join(
            (
                _text(""), bytes([self.source_ton, npi[0]]), _text(self.source),
                bytes([self.destination_ton, npi[1]]), _text(self.destination),
                bytes([self.esm_class, 0, 0]), _text(""), _text(self.validity),
                bytes([int(self.wants_receipt), 0, self.data_coding, 0, len(self.content)]),
                self.content,
                *(struct.pack(">HH", tag, len(v)) + v for tag, v in self.options.items()),
            )
        )  # fmt: skip


def bind(system_id: str, password: str, sequence: int) -> Pdu:
    """bind_transceiver (§4.1.5)."""
    body = _text(system_id) + _text(password) + _text("")
    body += bytes([INTERFACE_VERSION, 0, 0]) + _text("")
    return Pdu(CommandId.BIND_TRANSCEIVER, sequence, body=body)


def _text(value: str) -> bytes:
    return value.encode("latin-1", "replace") + b"\0"


class _Reader:
    def __init__(self, body: bytes) -> None:
        self._body, self._at = body, 0

    def octets(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._body):
            raise SmppError(f"it ends at {len(self._body)}, {end} expected")
        self._at, value = end, self._body[self._at : end]
        return value

    def text(self) -> str:
        end = self._body.find(b"\0", self._at)
        if end < 0:
            raise SmppError("a string without an end")
        value = self._body[self._at : end].decode("latin-1")
        self._at = end + 1
        return value

    def address(self) -> tuple[int, str]:
        """Type of number and digits; the numbering plan between them says nothing more."""
        type_of_number, _ = self.octets(2)
        return type_of_number, self.text()

    def options(self) -> dict[int, bytes]:
        """What is left, as optional parameters (§3.2.4.1)."""
        found: dict[int, bytes] = {}
        while self._at < len(self._body):
            tag, size = struct.unpack(">HH", self.octets(4))
            found[tag] = self.octets(size)
        return found


def text_of(body: bytes) -> str:
    """The first C-octet string of a body: system id, message id. Raises: SmppError."""
    return _Reader(body).text() if body else ""


def decode_short_message(body: bytes) -> ShortMessage:
    """Read the body of submit_sm or deliver_sm. Raises: SmppError."""
    data = _Reader(body)
    data.text()  # service_type
    source_ton, source = data.address()
    destination_ton, destination = data.address()
    esm_class, _, _ = data.octets(3)
    data.text()  # schedule_delivery_time
    validity = data.text()
    registered, _, coding, _, length = data.octets(5)
    content = data.octets(length)
    return ShortMessage(
        source, destination, coding, content, esm_class, bool(registered & 3), validity,
        source_ton, destination_ton, data.options(),
    )  # fmt: skip


def decode_data_sm(body: bytes) -> ShortMessage:
    """Read the body of data_sm (§4.7.1): the text lies in its options. Raises: SmppError."""
    data = _Reader(body)
    data.text()  # service_type
    source_ton, source = data.address()
    destination_ton, destination = data.address()
    esm_class, registered, coding = data.octets(3)
    return ShortMessage(
        source, destination, coding, b"", esm_class, bool(registered & 3), "", source_ton,
        destination_ton, data.options(),
    )  # fmt: skip
