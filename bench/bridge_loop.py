"""The forwarding loop alone: CPU per copy, in one process, without clients or timers.

    python -m bench.bridge_loop            60 slots, pictures of five packets and voices, GCM and CM

Real SRTP contexts and real sendmmsg to sockets nobody reads; the compiled loop beside Python's.
"""

import argparse
import socket
import time
from typing import Any

from aiortc.rtcdtlstransport import RTCCertificate
from pylibsrtp import Policy

from conf.media import compiled
from conf.media.answer import DownStream
from conf.media.downslot import DownSlot
from conf.media.forward import Forwarder
from conf.media.outbox import Outbox
from conf.media.publisher import Track
from conf.media.rtp import Packet, extension_table
from conf.media.sdp import Role, parse_offer
from conf.media.session import Session
from conf.media.srtp import Keys, SrtpContexts
from conf.media.udp import Endpoint, open_port, pack_sockaddr
from tests.support.bridge_client import Site
from tests.support.bridge_stage import Nobody

PROFILES = {
    "gcm": (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28),
    "cm": (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30),
}


def build(
    slots: int, profile: str, native: Any | None
) -> tuple[Forwarder, Outbox, Track, list[socket.socket]]:
    """A track of one layer that `slots` down slots show."""
    site = Site("bench", layers=())
    offer = parse_offer(site.offer())
    site.socket.close()
    camera = next(s for s in offer.sections if s.role is Role.CAMERA_UP)
    main = next(s for s in offer.sections if s.role is Role.MAIN_DOWN)
    port = open_port("127.0.0.1", 0)
    outbox = Outbox(port)
    track = Track("bench", camera)
    track.is_allowed = True
    number, length = PROFILES[profile]
    certificate = RTCCertificate.generateCertificate()
    sinks = []
    for i in range(slots):
        sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sink.bind(("127.0.0.1", 0))
        sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sinks.append(sink)
        session = Session(certificate, (), port.send, Nobody(), 0.0)
        session.srtp = SrtpContexts(Keys(number, bytes([i]) * length, bytes(length)))
        session.context = session.srtp.send
        session.endpoint = Endpoint(pack_sockaddr(socket.AF_INET, sink.getsockname()))
        slot = DownSlot(session, main, DownStream(1000 + i, 2000 + i))
        slot.track = track
        slot.want(track.layers[0])
    forwarder = Forwarder(outbox, lambda *_: None, native=native)
    return forwarder, outbox, track, sinks


def measure(
    slots: int, size: int, burst: int, profile: str, seconds: float, native: Any | None
) -> float:
    """CPU microseconds per copy, `burst` packets at a time; the least of the rounds' thirds."""
    forwarder, outbox, track, sinks = build(slots, profile, native)
    table = extension_table({})
    packet = Packet()
    memory = outbox.port.rx.memory
    base = outbox.port.rx.bases[0]
    layer = track.layers[0]
    descriptor = bytes((0x90, 0xE0, 0x80, 1, 1, 0, 0x10, 2, 0, 0x9D, 1, 0x2A, 128, 2, 104, 1))
    sequence = 0
    costs = []
    stop = time.monotonic() + seconds
    while time.monotonic() < stop:
        start, before = time.process_time(), forwarder.forwarded
        for _ in range(20):
            for _ in range(burst):
                sequence = (sequence + 1) & 0xFFFF
                head = b"\x80\x60" + sequence.to_bytes(2, "big") + bytes(8)
                data = head + descriptor + bytes(size - len(descriptor))
                memory[base : base + len(data)] = data
                packet.read(memory, base, base + len(data), table)
                forwarder.on_packet(layer, packet, memory, time.monotonic())
            forwarder.emit(time.monotonic())
            outbox.flush()
        costs.append((time.process_time() - start) / max(1, forwarder.forwarded - before))
    for sink in sinks:
        sink.close()
    outbox.port.close()
    costs.sort()
    return costs[len(costs) // 3] * 1e6  # others on the machine only ever add


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--slots", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=2.0)
    arguments = parser.parse_args()
    for profile in PROFILES:
        for size, burst in ((1150, 5), (1150, 1), (80, 1)):
            ours, theirs = (
                measure(arguments.slots, size, burst, profile, arguments.seconds, loop)
                for loop in (compiled.load(), None)
            )
            print(
                f"{profile:3} {burst} of {size:4} B x{arguments.slots}: {ours:.2f} us per copy, "
                f"in Python {theirs:.2f} ({theirs / ours:.1f} times)"
            )


if __name__ == "__main__":
    main()
