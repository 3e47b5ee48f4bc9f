"""One encoding as it arrives: numbering, history, rates, key-frame requests; and who gets it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from conf.media.picture import Picture
from conf.media.rtcp import ReportBlock, middle
from conf.media.rtp import HeaderForm, Packet
from conf.media.sdp import CodecName

if TYPE_CHECKING:
    from conf.media.downslot import DownSlot
    from conf.media.publisher import Track

HISTORY: Final = 512  # packets kept per layer and per slot; 1.5 s of a 2.5 Mbit/s picture
KEYFRAME_INTERVAL_S: Final = 0.5


class Sent:
    """One packet in one header form, shared by every slot it went to. Never changed once made.

    `template`: the whole plain packet; `header`: bytes before its payload; `word`: for the stamp.
    """

    __slots__ = (
        "codec",
        "ext",
        "form",
        "header",
        "marker",
        "picture",
        "template",
        "timestamp",
        "word",
    )

    def __init__(
        self,
        ext: int,
        timestamp: int,
        marker: int,
        codec: CodecName,
        template: bytes,
        header: int,
        word: int,
        form: HeaderForm,
        picture: Picture | None,
    ) -> None:
        self.ext = ext
        self.timestamp = timestamp
        self.marker = marker
        self.codec = codec
        self.template = template
        self.header = header
        self.word = word
        self.form = form
        self.picture = picture


class Layer:
    """Owner: its Track. `slots` and `waiting` are changed by the room only."""

    def __init__(self, track: "Track", rid: str, index: int) -> None:
        self.track = track
        self.rid = rid
        self.index = index
        self.ssrc = 0
        self.groups: dict[HeaderForm, list[DownSlot]] = {}
        self.waiting: list[DownSlot] = []
        self.seen = [-1] * HISTORY  # extended numbers that came, by their low bits
        self.highest = -1  # extended sequence number of the newest packet
        self.lowest = -1
        self.packets = 0
        self.octets = 0
        self.last_at = -1e9
        self.first_at = -1e9
        self.last_timestamp = 0
        self.last_key_at = -1e9
        self.asked_at = -1e9
        self.wants_keyframe = False
        self.bps = 0.0
        self._octets_then = 0
        self._reported = (0, 0)
        self.report: tuple[int, int, float] | None = None  # SR: NTP, RTP, arrival
        self.ask: Callable[[Layer], None] | None = None

    def restart(self, ssrc: int) -> None:
        """A new SSRC: numbering begins anew; slots must wait for a key frame again."""
        self.ssrc = ssrc
        self.highest = self.lowest = -1
        self.report = None
        self.packets, self._reported = 0, (0, 0)
        self.seen = [-1] * HISTORY
        for slots in list(self.groups.values()):
            for slot in list(slots):
                slot.want(self)

    def is_alive(self, now: float, quiet_after_s: float) -> bool:
        """Have packets come lately?"""
        return now - self.last_at < quiet_after_s

    def extend(self, sequence: int) -> int:
        """The extended number of a 16-bit one, nearest to the newest (RFC 3550 A.1).

        Starts at 65536 so that a packet older than the first one stays positive.
        """
        if self.highest < 0:
            self.highest = 65536 + sequence
            return self.highest
        delta = (sequence - self.highest) & 0xFFFF
        if delta < 0x8000:
            self.highest += delta
            return self.highest
        return self.highest + delta - 0x10000

    def arrived(self, ext: int, packet: Packet, now: float) -> None:
        """Account for a packet that is no duplicate."""
        self.seen[ext & (HISTORY - 1)] = ext
        if self.lowest < 0:
            self.lowest = ext
            self.first_at = now
        self.packets += 1
        self.octets += packet.end - packet.start
        self.last_at = now
        self.last_timestamp = packet.timestamp

    def add_slot(self, slot: "DownSlot") -> None:
        """Forward to this slot from now on."""
        self.groups.setdefault(slot.form, []).append(slot)

    def remove_slot(self, slot: "DownSlot") -> None:
        """Forward to it no more; idempotent."""
        slots = self.groups.get(slot.form)
        if slots is not None and slot in slots:
            slots.remove(slot)
            if not slots:
                del self.groups[slot.form]
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

    def report_block(self, now: float) -> ReportBlock:
        """How this layer arrives, for the publisher's receiver report (RFC 3550 A.3)."""
        expected = self.highest - self.lowest + 1
        expected_then, packets_then = self._reported
        asked, came = expected - expected_then, self.packets - packets_then
        self._reported = (expected, self.packets)
        missing = max(0, asked - came)
        last_sr, delay = 0, 0
        if self.report is not None:
            last_sr = middle(self.report[0])
            delay = round((now - self.report[2]) * 65536)
        return ReportBlock(
            ssrc=self.ssrc,
            fraction_lost=min(255, missing * 256 // asked) if asked > 0 else 0,
            lost=expected - self.packets,
            highest_sequence=(self.highest - 65536) & 0xFFFFFFFF,
            jitter=0,
            last_sr=last_sr,
            delay_since_sr=delay,
        )

    def measure(self, elapsed_s: float) -> None:
        """Update the bit rate from what came in the last `elapsed_s`."""
        self.bps = 8 * (self.octets - self._octets_then) / elapsed_s
        self._octets_then = self.octets
