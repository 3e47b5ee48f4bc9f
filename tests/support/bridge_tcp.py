"""The synthetic site over one TCP connection instead of UDP (RFC 4571 frames, docs/protocol.md)."""

import contextlib
import socket
import struct

from tests.support.bridge_client import Site


class TcpSite(Site):
    """As behind a firewall that lets only TCP through."""

    _received = b""
    family = socket.AF_INET

    def accept(self, answer_sdp: str) -> None:
        """Connect to the answer's TCP candidate too."""
        super().accept(answer_sdp)
        self.socket.close()
        is_ipv6 = self.family == socket.AF_INET6
        candidates = self.answer.candidates
        host, port = next((h, p) for t, h, p in candidates if t == "tcp" and (":" in h) == is_ipv6)
        self.socket = socket.create_connection((host, port))
        self.socket.setblocking(False)

    def send_raw(self, data: bytes | memoryview) -> None:
        """One frame; nothing when the connection has ended."""
        with contextlib.suppress(OSError):
            self.socket.send(struct.pack("!H", len(data)) + bytes(data))

    def _readable(self) -> None:
        try:
            self._received += self.socket.recv(1 << 20)
        except (BlockingIOError, ConnectionError):
            return
        while len(self._received) >= 2:
            size = int.from_bytes(self._received[:2], "big")
            if len(self._received) < 2 + size:
                return
            self._bytes[:size] = self._received[2 : 2 + size]
            self._received = self._received[2 + size :]
            self._on_datagram(self._bytes, size)
