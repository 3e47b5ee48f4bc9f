"""One down section of one participant: a stream that never breaks while its source changes.

The browser sees one SSRC with consecutive numbers and steady timestamps for the whole meeting;
switching the source or the layer is a change of three offsets on a key frame.
"""

import random
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from conf.media import rtcp
from conf.media.answer import DownStream
from conf.media.layer import HISTORY, Layer, Sent
from conf.media.model import Darkness, Slot, SlotKind, SourceKind
from conf.media.rows import CODECS, Row, new_slot
from conf.media.rtp import HeaderForm
from conf.media.sdp import CodecName, Role, Section
from conf.media.srtp import OK, protect
from conf.media.thinner import Thinner
from conf.media.timeline import layer_shift
from conf.media.voices import VoiceRing

if TYPE_CHECKING:
    from conf.media.outbox import Outbox
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
Numbers = tuple[float, ...]
"""How far a slot has come: the fields of its row that `note_sent` moves."""
_MOVING: Final = (
    "last", "last_ts", "last_at", "last_codec", "last_picture", "last_tl0", "packets", "octets",
    "payload_octets",
)  # fmt: skip
MAX_SEGMENTS: Final = 64  # a thinned slot begins one per packet left out


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

    `layer`: what feeds it now; `wanted`: what shall feed it from the next key frame on. `row`: the
    numbers in force and what has left, as the loop reads and writes them (see rows.h).
    """

    __slots__ = (
        "_shaper",
        "clock_hz",
        "form",
        "generation",
        "held",
        "kind",
        "layer",
        "loss",
        "mid",
        "reason",
        "repaired",
        "row",
        "rtx_number",
        "rtx_ssrc",
        "rtx_types",
        "segments",
        "session",
        "skipped_picture",
        "ssrc",
        "suspected",
        "switches",
        "thinner",
        "track",
        "types",
        "voices",
        "wanted",
    )

    def __init__(self, session: "Session", section: Section, stream: DownStream) -> None:
        self.session = session
        self.mid = section.mid
        self.kind = KIND_OF[section.role]
        self.ssrc = stream.ssrc
        self.rtx_ssrc = stream.rtx_ssrc
        self.form = HeaderForm.of(section.extensions)
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
        self.row = new_slot(session.row, stream.ssrc, self.types)
        self.row.last = 65536 + random.randrange(1, 1 << 15)  # libsrtp needs room before a wrap
        self.row.last_ts = random.randrange(1 << 32)
        self.segments: list[Segment] = []
        self._shaper: Shaper | VoiceGuard | None = None
        self.thinner = Thinner()
        self.skipped_picture = -1  # the last picture id left out
        self.generation = 0  # counts `take_back`: packets held from before it are not sent
        self.held: deque[Numbers] = deque()  # how they stood before each packet that is held
        self.rtx_number = random.randrange(1 << 15)
        self.voices: VoiceRing | None = None  # of an audio slot that has been used
        self.repaired = 0
        self.loss = 0.0
        self.switches = 0
        self.reason: Darkness | None = None  # why it shows nothing, as its page was told
        self.suspected: Darkness | None = None

    @property
    def shaper(self) -> "Shaper | VoiceGuard | None":
        """What sends in place of the forwarding loop, if anything does."""
        return self._shaper

    @shaper.setter
    def shaper(self, shaper: "Shaper | VoiceGuard | None") -> None:
        self._shaper = shaper
        self.row.is_shaped = shaper is not None

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

    def write(
        self,
        outbox: "Outbox",
        place: int,
        sent: Sent,
        payload_type: int,
        offsets: "Segment | Row",
        sent_us: int,
        template: bytes | None = None,
    ) -> bool:
        """Put a copy of `sent`, moved by `offsets`, into that place of the batch, and protect it.

        `sent_us`: when it leaves; `template`: to write in place of its own. False: refused.
        """
        tx, session, form = outbox.port.tx, self.session, sent.form
        memory, base = tx.memory, tx.bases[place]
        template = template or sent.template
        size, kind = len(template), sent.marker | payload_type
        memory[base : base + size] = template
        number = (sent.ext + offsets.offset) & 0xFFFF
        timestamp = (sent.timestamp + offsets.ts_offset) & _M32
        transport = session.history.add(sent_us, size) if form.has_transport else 0
        form.stamp(memory, base, kind, number, timestamp, self.ssrc, transport)
        if sent.picture is not None:
            payload = base + sent.header
            sent.picture.renumber(memory, payload, offsets.picture_offset, offsets.tl0_offset)
        tx.lengths[2 * place + 1] = size
        if protect(session.context, tx.pointers[place], tx.sizes[place]) != OK:
            outbox.failed += 1
            return False
        if self.voices is not None:
            self.voices.keep(memory[base : base + tx.lengths[2 * place + 1]])
        return True

    def note_sent(
        self,
        newest: Sent,
        offsets: "Segment | Row",
        packets: int,
        octets: int,
        now: float,
        numbered: Sent | None = None,
    ) -> None:
        """Packets up to `newest` have left, moved by `offsets` (the row, or older ones).

        `numbered`: the newest of them that has picture numbers, if that is another one.
        """
        row, last = self.row, self.row.last
        if newest.ext + offsets.offset > last:
            row.last = newest.ext + offsets.offset
            row.last_ts = (newest.timestamp + offsets.ts_offset) & _M32
            row.last_at = now
            row.last_codec = CODECS[newest.codec]
            numbered = numbered or newest
            is_late = numbered.ext + offsets.offset <= last  # a newer picture has left
            picture = None if is_late else numbered.picture
            if picture is not None and picture.picture_at >= 0:
                row.last_picture = picture.picture + offsets.picture_offset
            if picture is not None and picture.tl0_at >= 0:
                row.last_tl0 = picture.tl0 + offsets.tl0_offset
        row.packets += packets
        row.octets += octets
        row.payload_octets += octets - packets * newest.header

    def hold(self) -> None:
        """The packet noted next is held back (conf.media.shaper), and perhaps never sent."""
        row = self.row
        self.held.append(tuple(getattr(row, name) for name in _MOVING))

    @property
    def newest_out(self) -> int:
        """The highest number under which something has left, not counting what is held."""
        return int(self.held[0][0]) if self.held else self.row.last

    def rtx_type(self, codec: CodecName) -> int | None:
        """The payload type under which packets of `codec` are sent again; None: not offered."""
        return self.rtx_types.get(self.types.get(codec, -1))

    def take_back(self) -> None:
        """What is held is not sent, and its numbers are the next source's: none is left out."""
        self.generation += 1
        if self.held:
            for name, value in zip(_MOVING, self.held[0], strict=True):
                setattr(self.row, name, value)
            self.held.clear()

    def find(self, number: int) -> tuple[Sent, Segment] | None:
        """What was sent under the 16-bit `number` lately, with the offsets then in force."""
        last: int = self.row.last
        out = last - ((last - number) & 0xFFFF)
        segment = next((s for s in reversed(self.segments) if s.first <= out), None)
        if segment is None:
            return None
        sent = segment.ring[(out - segment.offset) & (HISTORY - 1)]
        if sent is None or sent.ext != out - segment.offset:
            return None
        return sent, segment

    def voice(self, number: int) -> bytes | None:
        """The ciphertext sent under `number`, or None when it is too old."""
        return self.voices.find(number) if self.voices is not None else None

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
        row = self.row
        timestamp = (source + row.ts_offset) & _M32
        return rtcp.SenderReport(self.ssrc, now_ntp, timestamp, row.packets, row.payload_octets)

    def detach(self) -> None:
        """Stop at once; also no repair of what was sent before (it may be muted now)."""
        for layer in (self.layer, self.wanted):
            if layer is not None:
                layer.remove_slot(self)
        self.layer = self.wanted = None
        self.take_back()
        self.segments.clear()
        if self.voices is not None:
            self.voices.clear()

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
        shift = layer_shift(old.anchor, layer.anchor, self.clock_hz)
        return (int(self.row.ts_offset) + shift) & _M32

    def settle(self) -> None:
        """No switch is wanted after all: the present layer stays."""
        if self.wanted is not None and self in self.wanted.waiting:
            self.wanted.waiting.remove(self)
        self.wanted = None

    def switch(
        self, layer: Layer, ext: int, timestamp: int, picture: tuple[int, int] | None, now: float
    ) -> None:
        """Begin `layer` with the packet numbered `ext`. `picture`: its PictureID and TL0PICIDX."""
        row, shifted = self.row, self._shifted_offset(layer)
        if self.layer is not None:
            self.layer.remove_slot(self)
        self.settle()
        self.layer = layer
        row.from_ext = ext
        row.offset = row.last + 1 - ext
        elapsed = max(now - row.last_at, 0.02) if row.last_at >= 0 else 0.0
        target = row.last_ts + round(min(elapsed, 3600.0) * self.clock_hz)
        row.ts_offset = (target - timestamp) & _M32
        if shifted is not None:
            drift = _signed(timestamp + shifted - target)
            if -self.clock_hz // 2 < drift < self.clock_hz // 2 and (
                _signed(timestamp + shifted - row.last_ts) > 0
            ):
                row.ts_offset = shifted
        if picture is not None:
            row.picture_offset = (row.last_picture + 1 - picture[0]) & 0x7FFF
            row.tl0_offset = (row.last_tl0 + 1 - picture[1]) & 0xFF
        if self.kind is SlotKind.AUDIO and self.voices is None:
            self.voices = VoiceRing()
            row.voices = self.voices.row
        self.switches += 1
        self.thinner.restart()
        layer.add_slot(self)
        self.begin_segment(ext)

    def begin_segment(self, ext: int) -> None:
        """The offsets have changed: they hold from incoming number `ext` on."""
        if self.layer is None:
            return
        row = self.row
        first = ext + row.offset
        if self.segments and self.segments[-1].first == first:
            del self.segments[-1]  # nothing has left under it, nor can any more
        self.segments.append(
            Segment(
                first,
                ext,
                row.offset,
                self.layer.rings[self.form],
                row.ts_offset,
                row.picture_offset,
                row.tl0_offset,
            )
        )
        del self.segments[:-MAX_SEGMENTS]

    def segment_of(self, ext: int) -> Segment | None:
        """The offsets for incoming number `ext` of the present layer."""
        return next((s for s in reversed(self.segments) if s.from_ext <= ext), None)
