"""The guard and the switchboard: every datagram of the worker's port passes here (design §3).

A datagram is looked at only if its size is 1..1500, its first byte names a class (RFC 7983) and its
source is a binding request with the right ufrag and integrity, or an address so validated.
Everything else is counted by reason and dropped; nothing a stranger sends changes any other state.
"""

import struct
import time
from collections.abc import Callable
from typing import Any, Final

from pylibsrtp._binding import ffi as srtp_ffi

from conf.media import stun
from conf.media.feedback import DUE, KEPT, LEFT, OPENED, FeedbackReader
from conf.media.mmsg import HEADROOM, RX_SLOTS, RxSlots, SlotArray
from conf.media.opened import WAIT_S, OpenPictures
from conf.media.records import is_of_a_client
from conf.media.rtcp import is_feedback
from conf.media.session import Session
from conf.media.srtp import MAX_SSRCS, OK, unprotect, unprotect_rtcp
from conf.media.udp import MAX_DATAGRAM, Endpoint, MmsgPort, PlainSlots

REPORTS_PER_TICK: Final = 64  # batches of them: 200 000 a second
MAX_REPORTS_S: Final = 0.003  # of the 20 ms of a tick
BATCHES_PER_WAKE: Final = 8  # then timers and handshakes get their turn,
MAX_WAKE_S: Final = 0.004  # or after so long, and the batch at hand: they may wait for two turns
MAX_WAIT_S: Final = 1.0  # more is a wall clock that was set in between
HIJACK_GUARD_S: Final = 3.0
_read_ssrc: Final = struct.Struct("!I").unpack_from


class Counters:
    """What was dropped and why, and what passed; numbers only grow."""

    __slots__ = (
        "bad_class",
        "bad_dtls",
        "bad_rtcp",
        "bad_rtp",
        "bad_size",
        "bad_stun",
        "received",
        "replayed_stun",
        "surplus_dtls",
        "surplus_ssrc",
        "surplus_stun",
        "unknown_source",
    )

    def __init__(self) -> None:
        for name in self.__slots__:
            setattr(self, name, 0)

    received: int
    bad_size: int
    bad_class: int
    bad_dtls: int
    bad_stun: int
    replayed_stun: int
    unknown_source: int
    bad_rtp: int
    bad_rtcp: int
    surplus_dtls: int
    surplus_ssrc: int
    surplus_stun: int

    def as_dict(self) -> dict[str, float]:
        """Prometheus-ready names."""
        return {f"datagrams_{name}_total": float(getattr(self, name)) for name in self.__slots__}


class Mux:
    """Owner of the port's receive side and of the tables ufrag → session and address → session."""

    def __init__(
        self,
        port: MmsgPort,
        clock: Callable[[], float],
        start_handshake: Callable[[Session], None],
        after_batch: Callable[[float], None],
        pictures: OpenPictures,
        native: Any | None = None,
    ) -> None:
        """`after_batch` sends what the batch's packets put into the outbox.

        `native`: of `compiled.load`.
        """
        self._pictures = pictures
        self._port = port
        self._clock = clock
        self._start_handshake = start_handshake
        self._after_batch = after_batch
        self._by_ufrag: dict[str, Session] = {}
        self._by_key: dict[bytes, Session] = {}
        self._size = srtp_ffi.new("int *")
        self._stream_slot = SlotArray(1, HEADROOM)
        self._pushed_out: list[Endpoint] = []  # kept while the batch points at their addresses
        self._waited_s = 0.0  # how long the packet at hand has lain in the kernel
        self._feedback: FeedbackReader | None = None
        if native is not None and port.reports is not None:
            self._feedback = FeedbackReader(port.reports, native)
        self.counters = Counters()

    def add(self, session: Session, dead: stun.Credentials | None = None) -> None:
        """Make the session reachable by its present ufrag, and no more by a dead one's."""
        self._by_ufrag[session.credentials.ufrag] = session
        if dead is not None:
            self._by_ufrag.pop(dead.ufrag, None)

    def remove(self, session: Session) -> None:
        """Forget all of the session's ufrags and addresses; idempotent."""
        for credentials in (session.credentials, session.previous_credentials):
            if credentials is not None:
                self._by_ufrag.pop(credentials.ufrag, None)
        for key in session.candidates:
            if self._by_key.get(key) is session:
                self._vacate(key)

    def _vacate(self, key: bytes) -> None:
        """Nobody is there any more."""
        del self._by_key[key]
        if self._feedback is not None:
            self._feedback.forget(key)

    def on_readable(self) -> None:
        """Take what has arrived, batch by batch, and what ends the pictures among it."""
        wait_until, stop_at, rx = 0.0, self._clock() + MAX_WAKE_S, self._port.rx
        for _ in range(BATCHES_PER_WAKE):
            count = rx.receive()
            if count:
                self._accept_all(rx, count, self._clock())
            if count < RX_SLOTS:
                if not self._pictures.lack_rest():
                    break
                now = self._clock()
                wait_until = wait_until or now + WAIT_S
                if not self._port.wait(wait_until - now):
                    self._pictures.give_up(self._clock())
                    break
                self._pictures.waits += 1
            else:
                self._send_batch(self._clock())
                if self._clock() > stop_at:
                    return
        self._send_batch(self._clock())

    def _send_batch(self, now: float) -> None:
        self._after_batch(now)
        self._pushed_out.clear()

    def take_reports(self, now: float) -> None:
        """Take the RTCP that the kernel has put aside; call it every 20 ms or so.

        All of it, that a stranger's may not crowd a member's out; after 3 ms the rest waits, and
        what finds no room is the kernel's to drop.
        """
        reports, stop_at = self._port.reports, self._clock() + MAX_REPORTS_S
        if reports is None:
            return
        for _ in range(REPORTS_PER_TICK):
            count = reports.receive()
            if count:
                self._accept_reports(reports, count, now)
            if count < RX_SLOTS or self._clock() > stop_at:
                return

    def _accept_reports(self, reports: RxSlots, count: int, now: float) -> None:
        """A stranger's costs a look at its source, in one go with the others."""
        known, keys = self._by_key, reports.keys(count)
        members = [i for i, key in enumerate(keys) if key in known]
        strange = count - len(members)
        self.counters.received += strange
        self.counters.unknown_source += strange
        if self._feedback is not None and members:
            members = self._accept_feedback(self._feedback, reports, keys, members, now)
        for i in members:
            self._waited_s = _waited_s(reports, i)
            self._accept_one(reports, i, now)
        self._waited_s = 0.0

    def _accept_feedback(
        self,
        feedback: FeedbackReader,
        reports: RxSlots,
        keys: list[bytes],
        members: list[int],
        now: float,
    ) -> list[int]:
        """The transport feedback among them, but for what is not usual; returns the rest."""
        outcomes, left = feedback.read(keys, now), []
        for i in members:
            outcome = outcomes[i]
            if outcome == KEPT:
                continue
            if outcome == LEFT:
                left.append(i)
                continue
            session = self._by_key.get(keys[i])
            if session is None:  # has left, over one of those before
                continue
            if outcome in (DUE, OPENED):
                session.heard_at = now
                self._tell_kept(session, now)
                if outcome == OPENED:
                    base, size, waited_s = reports.bases[i], feedback.size(i), _waited_s(reports, i)
                    session.sink.on_rtcp(reports.memory, base, size, now, waited_s)
            else:
                self._refuse(is_rtcp=True)
        self.counters.received += len(members) - len(left)
        return left

    def _tell_kept(self, session: Session, now: float) -> None:
        """Before anything that came after it."""
        told = session.kept.take(int(now * 1e6))
        if told is not None:
            session.sink.on_told(told, now)

    def _accept_all(self, rx: RxSlots | PlainSlots, count: int, now: float) -> None:
        for i in range(count):
            self._accept_one(rx, i, now)

    def _accept_one(self, rx: RxSlots | PlainSlots, i: int, now: float) -> None:
        self.counters.received += 1
        size = rx.length(i)
        if size < 1 or size > MAX_DATAGRAM:
            self.counters.bad_size += 1
            return
        self._accept(rx.memory, rx.bases[i], rx.pointers[i], size, rx.key(i), None, now)

    def on_stream_packet(self, data: bytes | memoryview, endpoint: Endpoint) -> None:
        """A packet unframed from a TCP connection (RFC 4571); the same guard applies."""
        self.counters.received += 1
        if not 1 <= len(data) <= MAX_DATAGRAM:
            self.counters.bad_size += 1
            return
        now = self._clock()
        slot = self._stream_slot
        base = slot.bases[0]
        slot.memory[base : base + len(data)] = data
        self._accept(slot.memory, base, slot.pointers[0], len(data), endpoint.key, endpoint, now)

    def after_stream_packets(self) -> None:
        """Send what a connection's packets put into the outbox."""
        self._send_batch(self._clock())

    def knows(self, endpoint: Endpoint | None) -> bool:
        """Has a connectivity check passed from there?"""
        if endpoint is None:
            return False
        session = self._by_key.get(endpoint.key)
        return session is not None and session.candidates.get(endpoint.key) is endpoint

    def forget_endpoint(self, endpoint: Endpoint) -> None:
        """A TCP connection ended."""
        session = self._by_key.get(endpoint.key)
        if session is None:
            return
        if session.candidates.get(endpoint.key) is endpoint:  # no other came by its number
            self._vacate(endpoint.key)
            del session.candidates[endpoint.key]
        if session.endpoint is endpoint:
            session.endpoint = None

    def _accept(
        self,
        memory: memoryview,
        base: int,
        pointer: object,
        size: int,
        key: bytes,
        endpoint: Endpoint | None,
        now: float,
    ) -> None:
        first = memory[base]
        if 127 < first < 192:
            session = self._by_key.get(key)
            if session is None or session.srtp is None:
                self.counters.unknown_source += 1
                return
            self._on_media(session, memory, base, pointer, size, key, now)
        elif first < 4:
            self._on_stun(bytes(memory[base : base + size]), key, endpoint, now)
        elif 19 < first < 64:
            session = self._by_key.get(key)
            if session is None:
                self.counters.unknown_source += 1
            else:
                self._on_dtls(session, bytes(memory[base : base + size]), key, now)
        else:
            self.counters.bad_class += 1

    def _on_media(
        self,
        session: Session,
        memory: memoryview,
        base: int,
        pointer: object,
        size: int,
        key: bytes,
        now: float,
    ) -> None:
        """SRTP or SRTCP from a known address (RFC 5761 §4 tells them apart)."""
        srtp = session.srtp
        assert srtp is not None
        is_rtcp = 191 < memory[base + 1] < 224
        if size < (8 if is_rtcp else 12):
            self._refuse(is_rtcp=is_rtcp)
            return
        (ssrc,) = _read_ssrc(memory, base + (4 if is_rtcp else 8))
        known = srtp.known
        if ssrc not in known and len(known) >= MAX_SSRCS:
            self.counters.surplus_ssrc += 1
            return
        length = self._size
        length[0] = size
        if (unprotect_rtcp if is_rtcp else unprotect)(srtp.receive, pointer, length) != OK:
            self._refuse(is_rtcp=is_rtcp)
            return
        known.add(ssrc)
        self._heard(session, key, now)
        if is_rtcp:
            if self._feedback is not None and is_feedback(memory, base):
                self._feedback.learn(session, ssrc, key)
                self._tell_kept(session, now)
            session.sink.on_rtcp(memory, base, length[0], now, self._waited_s)
        else:
            session.sink.on_rtp(memory, base, length[0], now)

    def _refuse(self, *, is_rtcp: bool) -> None:
        if is_rtcp:
            self.counters.bad_rtcp += 1
        else:
            self.counters.bad_rtp += 1

    def _heard(self, session: Session, key: bytes, now: float) -> None:
        session.heard_at = now
        if session.endpoint is None or session.endpoint.key != key:
            session.follow(key, now - self._waited_s)

    def _on_dtls(self, session: Session, data: bytes, key: bytes, now: float) -> None:
        """A record from a member's address, perhaps not the member's."""
        if not is_of_a_client(data):
            self.counters.bad_dtls += 1
        elif not session.takes_dtls(now):
            self.counters.surplus_dtls += 1
        elif session.on_dtls(data, key):
            self._start_handshake(session)

    def _on_stun(self, data: bytes, key: bytes, endpoint: Endpoint | None, now: float) -> None:
        ufrag = stun.requested_ufrag(data)
        session = self._by_ufrag.get(ufrag) if ufrag else None
        if session is None or ufrag is None or session.is_closed:
            self.counters.bad_stun += 1
            return
        # What a flood repeats ends before anything is verified, or parsed.
        transaction_id, known_ids = stun.transaction_of(data), session.transactions
        if known_ids.is_used_up(transaction_id):
            self.counters.replayed_stun += 1
            return
        password = session.password_of(ufrag)
        if password is None or not stun.is_intact(data, password):
            self.counters.bad_stun += 1
            return
        if self._is_spoken_for(key, session, now):
            self.counters.bad_stun += 1  # somebody else is talking from there
            return
        is_fresh = known_ids.is_fresh(transaction_id)
        if known_ids.is_replayed(transaction_id, key):
            self.counters.replayed_stun += 1
            return
        known = endpoint or session.candidates.get(key) or Endpoint(key)
        self._take_candidate(session, known, len(data), now, is_fresh=is_fresh)
        # Too many are not answered; but it has passed, and its connection is a member's.
        if not session.checks.take(now):
            self.counters.surplus_stun += 1
            return
        self._port.send(stun.answer(transaction_id, known.source, password), known)

    def _is_spoken_for(self, key: bytes, session: Session, now: float) -> bool:
        """Does another session speak from there, or begin to?

        One that speaks from elsewhere has no claim: its check may have been sent under this
        address to keep the owner out.
        """
        owner = self._by_key.get(key)
        if owner is None or owner is session or owner.is_closed:
            return False
        is_elsewhere = owner.endpoint is not None and owner.endpoint.key != key
        return not is_elsewhere and now - owner.heard_at < HIJACK_GUARD_S

    def _take_candidate(
        self, session: Session, known: Endpoint, size: int, now: float, *, is_fresh: bool
    ) -> None:
        """Media may come from there; a connection that must make room for it ends."""
        pushed_out = session.add_candidate(known, size, now, is_fresh=is_fresh)
        if self._by_key.get(known.key) is not session:
            if known.key in self._by_key:
                self._vacate(known.key)
            self._by_key[known.key] = session
        if pushed_out is None:
            return
        self._pushed_out.append(pushed_out)
        if self._by_key.get(pushed_out.key) is session:
            self._vacate(pushed_out.key)
        pushed_out.hang_up()


def _waited_s(reports: RxSlots, i: int) -> float:
    """How long datagram i has lain in the kernel."""
    came_at = reports.came_at(i)
    return 0.0 if came_at is None else min(max(time.time() - came_at, 0.0), MAX_WAIT_S)
