"""Address fields: originating, destination, recipient, service centre (TS 23.040 §9.1.2.5)."""

import re
from dataclasses import dataclass

from core.errors import InvalidInput
from sms.pdu import gsm7
from sms.pdu.octets import DecodeError, Octets, swapped_digits, to_swapped

TYPE_INTERNATIONAL = 0x91  # 145
TYPE_UNKNOWN = 0x81  # 129
_ALPHANUMERIC = 5  # type of number, bits 6..4
_MAX_DIGITS = 20
_MAX_ALPHANUMERIC = 11  # characters in 10 octets
_DIGITS = "0123456789*#abc"  # values 10..14 of TS 23.040 §9.1.2.3; 15 is the filler
_WRITTEN = re.compile(r"\+?[0-9*#]+\Z")


@dataclass(frozen=True, slots=True)
class Address:
    """`value`: `+` and digits if international, digits as told, or the name of a sender."""

    value: str
    type_octet: int = TYPE_UNKNOWN

    @property
    def is_alphanumeric(self) -> bool:
        return self.type_octet >> 4 & 0x07 == _ALPHANUMERIC

    @classmethod
    def parse(cls, number: str) -> "Address":
        """A number as people write it: spaces, hyphens, brackets go; `+` makes it international.

        Short codes and national numbers get type 129. Raises: InvalidInput: empty, over 20
        digits, or other characters.
        """
        compact = re.sub(r"[\s\-().]", "", number)
        if not _WRITTEN.match(compact) or len(compact.lstrip("+")) > _MAX_DIGITS:
            raise InvalidInput(f"not a phone number: {number!r}", field="number")
        is_international = compact.startswith("+")
        return cls(compact, TYPE_INTERNATIONAL if is_international else TYPE_UNKNOWN)

    @classmethod
    def named(cls, name: str) -> "Address":
        """An alphanumeric sender, at most 11 characters of the GSM alphabet."""
        try:
            fits = 0 < len(gsm7.encode(name)) <= _MAX_ALPHANUMERIC
        except UnicodeEncodeError:
            fits = False
        if not fits:
            raise InvalidInput(f"not a sender name: {name!r}", field="sender")
        return cls(name, 0xD0)

    def encode(self) -> bytes:
        """Length in semi-octets, type, value (TP-OA, TP-DA, TP-RA)."""
        if self.is_alphanumeric:
            septets = gsm7.encode(self.value)
            semi_octets = (len(septets) * 7 + 3) // 4
            return bytes([semi_octets, self.type_octet]) + gsm7.pack(septets)
        digits = self.value.lstrip("+")
        return bytes([len(digits), self.type_octet]) + _to_octets(digits)

    def encode_service_centre(self) -> bytes:
        """Length in octets, type, value (TS 24.011 §8.2.5.2): the form in front of a TPDU."""
        octets = _to_octets(self.value.lstrip("+"))
        return bytes([len(octets) + 1, self.type_octet]) + octets


NO_SERVICE_CENTRE = b"\x00"  # the modem takes the SIM's own (+CSCA)


def decode_address(data: Octets, field: str) -> Address:
    """Read TP-OA, TP-DA or TP-RA."""
    start = data.offset
    semi_octets = data.octet(field)
    type_octet = data.octet(field)
    raw = data.take((semi_octets + 1) // 2, field)
    if type_octet >> 4 & 0x07 == _ALPHANUMERIC:
        name = gsm7.decode(gsm7.unpack(raw, semi_octets * 4 // 7))
        return Address(name, type_octet)
    return Address(_digits(raw, semi_octets, type_octet, field, start), type_octet)


def decode_service_centre(data: Octets) -> Address | None:
    """Read the field in front of a TPDU; None if the length is 0."""
    start = data.offset
    length = data.octet("service centre")
    if length == 0:
        return None
    type_octet = data.octet("service centre")
    raw = data.take(length - 1, "service centre")
    digits = _digits(raw, len(raw) * 2, type_octet, "service centre", start)
    return Address(digits, type_octet)


def _digits(raw: bytes, count: int, type_octet: int, field: str, offset: int) -> str:
    nibbles = swapped_digits(raw)[:count].rstrip("F")
    if "F" in nibbles:
        raise DecodeError(field, offset, "filler inside a number")
    digits = "".join(_DIGITS[int(nibble, 16)] for nibble in nibbles)
    is_international = type_octet >> 4 & 0x07 == 1
    return f"+{digits}" if is_international and digits else digits


def _to_octets(digits: str) -> bytes:
    return to_swapped("".join(f"{_DIGITS.index(digit):X}" for digit in digits))
