"""Transport feedback read in compiled form: as Python reads it; and when Python hears of it."""

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conf.media import compiled, feedback, mmsg, mux, rtcp
from conf.media.rows import ffi
from conf.media.twcc import HISTORY, LOST, FeedbackBuilder
from conf.media.udp import pack_sockaddr
from tests.support.bridge_mux import check, front_door
from tests.support.bridge_reports import SENT_US, SSRC, Peer, tell_of_one, visited

CALM_US: Final = 10_000


@pytest.fixture
def peer() -> Iterator[Peer]:
    """Known, and calm: what comes within 10 ms of its sending can wait."""
    with visited(compiled.load()) as one:
        tell_of_one(one)  # by which it is learned
        tell_of_one(one)
        one.listener.told.clear()
        one.listener.read = 0
        one.session.kept.wait_below(CALM_US)
        yield one


steps = st.lists(
    st.sampled_from([LOST, 0, 1, 250, 5_000, 64_000, 90_000, -250, -70_000]), max_size=30
)


@st.composite
def crafted(draw: st.DrawFn) -> tuple[int, bytes]:
    """A packet that is wrong in one of its parts, or in none; its base, less the first sent."""
    count = draw(st.sampled_from([0, 1, 7, 14, 20, 600]))
    run = st.builds(lambda symbol: [symbol << 13 | count], st.integers(0, 3))
    vectors = st.lists(st.integers(0x8000, 0xFFFF), min_size=count // 7, max_size=count // 7)
    odd = st.lists(st.sampled_from([0, 0x2000, 0x2001, 0x4258, 0xBFFF]), max_size=3)
    chunks = draw(run | vectors | odd)
    deltas = draw(st.binary(max_size=5) | st.binary(min_size=40, max_size=44))
    body = count.to_bytes(2, "big") + bytes(4)
    body += b"".join(chunk.to_bytes(2, "big") for chunk in chunks) + deltas
    is_padded = draw(st.booleans())
    if is_padded:
        body += bytes(1 + -(len(body) + 4) % 4) + bytes((draw(st.sampled_from([0, 1, 2, 255])),))
    body += bytes(-(len(body) + 2) % 4)
    words = len(b"??" + body) // 4 + 2 + draw(st.sampled_from([0] * 5 + [-1, 1]))
    head = struct.pack("!BBHII", 0xAF if is_padded else 0x8F, 205, words, SSRC, 2)
    return draw(st.sampled_from([-70, -1, 0, 1, 30, 59, 60, 2_040, 2_090])), head + b"??" + body


@settings(deadline=None, max_examples=200)
@given(
    st.integers(0, 3) | st.integers(HISTORY - 40, HISTORY + 40) | st.integers(65_500, 65_600),
    st.sampled_from([[0] * 60, [0, 0, 300, 20_000] * 15, [700] * 60, [700] * (HISTORY + 50)]),
    st.lists(st.tuples(st.integers(0, 65), steps) | crafted(), min_size=1, max_size=6),
)
def test_it_is_settled_as_python_settles_it(
    first: int, gaps: list[int], reports: list[tuple[int, list[int] | bytes]]
) -> None:
    """Lost, late, told twice, out of reach, across the wrap of ring and number, malformed."""
    packets = []
    for place, what in reports:
        if isinstance(what, bytes):
            base = (first + place) & 0xFFFF
            packets.append(what.replace(b"??", base.to_bytes(2, "big"), 1))
            continue
        builder, at_us = FeedbackBuilder(), SENT_US
        for number, step in enumerate(what, first + place):
            if step != LOST:
                at_us += step
                builder.add(number & 0xFFFF, max(0, at_us))
        packets += filter(None, builder.build(SSRC, 2))
    outcomes = []
    for native in (compiled.load(), None):
        with visited(native) as peer:
            peer.session.row.next_sequence = first
            for gap in gaps:
                peer.send(100, gap_us=gap)
            peer.session.kept.wait_below(1 << 40)
            for packet in packets:
                peer.tell(packet, 0.06)
            everything = peer.listener.all()
            outcomes.append((everything, peer.session.history.sizes, peer.listener.refused))
            assert peer.door.mux.counters.received == len(packets) + 1
    assert outcomes[0] == outcomes[1]


def test_what_is_calm_is_told_of_in_one(peer: Peer) -> None:
    """At the latest with the first that comes 150 ms after the last."""
    for _ in range(2):
        tell_of_one(peer, after_s=0.06)
    assert peer.listener.told == []
    tell_of_one(peer, after_s=0.06)
    ((bursts, received, lost, newest),) = peer.listener.told
    assert [sent for sent, _, _ in bursts] == [SENT_US + n * 20_000 for n in (3, 4, 5)]
    assert (received, lost, newest) == (3, 0, SENT_US + 100_000)
    assert peer.listener.read == 0


def test_what_waited_on_its_way_is_told_of_at_once(peer: Peer) -> None:
    """With what was kept before it."""
    tell_of_one(peer, after_s=0.01)
    tell_of_one(peer, way_us=CALM_US, after_s=0.01)
    ((bursts, *_),) = peer.listener.told
    assert [arrival - sent for sent, arrival, _ in bursts] == [0, CALM_US]
    assert peer.session.heard_at == peer.door.now


def test_a_loss_is_told_of_at_once(peer: Peer) -> None:
    """And what comes after all, once more."""
    peer.send(100, 200, 300, gap_us=1_000)
    peer.arrival(2, peer.now_us)
    peer.arrival(4, peer.now_us)
    peer.tell(peer.report(), 0.01)
    ((_, received, lost, newest),) = peer.listener.told
    assert (received, lost, newest) == (2, 1, peer.now_us)
    peer.arrival(3, peer.now_us)
    peer.tell(peer.report(), 0.01)
    told = peer.session.kept.take(0)
    assert told is not None
    assert told[1:3] == (1, 0)


def test_nothing_can_wait_of_a_link_nobody_knows() -> None:
    """As every link is at first."""
    with visited(compiled.load()) as peer:
        for _ in range(3):
            tell_of_one(peer, after_s=0.001)
        assert [told[1] for told in peer.listener.told] == [1, 1, 1]
        assert peer.listener.read == 1  # by which it was learned


def test_a_probe_is_read_packet_by_packet(peer: Peer) -> None:
    """By Python; afterwards no more."""
    peer.session.kept.pause(is_paused=True)
    tell_of_one(peer)
    assert peer.listener.read == 1
    peer.session.kept.pause(is_paused=False)
    tell_of_one(peer)
    assert peer.listener.read == 1


def test_what_comes_from_elsewhere_moves_the_media(peer: Peer) -> None:
    """A report from a validated address is authentic: media follows it."""
    with peer.door.visitor() as elsewhere:
        peer.door.knock(elsewhere, check(peer.session))
        at_first, peer.socket = peer.socket, elsewhere
        tell_of_one(peer, after_s=1.0)
        moved = peer.session.endpoint
        assert moved is not None
        assert moved.key == pack_sockaddr(socket.AF_INET, elsewhere.getsockname())
        read = peer.listener.read
        tell_of_one(peer, after_s=0.01)
        assert peer.listener.read == read
        peer.socket = at_first
        tell_of_one(peer, after_s=1.0)
        assert peer.session.endpoint is not None
        assert peer.session.endpoint.key == peer.key


def test_another_member_at_its_address_is_not_read_with_its_keys(peer: Peer) -> None:
    """The box behind one address was changed for another while the first was silent."""
    peer.door.now += 10.0
    other = Peer(peer.door, peer.socket)
    tell_of_one(other)
    assert other.listener.read == 1
    assert peer.listener.read == 0
    assert peer.door.mux.counters.bad_rtcp == 0


def test_nothing_is_read_for_one_that_has_left(peer: Peer) -> None:
    """Its memory may be another's by then."""
    peer.door.mux.remove(peer.session)
    tell_of_one(peer)
    assert (peer.listener.told, peer.listener.read) == ([], 0)
    assert peer.door.mux.counters.unknown_source == 1


def test_no_row_is_kept_of_who_came_and_went() -> None:
    """Each at an address of its own, or at that of the one before; some at two."""
    with ExitStack() as stack:
        door = stack.enter_context(front_door(compiled.load()))
        at_one, other = (stack.enter_context(door.visitor()) for _ in range(2))
        assert door.mux._feedback is not None
        rows = door.mux._feedback._rows
        peers = []
        for n in range(6):
            door.now += 10.0
            peers.append(peer := Peer(door, at_one))
            tell_of_one(peer)
            if n % 2:
                door.knock(other, check(peer.session))
                peer.socket = other
                tell_of_one(peer, after_s=1.0)
            assert rows == {key: door.mux._by_key[key].kept.address for key in rows}
            assert peer.session.kept.address in rows.values()
        for peer in peers:
            door.mux.remove(peer.session)
        assert rows == {}


def test_nothing_is_read_without_keys_or_address(peer: Peer) -> None:
    peer.session.kept.forget()
    tell_of_one(peer)
    assert peer.listener.read == 1
    peer.session.endpoint = None
    tell_of_one(peer)
    assert peer.listener.read == 2


def test_a_repeated_report_is_refused(peer: Peer) -> None:
    number = peer.session.history.next_sequence
    peer.send(100)
    peer.arrival(number, SENT_US)
    datagram = peer.datagram(peer.report())
    peer.door.knock(peer.socket, datagram, datagram, datagram[:-1] + b"?")
    assert peer.door.mux.counters.bad_rtcp == 2
    told = peer.session.kept.take(0)
    assert told is not None
    assert told[1] == 1


@pytest.mark.parametrize(("at", "octet"), [(0, 0x81), (1, 206), (7, 9)])
def test_what_only_looks_like_it_is_python_s(peer: Peer, at: int, octet: int) -> None:
    """Another kind of report, or one under another SSRC: it may be one too many."""
    peer.send(100)
    peer.arrival(2, SENT_US)
    packet = bytearray(peer.report())
    packet[at] = octet
    peer.tell(bytes(packet))
    assert peer.listener.read == 1


def test_two_reports_in_one_packet_are_python_s(peer: Peer) -> None:
    peer.send(100)
    peer.arrival(2, SENT_US)
    peer.tell(peer.report() + rtcp.build([rtcp.Nack(SSRC, 2, (7,))]))
    assert peer.listener.read == 1


def test_what_python_reads_on_of_has_waited_as_long(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receiver report behind feedback tells a round trip."""
    peer.send(100)
    peer.arrival(2, SENT_US)
    both = peer.report() + rtcp.build([rtcp.ReceiverReport(SSRC)])
    later = time.time() + 0.5
    monkeypatch.setattr(mux.time, "time", lambda: later)
    peer.tell(both)
    assert 0.4 < peer.listener.waited_s <= 0.5


def test_what_is_kept_is_told_before_what_python_reads(peer: Peer) -> None:
    """A report under another SSRC, or from elsewhere."""
    tell_of_one(peer)
    peer.send(100, gap_us=20_000)
    peer.arrival(3, peer.now_us)
    packet = bytearray(peer.report())
    packet[7] = SSRC + 1
    peer.tell(bytes(packet))
    assert [told[3] for told in peer.listener.told] == [peer.now_us - 20_000, peer.now_us]


@pytest.mark.parametrize("reach", [(-1, 0), (-HISTORY - 1, -HISTORY)])
def test_only_what_is_remembered_is_settled(peer: Peer, reach: tuple[int, int]) -> None:
    """Not what is still to be sent, nor what was sent a ring ago: their places are others'."""
    peer.send(*[100] * (HISTORY + 1))
    peer.builder = FeedbackBuilder()
    following = peer.session.history.next_sequence
    for number in reach:
        peer.arrival(following + number, peer.now_us)
    peer.tell(peer.report())
    assert [told[1] for told in peer.listener.told] == [1]
    assert sum(size == 100 for size in peer.session.history.sizes) == HISTORY - 1


def test_a_report_on_very_many_packets_is_python_s(peer: Peer) -> None:
    first = peer.session.history.next_sequence
    peer.send(*[100] * 600)
    for number in range(600):
        peer.arrival(first + number, peer.now_us)
    peer.tell(peer.report())
    assert peer.listener.read == 1
    assert [told[1] for told in peer.listener.told] == [600]


def test_more_bursts_than_there_is_room_for_are_read_on_by_python(peer: Peer) -> None:
    """In their order."""
    room = ffi.dlopen(None).TOLD_BURSTS
    for count in (room - 10, 20):
        first = peer.session.history.next_sequence
        peer.send(*[100] * count, gap_us=1_000)
        for number in range(count):
            peer.arrival(first + number, peer.now_us)
        peer.session.kept.wait_below(1 << 40)
        peer.tell(peer.report())
    assert peer.listener.read == 1
    assert [told[1] for told in peer.listener.told] == [room - 10, 20]


@given(st.binary(min_size=0, max_size=1400), st.booleans())
@settings(deadline=None, max_examples=60)
def test_any_packet_of_a_member_leaves_it_whole(data: bytes, is_padded: bool) -> None:
    """A member may send what it likes: it is read, left, or refused, and the next one is heard."""
    data += bytes(-len(data) % 4)
    with visited(compiled.load()) as peer:
        tell_of_one(peer)
        first = 0xAF if is_padded else 0x8F
        peer.tell(struct.pack("!BBHII", first, 205, len(data) // 4 + 2, SSRC, 2) + data)
        peer.listener.told.clear()
        tell_of_one(peer)
        assert [told[1] for told in peer.listener.told] == [1]


def test_what_rows_h_and_python_both_name_agrees() -> None:
    named = ffi.dlopen(None)
    assert named.RX_SLOTS == mmsg.RX_SLOTS
    outcomes = ("LEFT", "KEPT", "DUE", "OPENED", "REFUSED")
    for name in outcomes:
        assert getattr(named, name) == getattr(feedback, name)
