"""Free ports of 127.0.0.1."""

import itertools
import os
import secrets
import socket
from collections.abc import Iterator

FIRST, LAST = 20_000, 32_700
"""Below those the kernel deals out (32768 and up): nobody gets a chosen one by chance meanwhile."""
_WORKERS = 16


def _numbers() -> Iterator[int]:
    """This test process' own ones, from anywhere among them, none twice for a long time."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    own = range(FIRST + worker % _WORKERS, LAST, _WORKERS)
    return itertools.islice(itertools.cycle(own), secrets.randbelow(len(own)), None)


_NUMBERS = _numbers()


def free_port() -> int:
    """A port that is free for both TCP and UDP now; nobody keeps it free."""
    for port in _NUMBERS:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        ):
            try:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("there is always another")
