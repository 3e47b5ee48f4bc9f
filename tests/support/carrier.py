"""A carrier's SMPP 3.4 server on TCP, written from the specification, sharing no code with ours."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

_HEAD = struct.Struct(">IIII")
BIND, SUBMIT, DELIVER, UNBIND, ENQUIRE = 0x9, 0x4, 0x5, 0x6, 0x15
RESPONSE = 0x8000_0000


@dataclass
class Submitted:
    """One submit_sm as it came."""

    destination: str
    coding: int
    content: bytes
    esm_class: int
    wants_receipt: bool
    validity: str

    @property
    def text(self) -> str:
        body = self.content[1 + self.content[0] :] if self.esm_class & 0x40 else self.content
        return body.decode("utf-16-be") if self.coding == 8 else body.decode("latin-1")


@dataclass
class Carrier:
    """Switches: `refuse` (status of the next submits), `is_silent`, `drops` (hangs up instead)."""

    password: str = "secret"
    refuse: int = 0
    is_silent: bool = False
    drops: bool = False
    sends_receipts: bool = True
    receipt_first: bool = False  # before the answer it belongs to
    answer_ids: str = "id-{}"  # how the number of a text is written there: "{:X}", "{}"
    receipt_ids: str = "id-{}"
    count: int = 0  # texts taken
    at_bind: list[tuple[int, str]] = field(default_factory=list)  # receipts sent at once
    port: int = 0
    submitted: list[Submitted] = field(default_factory=list)
    stored: list[int] = field(default_factory=list)  # statuses of deliver_sm_resp
    answered: list[int] = field(default_factory=list)  # our other requests
    asked: list[int] = field(default_factory=list)  # theirs, binds and links
    _writer: asyncio.StreamWriter | None = None
    _sequence: int = 1000

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        try:
            while True:
                head = await reader.readexactly(16)
                size, command, status, sequence = _HEAD.unpack(head)
                body = await reader.readexactly(size - 16)
                if command == DELIVER | RESPONSE:
                    self.stored.append(status)
                elif command & RESPONSE:
                    self.answered.append(command & ~RESPONSE)
                else:
                    await self._answer(command, sequence, body)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, command: int, sequence: int, body: bytes) -> None:
        self.asked.append(command)
        if command == BIND:
            _, password = body.split(b"\0")[:2]
            status = 0 if password.decode() == self.password else 0x0E
            self._send(BIND | RESPONSE, status, sequence, b"carrier\0")
            for count, number in self.at_bind:
                self.receipt(count, number)
        elif command == SUBMIT:
            self._submit(sequence, body)
        elif command in (ENQUIRE, UNBIND):
            self._send(command | RESPONSE, 0, sequence, b"")

    def _submit(self, sequence: int, body: bytes) -> None:
        if self.refuse:
            self._send(SUBMIT | RESPONSE, self.refuse, sequence, b"")
            return
        message = _read(body)
        self.submitted.append(message)
        self.count += 1
        if self.drops:
            assert self._writer is not None
            self._writer.close()
            return
        if self.receipt_first:
            self.receipt(self.count, message.destination)
        if not self.is_silent:
            message_id = self.answer_ids.format(self.count)
            self._send(SUBMIT | RESPONSE, 0, sequence, message_id.encode() + b"\0")
        if self.sends_receipts and not self.receipt_first:
            self.receipt(self.count, message.destination)

    def receipt(self, count: int, number: str, word: str = "DELIVRD") -> None:
        """Tell what became of the `count`-th text."""
        message_id = self.receipt_ids.format(count)
        text = f"id:{message_id} sub:001 dlvrd:001 submit date:2611212000 done date:2611212001 "
        self._deliver(number, (text + f"stat:{word} err:000 text:").encode(), 0, 0x04)

    def says(self, number: str, text: str) -> None:
        """A phone writes to us."""
        self._deliver(number, text.encode("utf-16-be"), 8, 0)

    def says_octets(self, number: str, content: bytes, coding: int = 0, esm_class: int = 0) -> None:
        """The same, octet by octet."""
        self._deliver(number, content, coding, esm_class)

    def request(self, command: int) -> None:
        """Ask for something without a body: whether we are there, or to end the session."""
        self._sequence += 1
        self._send(command, 0, self._sequence, b"")

    def _deliver(
        self, number: str, content: bytes, coding: int, esm_class: int, *, ton: int = 1
    ) -> None:
        self._sequence += 1
        body = (
            b"\0" + bytes((ton, 1)) + number.lstrip("+").encode() + b"\0" + b"\0\0" + b"10690000\0"
        )
        body += (
            bytes([esm_class, 0, 0]) + b"\0\0" + bytes([0, 0, coding, 0, len(content)]) + content
        )
        self._send(DELIVER, 0, self._sequence, body)

    def _send(self, command: int, status: int, sequence: int, body: bytes) -> None:
        assert self._writer is not None
        self._writer.write(_HEAD.pack(16 + len(body), command, status, sequence) + body)


def _read(body: bytes) -> Submitted:
    _, at = _string(body, 0)
    _, at = _string(body, at + 2)
    destination, at = _string(body, at + 2)
    esm_class = body[at]
    _, at = _string(body, at + 3)
    validity, at = _string(body, at)
    registered, _, coding, _, size = body[at : at + 5]
    content = body[at + 5 : at + 5 + size]
    return Submitted(destination, coding, content, esm_class, bool(registered), validity)


def _string(body: bytes, at: int) -> tuple[str, int]:
    end = body.index(b"\0", at)
    return body[at:end].decode(), end + 1


@asynccontextmanager
async def carrier(port: int = 0) -> AsyncIterator[Carrier]:
    """A listening carrier on 127.0.0.1."""
    made = Carrier()
    server = await asyncio.start_server(made.serve, "127.0.0.1", port)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
