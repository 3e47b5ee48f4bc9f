"""gsmmodem's thread: a port that is lost under its hands ends in what the driver expects."""

import os
import pty
import queue
import threading
import time
import tty
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from serial import Serial, serialposix

from sms.gsmmodem_worker import OwnedModem, ReaderDied

Words = Callable[[OwnedModem], object]


@pytest.fixture
def line() -> Iterator[tuple[int, str]]:
    """A real pty: the modem's end, and the device's name."""
    controller, device = pty.openpty()
    tty.setraw(device)
    yield controller, os.ttyname(device)
    os.close(controller)
    os.close(device)


@pytest.fixture
def modem(line: tuple[int, str]) -> Iterator[OwnedModem]:
    """Nobody answers at its port; its reader does not run."""
    opened = OwnedModem(line[1], 115200, 1.0, lambda lines: None)
    opened.serial = Serial(opened.port, timeout=1)
    yield opened
    opened.serial.close()


class Talking:
    """A modem whose reader runs, and who says what a test wants."""

    def __init__(self, modem: OwnedModem, controller: int) -> None:
        self.modem = modem
        self._controller = controller
        self._lines: queue.Queue[str] = queue.Queue()
        modem._on_lines = self._hear
        modem.alive = True
        self._reader = threading.Thread(target=modem._readLoop)
        self._reader.start()

    def _hear(self, lines: list[str]) -> None:
        for line in lines:
            self._lines.put(line)

    def say(self, *lines: str) -> None:
        """Lines of the modem, taken up before this returns."""
        self._write(*lines)
        for _ in range(1000):
            if not self.modem.serial.in_waiting:
                return
            time.sleep(0.01)
        pytest.fail("its reader does not read")

    def say_at_once(self, *lines: str) -> None:
        """In one burst."""
        os.write(self._controller, "".join(f"\r\n{line}\r\n" for line in lines).encode())

    def read_command(self) -> None:
        """Take what was asked."""
        os.read(self._controller, 100)

    def _write(self, *lines: str) -> None:
        for line in lines:
            os.write(self._controller, f"\r\n{line}\r\n".encode())

    def ask(self, command: str, *answer: str) -> list[str]:
        """One command, and the lines that come while it runs."""
        with ThreadPoolExecutor(1) as pool:
            exchange = pool.submit(self.modem.exchange, f"{command}\r", 20.0)
            self.read_command()
            self._write(*answer)
            return exchange.result(20)

    def heard(self) -> list[str]:
        """What came unasked since the last call."""
        self._write("RING")
        return list(iter(lambda: self._lines.get(timeout=20), "RING"))

    def close(self) -> None:
        """End the reader."""
        self.modem.alive = False
        self.modem.serial.cancel_read()
        self._reader.join(20)


@pytest.fixture
def talking(line: tuple[int, str], modem: OwnedModem) -> Iterator[Talking]:
    """It answers as the test says."""
    opened = Talking(modem, line[0])
    yield opened
    opened.close()


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


REPORT = "07911326040000F0061A0B914366195100F1427040212143004270402121530000"
STORED = '+CDSI: "SR",1'
REPLY = '+CUSD: 0,"3130",15'


@pytest.mark.parametrize(
    ("before", "inside", "after"),
    [
        ([], ["+CDS: 25", REPORT], []),
        (["+CDS: 25"], [REPORT], []),
        (["+CDS: 25", REPORT], [], []),
        ([], [], ["+CDS: 25", REPORT]),
    ],
    ids=["inside", "second line inside", "before", "behind"],
)
def test_a_report_is_whole_wherever_it_falls(
    talking: Talking, before: list[str], inside: list[str], after: list[str]
) -> None:
    """Handed over directly it comes once; an answer is what was asked, no more."""
    talking.say(*before)
    assert talking.ask("AT+CSQ", *inside, "+CSQ: 20,99", "OK") == ["+CSQ: 20,99", "OK"]
    talking.say(*after)
    assert talking.heard() == ["+CDS: 25", REPORT]


def test_word_of_a_stored_message_inside_an_answer_is_heard(talking: Talking) -> None:
    assert talking.ask("AT+CSQ", STORED, "+CSQ: 20,99", "OK") == ["+CSQ: 20,99", "OK"]
    assert talking.heard() == [STORED]


@pytest.mark.parametrize(
    "burst", [("NO CARRIER", STORED), (STORED, "NO CARRIER"), ("NO CARRIER", "+CDS: 25", REPORT)]
)
def test_what_comes_beside_word_of_a_message_is_heard_with_it(
    talking: Talking, burst: tuple[str, ...]
) -> None:
    """In one burst: gsmmodem keeps its own lines until the line is quiet."""
    talking.say_at_once(*burst)
    assert sorted(talking.heard()) == sorted(burst)


@pytest.mark.parametrize(
    "burst", [(REPLY, STORED), (STORED, REPLY), ("+CREG: 5", REPLY), ("+CREG: 5", STORED, REPLY)]
)
def test_the_networks_answer_is_found_in_a_burst(talking: Talking, burst: tuple[str, ...]) -> None:
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(talking.modem.ask_network, "*100#", 20.0)
        talking.read_command()
        talking.say_at_once("OK")
        talking.say_at_once(*burst)
        assert asked.result(20).message == "3130"
    assert sorted(talking.heard()) == sorted(line for line in burst if line != REPLY)


def test_a_number_is_not_taken_for_a_report(talking: Talking) -> None:
    """A SIM's has twenty digits; the second line of the report before was lost."""
    talking.say("+CDS: 25")
    assert talking.ask("AT+CCID", "89860012345678901234", "OK") == ["89860012345678901234", "OK"]
    assert talking.heard() == ["+CDS: 25"]


def test_half_a_report_takes_nothing_with_it(talking: Talking) -> None:
    """The modem fell silent after its first line; what comes next is an answer like any other."""
    talking.say("+CDS: 25")
    assert talking.ask("AT+CSQ", "+CSQ: 20,99", "OK") == ["+CSQ: 20,99", "OK"]
    assert talking.heard() == ["+CDS: 25"]
