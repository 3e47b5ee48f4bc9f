"""What a camera's process may put into its seat: packets under its key, as long as the bridge's."""

import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conf.media.plain import PlainInput
from conf.media.rtp import MAX_HEADER
from conf.media.udp import MAX_DATAGRAM

SSRC = (7).to_bytes(4, "big")


class Chair:
    """A seat that keeps the packets it is given."""

    def __init__(self) -> None:
        self.session = SimpleNamespace(heard_at=0.0)
        self.publisher = SimpleNamespace(adopt=lambda ssrc: None)
        self.is_connected = True
        self.packets: list[bytes] = []

    def on_rtp(self, memory: memoryview, base: int, size: int, now: float) -> None:
        """As a real seat's; the header may grow in place."""
        assert base + 12 >= MAX_HEADER
        self.packets.append(bytes(memory[base : base + size]))


@pytest.mark.parametrize(
    ("size", "is_taken"),
    [(11, False), (12, True), (MAX_DATAGRAM, True), (MAX_DATAGRAM + 1, False), (9000, False)],
)
def test_a_packet_is_as_long_as_one_from_the_network(
    tmp_path: Path, size: int, is_taken: bool
) -> None:
    """A longer one has no room in the batch with its new header, and cut short it is no packet."""
    chair: Any = Chair()
    plain = PlainInput(tmp_path / "plain.sock", lambda: 1.0)
    packet = (b"\x80\x66" + bytes(6) + SSRC).ljust(size, b"x")[:size]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as camera:
        camera.connect(str(tmp_path / "plain.sock"))
        camera.send(bytes.fromhex(plain.admit(chair)) + packet)
        plain.on_readable()
    plain.close()
    assert chair.packets == ([packet] if is_taken else [])
    assert plain.refused == (not is_taken)
