"""A pty with a stable link: what a USB modem's device path is to the computer."""

import asyncio
import os
import pty
import tty
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_MAX_UNREAD = 65_536


class PtyPort:
    """`link` points at the slave side while plugged in. Owned by the simulator's loop."""

    def __init__(self, link: Path, on_bytes: Callable[[bytes], None]) -> None:
        self._link = link
        self._on_bytes = on_bytes
        self._master = self._slave = -1
        self._unwritten = bytearray()

    @property
    def is_plugged(self) -> bool:
        return self._master >= 0

    def plug(self) -> None:
        """A new device appears under the same link."""
        if self.is_plugged:
            return
        self._master, self._slave = pty.openpty()  # ours stays open: a closed slave would hang up
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        fresh = self._link.with_name(self._link.name + ".new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(self._slave))
        fresh.replace(self._link)
        asyncio.get_running_loop().add_reader(self._master, self._read)

    def unplug(self) -> None:
        """The device vanishes; whoever has it open gets an error."""
        if not self.is_plugged:
            return
        asyncio.get_running_loop().remove_reader(self._master)
        asyncio.get_running_loop().remove_writer(self._master)
        self._unwritten.clear()
        self._link.unlink(missing_ok=True)
        for descriptor in (self._slave, self._master):
            with suppress(OSError):
                os.close(descriptor)
        self._master = self._slave = -1

    def write(self, data: bytes) -> None:
        """Output waits for its reader; what nobody reads for long is lost, as on a serial line."""
        if self.is_plugged and len(self._unwritten) < _MAX_UNREAD:
            self._unwritten += data
            self._write_on()

    def _write_on(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_writer(self._master)
        with suppress(BlockingIOError):
            while self._unwritten:
                del self._unwritten[: os.write(self._master, self._unwritten)]
        if self._unwritten:
            loop.add_writer(self._master, self._write_on)

    def _read(self) -> None:
        with suppress(BlockingIOError, OSError):
            self._on_bytes(os.read(self._master, 65_536))
