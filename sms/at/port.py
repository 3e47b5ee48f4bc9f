"""A serial device as a raw descriptor on the event loop (Linux: termios, flock)."""

import asyncio
import fcntl
import os
import termios
from collections.abc import Callable
from contextlib import suppress

from sms.driver import ModemPort, ModemUnavailable, Reason

_CHUNK = 4096
_WRITE_LIMIT_S = 5.0  # a device that takes no byte for so long is gone


class PortGone(Exception):
    """The device vanished or broke. `written`: octets of the last write it had taken."""

    def __init__(self, detail: str, written: int = 0) -> None:
        super().__init__(detail)
        self.detail = detail
        self.written = written


class SerialPort:
    """One open device, held with flock so that no second process talks to it.

    Owner: the driver that opened it. `on_bytes` and `on_gone` are called in the loop; `on_gone`
    at most once.
    """

    def __init__(
        self,
        descriptor: int,
        on_bytes: Callable[[bytes], None],
        on_gone: Callable[[str], None],
    ) -> None:
        self._descriptor = descriptor
        self._on_bytes = on_bytes
        self._on_gone = on_gone
        self._writable: asyncio.Event | None = None
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(descriptor, self._read)

    @property
    def is_open(self) -> bool:
        return self._descriptor >= 0

    async def write(self, data: bytes) -> None:
        """Write all of `data`. Raises: PortGone, with the number of octets taken before."""
        written = 0
        while written < len(data):
            if not self.is_open:
                raise PortGone("the port is closed", written)
            try:
                written += os.write(self._descriptor, data[written:])
            except BlockingIOError:
                await self._until_writable(written)
            except OSError as error:
                self._lose(str(error))
                raise PortGone(str(error), written) from error

    async def _until_writable(self, written: int) -> None:
        self._writable = writable = asyncio.Event()
        self._loop.add_writer(self._descriptor, writable.set)
        try:
            async with asyncio.timeout(_WRITE_LIMIT_S):
                await writable.wait()
        except TimeoutError:
            self._lose("the device takes no data")
            raise PortGone("the device takes no data", written) from None
        finally:
            if self.is_open:
                self._loop.remove_writer(self._descriptor)

    def close(self) -> None:
        """Idempotent; frees the lock."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor < 0:
            return
        self._loop.remove_reader(descriptor)
        self._loop.remove_writer(descriptor)
        if self._writable is not None:
            self._writable.set()  # who waits to write finds it closed
        with suppress(OSError):
            os.close(descriptor)

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, _CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(str(error))
            return
        if data:
            self._on_bytes(data)
        else:
            self._lose("end of file")

    def _lose(self, detail: str) -> None:
        if self.is_open:
            self.close()
            self._on_gone(detail)


def open_port(
    port: ModemPort, on_bytes: Callable[[bytes], None], on_gone: Callable[[str], None]
) -> SerialPort:
    """Open `port.path`, lock it, set it raw. Raises: ModemUnavailable."""
    descriptor = _open_device(port.path)
    try:
        _lock(descriptor, port.path)
        _set_raw(descriptor, port.baud)
    except BaseException:
        os.close(descriptor)
        raise
    return SerialPort(descriptor, on_bytes, on_gone)


def _open_device(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError as error:
        raise ModemUnavailable(
            Reason.PORT_DENIED, f"no permission on {path}: add the user to the group dialout"
        ) from error
    except OSError as error:
        raise ModemUnavailable(
            Reason.PORT_MISSING, f"{path}: {error.strerror}: is the modem plugged in?"
        ) from error


def _lock(descriptor: int, path: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise ModemUnavailable(Reason.PORT_BUSY, f"{path} is in use by another process") from error


def _set_raw(descriptor: int, baud: int) -> None:
    """8N1, no translation, no modem lines; closing must not drop DTR (some modems reset then)."""
    speed = getattr(termios, f"B{baud}", termios.B115200)
    try:
        attributes = termios.tcgetattr(descriptor)
        control = attributes[6]
        control[termios.VMIN], control[termios.VTIME] = 1, 0
        flags = termios.CS8 | termios.CREAD | termios.CLOCAL
        termios.tcsetattr(descriptor, termios.TCSANOW, [0, 0, flags, 0, speed, speed, control])
        termios.tcflush(descriptor, termios.TCIOFLUSH)
    except termios.error as error:
        raise ModemUnavailable(Reason.PORT_MISSING, f"no serial device: {error}") from error
