"""What is told of a DTLS datagram by its plain heads: all a client says, little else."""

import asyncio
import random
import struct

import pytest
from aiortc.rtcdtlstransport import RTCCertificate
from hypothesis import given
from hypothesis import strategies as st

from conf.media.dtls import DtlsLink, fingerprint
from conf.media.records import MAX_NUMBER, is_of_a_client
from tests.support.bridge_flood import dtls_records

HELLO = 1
CHANGE, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23


def record(kind: int, epoch: int, body: bytes, number: int = 0, version: int = 0xFEFD) -> bytes:
    return struct.pack("!BHHHIH", kind, version, epoch, 0, number, len(body)) + body


def message(kind: int, size: int, at: int = 0, part: int | None = None, number: int = 0) -> bytes:
    part = size - at if part is None else part
    sizes = [value.to_bytes(3, "big") for value in (size, at, part)]
    return bytes((kind,)) + sizes[0] + struct.pack("!H", number) + sizes[1] + sizes[2] + bytes(part)


async def test_all_that_a_client_says_is_taken() -> None:
    """A whole association, from the hello to the goodbye."""
    ours, theirs = RTCCertificate.generateCertificate(), RTCCertificate.generateCertificate()
    said: list[bytes] = []
    links: list[DtlsLink] = []

    def to_server(data: bytes) -> None:
        said.append(data)
        links[1].feed(data)

    links.append(DtlsLink(theirs, to_server, lambda: None, is_server=False))
    links.append(DtlsLink(ours, links[0].feed, lambda: None))
    prints = [tuple(fingerprint(one).split(" ", 1)) for one in (ours, theirs)]
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(links[0].handshake([(prints[0][0], prints[0][1])]))
        tasks.create_task(links[1].handshake([(prints[1][0], prints[1][1])]))
    await links[0].close()
    assert len(said) >= 3
    assert all(is_of_a_client(data) for data in said)
    await links[1].close()


@pytest.mark.parametrize(
    "datagram",
    [
        record(HANDSHAKE, 0, message(HELLO, 200), version=0xFEFF),
        record(HANDSHAKE, 0, message(HELLO, 1600, part=1000), number=1),
        record(HANDSHAKE, 0, message(HELLO, 1600, at=1000), number=2),
        record(HANDSHAKE, 0, message(11, 300, number=1) + message(16, 65, number=2)),
        record(HANDSHAKE, 0, message(16, 65, number=2))
        + record(CHANGE, 0, b"\x01", 1)
        + record(HANDSHAKE, 1, bytes(48)),
        record(ALERT, 1, bytes(26), MAX_NUMBER - 1),
    ],
)
def test_what_other_clients_may_say_is_taken(datagram: bytes) -> None:
    """Fragments, several messages in a record, several records in a datagram."""
    assert is_of_a_client(datagram)


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        record(HANDSHAKE, 0, message(HELLO, 200))[:-1],
        record(HANDSHAKE, 0, message(HELLO, 200)) + b"\x16",
        record(HANDSHAKE, 0, message(HELLO, 200), MAX_NUMBER),
        record(HANDSHAKE, 0, message(HELLO, 200), version=0x0303),
        record(HANDSHAKE, 2, bytes(48)),
        record(HANDSHAKE, 0, message(2, 80)),
        record(HANDSHAKE, 0, message(HELLO, 200, number=900)),
        record(HANDSHAKE, 0, message(HELLO, 200)[:-1]),
        record(HANDSHAKE, 0, message(HELLO, 200, at=150, part=60)),
        record(HANDSHAKE, 0, message(HELLO, 1 << 20, part=60)),
        record(HANDSHAKE, 0, bytes(3)),
        record(ALERT, 0, b"\x02\x28"),
        record(CHANGE, 0, b"\x02"),
        record(CHANGE, 1, b"\x01"),
        record(DATA, 0, bytes(40)),
        record(DATA, 1, bytes(40)),
    ],
)
def test_what_no_client_says_is_not(datagram: bytes) -> None:
    """Cut, overlong, from a server, of another epoch, an end anybody could have written."""
    assert not is_of_a_client(datagram)


def test_no_forged_record_of_the_bench_is_taken() -> None:
    assert not any(is_of_a_client(data) for data in dtls_records(random.Random(5)))


@given(st.binary(max_size=200), st.integers(20, 23))
def test_any_octets_are_judged(tail: bytes, first: int) -> None:
    """And none raise."""
    is_of_a_client(bytes((first,)) + tail)
