"""One encoding as it arrives: numbering, history, rates, key-frame requests; and who gets it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from conf.media.demand import Demand
from conf.media.model import SourceKind
from conf.media.nack import NackGenerator
from conf.media.onset import Onset
from conf.media.picture import Picture
from conf.media.reception import Reception
from conf.media.rows import list_rows
from conf.media.rtp import HeaderForm, Packet
from conf.media.sdp import CodecName
from conf.media.timeline import Anchor

if TYPE_CHECKING:
    from conf.media.downslot import DownSlot
    from conf.media.publisher import Track

MAX_JUMP: Final = 3_000  # a longer step ahead is a source that began anew (RFC 3550 A.1)
HISTORY: Final = 512  # packets kept per layer and per slot; 1.5 s of a 2.5 Mbit/s picture
KEYFRAME_INTERVAL_S: Final = 0.5
SETTLING_S: Final = 3.0
USUAL_BPS: Final = (150_000.0, 500_000.0, 1_500_000.0)  # of the layers a page sends


class Sent:
    """One packet in one header form, shared by every slot it went to. Never changed once made.

    `template`: the whole plain packet; `header`: bytes before its payload.
    """

    __slots__ = (
        "codec",
        "ext",
        "form",
        "header",
        "is_stripped",
        "marker",
        "picture",
        "template",
        "timestamp",
    )

    def __init__(
        self,
        ext: int,
        timestamp: int,
        marker: int,
        codec: CodecName,
        template: bytes,
        header: int,
        form: HeaderForm,
        picture: Picture | None,
    ) -> None:
        self.ext = ext
        self.timestamp = timestamp
        self.marker = marker
        self.codec = codec
        self.template = template
        self.header = header
        self.form = form
        self.picture = picture
        self.is_stripped = False  # only for slots that do not take RED

    def carrying(self, codec: CodecName, template: bytes) -> "Sent":
        """The same packet with another payload, which has no picture numbers."""
        return Sent(
            self.ext, self.timestamp, self.marker, codec, template, self.header, self.form, None
        )


class Group:
    """The slots of a layer that share a header form; `rows`: theirs, for the copy loop."""

    __slots__ = ("rows", "slots")

    def __init__(self) -> None:
        self.slots: list[DownSlot] = []
        self.rows = list_rows([])

    def add(self, slot: "DownSlot") -> None:
        """One more."""
        self.slots.append(slot)
        self.rows = list_rows([one.row for one in self.slots])

    def remove(self, slot: "DownSlot") -> None:
        """One less. Raises: ValueError: it is not among them."""
        self.slots.remove(slot)
        self.rows = list_rows([one.row for one in self.slots])


class Layer:
    """Owner: its Track. `slots` and `waiting` are changed by the room only."""

    def __init__(self, track: "Track", rid: str, index: int) -> None:
        self.track = track
        self.rid = rid
        self.index = index
        self.ssrc = 0
        self.groups: dict[HeaderForm, Group] = {}
        self.waiting: list[DownSlot] = []
        self.rings: dict[HeaderForm, list[Sent | None]] = {}  # for repair; by extended number
        self.lacks_red = False  # does a slot want this voice without RED?
        self.seen = [-1] * HISTORY  # extended numbers that came, by their low bits
        self.highest = -1  # extended sequence number of the newest packet
        self.packets = 0
        self.octets = 0
        self.last_at = -1e9
        self.first_at = -1e9
        self.last_timestamp = 0
        self.last_key_at = -1e9
        self.asked_at = -1e9
        self.wants_keyframe = False
        self.temporal_at = -1e9  # when a picture of a higher temporal layer came last
        self.bps = 0.0
        self._octets_then = 0
        self.nack = NackGenerator()
        self._given_up = 0
        self.reception = Reception(0, track.clock_hz)
        self.demand = Demand()
        self.onset = Onset()
        self.anchor: Anchor | None = None  # of the last sender report
        self.ask: Callable[[Layer], None] | None = None

    def restart(self, ssrc: int) -> None:
        """Numbering begins anew, by a new SSRC or a jump; slots must wait for a key frame again."""
        self.ssrc = ssrc
        self.highest = -1
        self.nack = NackGenerator()
        self._given_up = 0
        self.reception = Reception(ssrc, self.track.clock_hz)
        self.anchor = None
        self.onset.begin(-1)
        self.seen = [-1] * HISTORY
        self.rings = {}
        for group in list(self.groups.values()):
            for slot in list(group.slots):
                slot.begin_anew(self)

    def is_alive(self, now: float, quiet_after_s: float) -> bool:
        """Have packets come lately?"""
        return now - self.last_at < quiet_after_s

    @property
    def is_used(self) -> bool:
        """Does somebody see it, or wait for it?"""
        return bool(self.groups or self.waiting)

    def is_thinnable(self, now: float) -> bool:
        """Does the source send temporal layers?"""
        return now - self.temporal_at < 2.0

    def extend(self, sequence: int) -> int:
        """The extended number of a 16-bit one, nearest to the newest (RFC 3550 A.1).

        Starts at 65536 so that a packet older than the first one stays positive.
        """
        if self.highest < 0:
            self.highest = 65536 + sequence
            return self.highest
        delta = (sequence - self.highest) & 0xFFFF
        if delta < 0x8000:
            if delta > MAX_JUMP:
                self.restart(self.ssrc)
                return self.extend(sequence)
            self.highest += delta
            return self.highest
        return self.highest + delta - 0x10000

    def arrived(self, ext: int, packet: Packet, now: float) -> None:
        """Account for a packet that is no duplicate."""
        self.seen[ext & (HISTORY - 1)] = ext
        if self.first_at < 0:
            self.first_at = now
        self.reception.add(packet.sequence, packet.timestamp, int(now * 1e6))
        self.nack.add(packet.sequence, now)
        self.packets += 1
        self.octets += packet.end - packet.start
        self.last_at = now
        self.last_timestamp = packet.timestamp

    def add_slot(self, slot: "DownSlot") -> None:
        """Forward to this slot from now on."""
        if slot.form not in self.groups:
            self.groups[slot.form] = Group()
            self.rings[slot.form] = [None] * HISTORY
        self.groups[slot.form].add(slot)
        if CodecName.RED not in slot.types:
            self.lacks_red = True

    def remove_slot(self, slot: "DownSlot") -> None:
        """Forward to it no more; idempotent."""
        group = self.groups.get(slot.form)
        if group is not None and slot in group.slots:
            group.remove(slot)
            if not group.slots:
                del self.groups[slot.form]
                self.rings.pop(slot.form, None)
        if slot in self.waiting:
            self.waiting.remove(slot)

    def request_keyframe(self, now: float) -> None:
        """Ask the publisher: the first time at once, then at most once per 500 ms."""
        if now - self.asked_at < KEYFRAME_INTERVAL_S:
            self.wants_keyframe = True
            return
        self.wants_keyframe = False
        self.asked_at = now
        if self.ask is not None:
            self.ask(self)

    def tick(self, now: float) -> None:
        """Ask again for what is still wanted; called every 50 ms or so."""
        if (self.waiting or self.wants_keyframe) and now - self.asked_at >= KEYFRAME_INTERVAL_S:
            self.request_keyframe(now)

    def holes(self, now: float, round_trip_s: float) -> list[int]:
        """Numbers to ask the publisher for now; asks for a key frame when some are given up."""
        due = self.nack.due(now, round_trip_s)
        if self.nack.given_up > self._given_up:
            self._given_up = self.nack.given_up
            if self.track.kind is not SourceKind.AUDIO and self.groups:
                self.request_keyframe(now)
        return due

    def rate(self, now: float) -> float:
        """Bit/s to plan with: measured, but not below the usual before that has settled.

        A layer taken for cheaper than it is would be shown, found too dear, and waited for 20 s.
        """
        if now - self.first_at < SETTLING_S or self.bps <= 0:
            return max(self.bps, USUAL_BPS[min(self.index, 2)])
        return self.bps

    def measure(self, elapsed_s: float) -> None:
        """Note the rate of the last `elapsed_s`: up quickly, down slowly, for pictures burst.

        Of a layer paused at the source it stays: the allocator plans with it. A key frame counts
        slowly: the one a switch has asked for must not make the layer too dear to keep.
        """
        if self.demand.is_paused and self.octets == self._octets_then:
            return
        now_bps = 8 * (self.octets - self._octets_then) / elapsed_s
        self._octets_then = self.octets
        has_key = self.last_at - self.last_key_at < elapsed_s
        weight = 0.5 if now_bps > self.bps and not has_key else 0.1
        if self.bps <= 0:
            weight = 1.0
        self.bps += weight * (now_bps - self.bps)
