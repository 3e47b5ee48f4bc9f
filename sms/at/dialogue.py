"""The conversation with one modem as a state machine, bytes in, facts out (pure, no I/O).

Owner: the driver's reader. One command runs at a time; every line is either its answer, or
unsolicited, or late (the answer to an AT+CMGS that had been given up).
"""

import re
from dataclasses import dataclass

from sms.at.classify import TWO_LINE_URCS, Command, Kind, clean, error_in, is_data_of, kind_of
from sms.at.lines import PROMPT, LineReader
from sms.driver import ModemError
from sms.errors_cms import ErrorFamily

_REFERENCE = re.compile(r"\+CMGS: *(\d+)")


@dataclass(frozen=True, slots=True)
class Prompted:
    """The modem waits for a PDU."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The running command ended; `error` None = OK."""

    lines: tuple[str, ...]
    error: ModemError | None = None


@dataclass(frozen=True, slots=True)
class BareOk:
    """OK without +CMGS after Ctrl-Z: the answer to a probe."""


@dataclass(frozen=True, slots=True)
class Unsolicited:
    """`data`: the PDU line of a two-line notification."""

    line: str
    data: str = ""


@dataclass(frozen=True, slots=True)
class LateResult:
    """A result of an AT+CMGS that no longer runs: a reference or an error."""

    reference: int | None
    error: ModemError | None = None


@dataclass(frozen=True, slots=True)
class Noise:
    line: str


Heard = Prompted | Answered | BareOk | Unsolicited | LateResult | Noise


class Dialogue:
    """See the module. `begin` → `feed`… → Answered; `give_up` forgets the running command."""

    def __init__(self) -> None:
        self._reader = LineReader()
        self._running: Command | None = None
        self._lines: list[str] = []
        self._is_submitted = False  # Ctrl-Z written: the result is +CMGS or an error
        self._header = ""  # first line of a two-line notification
        self._swallow_ok = False  # the OK that follows a late +CMGS
        self.has_late_ticket = False  # the driver waits for a late result

    @property
    def running(self) -> Command | None:
        return self._running

    def begin(self, command: Command) -> bytes:
        """Start `command`; returns what to write. The one before must have ended."""
        if self._running is not None:
            raise RuntimeError(f"{self._running.text} still runs")
        self._running = command
        self._lines = []
        self._is_submitted = False
        self._reader.expects_prompt = command.opens_prompt
        return command.text.encode("latin-1") + b"\r"

    def submitted(self) -> None:
        """PDU and Ctrl-Z are about to be written."""
        self._is_submitted = True
        self._reader.expects_prompt = False

    def probing(self) -> None:
        """An AT is about to be written behind Ctrl-Z: a prompt again means the text is held."""
        self._reader.expects_prompt = True

    def give_up(self) -> None:
        """The running command's answer no longer matters."""
        self._running = None
        self._reader.expects_prompt = False

    def reset(self) -> None:
        """The line broke or the modem booted: nothing old can come."""
        self.give_up()
        self._reader.forget()
        self._header = ""
        self._swallow_ok = False

    def feed(self, data: bytes) -> list[Heard]:
        """What `data` says, in order."""
        heard = (self._hear(line) for line in self._reader.feed(data))
        return [fact for fact in heard if fact is not None]

    def _hear(self, raw: str) -> Heard | None:
        if raw == PROMPT:
            return Prompted()
        line = clean(raw)
        if self._header and is_data_of(self._header, line):
            header, self._header = self._header, ""
            return Unsolicited(header, line)
        kind = kind_of(line, self._running)
        if kind is Kind.URC:
            return self._unsolicited(line)
        self._header = ""  # its PDU did not come
        swallow, self._swallow_ok = self._swallow_ok, False
        if kind is Kind.OK:
            return None if swallow else self._ok()
        if kind is Kind.ERROR:
            return self._error(line)
        if kind is Kind.NOISE or (self._running is not None and line == self._running.text):
            return Noise(line)
        return self._information(line)

    def _unsolicited(self, line: str) -> Heard | None:
        if line.startswith(TWO_LINE_URCS):
            self._header = line
            return None
        reference = _REFERENCE.match(line)
        if reference:
            self._swallow_ok = True
            return LateResult(int(reference[1]) & 0xFF)
        return Unsolicited(line)

    def _information(self, line: str) -> Heard | None:
        running = self._running
        if running is not None and running.opens_prompt and not self._is_submitted:
            reference = _REFERENCE.match(line)  # a result before Ctrl-Z is the one before's
            if reference:
                self._swallow_ok = True
                return LateResult(int(reference[1]) & 0xFF)
        self._lines.append(line)
        return None

    def _ok(self) -> Heard | None:
        if self._running is None:
            return Noise("OK")
        if self._running.opens_prompt:
            if not self._is_submitted:
                return Noise("OK")  # AT+CMGS answers with a prompt, never OK: a leftover
            if not self._lines:
                return BareOk()
        return self._end(None)

    def _error(self, line: str) -> Heard:
        error = error_in(line) or ModemError(ErrorFamily.PLAIN, 0)  # NO CARRIER to ATD
        running = self._running
        is_foreign = running is None or running.is_plain
        if is_foreign and self.has_late_ticket and line.startswith("+CMS"):
            return LateResult(None, error)
        if running is None:
            return Noise(line)
        return self._end(error)

    def _end(self, error: ModemError | None) -> Answered:
        lines, self._lines = tuple(self._lines), []
        self.give_up()
        return Answered(lines, error)
