"""Whose an address is: by what passed there, for how many, and until another has a claim."""

import random
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any
from weakref import ref

import pytest
from pylibsrtp._binding import ffi

from conf.media import udp
from conf.media.mux import HIJACK_GUARD_S
from conf.media.session import CHECKS, DTLS_RECORDS, FLIGHTS, MAX_CANDIDATES, Session
from conf.media.srtp import OK, SrtpContexts, protect, protect_rtcp
from conf.media.tcp import TcpListener
from conf.media.transactions import RECENT
from conf.media.udp import Endpoint, pack_sockaddr
from tests.support import bridge_flood
from tests.support.bridge import eventually
from tests.support.bridge_mux import FrontDoor, check, front_door
from tests.support.bridge_stage import KEYS


def answers(sock: socket.socket) -> int:
    """How many have come by now."""
    count = 0
    while True:
        try:
            if not sock.recv(2000):
                return count
        except BlockingIOError:
            return count
        count += 1


def dial(listener: TcpListener, words: bytes) -> socket.socket:
    """A connection over which one frame has been said."""
    sock = socket.create_connection(("127.0.0.1", listener.port))
    sock.sendall(struct.pack("!H", len(words)) + words)
    sock.setblocking(False)
    return sock


def is_ended(sock: socket.socket) -> bool:
    """Has the other side hung up?"""
    try:
        return sock.recv(2000) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[FrontDoor, TcpListener]]:
    """A door with a TCP entrance."""
    with front_door() as door:
        listener = TcpListener(door.mux, door.mux.knows)
        await listener.open("127.0.0.1", 0)
        try:
            yield door, listener
        finally:
            await listener.close()


async def _has(session: Session, count: int) -> None:
    await eventually(lambda: len(session.candidates) == count)


async def test_a_connection_that_makes_room_for_a_newer_one_is_ended() -> None:
    """A member has eight places for its addresses; what it opens beyond fills no other's."""
    async with listening() as (door, listener):
        session, dialled = door.session(), []
        for n in range(MAX_CANDIDATES):
            dialled.append(dial(listener, check(session)))
            await _has(session, n + 1)
        session.move_to(next(iter(session.candidates)))  # media flow over the first
        dialled.append(dial(listener, check(session)))
        await eventually(lambda: is_ended(dialled[1]))
        assert len(session.candidates) == len(listener._members) == MAX_CANDIDATES
        assert not any(is_ended(sock) for sock in (dialled[0], *dialled[3:-1]) if answers(sock))
        for sock in dialled:
            sock.close()
        await eventually(lambda: not session.candidates)
        assert session.endpoint is None


async def test_a_check_beyond_the_limit_goes_unanswered_and_ends_no_connection() -> None:
    """It was authentic: the connection is the member's, and its next check is answered."""
    async with listening() as (door, listener):
        session = door.session()
        while session.checks.take(door.now):
            pass
        sock = dial(listener, check(session))
        await _has(session, 1)
        assert (door.mux.counters.surplus_stun, door.mux.counters.replayed_stun) == (1, 0)
        assert not is_ended(sock)
        door.now += 2 / CHECKS[0]
        words = check(session)
        sock.sendall(struct.pack("!H", len(words)) + words)
        await eventually(lambda: answers(sock) > 0)
        assert listener.cut == 0
        sock.close()
        await _has(session, 0)


def test_a_check_under_anothers_address_does_not_keep_its_owner_out() -> None:
    """Sent while the owner was silent for a moment, by a member who speaks from elsewhere."""
    with front_door() as door, door.visitor() as home, door.visitor() as elsewhere:
        owner, thief = door.session(), door.session()
        door.knock(home, check(owner))
        owner.move_to(next(iter(owner.candidates)))
        door.knock(elsewhere, check(thief))
        thief.move_to(next(iter(thief.candidates)))
        door.knock(home, check(thief))
        assert door.mux.counters.bad_stun == 1  # the owner speaks from there
        door.now += HIJACK_GUARD_S
        door.knock(home, check(thief))
        door.knock(elsewhere, check(thief))
        before = door.mux.counters.bad_stun
        assert answers(home) == 2
        door.knock(home, check(owner))
        assert answers(home) == 1
        door.knock(home, check(thief))  # and it stays the owner's
        assert door.mux.counters.bad_stun == before + 1
        assert answers(home) == 0


def test_a_connection_is_known_by_its_own_check_alone() -> None:
    """Not by that of an earlier one with the same number, whose end does not end it either."""
    with front_door() as door:
        session, key = door.session(), b"tcp" + bytes(16)
        first, second = _Line(key), _Line(key)
        door.mux.on_stream_packet(check(session), first)
        assert door.mux.knows(first)
        assert not door.mux.knows(second)
        door.mux.on_stream_packet(check(session), second)
        assert len(second.taken) == 1
        assert not door.mux.knows(first)
        door.mux.forget_endpoint(first)
        assert door.mux.knows(second)
        session.move_to(key)
        door.mux.forget_endpoint(second)
        assert not door.mux.knows(second)
        assert not session.candidates
        assert session.endpoint is None


def voice(keys: SrtpContexts, number: int) -> bytes:
    """One packet of a member with these keys."""
    return _protected(keys, protect, b"\x80\x6f" + number.to_bytes(2, "big") + bytes(8) + b"voice")


def _protected(keys: SrtpContexts, how: Any, packet: bytes) -> bytes:
    memory, size = ffi.new("char[]", packet.ljust(200, b"\0")), ffi.new("int *", len(packet))
    assert how(keys.send, memory, size) == OK
    data: bytes = ffi.buffer(memory, size[0])[:]
    return data


def test_a_report_from_before_a_move_takes_nothing_back() -> None:
    """Reports lie in a socket of their own; one that came after the move is followed."""
    with front_door() as door, door.visitor() as old, door.visitor() as new:
        session, member = door.session(), SrtpContexts(KEYS)
        session.srtp = SrtpContexts(KEYS)
        at_old = b"\x80\xc9\x00\x01" + bytes(4)
        door.knock(old, check(session))
        door.knock(old, voice(member, 1))
        first = session.endpoint
        door.knock(new, check(session))
        door.now += 1
        old.send(_protected(member, protect_rtcp, at_old))
        new.send(voice(member, 2))
        door.mux.on_readable()
        moved = session.endpoint
        assert moved is not None
        assert moved is not first
        door.mux.take_reports(door.now)
        assert session.endpoint is moved
        assert door.mux.counters.bad_rtcp == 0
        assert session.heard_at == door.now
        door.now += 2
        door.knock(old, _protected(member, protect_rtcp, at_old))
        assert session.endpoint is first


def test_no_captured_check_of_a_long_meeting_is_consent_again() -> None:
    """However many came after it; it ends before it is verified."""
    with front_door() as door, door.visitor() as home:
        session = door.session()
        captured = [check(session) for _ in range(3 * RECENT)]
        for data in captured:
            door.now += 1
            door.knock(home, data)
        session.follow(next(iter(session.candidates)), door.now)
        last = session.heard_at
        for data in captured[: 2 * RECENT]:
            door.now += 1
            door.knock(home, data)
        assert session.heard_at == last
        assert door.mux.counters.replayed_stun == 2 * RECENT
        door.knock(home, check(session))
        assert session.heard_at == door.now


def hello(number: int) -> bytes:
    """Of a client: the heads are right."""
    head = struct.pack("!BHHHIH", 22, 0xFEFF, 0, 0, number, 72)
    return head + b"\x01\x00\x00\x3c\x00\x00\x00\x00\x00\x00\x00\x3c" + bytes(60)


async def test_what_a_handshake_may_take_is_not_what_a_call_may() -> None:
    """Forged records take nothing of either; a goodbye may come after any number of hellos."""
    with front_door() as door, door.visitor() as member:
        session, counters = door.session(), door.mux.counters
        door.knock(member, check(session))
        for forged in bridge_flood.dtls_records(random.Random(7))[:400]:
            door.knock(member, forged)
        assert not door.shaken
        most = int(FLIGHTS[1])
        for number in range(most + 10):
            door.knock(member, hello(number))
        assert door.shaken == [session]
        assert (counters.surplus_dtls, counters.bad_dtls + door.port.dropped_by_kernel()) == (
            10,
            400,
        )
        session.srtp = SrtpContexts(KEYS)
        for number in range(int(DTLS_RECORDS[1]) + 5):
            door.knock(member, hello(number))
        assert counters.surplus_dtls == 15
        await session.close()


class _Line(Endpoint):
    """A connection's end, as the mux sees it."""

    def __init__(self, key: bytes) -> None:
        super().__init__(key)
        self.pointer = 0
        self.taken: list[bytes] = []

    @property
    def source(self) -> bytes:
        """Somewhere."""
        return udp.pack_sockaddr(socket.AF_INET, ("192.0.2.7", 4711))

    def send_frame(self, data: bytes) -> None:
        """Kept."""
        self.taken.append(data)


async def test_without_ipv6_both_ports_are_opened_for_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    """`::`, the default, on a machine whose kernel was told to leave IPv6 out."""
    real = socket.socket

    def without(family: int, kind: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError("Address family not supported by protocol")
        return real(family, kind)

    with front_door() as door:
        listener = TcpListener(door.mux, door.mux.knows)
        monkeypatch.setattr("conf.media.udp.socket.socket", without)
        udp.open_udp("::", 0).close()
        await listener.open("::", 0)
        with pytest.raises(OSError, match="family"):
            await TcpListener(door.mux, door.mux.knows).open("::1", 0)
        monkeypatch.undo()
        socket.create_connection(("127.0.0.1", listener.port)).close()
        await listener.close()


def test_an_address_that_is_pushed_out_lives_until_the_batch_has_left() -> None:
    """What is on its way there points at it: the kernel would read whatever lies there then."""

    class Watched(Endpoint):
        __slots__ = ("__weakref__",)

    with front_door() as door, ExitStack() as visitors:
        session = door.session()
        old = Watched(pack_sockaddr(socket.AF_INET, ("127.0.0.1", 9)))
        session.add_candidate(old, 100, door.now)
        reference, seen = ref(old), []
        door.after_batch = lambda now: seen.append(reference() is not None)
        del old
        for _ in range(MAX_CANDIDATES):
            visitors.enter_context(door.visitor()).send(check(session))
        door.mux.on_readable()
        assert len(session.candidates) == MAX_CANDIDATES
        assert seen == [True]
        assert reference() is None
