"""One participant's transport: ICE credentials, addresses, DTLS, SRTP. Knows no track and no room.

Addresses (design §3, "Never open"): a connectivity check makes its source a *candidate*; media
moves there after an authenticated packet came from it, and stays at the old address until then.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol

from aiortc.rtcdtlstransport import RTCCertificate

from conf.media import stun
from conf.media.bucket import Bucket
from conf.media.dtls import DtlsLink, HandshakeFailed
from conf.media.feedback import KeptFeedback
from conf.media.rows import ffi, new_peer
from conf.media.srtp import SrtpContexts, address_of
from conf.media.transactions import Transactions
from conf.media.twcc import SendHistory, Told
from conf.media.udp import Endpoint

MAX_CANDIDATES: Final = 8
AMPLIFICATION: Final = 3  # bytes sent per byte received before the handshake ends
CHECKS: Final = (100.0, 100.0)  # connectivity checks answered, a second and at once
FLIGHTS: Final = (1000.0, 200.0)  # datagrams of a handshake: a dozen, each 11 µs
DTLS_RECORDS: Final = (100.0, 50.0)  # after it: the last flight again, and one goodbye


class PacketSink(Protocol):
    """Takes a session's authenticated packets."""

    def on_rtp(self, memory: memoryview, base: int, size: int, now: float) -> None:
        """A decrypted RTP packet lies at `memory[base:base + size]` until this returns."""
        ...

    def on_rtcp(
        self, memory: memoryview, base: int, size: int, now: float, waited_s: float
    ) -> None:
        """A decrypted RTCP compound packet at `base` of `memory`; valid during the call.

        It has come `waited_s` before `now`.
        """
        ...

    def on_told(self, told: Told, now: float) -> None:
        """Transport-wide feedback has come, one or a few, and is settled in the history."""
        ...

    def on_connected(self) -> None:
        """The handshake is over; the session can send."""
        ...

    def on_lost(self, reason: str) -> None:
        """The peer closed, or the handshake failed."""
        ...


class Session:
    """Owner: the worker's loop. `row`: keys and address, as the compiled parts read them."""

    __slots__ = (
        "_context",
        "_dtls",
        "_endpoint",
        "_fingerprints",
        "_flights",
        "_followed_at",
        "_paused_key",
        "_received",
        "_records",
        "_send",
        "_sent",
        "candidates",
        "certificate",
        "checks",
        "credentials",
        "has_left",
        "heard_at",
        "history",
        "is_closed",
        "is_handshaking",
        "kept",
        "previous_credentials",
        "profile",
        "row",
        "sink",
        "srtp",
        "transactions",
    )

    def __init__(
        self,
        certificate: RTCCertificate,
        fingerprints: tuple[tuple[str, str], ...],
        send: Callable[[bytes, Endpoint], None],
        sink: PacketSink,
        now: float,
    ) -> None:
        self.certificate = certificate
        self._fingerprints = fingerprints
        self._send = send
        self.sink = sink
        self.credentials = stun.make_credentials()
        self.previous_credentials: stun.Credentials | None = None
        self.candidates: OrderedDict[bytes, Endpoint] = OrderedDict()
        self._endpoint: Endpoint | None = None
        self._followed_at = now  # when that came by which media went where it goes
        self._paused_key = b""  # where media went until consent was lost
        self.srtp: SrtpContexts | None = None
        self._context: object | None = None
        self.history = SendHistory()
        self.row = new_peer(self.history)
        self.kept = KeptFeedback(self.row)
        self.checks, self._flights = Bucket(*CHECKS), Bucket(*FLIGHTS)
        self._records = Bucket(*DTLS_RECORDS)
        self.heard_at = now
        self.is_closed = False
        self.has_left = False  # for good: what is still under way brings nobody back
        self.is_handshaking = False
        self.profile = 0
        self._dtls: DtlsLink | None = None
        self.transactions = Transactions()
        self._received = 0
        self._sent = 0

    @property
    def context(self) -> object | None:
        """`srtp.send`: what protects the packets it is sent; None while there are no keys."""
        return self._context

    @context.setter
    def context(self, context: object | None) -> None:
        self._context = context
        self.row.context = ffi.cast("void *", address_of(context)) if context else ffi.NULL

    @property
    def endpoint(self) -> Endpoint | None:
        """Where media goes; None before an address proved itself and while consent is lost."""
        return self._endpoint

    @endpoint.setter
    def endpoint(self, endpoint: Endpoint | None) -> None:
        self._endpoint = endpoint
        self.row.name = ffi.cast("void *", endpoint.pointer if endpoint else 0)

    def restart(self, fingerprints: tuple[tuple[str, str], ...]) -> stun.Credentials | None:
        """New ICE credentials (RFC 8445 §9), beside which the last ones hold on.

        Returns: the ones before those, dead now. Raises: ValueError: another certificate, or the
        peer has closed this session; that is a new session, not a restart.
        """
        if self.has_left or fingerprints != self._fingerprints:
            raise ValueError("another session")
        dead, self.previous_credentials = self.previous_credentials, self.credentials
        self.credentials = stun.make_credentials()
        return dead

    def password_of(self, ufrag: str) -> str | None:
        """The password that goes with one of our ufrags."""
        if ufrag == self.credentials.ufrag:
            return self.credentials.password
        previous = self.previous_credentials
        return previous.password if previous and ufrag == previous.ufrag else None

    def add_candidate(
        self, endpoint: Endpoint, size: int, now: float, *, is_fresh: bool = True
    ) -> Endpoint | None:
        """A check of `size` bytes is authentic. Returns: who was pushed out to make room, if any.

        `is_fresh`: it is no repetition, which anybody could have captured. Only then is it consent,
        and only from where media goes (RFC 7675 §5.1): there it would be missed.
        """
        if is_fresh and (self.endpoint is None or self.endpoint.key == endpoint.key):
            self.heard_at = now
        if self.srtp is None:
            self._received += size
        if self.candidates.get(endpoint.key) is endpoint:
            self.candidates.move_to_end(endpoint.key)
            if is_fresh and endpoint.key == self._paused_key and self.endpoint is None:
                self.move_to(endpoint.key)  # it had proved itself before it fell silent
            return None
        self.candidates[endpoint.key] = endpoint  # in place of a connection that had its number
        if len(self.candidates) <= MAX_CANDIDATES:
            return None
        current = self.endpoint.key if self.endpoint else None
        oldest = next(key for key in self.candidates if key != current)
        return self.candidates.pop(oldest)

    def follow(self, key: bytes, came_at: float) -> None:
        """An authenticated packet has come from elsewhere at `came_at`: media follows it.

        Not to where the peer was before its last move: reports are read later than the rest.
        """
        if came_at >= self._followed_at:
            self._followed_at = came_at
            self.move_to(key)

    def move_to(self, key: bytes) -> None:
        """An authenticated packet came from candidate `key`: media goes there from now on.

        Not after a goodbye: the transport feedback sent before it lies in a socket of its own and
        is read later, and a network may reorder the rest.
        """
        endpoint = self.candidates.get(key)
        if endpoint is not None and not self.has_left:
            self.endpoint = endpoint
            self._paused_key = b""

    @property
    def can_send(self) -> bool:
        """Are there keys, and an address that still wants media?"""
        return self.context is not None and self.endpoint is not None

    def pause(self) -> None:
        """Consent is lost (RFC 7675 §5.1): send nothing until something authentic comes again."""
        if self.endpoint is not None:
            self._paused_key = self.endpoint.key
        self.endpoint = None

    def takes_dtls(self, now: float) -> bool:
        """May one more datagram come? Anybody can send them from a member's address."""
        budget = self._flights if self.srtp is None else self._records
        return not self.is_closed and budget.take(now)

    def on_dtls(self, datagram: bytes, key: bytes) -> bool:
        """Feed a DTLS datagram; True when the handshake is to be started now (`handshake`)."""
        if self.srtp is None:
            self._received += len(datagram)
            self.move_to(key)  # nothing flows yet; replies follow the last flight's source
        starts = self._dtls is None
        if self._dtls is None:
            self._dtls = DtlsLink(self.certificate, self._send_dtls, self._closed_by_peer)
        self._dtls.feed(datagram)
        return starts

    def _send_dtls(self, data: bytes) -> None:
        if self.endpoint is None:
            return
        if self.srtp is None:
            if self._sent + len(data) > AMPLIFICATION * self._received:
                return  # lost for now; the peer's retransmission brings new allowance
            self._sent += len(data)
        self._send(data, self.endpoint)

    async def handshake(self) -> None:
        """Run the DTLS handshake, then tell the sink. The worker runs this as a task."""
        link = self._dtls
        assert link is not None
        self.is_handshaking = True
        try:
            keys = await link.handshake(self._fingerprints)
        except (HandshakeFailed, TimeoutError):
            await link.close()
            if not self.is_closed:
                self._dtls = None
                self.sink.on_lost("handshake")
            return
        finally:
            self.is_handshaking = False
        if self.is_closed:
            return
        self.profile = keys.profile
        self.srtp = SrtpContexts(keys)
        self.context = self.srtp.send
        self.sink.on_connected()

    def _closed_by_peer(self) -> None:
        if not self.is_closed:
            self.has_left = True
            self.sink.on_lost("closed")

    def send_rtcp(self, packet: bytes) -> None:
        """Protect and send a compound RTCP packet; silently nothing before the handshake."""
        if self.srtp is None or self.endpoint is None or self.is_closed:
            return
        protected = self.srtp.protect_rtcp(packet)
        if protected is not None:
            self._send(protected, self.endpoint)

    async def close(self) -> None:
        """Say goodbye, forget the keys and those who refer to it in turn; idempotent."""
        if self.is_closed:
            return
        self.is_closed = True
        link, self._dtls = self._dtls, None
        if link is not None:
            await link.close()
        del self.sink  # whose session this was: nothing reaches it from a closed one
        self.kept.forget()
        self.context = self.srtp = None
        self.endpoint = None
        for endpoint in list(self.candidates.values()):
            endpoint.hang_up()
