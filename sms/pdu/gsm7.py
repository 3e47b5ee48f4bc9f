"""The GSM 7-bit default alphabet with its extension, packing, and national tables for reading.

TS 23.038 §6.1.2 (packing), §6.2.1 (alphabet), §6.2.1.2 (shift tables). Pure.
"""

from collections.abc import Iterable, Mapping, Sequence

from sms.pdu.gsm7_national import LOCKING, SINGLE, UNDEFINED

ESCAPE = 0x1B

DEFAULT = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION: Mapping[int, str] = {
    0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]",
    0x40: "|", 0x65: "€",
}  # fmt: skip

_SEPTETS: Mapping[str, tuple[int, ...]] = {
    **{char: (code,) for code, char in enumerate(DEFAULT) if code != ESCAPE},
    **{char: (ESCAPE, code) for code, char in EXTENSION.items()},
}


def cost(char: str) -> int | None:
    """Septets `char` takes: 1, 2 with an escape, None if the alphabet lacks it."""
    septets = _SEPTETS.get(char)
    return None if septets is None else len(septets)


def encode(text: str) -> list[int]:
    """Septets of `text`. Raises: UnicodeEncodeError: a character outside the alphabet."""
    septets: list[int] = []
    for index, char in enumerate(text):
        codes = _SEPTETS.get(char)
        if codes is None:
            raise UnicodeEncodeError("gsm7", text, index, index + 1, "not in the GSM alphabet")
        septets.extend(codes)
    return septets


def decode(septets: Iterable[int], locking: int = 0, single: int = 0) -> str:
    """Text of `septets` under two national language identifiers (0 = default).

    An unknown identifier means the default table (§6.2.1.2.4). An escape before a code without a
    meaning shows that code of the main table (§6.2.1.1); an escape at the very end is dropped.
    """
    table = LOCKING.get(locking, DEFAULT)
    shift = SINGLE.get(single, EXTENSION)
    text: list[str] = []
    is_escaped = False
    for code in septets:
        if code == ESCAPE:
            if is_escaped:
                text.append(" ")  # reserved for a further table; §6.2.1.1 note 1 says: space
            is_escaped = not is_escaped
            continue
        char = shift.get(code) if is_escaped else None
        is_escaped = False
        char = char or table[code]
        text.append("\ufffd" if char == UNDEFINED else char)
    return "".join(text)


def pack(septets: Sequence[int], fill_bits: int = 0) -> bytes:
    """Septets as octets, low bits first, after `fill_bits` zero bits (0..6, behind a header)."""
    value = 0
    for position, septet in enumerate(septets):
        value |= septet << (fill_bits + 7 * position)
    return value.to_bytes((fill_bits + 7 * len(septets) + 7) // 8, "little")


def unpack(data: bytes, count: int, fill_bits: int = 0) -> list[int]:
    """The first `count` septets of `data` after `fill_bits`; `data` must hold them all."""
    value = int.from_bytes(data, "little") >> fill_bits
    return [(value >> (7 * position)) & 0x7F for position in range(count)]


def fill_bits_after(header_octets: int) -> int:
    """Bits between a user data header of that size and the next septet border (§9.2.3.24)."""
    return -header_octets * 8 % 7
