"""What strangers cost: ten thousand packets a second of each kind, while two sites talk.

    python -m bench.bridge_guard --seconds 60 [--rate 10000] [--kind NAME …]

One site's voice goes to another through the bridge. Floods come from a process of their own:
`random` noise, `integrity` checks with a member's ufrag and a wrong signature, `long` checks of
hundreds of attributes, `reports` of nobody, `spoofed` media and `dtls` records from a member's
address, `replayed` a member's own check again and again, TCP `connect`s, `stub`s that begin a frame
and stop, and whole `frame`s. Printed: the worker's CPU beyond what the voice alone costs, and the
largest gap between two voices, by the kernel's time of arrival and as if the speaker had been
punctual; with `reports` also how many of two hundred that the speaker sends a second are heard.
Exit 1 when a flood costs a tenth of a core or more, or opens a gap of over 100 ms.
"""

import argparse
import asyncio
import math
import os
import random
import socket
import struct
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from conf.media import rtcp
from tests.support import bridge_flood
from tests.support.bridge import Bridge, running_bridge, take_seat
from tests.support.bridge_client import Site

KINDS = (
    "random",
    "integrity",
    "long",
    "reports",
    "spoofed",
    "dtls",
    "replayed",
    *bridge_flood.TCP_KINDS,
)
CPU = 0.10
GAP_S = 0.1
AUDIO = ("3", "4", "5")
REPORTS = 4  # of the speaker, with each of its voices, where they are counted
_TIMESTAMP = 35  # SO_TIMESTAMPNS
_STAMP_AT = 16  # of the sender's time within a voice; see Site._body


class Listener(Site):
    """Notes when each voice was said and when the kernel had it here."""

    def __init__(self, name: str) -> None:
        super().__init__(name, layers=(), thumbnails=0)
        self.socket.setsockopt(socket.SOL_SOCKET, _TIMESTAMP, 1)
        self.voices: list[tuple[int, float, float]] = []  # timestamp, said, arrived
        self._arrived = 0.0

    def _readable(self) -> None:
        for _ in range(256):
            try:
                size, notes, _, _ = self.socket.recvmsg_into([self._bytes], 64)
            except OSError:
                return
            for _, _, data in notes:
                seconds, nanoseconds = struct.unpack_from("qq", data)
                self._arrived = seconds + nanoseconds / 1e9
            self._on_datagram(self._bytes, size)

    def _on_rtp(self, view: memoryview, size: int) -> None:
        super()._on_rtp(view, size)
        if self.answer.ssrcs.get(int.from_bytes(view[8:12], "big")) not in AUDIO:
            return
        at = 16 + 4 * int.from_bytes(view[14:16], "big") + _STAMP_AT
        (said,) = struct.unpack_from("!d", view, at)
        self.voices.append((int.from_bytes(view[4:8], "big"), said, self._arrived))

    def lost(self) -> int:
        """Voices that never came."""
        return sum(stream.lost for stream in self.streams.values() if stream.mid in AUDIO)

    def gap_s(self) -> float:
        """The largest between two voices, less what the speaker was late by."""
        gaps = [
            (late - early) - (said - before) + ((number - previous) & 0xFFFFFFFF) / 48_000
            for (previous, before, early), (number, said, late) in zip(
                self.voices, self.voices[1:], strict=False
            )
        ]
        return max(gaps, default=float("inf"))


@dataclass(frozen=True)
class Result:
    """`cpu`: share of a core beyond the quiet run; `gap_s` and `lost`: of the voice.

    `heard`: share of the speaker's reports that the worker took; nan where it is not counted.
    """

    kind: str
    sent_hz: float
    cpu: float
    gap_s: float
    lost: int
    waited: float
    heard: float

    @property
    def is_good(self) -> bool:
        """Within the targets."""
        return self.cpu < CPU and self.gap_s <= GAP_S


async def talk(site: Site, seconds: float, reports: int = 0) -> int:
    """A voice every 20 ms, and some reports. Returns: how many packets that were."""
    loop = asyncio.get_running_loop()
    start, tick = loop.time(), 0
    while loop.time() - start < seconds:
        tick += 1
        site.send_audio()
        for _ in range(reports):
            site.send_rtcp(rtcp.ReceiverReport(1, ()))
        await asyncio.sleep(max(0.0, start + tick * 0.02 - loop.time()))
    return tick * (1 + reports)


async def known(bridge: Bridge) -> float:
    """Datagrams so far from addresses that are somebody's."""
    stats = await bridge.worker.stats()
    return stats["datagrams_received_total"] - stats["datagrams_unknown_source_total"]


def scheduled(process_id: int) -> tuple[float, float]:
    """Seconds a process has run, and has waited for a core."""
    ran, waited, _ = Path(f"/proc/{process_id}/schedstat").read_text().split()
    return int(ran) / 1e9, int(waited) / 1e9


async def attack(
    kind: str, site: Site, port: int, directory: Path, rate: int, seconds: float
) -> float:
    """One flood against `site`. Returns: packets, connections or frames a second."""
    rng = random.Random(7)
    pools = {
        "integrity": lambda: bridge_flood.wrong_integrity(site, rng),
        "long": lambda: bridge_flood.long_checks(rng),
        "reports": lambda: bridge_flood.strange_reports(rng),
        "spoofed": lambda: bridge_flood.forged_media(site, rng) + bridge_flood.noise(rng),
        "dtls": lambda: bridge_flood.dtls_records(rng),
        "replayed": lambda: [site.binding_request()],
    }
    pool = pools.get(kind, lambda: bridge_flood.noise(rng))()
    path = bridge_flood.write_pool(directory / "pool", pool)
    is_members = kind in ("spoofed", "dtls", "replayed")
    sent = await bridge_flood.flood(
        path,
        port,
        rate=rate,
        seconds=seconds,
        fd=site.socket.fileno() if is_members else -1,
        tcp=kind if kind in bridge_flood.TCP_KINDS else "",
    )
    return sent / seconds


async def trial(
    kind: str, bridge: Bridge, a: Site, b: Listener, directory: Path, *, rate: int, seconds: float
) -> Result:
    """The voice alone for a quarter of the time, then under the flood."""
    process_id = bridge.worker.process_id
    reports = REPORTS if kind == "reports" else 0
    before, came = scheduled(process_id), await known(bridge)
    said = await talk(a, seconds / 4, reports)
    quiet = (scheduled(process_id)[0] - before[0]) / (seconds / 4)
    others = (await known(bridge) - came - said) / (seconds / 4)  # the listener's own
    b.voices.clear()
    lost, before, came = b.lost(), scheduled(process_id), await known(bridge)
    voice = asyncio.create_task(talk(a, seconds, reports))
    sent_hz = await attack(kind, a, bridge.worker.port, directory, rate, seconds)
    said = await voice
    await asyncio.sleep(0.2)
    ran, waited = (x - y for x, y in zip(scheduled(process_id), before, strict=True))
    cpu = ran / seconds - quiet
    lost = b.lost() - lost
    missing = said + others * seconds - (await known(bridge) - came)
    sent = said * reports / (1 + reports)
    heard = min(1.0, 1 - missing / sent) if reports else float("nan")
    return Result(kind, sent_hz, cpu, b.gap_s(), lost, waited / seconds, heard)


async def run(
    kinds: tuple[str, ...],
    rate: int,
    seconds: float,
    show: Callable[[Result], None] = lambda result: None,
) -> list[Result]:
    """Each kind in turn, on one bridge; `show` gets each result as soon as it is there."""
    with tempfile.TemporaryDirectory() as folder:
        async with running_bridge(Path(folder)) as bridge:
            await bridge.open("room", "a", "b")
            a, b = Site("a", layers=()), Listener("b")
            for site in (a, b):
                await take_seat(bridge, "room", site)
            await talk(a, 1)
            results = []
            for kind in kinds:
                results.append(
                    await trial(kind, bridge, a, b, Path(folder), rate=rate, seconds=seconds)
                )
                show(results[-1])
            for site in (a, b):
                await site.close()
            assert bridge.worker.restarts == 0
    return results


def show(r: Result) -> None:
    """A row of the table."""
    heard = "" if math.isnan(r.heard) else f"{r.heard:.1%}"
    print(
        f"| {r.kind} | {r.sent_hz:.0f} | {r.cpu:.1%} | {r.gap_s * 1000:.0f} | {r.lost} | "
        f"{r.waited:.1%} | {heard} | {'' if r.is_good else 'missed'} |",
        flush=True,
    )


def main() -> int:
    """Command line; see the module's text."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=int, default=10_000)
    parser.add_argument("--kind", action="append", choices=KINDS)
    given = parser.parse_args()
    print(
        "| flood | sent/s | CPU | largest voice gap ms | voices lost | no core | reports heard | |"
    )
    print("|" + "---|" * 8, flush=True)
    results = asyncio.run(run(tuple(given.kind or KINDS), given.rate, given.seconds, show))
    print(f"\nload {os.getloadavg()[0]:.1f}")
    return 0 if all(r.is_good for r in results) else 1


if __name__ == "__main__":
    sys.exit(main())
