"""A process that floods the bridge: datagrams of a pool, or TCP connections, at a rate.

    python -m tests.support.bridge_flood POOL PORT --rate 10000 --seconds 60 [--fd N | --tcp HOW]

POOL is a file of frames: 16-bit length and a datagram each. `--fd` sends them through a socket the
caller has opened (a member's, so that the source is a member's address). Prints how many were sent.
"""

import argparse
import asyncio
import contextlib
import os
import random
import socket
import struct
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from aioice import stun

from tests.support.bridge_client import Site

POOL = 500
STEP_S = 0.002
TCP_KINDS = ("connect", "stub", "frame")


def random_datagram(rng: random.Random) -> bytes:
    """Noise, or something that begins like STUN, DTLS or SRTP."""
    first = rng.choice((b"", b"\x00\x01", b"\x16\xfe\xff", b"\x80\x60", b"\x80\xc8"))
    return first + os.urandom(rng.randrange(0, 1400))


def noise(rng: random.Random) -> list[bytes]:
    """Random, some of it beginning like STUN, DTLS or SRTP."""
    return [random_datagram(rng) for _ in range(POOL)]


def wrong_integrity(site: Site, rng: random.Random) -> list[bytes]:
    """Checks that name the site's ufrag, signed with another password."""
    pool = []
    for _ in range(POOL):
        name = f"{site.answer.ufrag}:{rng.randrange(1 << 32):08x}"
        attributes = {"USERNAME": name, "PRIORITY": 1, "USE-CANDIDATE": None}
        message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, None, attributes)
        message.add_message_integrity(rng.randbytes(12))
        pool.append(bytes(message))
    return pool


def long_checks(rng: random.Random) -> list[bytes]:
    """Checks of nobody, as long as they may be, of attributes with nothing in them."""
    body = b"\x80\x22\x00\x00" * 370
    head = struct.pack("!HHI", 1, len(body), stun.COOKIE)
    return [head + rng.randbytes(12) + body for _ in range(POOL)]


def forged_media(site: Site, rng: random.Random) -> list[bytes]:
    """SRTP and SRTCP with the site's sources and wrong tags."""
    ssrcs = [site.audio.ssrc, *(source.ssrc for source in site.cameras.values())]
    pool = []
    for i in range(POOL):
        ssrc = rng.choice(ssrcs).to_bytes(4, "big")
        head = b"\x80\xc8\x00\x06" + ssrc if i % 4 == 0 else b"\x90\x60" + rng.randbytes(6) + ssrc
        pool.append(head + rng.randbytes(rng.randrange(30, 1200)))
    return pool


def dtls_records(rng: random.Random) -> list[bytes]:
    """Alerts, handshakes and data of both epochs, none of them ours."""
    pool = []
    for _ in range(POOL):
        body = rng.choice((b"\x02\x28", b"\x01\x00", rng.randbytes(rng.randrange(1, 300))))
        head = struct.pack("!BHH", rng.randrange(20, 24), 0xFEFD, rng.randrange(2))
        pool.append(head + rng.randbytes(6) + struct.pack("!H", len(body)) + body)
    return pool


def strange_reports(rng: random.Random) -> list[bytes]:
    """What looks like transport feedback of somebody, and like his NACK."""
    heads = b"\x8f\xcd\x00\x09", b"\x81\xcd\x00\x09"
    return [rng.choice(heads) + rng.randbytes(50) for _ in range(POOL)]


def write_pool(path: Path, pool: Sequence[bytes]) -> Path:
    """As the process reads it."""
    path.write_bytes(b"".join(struct.pack("!H", len(one)) + one for one in pool))
    return path


def read_pool(path: Path) -> list[bytes]:
    """The frames of the file."""
    data, at, pool = path.read_bytes(), 0, []
    while at < len(data):
        (size,) = struct.unpack_from("!H", data, at)
        pool.append(data[at + 2 : at + 2 + size])
        at += 2 + size
    return pool


async def flood(
    pool: Path, port: int, *, rate: int, seconds: float, fd: int = -1, tcp: str = ""
) -> int:
    """Run the process to its end. Returns: how many it sent, connections or frames with `tcp`."""
    words = [str(pool), str(port), "--rate", str(rate), "--seconds", str(seconds)]
    words += ["--fd", str(fd)] if fd >= 0 else []
    words += ["--tcp", tcp] if tcp else []
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.bridge_flood", *words,
        pass_fds=(fd,) if fd >= 0 else (), stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return int(output)


def _at_rate(rate: int, seconds: float, send: Callable[[int], None]) -> int:
    start, sent = time.monotonic(), 0
    while (passed := time.monotonic() - start) < seconds:
        while sent < rate * passed:
            send(sent)
            sent += 1
        time.sleep(STEP_S)
    return sent


class _Connections:
    """Eight connections at a time, each opened anew when it has been cut."""

    def __init__(self, port: int, pool: list[bytes]) -> None:
        self._port = port
        self._frames = [struct.pack("!H", len(one)) + one for one in pool if one]
        self._open: list[socket.socket | None] = [None] * 8

    def connect(self, number: int) -> None:
        """A connection, which takes the place of an older one."""
        place = number % len(self._open)
        old = self._open[place]
        if old is not None:
            old.close()
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.connect_ex(("127.0.0.1", self._port))
        self._open[place] = sock

    def stub(self, number: int) -> None:
        """A connection that begins a frame and stops: the kernel keeps it no more."""
        self.connect(number)
        sock = self._open[number % len(self._open)]
        assert sock is not None
        with contextlib.suppress(OSError):
            sock.send(b"\x00")

    def frame(self, number: int) -> None:
        """A frame on one of them."""
        sock = self._open[number % len(self._open)]
        if sock is None:
            self.connect(number)
            return
        try:
            sock.send(self._frames[number % len(self._frames)])
        except BlockingIOError:
            return
        except OSError:
            self.connect(number)


def main() -> None:
    """Command line; see the module's text."""
    parser = argparse.ArgumentParser()
    parser.add_argument("pool", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("--rate", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--fd", type=int, default=-1)
    parser.add_argument("--tcp", choices=TCP_KINDS)
    given = parser.parse_args()
    pool = read_pool(given.pool)
    if given.tcp:
        connections = _Connections(given.port, pool)
        act = getattr(connections, given.tcp)
    else:
        sock = (
            socket.socket(fileno=os.dup(given.fd))
            if given.fd >= 0
            else socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        )
        target = ("127.0.0.1", given.port)

        def act(number: int) -> None:
            with contextlib.suppress(OSError):
                sock.sendto(pool[number % len(pool)], target)

    print(_at_rate(given.rate, given.seconds, act))


if __name__ == "__main__":
    main()
