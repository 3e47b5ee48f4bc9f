"""H.264 access units to RTP payloads, packetization mode 1 (RFC 6184 §5.4; pure)."""

import re
from typing import Final

MAX_PAYLOAD: Final = 1100
_SPS, _PPS, _IDR, _AUD, _STAP_A, _FU_A = 7, 8, 5, 9, 24, 28
_START: Final = re.compile(rb"\x00\x00\x00?\x01")


def units(access_unit: bytes) -> list[bytes]:
    """The NAL units between start codes (ITU-T H.264 annex B)."""
    found = [unit.rstrip(b"\0") for unit in _START.split(access_unit)]
    return [unit for unit in found if unit]


class Packetizer:
    """Puts the parameter sets before each key frame, for viewers come late."""

    def __init__(self, parameter_sets: bytes = b"") -> None:
        """`parameter_sets`: from the stream's description, with start codes."""
        self._sets: dict[int, bytes] = {}
        self._keep(units(parameter_sets))

    def payloads(self, access_unit: bytes) -> list[bytes]:
        """The RTP payloads of one picture, the last of which gets the marker; maybe none."""
        found = [unit for unit in units(access_unit) if unit[0] & 0x1F != _AUD]
        self._keep(found)
        kinds = {unit[0] & 0x1F for unit in found}
        if _IDR in kinds:
            found = [unit for unit in found if unit[0] & 0x1F not in (_SPS, _PPS)]
            found = [*(self._sets[kind] for kind in sorted(self._sets)), *found]
        return [payload for group in _grouped(found) for payload in _packed(group)]

    def _keep(self, found: list[bytes]) -> None:
        self._sets |= {unit[0] & 0x1F: unit for unit in found if unit[0] & 0x1F in (_SPS, _PPS)}


def _grouped(found: list[bytes]) -> list[list[bytes]]:
    """Parameter sets together, everything else alone."""
    sets = [unit for unit in found if unit[0] & 0x1F in (_SPS, _PPS)]
    rest = [[unit] for unit in found if unit[0] & 0x1F not in (_SPS, _PPS)]
    return [sets, *rest] if sets else rest


def _packed(group: list[bytes]) -> list[bytes]:
    if len(group) > 1 and sum(len(unit) + 2 for unit in group) < MAX_PAYLOAD:
        reference = max(unit[0] & 0x60 for unit in group)
        body = b"".join(len(unit).to_bytes(2, "big") + unit for unit in group)
        return [bytes((reference | _STAP_A,)) + body]
    return [payload for unit in group for payload in _fragments(unit)]


def _fragments(unit: bytes) -> list[bytes]:
    if len(unit) <= MAX_PAYLOAD:
        return [unit]
    body, size = unit[1:], MAX_PAYLOAD - 2
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    last = len(parts) - 1
    return [
        bytes((unit[0] & 0x60 | _FU_A, (i == 0) << 7 | (i == last) << 6 | unit[0] & 0x1F)) + part
        for i, part in enumerate(parts)
    ]
