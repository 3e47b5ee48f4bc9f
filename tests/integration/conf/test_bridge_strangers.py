"""What a stranger's datagram is worth: a look, a number, nothing kept.

What ten thousand a second cost tells bench/bridge_guard.py.
"""

import random
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

from conf.media import sieve
from conf.media.mmsg import RX_SLOTS
from conf.media.srtp import SrtpContexts
from tests.support import bridge_flood
from tests.support.bridge_mux import check, front_door
from tests.support.bridge_stage import KEYS

ROUND = 100  # datagrams sent before they are taken: the smallest buffer has room for them
OURS = "conf", "aioice", "aiortc", "pylibsrtp"
LOOKS = {  # all that may run for one
    "Mux._accept_all", "Mux._accept_one", "RxSlots.length", "RxSlots.key", "Mux._accept",
    "Mux._on_stun", "requested_ufrag", "_find",
}  # fmt: skip
PER_WAKE = {
    "Mux.on_readable", "Mux._send_batch",
    "RxSlots.receive", "OpenPictures.lack_rest", "Mux.take_reports", "Mux._accept_reports",
    "Mux._accept_reports.<locals>.<listcomp>", "RxSlots.keys", "RxSlots.keys.<locals>.<listcomp>",
}  # fmt: skip


def _without_ufrag(rng: random.Random) -> list[bytes]:
    """Well-formed checks that name nobody here."""
    with front_door() as other:
        strange = other.session()
        return [check(strange) for _ in range(ROUND)]


POOLS = {
    "noise": bridge_flood.noise,
    "long checks": bridge_flood.long_checks,
    "checks of nobody": _without_ufrag,
    "records": bridge_flood.dtls_records,
    "media": lambda rng: [b"\x80\x60" + rng.randbytes(rng.randrange(20, 1400)) for _ in range(500)],
}


@contextmanager
def counted_calls() -> Iterator[Counter[str]]:
    """Which functions of the bridge and of its libraries run meanwhile, and how often."""
    calls: Counter[str] = Counter()

    def note(frame: FrameType, event: str, _: object) -> None:
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if event == "call" and package in OURS:
            calls[frame.f_code.co_qualname] += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(before)


@pytest.mark.parametrize("kind", POOLS)
def test_a_strangers_datagram_is_looked_at_and_counted(kind: str) -> None:
    """Nothing of it is parsed, verified or kept, whatever it looks like."""
    pool = POOLS[kind](random.Random(3))
    with front_door() as door, door.visitor() as stranger:
        session, counters = door.session(), door.mux.counters
        door.knock(stranger, *pool[:ROUND])  # once, that everything is there
        blocks = sys.getallocatedblocks()
        for at in range(0, len(pool), ROUND):
            door.knock(stranger, *pool[at : at + ROUND])
        assert sys.getallocatedblocks() - blocks < ROUND  # numbers grow, no object stays
        kept, received = door.port.dropped_by_kernel(), counters.received
        with counted_calls() as calls:
            for at in range(0, len(pool), ROUND):
                door.knock(stranger, *pool[at : at + ROUND])
        taken = counters.received - received
        assert taken + door.port.dropped_by_kernel() - kept == len(pool)
        assert set(calls) <= LOOKS | PER_WAKE
        assert sum(calls[name] for name in LOOKS) <= len(LOOKS) * taken
        reasons = counters.bad_stun, counters.bad_class, counters.unknown_source, counters.bad_size
        assert sum(reasons) == counters.received
        assert not session.candidates
        assert not door.shaken
        with pytest.raises(BlockingIOError):
            stranger.recv(2000)


def test_strange_reports_crowd_no_members_out() -> None:
    """All that have come are taken at one tick, and a stranger's cost no call each."""
    pool = bridge_flood.strange_reports(random.Random(3))
    with front_door() as door, door.visitor() as stranger, door.visitor() as member:
        session, reports, counters = door.session(), door.port.reports, door.mux.counters
        assert reports is not None
        door.knock(member, check(session))
        for data in pool * 4:
            stranger.send(data)
        there = 4 * len(pool) - sieve.dropped(reports.socket)
        with counted_calls() as calls:
            door.mux.take_reports(door.now)
        assert counters.unknown_source == there
        assert reports.receive() == 0
        assert calls["Mux._accept_one"] == 0
        assert sum(calls.values()) < 8 * (2 + there // RX_SLOTS)
        session.srtp = SrtpContexts(KEYS)
        for data in pool[:ROUND]:
            stranger.send(data)
        member.send(pool[0])
        door.mux.take_reports(door.now)
        assert counters.bad_rtcp == 1  # not a true one, but it was heard
