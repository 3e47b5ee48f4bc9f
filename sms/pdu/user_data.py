"""TP-DCS and TP-UD: alphabets, class, user data header (TS 23.038 §4, TS 23.040 §9.2.3.24)."""

from dataclasses import dataclass
from enum import StrEnum

from sms.pdu import gsm7
from sms.pdu.octets import DecodeError, Octets

MAX_OCTETS = 140
CONCATENATION_8, PORT_8, PORT_16, CONCATENATION_16 = 0x00, 0x04, 0x05, 0x08
NATIONAL_SINGLE, NATIONAL_LOCKING = 0x24, 0x25


class Alphabet(StrEnum):
    GSM7 = "gsm7"
    OCTETS = "octets"
    UCS2 = "ucs2"


@dataclass(frozen=True, slots=True)
class DataCoding:
    """TP-DCS. `message_class` 0 is flash (shown at once), None = no class given."""

    alphabet: Alphabet
    message_class: int | None = None
    is_compressed: bool = False

    def encode(self) -> int:
        """The general group 00xx."""
        base = {Alphabet.GSM7: 0x00, Alphabet.OCTETS: 0x04, Alphabet.UCS2: 0x08}[self.alphabet]
        return base if self.message_class is None else base | 0x10 | self.message_class


def decode_coding(dcs: int) -> DataCoding:
    """Every value has a meaning; reserved groups are read as GSM 7-bit, as §4 asks."""
    group = dcs >> 4
    if group < 0x8:  # 00xx general, 01xx the same with automatic deletion
        alphabet = (Alphabet.GSM7, Alphabet.OCTETS, Alphabet.UCS2, Alphabet.GSM7)[dcs >> 2 & 3]
        return DataCoding(alphabet, dcs & 3 if dcs & 0x10 else None, bool(dcs & 0x20))
    if group == 0xE:  # message waiting, stored, UCS2
        return DataCoding(Alphabet.UCS2)
    if group == 0xF:
        return DataCoding(Alphabet.OCTETS if dcs & 4 else Alphabet.GSM7, dcs & 3)
    return DataCoding(Alphabet.GSM7)  # 8..B reserved, C and D message waiting


@dataclass(frozen=True, slots=True)
class Concatenation:
    """Information element 0x00 or 0x08: segment `number` of `count` of message `reference`."""

    reference: int
    count: int
    number: int
    is_wide: bool = True

    def encode(self) -> bytes:
        """The information element, without the header's length octet."""
        if self.is_wide:
            reference = self.reference.to_bytes(2, "big")
            return bytes([CONCATENATION_16, 4]) + reference + bytes([self.count, self.number])
        return bytes([CONCATENATION_8, 3, self.reference, self.count, self.number])


@dataclass(frozen=True, slots=True)
class UserData:
    """Decoded TP-UD.

    `text` is empty for 8-bit data and compressed text. One segment of a longer message may begin
    or end with half a surrogate pair; `sms.reassembly` joins the halves.
    """

    text: str
    octets: bytes
    concatenation: Concatenation | None = None
    elements: tuple[tuple[int, bytes], ...] = ()


def parse_header(header: bytes, offset: int) -> tuple[tuple[int, bytes], ...]:
    """Information elements of a header (without its length octet)."""
    elements: list[tuple[int, bytes]] = []
    reader = Octets(header)
    while reader.remaining:
        if reader.remaining == 1:
            raise DecodeError("user data header", offset, "element without a length")
        identifier = reader.octet("element")
        length = reader.octet("element")
        if length > reader.remaining:
            raise DecodeError("user data header", offset, "element longer than the header")
        elements.append((identifier, reader.take(length, "element")))
    return tuple(elements)


def concatenation_in(elements: tuple[tuple[int, bytes], ...]) -> Concatenation | None:
    """The last valid concatenation element; impossible counts are ignored (§9.2.3.24.1)."""
    found: Concatenation | None = None
    for identifier, data in elements:
        if identifier == CONCATENATION_8 and len(data) == 3:
            candidate = Concatenation(data[0], data[1], data[2], is_wide=False)
        elif identifier == CONCATENATION_16 and len(data) == 4:
            candidate = Concatenation(int.from_bytes(data[:2], "big"), data[2], data[3])
        else:
            continue
        if 1 <= candidate.number <= candidate.count:
            found = candidate
    return found


def encode_user_data(text: str, coding: DataCoding, header: bytes = b"") -> tuple[int, bytes]:
    """TP-UDL and TP-UD. `header`: information elements, without length octet.

    Raises: ValueError: more than 140 octets; UnicodeEncodeError: not in the alphabet.
    """
    prefix = bytes([len(header)]) + header if header else b""
    if coding.alphabet is Alphabet.GSM7:
        septets = gsm7.encode(text)
        fill = gsm7.fill_bits_after(len(prefix))
        body = prefix + gsm7.pack(septets, fill)
        length = (len(prefix) * 8 + fill) // 7 + len(septets)
    elif coding.alphabet is Alphabet.UCS2:
        body = prefix + text.encode("utf-16-be")
        length = len(body)
    else:
        body = prefix + text.encode("latin-1")
        length = len(body)
    if len(body) > MAX_OCTETS:
        raise ValueError(f"user data of {len(body)} octets, {MAX_OCTETS} is the most")
    return length, body


def decode_user_data(data: Octets, coding: DataCoding, *, has_header: bool) -> UserData:
    """Read TP-UDL and TP-UD to the end of the PDU; octets after the text are ignored."""
    start = data.offset
    length = data.octet("user data length")
    is_packed = coding.alphabet is Alphabet.GSM7 and not coding.is_compressed
    raw = data.take((length * 7 + 7) // 8 if is_packed else length, "user data")
    elements: tuple[tuple[int, bytes], ...] = ()
    header_octets = 0
    if has_header:
        if not raw or raw[0] >= len(raw):
            raise DecodeError("user data header", start, "longer than the user data")
        header_octets = raw[0] + 1
        elements = parse_header(raw[1:header_octets], start + 1)
    body = raw[header_octets:]
    text = _text_of(body, coding, elements, length, header_octets)
    return UserData(text, body, concatenation_in(elements), elements)


def _text_of(
    body: bytes,
    coding: DataCoding,
    elements: tuple[tuple[int, bytes], ...],
    length: int,
    header_octets: int,
) -> str:
    if coding.is_compressed or coding.alphabet is Alphabet.OCTETS:
        return ""
    if coding.alphabet is Alphabet.UCS2:
        even = body[: len(body) // 2 * 2]
        return even.decode("utf-16-be", "surrogatepass")
    national = {i: d[0] for i, d in elements if len(d) == 1}
    fill = gsm7.fill_bits_after(header_octets)
    count = max(0, length - (header_octets * 8 + fill) // 7)
    septets = gsm7.unpack(body, count, fill)
    return gsm7.decode(septets, national.get(NATIONAL_LOCKING, 0), national.get(NATIONAL_SINGLE, 0))


def storable(text: str) -> str:
    """`text` with surrogate halves joined; lone ones and NUL as U+FFFD: safe for any database."""
    whole = text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")
    return whole.replace("\0", "\ufffd")
