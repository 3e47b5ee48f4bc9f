"""The picture size in an H.264 sequence parameter set (ITU-T H.264 §7.3.2.1.1; pure)."""

from conf.media.errors import DecodeError

_WITH_CHROMA = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135}


class _Bits:
    """Reads the bits of a unit without its emulation prevention bytes (§7.4.1)."""

    def __init__(self, unit: bytes) -> None:
        self._bytes = unit.replace(b"\0\0\x03", b"\0\0")
        self._at = 0

    def bits(self, count: int) -> int:
        value = 0
        for _ in range(count):
            if self._at >= 8 * len(self._bytes):
                raise DecodeError("h264: parameter set ends too soon")
            value = value << 1 | self._bytes[self._at >> 3] >> (7 - self._at % 8) & 1
            self._at += 1
        return value

    def unsigned(self) -> int:
        """ue(v), §9.1."""
        zeros = 0
        while not self.bits(1):
            zeros += 1
            if zeros > 31:
                raise DecodeError("h264: a number too long")
        return (1 << zeros) - 1 + self.bits(zeros)

    def signed(self) -> int:
        """se(v), §9.1.1."""
        number = self.unsigned()
        return (number + 1) // 2 if number % 2 else -(number // 2)


def picture_size(sps: bytes) -> tuple[int, int]:
    """Width and height in pixels after cropping. Raises: DecodeError."""
    bits = _Bits(sps)
    bits.bits(8)
    profile = bits.bits(8)
    bits.bits(16)
    bits.unsigned()
    chroma = 1
    if profile in _WITH_CHROMA:
        chroma = _chroma(bits)
    bits.unsigned()
    _skip_order_count(bits)
    bits.unsigned()
    bits.bits(1)
    width, rows = 16 * (bits.unsigned() + 1), bits.unsigned() + 1
    is_progressive = bits.bits(1)
    if not is_progressive:
        bits.bits(1)
    height = 16 * rows * (2 - is_progressive)
    bits.bits(1)
    if bits.bits(1):
        left, right, top, bottom = (bits.unsigned() for _ in range(4))
        x = 2 if chroma in (1, 2) else 1
        y = (2 if chroma == 1 else 1) * (2 - is_progressive)
        width, height = width - x * (left + right), height - y * (top + bottom)
    if width <= 0 or height <= 0:
        raise DecodeError("h264: a picture without size")
    return width, height


def _chroma(bits: _Bits) -> int:
    chroma = bits.unsigned()
    if chroma == 3:
        bits.bits(1)
    bits.unsigned()
    bits.unsigned()
    bits.bits(1)
    if bits.bits(1):
        for index in range(12 if chroma == 3 else 8):
            if bits.bits(1):
                _skip_scaling(bits, 16 if index < 6 else 64)
    return chroma


def _skip_scaling(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _skip_order_count(bits: _Bits) -> None:
    kind = bits.unsigned()
    if kind == 0:
        bits.unsigned()
    elif kind == 1:
        bits.bits(1)
        bits.signed()
        bits.signed()
        for _ in range(bits.unsigned() % 256):
            bits.signed()
