"""One down section of one participant: a stream that never breaks while its source changes.

The browser sees one SSRC with consecutive numbers and steady timestamps for the whole meeting;
switching the source or the layer is a change of three offsets on a key frame.
"""

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from conf.media import rtcp
from conf.media.answer import DownStream
from conf.media.layer import HISTORY, Layer, Sent
from conf.media.model import Darkness, Slot, SlotKind, SourceKind
from conf.media.rtp import HeaderForm
from conf.media.sdp import Role, Section
from conf.media.thinner import Thinner
from conf.media.timeline import layer_shift

if TYPE_CHECKING:
    from conf.media.publisher import Track
    from conf.media.session import Session
    from conf.media.shaper import Shaper
    from conf.media.voiceguard import VoiceGuard

KIND_OF: Final = {
    Role.AUDIO_DOWN: SlotKind.AUDIO,
    Role.MAIN_DOWN: SlotKind.MAIN,
    Role.SHARE_DOWN: SlotKind.SHARE,
    Role.THUMBNAIL_DOWN: SlotKind.THUMBNAIL,
}
_M32: Final = 0xFFFFFFFF
MAX_SEGMENTS: Final = 64  # a thinned slot begins one per packet left out
VOICES: Final = 128  # ciphertexts kept per audio slot: 2.5 s


def _signed(difference: int) -> int:
    return ((difference + 0x80000000) & _M32) - 0x80000000


@dataclass(frozen=True, slots=True)
class Segment:
    """Offsets in force from out number `first` on; repair of older packets needs the older ones.

    `ring`: the source's packets by extended number, which is the out number less `offset`.
    """

    first: int
    from_ext: int  # the incoming number `first` stands for
    offset: int
    ring: list[Sent | None]
    ts_offset: int
    picture_offset: int
    tl0_offset: int


class DownSlot:
    """Owner: the Subscriber; the forwarding loop reads and advances it.

    `layer`: what feeds it now; `wanted`: what shall feed it from the next key frame on.
    """

    # So many are read per packet and subscriber that a dictionary between would cost.
    __slots__ = (
        "ciphertexts",
        "clock_hz",
        "form",
        "from_ext",
        "generation",
        "kind",
        "last",
        "last_at",
        "last_picture",
        "last_tl0",
        "last_ts",
        "layer",
        "loss",
        "mid",
        "newest",
        "octets",
        "offset",
        "packets",
        "picture_offset",
        "reason",
        "repaired",
        "rtx_number",
        "rtx_ssrc",
        "rtx_types",
        "segments",
        "session",
        "shaper",
        "skipped_picture",
        "ssrc",
        "suspected",
        "switches",
        "thinner",
        "tl0_offset",
        "track",
        "ts_offset",
        "types",
        "wanted",
    )

    def __init__(self, session: "Session", section: Section, stream: DownStream) -> None:
        self.session = session
        self.mid = section.mid
        self.kind = KIND_OF[section.role]
        self.ssrc = stream.ssrc
        self.rtx_ssrc = stream.rtx_ssrc
        self.form = HeaderForm(section.extensions)
        self.types = {codec.name: codec.payload_type for codec in section.codecs}
        self.rtx_types = {
            codec.payload_type: codec.rtx_payload_type
            for codec in section.codecs
            if codec.rtx_payload_type is not None
        }
        self.clock_hz = 48_000 if self.kind is SlotKind.AUDIO else 90_000
        self.track: Track | None = None
        self.layer: Layer | None = None
        self.wanted: Layer | None = None
        self.offset = 0  # out number = incoming extended number + offset
        self.from_ext = 0  # older incoming packets belong to before the switch
        self.ts_offset = 0
        self.last = 65536 + random.randrange(1, 1 << 15)  # libsrtp needs room before a wrap
        self.last_ts = random.randrange(1 << 32)
        self.last_at = -1.0
        self.picture_offset = 0
        self.tl0_offset = 0
        self.last_picture = 0  # as last sent, noted when a source is left
        self.last_tl0 = 0
        self.newest: Sent | None = None  # what went out under `last`
        self.segments: list[Segment] = []
        self.shaper: Shaper | VoiceGuard | None = None  # sends in place of the forwarding loop
        self.thinner = Thinner()
        self.skipped_picture = -1  # the last picture id left out
        self.generation = 0  # counts `detach`: packets held from before it are not sent
        self.rtx_number = random.randrange(1 << 15)
        # Opus has no RTX in browsers; a lost packet is repeated as the very bytes first sent.
        # By the low bits of the number, which the bytes name themselves; None where RTX does it.
        self.ciphertexts: list[bytes | None] | None = (
            [None] * VOICES if self.kind is SlotKind.AUDIO else None
        )
        self.packets = 0
        self.octets = 0
        self.repaired = 0
        self.loss = 0.0
        self.switches = 0
        self.reason: Darkness | None = None  # why it shows nothing, as its page was told
        self.suspected: Darkness | None = None

    @property
    def fills(self) -> tuple[str, SourceKind] | None:
        """The source assigned to this slot."""
        return (self.track.owner, self.track.kind) if self.track else None

    def describe(self) -> Slot:
        """As told to the browser."""
        owner, source = self.fills or (None, None)
        return Slot(self.mid, self.kind, owner, source, self.reason)

    def assign(self, track: "Track | None") -> None:
        """Give the slot to another track or to none: nothing of the old one leaves any more."""
        if track is self.track:
            return
        self.detach()
        self.track = track
        self.reason = self.suspected = None

    def note_sent(self, newest: Sent, out: int, packets: int, octets: int, now: float) -> None:
        """Packets up to `newest` have left, that one under number `out`."""
        if out > self.last:
            self.last = out
            self.last_ts = (newest.timestamp + self.ts_offset) & _M32
            self.last_at = now
            self.newest = newest
        self.packets += packets
        self.octets += octets

    def find(self, number: int) -> tuple[Sent, Segment] | None:
        """What was sent under the 16-bit `number` lately, with the offsets then in force."""
        out = self.last - ((self.last - number) & 0xFFFF)
        segment = next((s for s in reversed(self.segments) if s.first <= out), None)
        if segment is None:
            return None
        sent = segment.ring[(out - segment.offset) & (HISTORY - 1)]
        if sent is None or sent.ext != out - segment.offset:
            return None
        return sent, segment

    def voice(self, number: int) -> bytes | None:
        """The ciphertext sent under `number`, or None when it is too old."""
        kept = self.ciphertexts[number & (VOICES - 1)] if self.ciphertexts is not None else None
        if kept is None or (kept[2] << 8 | kept[3]) != number:
            return None
        return kept

    def tell_time(self, now_ntp: int) -> None:
        """Send a report, if the source has reported: of the same moment in the slot's own time."""
        report = self.report(now_ntp)
        if report is not None:
            self.session.send_rtcp(rtcp.build([report, rtcp.described(self.ssrc)]))

    def report(self, now_ntp: int) -> rtcp.SenderReport | None:
        """Which of the slot's timestamps belongs to our wall time `now_ntp`.

        Counted on from the source's last report: voice and picture of a site, which report at
        different times, stay in step across any switch. None before its first report.
        """
        layer = self.layer
        if layer is None or layer.anchor is None:
            return None
        source = layer.track.wall_clock.timestamp_at(layer.anchor, now_ntp, self.clock_hz)
        timestamp = (source + self.ts_offset) & _M32
        header = self.newest.header if self.newest is not None else 0  # RFC 3550 counts payload
        octets = max(0, self.octets - self.packets * header)
        return rtcp.SenderReport(self.ssrc, now_ntp, timestamp, self.packets, octets)

    def detach(self) -> None:
        """Stop at once; also no repair of what was sent before (it may be muted now)."""
        for layer in (self.layer, self.wanted):
            if layer is not None:
                layer.remove_slot(self)
        self.layer = self.wanted = None
        self.generation += 1
        self._note_picture()
        self.segments.clear()
        if self.ciphertexts is not None:
            self.ciphertexts = [None] * VOICES

    def want(self, layer: Layer) -> None:
        """Switch to `layer` at its next key frame; until then the present one goes on."""
        if self.wanted is not layer:
            self.settle()
        self.wanted = layer
        if self not in layer.waiting:
            layer.waiting.append(self)

    def show(self, layer: Layer | None, now: float) -> None:
        """Show `layer` of the track as soon as a key frame allows; None: nothing fits the link."""
        if layer is None:
            for feeding in (self.layer, self.wanted):
                if feeding is not None:
                    feeding.remove_slot(self)
            self.layer = self.wanted = None
        elif layer is self.layer:
            self.settle()
        elif layer is not self.wanted:
            self.want(layer)
            if self.kind is not SlotKind.AUDIO:
                layer.request_keyframe(now)

    def begin_anew(self, layer: Layer) -> None:
        """Its numbers mean others now: nothing of `layer` fits the old offsets until a switch."""
        layer.remove_slot(self)
        self.layer = None
        self.want(layer)

    def _shifted_offset(self, layer: Layer) -> int | None:
        """The timestamp offset by sender reports, when `layer` belongs to the same camera."""
        old = self.layer
        if old is None or old.track is not layer.track or not old.anchor or not layer.anchor:
            return None
        return (self.ts_offset + layer_shift(old.anchor, layer.anchor, self.clock_hz)) & _M32

    def settle(self) -> None:
        """No switch is wanted after all: the present layer stays."""
        if self.wanted is not None and self in self.wanted.waiting:
            self.wanted.waiting.remove(self)
        self.wanted = None

    def switch(
        self, layer: Layer, ext: int, timestamp: int, picture: tuple[int, int] | None, now: float
    ) -> None:
        """Begin `layer` with the packet numbered `ext`. `picture`: its PictureID and TL0PICIDX."""
        shifted = self._shifted_offset(layer)
        if self.layer is not None:
            self.layer.remove_slot(self)
        self.settle()
        self.layer = layer
        self.from_ext = ext
        self.offset = self.last + 1 - ext
        elapsed = max(now - self.last_at, 0.02) if self.last_at >= 0 else 0.0
        target = self.last_ts + round(min(elapsed, 3600.0) * self.clock_hz)
        self.ts_offset = (target - timestamp) & _M32
        if shifted is not None:
            drift = _signed(timestamp + shifted - target)
            if -self.clock_hz // 2 < drift < self.clock_hz // 2 and (
                _signed(timestamp + shifted - self.last_ts) > 0
            ):
                self.ts_offset = shifted
        self._note_picture()
        if picture is not None:
            self.picture_offset = self.last_picture + 1 - picture[0]
            self.tl0_offset = self.last_tl0 + 1 - picture[1]
        self.switches += 1
        self.thinner.restart()
        layer.add_slot(self)
        self.begin_segment(ext)

    def _note_picture(self) -> None:
        """The picture numbers `newest` left under: pictures left out since have moved the offsets.

        A source without numbers (H.264) leaves those of the one before it.
        """
        picture = self.newest.picture if self.newest is not None else None
        segment = next((s for s in reversed(self.segments) if s.first <= self.last), None)
        if picture is not None and picture.has_numbers and segment is not None:
            self.last_picture = picture.picture + segment.picture_offset
            self.last_tl0 = picture.tl0 + segment.tl0_offset

    def begin_segment(self, ext: int) -> None:
        """The offsets have changed: they hold from incoming number `ext` on."""
        if self.layer is None:
            return
        first = ext + self.offset
        if self.segments and self.segments[-1].first == first:
            del self.segments[-1]  # nothing has left under it, nor can any more
        self.segments.append(
            Segment(
                first,
                ext,
                self.offset,
                self.layer.rings[self.form],
                self.ts_offset,
                self.picture_offset,
                self.tl0_offset,
            )
        )
        del self.segments[:-MAX_SEGMENTS]

    def segment_of(self, ext: int) -> Segment | None:
        """The offsets for incoming number `ext` of the present layer."""
        return next((s for s in reversed(self.segments) if s.from_ext <= ext), None)
