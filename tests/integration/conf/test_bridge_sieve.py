"""What the kernel lets through to the worker, and what it only counts."""

import random
import socket

import pytest

from conf.media import sieve, udp
from tests.support.bridge_flood import dtls_records, random_datagram

LONGEST = udp.MAX_DATAGRAM
CHECK = b"\x00\x01\x00\x08\x21\x12\xa4\x42" + bytes(12) + b"\x00\x06\x00\x03a:b\x00"
HELLO = b"\x16\xfe\xff" + bytes(8) + b"\x00\x02ab"
GOOD = {
    "check": CHECK,
    "hello": HELLO,
    "two records": HELLO + HELLO,
    "alert": b"\x15\xfe\xfd\x00\x01" + bytes(6) + b"\x00\x02\x01\x00",
    "dtls 1.3": b"\x2c" + bytes(20),
    "media": b"\x80\x60" + bytes(20),
    "report": b"\x80\xc8" + bytes(20),
    "longest": b"\xbf" + bytes(LONGEST - 1),
}
BAD = {
    "empty": b"",
    "too long": b"\x80" + bytes(LONGEST),
    "longest of all": b"\x80" + bytes(65_506),
    "one byte": b"\x80",
    "no tag fits": b"\x80\x60" + bytes(19),
    "class 4": b"\x04" + CHECK[1:],
    "class 64": b"\x40" + bytes(100),
    "class 127": b"\x7f" + bytes(100),
    "class 192": b"\xc0" + bytes(100),
    "response": b"\x01\x01" + CHECK[2:],
    "indication": b"\x00\x11" + CHECK[2:],
    "no cookie": CHECK[:4] + bytes(4) + CHECK[8:],
    "cut short": CHECK[:-1],
    "longer than it says": CHECK + b"\x00",
    "no attribute": b"\x00\x01\x00\x00" + CHECK[4:20],
    "half a header": CHECK[:7],
    "tls": b"\x16\x03\x03" + HELLO[3:],
    "record cut": HELLO[:-1],
    "half a record": HELLO[:12],
}


def could_be_ours(data: bytes) -> bool:
    """The same in words of the mux: size, class, and the shape of the class."""
    if not 1 <= len(data) <= LONGEST:
        return False
    if 128 <= data[0] <= 191:
        return len(data) >= sieve.LEAST_MEDIA
    if 20 <= data[0] <= 31:
        fits = len(data) >= 13 and 13 + int.from_bytes(data[11:13], "big") <= len(data)
        return fits and data[1] == 0xFE
    if data[0] == 0:
        size = int.from_bytes(data[2:4], "big")
        return data[1] == 1 and data[4:8] == CHECK[4:8] and 28 <= len(data) == size + 20
    return 32 <= data[0] <= 63


@pytest.mark.parametrize(
    ("host", "to"), [("127.0.0.1", "127.0.0.1"), ("::", "127.0.0.1"), ("::", "::1")]
)
def test_the_kernel_keeps_what_cannot_be_for_us(host: str, to: str) -> None:
    """By a table and at random; all it keeps it counts."""
    rng = random.Random(5)
    noise = [random_datagram(rng) for _ in range(300)] + dtls_records(rng)[:100]
    noise += [bytes((first,)) + rng.randbytes(rng.randrange(60)) for first in range(256)]
    assert all(could_be_ours(data) for data in GOOD.values())
    assert not any(could_be_ours(data) for data in BAD.values())
    port = udp.open_port(host, 0)
    kept = 0
    with socket.socket(socket.AF_INET6 if ":" in to else socket.AF_INET, socket.SOCK_DGRAM) as peer:
        for data in (*GOOD.values(), *BAD.values(), *noise):
            peer.sendto(data, (to, port.local_port()))
            assert port.reports is not None
            got = [one.length(0) for one in (port.rx, port.reports) if one.receive()]
            is_ours = could_be_ours(data)
            assert got == [len(data)] * is_ours, data[:16].hex()
            kept += not is_ours
    assert port.dropped_by_kernel() == kept > len(BAD)
    port.close()


def test_the_program_goes_only_forward_and_ends() -> None:
    """As the kernel demands (bpf_check_classic): every jump lands within, the last step returns."""
    program = sieve.assemble()
    for at, (_, yes, no, _) in enumerate(program):
        assert at + 1 + max(yes, no) <= len(program)
    assert program[-1][0] == 0x06


def test_where_nothing_is_sieved_nothing_is_counted() -> None:
    """A socket that takes no program stays as it is."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.close()
    assert not sieve.attach(sock)
    assert sieve.dropped(sock) == 0
    plain = udp.PlainPort(udp.open_udp("127.0.0.1", 0))
    assert plain.dropped_by_kernel() == 0
    plain.close()
