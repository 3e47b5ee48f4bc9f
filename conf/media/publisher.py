"""What one participant sends up: its tracks, their simulcast layers, and which SSRC is which.

Sources are learned from the MID and RID header extensions (RFC 8843 §9.2, RFC 8852), since browsers
name no SSRC for RID simulcast; a repair source by repaired-RID or by its payload type.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from conf.media.layer import Layer
from conf.media.model import SourceKind
from conf.media.policer import VOICE, Policer
from conf.media.rtp import Packet
from conf.media.sdp import CodecName, Offer, Role, Section
from conf.media.timeline import PublisherClock

MAX_SOURCES: Final = 32  # SSRCs learned per participant; a browser needs at most 14
QUIET_AFTER_S: Final = 2.0  # a layer without packets for so long is not there

_KINDS: Final = {
    Role.AUDIO_UP: SourceKind.AUDIO,
    Role.CAMERA_UP: SourceKind.CAMERA,
    Role.SCREEN_UP: SourceKind.SCREEN,
}


CAP_BPS: Final = 100_000_000
_SCREEN_RANK: Final = 2  # behind the camera's smallest layer, before its others
_LAYER_RANKS: Final = (1, 3, 4)


def _rank(layer: Layer) -> int:
    """Who goes last when a site sends too much: voice, then these (conf.media.policer)."""
    kind = layer.track.kind
    if kind is SourceKind.AUDIO:
        return VOICE
    return _SCREEN_RANK if kind is SourceKind.SCREEN else _LAYER_RANKS[min(layer.index, 2)]


@dataclass(frozen=True, slots=True)
class Repair:
    """An RTX source: its packets are those of `layer` once unwrapped (RFC 4588)."""

    layer: Layer


class Track:
    """One up section. `layers` smallest picture first; one entry when it is no simulcast."""

    def __init__(self, owner: str, section: Section) -> None:
        self.owner = owner
        self.kind = _KINDS[section.role]
        self.mid = section.mid
        self.codecs = {codec.payload_type: codec.name for codec in section.codecs}
        self.repairs = {
            codec.rtx_payload_type: codec.payload_type
            for codec in section.codecs
            if codec.rtx_payload_type is not None
        }
        self.is_allowed = False
        self.wall_clock = PublisherClock()  # one for all tracks of a participant
        self.layers = [Layer(self, rid, i) for i, rid in enumerate(section.layers or ("",))]
        self._offered: list[bool] = []
        self._behind: set[Layer] = set()  # the others, when last looked at
        self._stopped: set[Layer] = set()

    def allow(self, *, is_allowed: bool) -> None:
        """May it be forwarded and recorded? What has come before it may never."""
        if is_allowed and not self.is_allowed:
            for layer in self.layers:
                layer.onset.begin(layer.highest)
        self.is_allowed = is_allowed

    @property
    def clock_hz(self) -> int:
        """RTP clock of the track (RFC 7587, RFC 7741)."""
        return 48_000 if self.kind is SourceKind.AUDIO else 90_000

    def layer_of(self, rid: str | None) -> Layer | None:
        """The layer a RID names; the only layer when there is no RID."""
        if rid is None:
            return self.layers[0] if len(self.layers) == 1 else None
        return next((layer for layer in self.layers if layer.rid == rid), None)

    def alive(self, now: float) -> list[Layer]:
        """Layers that arrive, smallest first."""
        return [layer for layer in self.layers if layer.is_alive(now, self.quiet_after_s)]

    def offered(self, now: float) -> list[bool]:
        """Which of its layers arrive, or would if asked for.

        One that is silent while others go on has been stopped, for want of a line perhaps: whoever
        is shown it looks at a still.
        """
        quiet = self.quiet_after_s
        return [
            (layer not in self._stopped and layer.is_alive(now, quiet))
            or layer.demand.is_coming(now)
            for layer in self.layers
        ]

    def has_new_offer(self, now: float) -> bool:
        """Have layers come or gone since the last call, a quarter of a second ago?

        Stopped is what lies behind the others twice: of a source of a picture a second all do so
        for a moment.
        """
        newest, patience = max(layer.last_at for layer in self.layers), self.quiet_after_s / 2
        behind = {layer for layer in self.layers if newest - layer.last_at >= patience}
        self._stopped, self._behind = behind & self._behind, behind
        offered = self.offered(now)
        has_changed = offered != self._offered
        self._offered = offered
        return has_changed

    @property
    def quiet_after_s(self) -> float:
        """Screens stand still and Opus DTX sends a packet per 400 ms: both get more patience."""
        return 10.0 if self.kind is SourceKind.SCREEN else QUIET_AFTER_S


class Publisher:
    """Owner: the participant's Seat. `on_packet` takes each authenticated, parsed packet."""

    def __init__(
        self, owner: str, offer: Offer, forward: Callable[[Layer, Packet, memoryview, float], None]
    ) -> None:
        self._forward = forward
        self.tracks = {
            _KINDS[section.role]: Track(owner, section)
            for section in offer.sections
            if section.role.is_up and section.direction != "inactive"
        }
        self.wall_clock = PublisherClock()
        for track in self.tracks.values():
            track.wall_clock = self.wall_clock
        self._by_mid = {track.mid: track for track in self.tracks.values()}
        self._sources: dict[int, Layer | Repair] = {}
        self.unknown_packets = 0
        self._policer = Policer(CAP_BPS, len(_LAYER_RANKS) + 2)
        self._screen_policer = Policer(CAP_BPS, 2)
        self._up_bps = CAP_BPS
        self._is_policed = False  # nobody who stays below pays for it per packet
        self.recorded: dict[Layer, Callable[[Packet, memoryview], None]] = {}  # conf.media.tap
        for section in offer.sections:
            if section.role.is_up and not section.layers and section.mid in self._by_mid:
                self._learn_named(self._by_mid[section.mid], section)

    def _learn_named(self, track: Track, section: Section) -> None:
        for ssrc, rtx in section.ssrcs[:1]:
            self._sources[ssrc] = track.layers[0]
            track.layers[0].ssrc = ssrc
            if rtx is not None:
                self._sources[rtx] = Repair(track.layers[0])

    def on_packet(self, packet: Packet, memory: memoryview, now: float) -> None:
        """Find the layer and forward; packets of nobody's source are counted and dropped."""
        source = self._sources.get(packet.ssrc) or self._learn(packet)
        if source is None:
            self.unknown_packets += 1
        elif isinstance(source, Layer):
            if self._is_policed and not self._admits(source, packet, now):
                return
            self._forward(source, packet, memory, now)
            if self.recorded:
                self._record(source, packet, memory)
        else:
            layer = source.layer
            media = layer.track.repairs.get(packet.payload_type)
            if self._is_policed and not self._admits(layer, packet, now):
                return
            if media is not None and packet.read_rtx(memory, media, layer.ssrc):
                self._forward(layer, packet, memory, now)
                if self.recorded:
                    self._record(layer, packet, memory)

    def police(self, up_bps: int, screen_bps: int, *, is_capped: bool) -> None:
        """Hold what it sends to these ceilings. `is_capped`: ordered, not everybody's limit."""
        self._up_bps = up_bps
        self._policer.set_ceiling(up_bps)
        self._screen_policer.set_ceiling(screen_bps)
        self._is_policed = self._is_policed or is_capped

    def _admits(self, layer: Layer, packet: Packet, now: float) -> bool:
        size, now_us = packet.end - packet.start, int(now * 1e6)
        is_screen = layer.track.kind is SourceKind.SCREEN
        if self._policer.admits(_rank(layer), size, now_us) and (
            not is_screen or self._screen_policer.admits(1, size, now_us)
        ):
            return True
        layer.last_at = -1e9  # not there for anybody, from now on
        return False

    def is_let_through(self, layer: Layer) -> bool:
        """Is it within the ceilings?"""
        if layer.track.kind is SourceKind.SCREEN and self._screen_policer.open_rank < 1:
            return False
        return _rank(layer) <= self._policer.open_rank

    @property
    def has_sources(self) -> bool:
        """May anything have come of it? Of most sites of a lecture nothing ever does."""
        return bool(self._sources)

    def newly_offered(self, now: float) -> list[Track]:
        """The pictures of which layers have come or gone: who is shown them chooses anew."""
        pictures = (t for kind, t in self.tracks.items() if kind is not SourceKind.AUDIO)
        return [track for track in pictures if track.has_new_offer(now)]

    def newly_wanted(self, now: float) -> tuple[str, ...] | None:
        """The camera's layers its page is to send, when that has changed; else None."""
        track = self.tracks.get(SourceKind.CAMERA)
        if track is None or len(track.layers) < 2:
            return None
        lowest, *others = track.layers
        if not lowest.is_alive(now, QUIET_AFTER_S):
            return None
        has_changed, is_needed = False, False
        for layer in reversed(others):
            is_needed = is_needed or layer.is_used or layer in self.recorded
            has_changed |= layer.demand.look(
                now,
                is_needed=is_needed,
                may_pass=self.is_let_through(layer),
                is_alive=layer.is_alive(now, QUIET_AFTER_S),
            )
        if not has_changed:
            return None
        return (lowest.rid, *(layer.rid for layer in others if layer.demand.is_on))

    def _record(self, layer: Layer, packet: Packet, memory: memoryview) -> None:
        """What the forwarder may not forward is not recorded either."""
        record, codec = self.recorded.get(layer), layer.track.codecs.get(packet.payload_type)
        if record is None or codec is None or not layer.track.is_allowed:
            return
        ext = layer.extend(packet.sequence)
        if ext > layer.onset.until or layer.onset.admits(ext, packet, memory, codec):
            record(packet, memory)

    def _learn(self, packet: Packet) -> Layer | Repair | None:
        track = self._by_mid.get(packet.mid or "")
        if track is None or len(self._sources) >= MAX_SOURCES:
            return None
        if packet.payload_type in track.repairs:
            layer = track.layer_of(packet.repaired_rid)
            learned: Layer | Repair | None = Repair(layer) if layer else None
        else:
            layer = track.layer_of(packet.rid)
            learned = layer
            if layer is not None:
                layer.restart(packet.ssrc)
        if learned is not None:
            self._sources[packet.ssrc] = learned
        return learned

    def close(self) -> None:
        """Nothing of it is looked at again: cut its circles, so that it is freed at once.

        Python would look for them after hundreds of sites only, each of 300 kB: at twenty sites it
        kept 45 MB of such as had left.
        """
        for track in self.tracks.values():
            for layer in track.layers:
                layer.ask = None
            track.layers.clear()

    def adopt(self, ssrc: int) -> None:
        """The camera of a plain seat has begun anew under this SSRC (conf.media.plain)."""
        layer = self.tracks[SourceKind.CAMERA].layers[0]
        self._sources = {ssrc: layer}
        layer.restart(ssrc)

    def layer_by_ssrc(self, ssrc: int) -> Layer | None:
        """The layer whose media SSRC this is (sender reports)."""
        source = self._sources.get(ssrc)
        return source if isinstance(source, Layer) else None

    def tick(self, now: float) -> None:
        """Ask again for key frames still wanted."""
        for track in self.tracks.values():
            for layer in track.layers:
                layer.tick(now)

    def measure(self, elapsed_s: float) -> None:
        """Update the rates of all layers."""
        if not self._sources:
            return
        for track in self.tracks.values():
            for layer in track.layers:
                layer.measure(elapsed_s)
        if self._is_policed:
            self._policer.each_second()
            self._screen_policer.each_second()
        else:
            layers = [layer for track in self.tracks.values() for layer in track.layers]
            self._is_policed = sum(layer.bps for layer in layers) > self._up_bps

    def codec(self, track: Track, payload_type: int) -> CodecName | None:
        """Which codec a payload type is in that track."""
        return track.codecs.get(payload_type)
