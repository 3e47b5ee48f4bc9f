"""Bytes from a modem → lines and prompts (pure).

Modems end lines with CR LF, CR CR LF, LF or CR; they send bytes that are no UTF-8; the prompt
`> ` has no line end. Latin-1 decodes every byte.
"""

import re
from typing import Final

PROMPT: Final = "> "
_ENDS = re.compile(r"[\r\n]")
_MAX_LINE = 4096


class LineReader:
    """Feed it bytes; it returns whole lines, stripped and never empty, and `PROMPT`.

    `expects_prompt`: set only while a command may open the prompt; the two characters are
    otherwise part of a line.
    """

    def __init__(self) -> None:
        self.expects_prompt = False
        self._buffer = ""

    def feed(self, data: bytes) -> list[str]:
        self._buffer += data.decode("latin-1").replace("\0", "")
        *whole, self._buffer = _ENDS.split(self._buffer)
        lines = [line for raw in whole if (line := self._line(raw))]
        if self.expects_prompt and self._buffer.endswith(PROMPT):
            lines.append(PROMPT)
            self._buffer = ""
        elif len(self._buffer) > _MAX_LINE:  # a line that never ends must not eat the memory
            lines.append(self._buffer)
            self._buffer = ""
        return lines

    def _line(self, raw: str) -> str:
        """A prompt with a notification right behind it looks like a line of its own."""
        line = raw.strip()[:_MAX_LINE]
        return PROMPT if self.expects_prompt and line == PROMPT.strip() else line

    def forget(self) -> None:
        """Drop a half-received line."""
        self._buffer = ""
