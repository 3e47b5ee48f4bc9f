"""How a simulated modem writes: line ends, stray bytes, unsolicited lines inside answers."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_ENDS = {"crlf": "\r\n", "crcrlf": "\r\r\n", "lf": "\n"}
_NOISE = ("RING", "^RSSI:17", '+CLIP: "+8610055512345",145', "+CREG: 1", '^HCSQ:"GSM",40')
_STRAY = b"\xff\xfe\x80\xe4"


@dataclass(slots=True)
class Wire:
    """`write` takes bytes for the port. `noise`, `garbage`: share of answers affected, 0..1."""

    write: Callable[[bytes], None]
    line_ends: str = "crlf"
    noise: float = 0.0
    garbage: float = 0.0
    chance: Callable[[], float] = random.random

    def answer(self, lines: Sequence[str]) -> None:
        """An answer: information lines and the final result."""
        shown = list(lines)
        if self.noise and self.chance() < self.noise:
            middle = len(shown) - 1
            shown[middle:middle] = [_NOISE[int(self.chance() * len(_NOISE))]]
        stray = _STRAY if self.garbage and self.chance() < self.garbage else b""
        self.write(stray + "".join(map(self._framed, shown)).encode("latin-1"))

    def unsolicited(self, *lines: str) -> None:
        self.write("".join(map(self._framed, lines)).encode("latin-1"))

    def prompt(self) -> None:
        stray = _STRAY if self.garbage and self.chance() < self.garbage else b""
        end = self.end.encode("latin-1")
        self.write(stray + end + b"> ")

    def raw(self, text: str) -> None:
        self.write(text.encode("latin-1"))

    @property
    def end(self) -> str:
        return _ENDS[self.line_ends]

    def _framed(self, line: str) -> str:
        return f"{self.end}{line}{self.end}"
