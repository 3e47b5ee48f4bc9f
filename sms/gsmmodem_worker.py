"""python-gsmmodem-new in a thread of its own: the part that blocks.

What its design forces on us: nothing here runs in the event loop; its notification threads are
cut off (they write to the modem while we do); a dead reader thread is noticed at once; a time-out
ends the object, never a retry.
"""

import asyncio
import os
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from gsmmodem.modem import GsmModem
from gsmmodem.serial_comms import SerialComms
from serial import SerialException

from sms.at.classify import STORED_URCS, TWO_LINE_URCS, clean, is_data_of

T = TypeVar("T")


class ReaderDied(Exception):
    """gsmmodem's reader thread has ended: a byte that is no UTF-8, or the port went away."""


def is_locked(error: BaseException) -> bool:
    """Whether pyserial says that somebody holds the device."""
    return isinstance(error, SerialException) and "lock" in str(error)


class OwnedModem(GsmModem):  # type: ignore[misc]
    """A GsmModem that only its owner's thread talks through.

    `on_lines` is called in the reader thread with lines that came while nothing ran, and with what
    the modem says of messages at any time.
    """

    _notification: list[str]  # gsmmodem's: lines of no answer, until the line is quiet

    def __init__(
        self, port: str, baudrate: int, limit_s: float, on_lines: Callable[[list[str]], None]
    ) -> None:
        super().__init__(port, baudrate, requestDelivery=False, exclusive=True)
        self._on_lines = on_lines
        self._limit_s = limit_s
        self._header = ""  # of two lines unasked for, the second still to come
        self.death = ""
        self.may_hold_port = True  # until it is known that somebody else does

    def start(self, pin: str | None) -> None:
        """gsmmodem's connect(). Raises: ReaderDied too when it stumbles over an answer."""
        try:
            self.connect(pin)
        except SerialException as error:
            self.may_hold_port = not is_locked(error)
            raise
        except (TypeError, IndexError, AttributeError, ValueError) as error:
            raise ReaderDied(f"gsmmodem cannot read the answers: {error}") from error
        finally:
            if self.death:  # given up meanwhile: what was opened since would stay locked
                self.abandon()

    def write(
        self, data: str, waitForResponse: bool = True, timeout: float = 10, **how: Any
    ) -> Any:
        """gsmmodem's own commands (connect, USSD), none longer than ours may take."""
        if self.death:
            raise ReaderDied(self.death)
        with self._noticing_loss():
            return super().write(data, waitForResponse, min(timeout, self._limit_s), **how)

    def exchange(self, text: str, limit_s: float, ends_with: str | None = None) -> list[str]:
        """Write `text` as it is, wait for a final line or `ends_with`.

        Raises: ReaderDied; gsmmodem's TimeoutException, with the lines heard in `data`.
        """
        with self._noticing_loss():
            lines: list[str] = SerialComms.write(
                self, text, timeout=limit_s, expectedResponseTermSeq=ends_with
            )
        if self.death:
            raise ReaderDied(self.death)
        return lines

    def ask_network(self, code: str, limit_s: float) -> Any:
        """gsmmodem's USSD. Raises: ReaderDied: also when that happens while the network thinks."""
        reply = self.sendUssd(code, limit_s)
        if self.death:
            raise ReaderDied(self.death)
        return reply

    def write_blindly(self, text: str) -> None:
        """In the event loop: a device that takes nothing, or is gone, does not keep us."""
        with suppress(OSError, TypeError):
            os.write(self.serial.fd, text.encode("ascii"))  # not blocking; fd is None once closed

    @contextmanager
    def _noticing_loss(self) -> Iterator[None]:
        """The reader closes a lost port while we write to it; pyserial then trips over the None."""
        try:
            yield
        except TypeError as error:
            if self.serial.is_open:
                raise
            raise ReaderDied(self.death or "the port was lost while written to") from error

    def abandon(self) -> None:
        """Close the device under the threads; both end by themselves."""
        self.alive = False
        self._die("abandoned")
        serial = getattr(self, "serial", None)
        if serial is not None:
            with suppress(Exception):
                serial.cancel_read()  # a reader that waits would keep the device locked
            with suppress(Exception):
                serial.close()

    def _readLoop(self) -> None:
        try:
            super()._readLoop()
        except (UnicodeDecodeError, OSError, TypeError, ValueError) as error:
            self._die(f"{type(error).__name__}: {error}")  # TypeError: closed while it read
            return
        if not self.alive:
            self._die("the port was lost")

    def _die(self, reason: str) -> None:
        self.death = self.death or reason
        for waiting in (self._responseEvent, self._ussdSessionEvent):
            if waiting is not None:
                waiting.set()

    def _handleLineRead(self, line: str, checkForResponseTerm: bool = True) -> None:
        """In the reader thread: word of a message is no part of the answer it falls into.

        gsmmodem would put it there, or its second line alone, and a report handed over directly
        (+CDS) comes once.
        """
        if not self._is_of_messages(clean(line)):
            super()._handleLineRead(line, checkForResponseTerm)
        elif self._notification and not self.serial.in_waiting:
            # What gsmmodem keeps for the burst's end: it does not see that it has come.
            lines, self._notification = self._notification, []
            self._handleModemNotification(lines)

    def _is_of_messages(self, line: str) -> bool:
        """Hand it over if so."""
        header, self._header = self._header, ""
        if header:
            is_whole = is_data_of(header, line)
            self._on_lines([header, line] if is_whole else [header])
            if is_whole:
                return True
        if line.startswith(TWO_LINE_URCS):
            self._header = line
            return True
        is_stored = line.startswith(STORED_URCS)
        if is_stored:
            self._on_lines([line])
        return is_stored

    def _handleModemNotification(self, lines: list[str]) -> None:
        first = next((i for i, line in enumerate(lines) if line.startswith("+CUSD")), len(lines))
        if first:
            self._on_lines(lines[:first])
        if lines[first:]:
            self._handleUssd(lines[first:])


class Worker:
    """One daemon thread that runs blocking calls in order. Owner: one driver."""

    def __init__(self, name: str) -> None:
        self._calls: queue.Queue[Callable[[], None] | None] = queue.Queue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def call(self, blocking: Callable[[], T]) -> "asyncio.Future[T]":
        """Run `blocking` in the thread; the future belongs to the calling loop."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def run() -> None:
            try:
                result, error = blocking(), None
            except Exception as caught:  # noqa: BLE001  handed to whoever waits
                result, error = None, caught
            with suppress(RuntimeError):  # the loop has closed meanwhile
                loop.call_soon_threadsafe(_settle, future, result, error)

        self._calls.put(run)
        return future

    def end(self) -> None:
        """Let the thread go once its running call has returned."""
        self._calls.put(None)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            call()


def _settle(future: "asyncio.Future[Any]", result: Any, error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def free_prompt(path: str) -> None:
    """Write ESC to the device: a modem left in the prompt would swallow gsmmodem's first words."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            os.write(descriptor, b"\x1b")
        finally:
            os.close(descriptor)
