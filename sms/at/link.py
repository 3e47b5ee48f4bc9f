"""One open line to a modem: port, dialogue, trace, and waiting with a limit."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from core.clock import Clock
from sms.at.classify import Command
from sms.at.dialogue import Answered, Dialogue, Heard, LateResult, Noise, Unsolicited
from sms.at.port import PortGone, SerialPort, open_port
from sms.at.setup import CommandRefused
from sms.deadline import within
from sms.driver import (
    DriverLimits,
    ModemPort,
    ModemUnavailable,
    Reason,
    TraceLine,
)

_TRACE_LINES = 400
_ESC = b"\x1b"


class Silence(Exception):
    """Nothing was heard within the limit."""


class Link:
    """Owned by one driver, which calls it under its lock.

    `on_unsolicited`, `on_late` and `on_gone` are called in the loop as lines arrive, whatever
    runs. `fault` is empty while the modem answers as it should.
    """

    def __init__(
        self,
        config: ModemPort,
        clock: Clock,
        limits: DriverLimits,
        *,
        on_unsolicited: Callable[[Unsolicited], None],
        on_late: Callable[[LateResult], None],
        on_gone: Callable[[str], None],
    ) -> None:
        self._config = config
        self._clock = clock
        self._limits = limits
        self._on_unsolicited = on_unsolicited
        self._on_late = on_late
        self._on_gone = on_gone
        self.dialogue = Dialogue()
        self._port: SerialPort | None = None
        self._heard: deque[Heard] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._trace: deque[TraceLine] = deque(maxlen=_TRACE_LINES)
        self._secrets = {config.pin} if config.pin else set()
        self._has_restarted = False
        self.fault = "closed"

    @property
    def is_open(self) -> bool:
        return self._port is not None

    def trace(self) -> tuple[TraceLine, ...]:
        return tuple(self._trace)

    def open(self) -> None:
        """Open the device anew. Raises: ModemUnavailable."""
        self.close("opened anew")
        self.dialogue.reset()
        self._heard.clear()
        self._has_restarted = False
        self._port = open_port(self._config, self._receive, self._lose)
        self.fault = ""

    def close(self, reason: str) -> None:
        """Release the device; whoever waits gets PortGone. Idempotent."""
        self.fault = self.fault or reason
        port, self._port = self._port, None
        if port is not None:
            port.close()
        self._rouse()

    def restarted(self, line: str) -> None:
        """The modem booted by itself: whoever waits for an answer gets PortGone."""
        self.fault = f"the modem restarted ({line})"
        self._has_restarted = True
        self._rouse()

    async def write(self, data: bytes) -> None:
        """Raises: PortGone."""
        if self._port is None:
            raise PortGone(self.fault)
        self._note(data, sent=True)
        await self._port.write(data)

    async def next(self, limit_s: float) -> Heard:
        """The next Prompted, Answered or BareOk. Raises: Silence, PortGone."""
        until = self._clock.monotonic() + limit_s
        while not self._heard:
            if self._port is None or self._has_restarted:
                raise PortGone(self.fault)
            self._wake = asyncio.get_running_loop().create_future()
            try:
                await within(self._clock, until - self._clock.monotonic(), self._wake)
            except TimeoutError:
                raise Silence from None
            finally:
                self._wake = None
        return self._heard.popleft()

    async def begin(self, command: Command) -> None:
        """Write `command`; answers nobody took are dropped. Raises: PortGone."""
        self._heard.clear()
        await self.write(self.dialogue.begin(command))

    async def run(self, command: Command, limit_s: float) -> tuple[str, ...]:
        """One command to its end. Raises: CommandRefused, Silence, PortGone."""
        until = self._clock.monotonic() + limit_s
        try:
            await self.begin(command)
            while True:
                heard = await self.next(until - self._clock.monotonic())
                if isinstance(heard, Answered):
                    break
        except BaseException as error:
            self.dialogue.give_up()
            if isinstance(error, asyncio.CancelledError):  # its answer would be the next one's
                self.fault = f"{command.text.partition('=')[0]} was cancelled"
            raise
        if heard.error is not None:
            raise CommandRefused(command.text, heard.error.code, str(heard.error))
        return heard.lines

    async def ask(self, command: Command, limit_s: float) -> tuple[str, ...]:
        """`run`; silence and a lost port are faults. Raises: CommandRefused, ModemUnavailable."""
        try:
            return await self.run(command, limit_s)
        except Silence:
            self.fault = f"no answer to {command.text.partition('=')[0]}"
            raise ModemUnavailable(Reason.SILENT, self.fault) from None
        except PortGone as gone:
            raise ModemUnavailable(Reason.PORT_MISSING, f"port lost: {gone}") from gone

    async def pause(self, seconds: float) -> None:
        await self._clock.sleep(seconds)

    async def awaken(self, limit_s: float) -> None:
        """AT until OK, within `limit_s`.

        A modem left in the prompt swallows the first AT; ESC frees it. Late answers are waited
        out. Raises: ModemUnavailable.
        """
        self._has_restarted = False
        step_s = min(self._limits.probe_s / 2, limit_s / 3)
        until = self._clock.monotonic() + limit_s
        is_first = True
        while self._clock.monotonic() < until:
            try:
                if not is_first:
                    await self.write(_ESC)
                await self.run(Command("AT"), step_s)
            except (Silence, CommandRefused):
                is_first = False
                continue
            except PortGone as gone:
                raise ModemUnavailable(Reason.PORT_MISSING, f"port lost: {gone}") from gone
            if not is_first:
                await self.until_quiet()
            return
        self.fault = "does not answer AT"
        raise ModemUnavailable(
            Reason.SILENT, f"{self._config.path} does not answer: power, cable, or wrong port?"
        )

    async def until_quiet(self) -> None:
        """Drop leftover answers until none has come for `quiet_s`; at most ten times that."""
        until = self._clock.monotonic() + 10 * self._limits.quiet_s
        with suppress(Silence, PortGone):
            while self._clock.monotonic() < until:
                await self.next(self._limits.quiet_s)

    def _receive(self, data: bytes) -> None:
        self._note(data, sent=False)
        for heard in self.dialogue.feed(data):
            if isinstance(heard, Unsolicited):
                self._on_unsolicited(heard)
            elif isinstance(heard, LateResult):
                self._on_late(heard)
            elif not isinstance(heard, Noise):
                self._heard.append(heard)
        if self._heard:
            self._rouse()

    def _lose(self, detail: str) -> None:
        self._port = None
        self.fault = f"port lost: {detail}"
        self._on_gone(detail)
        self._rouse()

    def _rouse(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def _note(self, data: bytes, *, sent: bool) -> None:
        text = data.decode("latin-1").strip("\r\n")
        for secret in self._secrets:
            text = text.replace(secret, "****")
        self._trace.append(TraceLine(self._clock.now(), sent, text))
