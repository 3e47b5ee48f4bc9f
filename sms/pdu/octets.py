"""Reading octets with a name and an offset for every complaint (pure)."""


class DecodeError(ValueError):
    """A PDU that cannot be read. `field`: the element; `offset`: octet from the PDU's start."""

    def __init__(self, field: str, offset: int, reason: str) -> None:
        super().__init__(f"{field} at octet {offset}: {reason}")
        self.field = field
        self.offset = offset
        self.reason = reason


class Octets:
    """A cursor over one PDU."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.offset = 0

    @classmethod
    def from_hex(cls, text: str) -> "Octets":
        """Raises: DecodeError: not an even number of hex digits."""
        try:
            return cls(bytes.fromhex(text))
        except ValueError as error:
            raise DecodeError("hex", 0, str(error)) from error

    @property
    def remaining(self) -> int:
        return len(self._data) - self.offset

    def take(self, count: int, field: str) -> bytes:
        """The next `count` octets. Raises: DecodeError: fewer are left."""
        if count > self.remaining:
            raise DecodeError(field, self.offset, f"needs {count} octets, {self.remaining} left")
        start = self.offset
        self.offset += count
        return self._data[start : self.offset]

    def octet(self, field: str) -> int:
        """The next octet. Raises: DecodeError: none is left."""
        return self.take(1, field)[0]


def swapped_digits(data: bytes) -> str:
    """Semi-octets, low nibble first (TS 23.040 §9.1.2.3), as hex digits."""
    return "".join(f"{octet & 0x0F:X}{octet >> 4:X}" for octet in data)


def to_swapped(digits: str) -> bytes:
    """Hex digits as semi-octets; an odd count is filled with F."""
    padded = digits + "F" * (len(digits) % 2)
    return bytes(int(padded[i + 1], 16) << 4 | int(padded[i], 16) for i in range(0, len(padded), 2))
