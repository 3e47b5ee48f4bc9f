"""gsmmodem's thread: a port that is lost under its hands ends in what the driver expects."""

import os
import pty
import tty
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from serial import Serial, serialposix

from sms.gsmmodem_worker import OwnedModem, ReaderDied

Words = Callable[[OwnedModem], object]


@pytest.fixture
def modem() -> Iterator[OwnedModem]:
    """Its port is a real pty nobody answers at; its reader does not run."""
    controller, device = pty.openpty()
    tty.setraw(device)
    opened = OwnedModem(os.ttyname(device), 115200, 1.0, lambda lines: None)
    opened.serial = Serial(opened.port, timeout=1)
    yield opened
    opened.serial.close()
    os.close(controller)
    os.close(device)


class LosingOs:
    """pyserial's view of the system: the reader closes the port right after a write."""

    def __init__(self, port: Serial) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def write(self, descriptor: int, data: bytes) -> int:
        written = os.write(descriptor, data)
        self._port.close()
        return written


@pytest.mark.parametrize(
    "say",
    [lambda modem: modem.exchange("AT+CMGS=20\r", 1.0, "> "), lambda modem: modem.write("AT")],
    ids=["ours", "gsmmodem's own"],
)
def test_a_port_lost_while_written_to_is_a_dead_reader(
    modem: OwnedModem, monkeypatch: pytest.MonkeyPatch, say: Words
) -> None:
    """Not a TypeError: nobody would note that the message may have left."""
    monkeypatch.setattr(serialposix, "os", LosingOs(modem.serial))
    with pytest.raises(ReaderDied, match="lost while written to"):
        say(modem)


def test_blind_words_never_wait(modem: OwnedModem) -> None:
    """More of them than it takes, and some for a port that is gone."""
    for _ in range(100):
        modem.write_blindly("\x1b" * 1000)
    modem.serial.close()
    modem.write_blindly("\x1b")


def test_a_fault_of_ours_stays_one(modem: OwnedModem) -> None:
    with pytest.raises(TypeError):
        modem.exchange("AT\r", "soon")  # type: ignore[arg-type]
