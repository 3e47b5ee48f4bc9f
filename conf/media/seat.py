"""One participant in a room: joins its session, its publisher and its subscriber; owns none else.

Deliberately thin: transport is in `session`, what it sends in `publisher`, what it gets in
`subscriber`, who gets what in `room`.
"""

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from conf.media import rtcp
from conf.media.answer import DownStream
from conf.media.budget import DownBudget
from conf.media.errors import DecodeError
from conf.media.layer import Layer
from conf.media.model import Quality, SourceKind
from conf.media.publisher import Publisher
from conf.media.rtp import Packet, extension_table
from conf.media.sdp import Offer
from conf.media.session import Session
from conf.media.subscriber import Subscriber
from conf.media.timeline import Anchor
from conf.media.twcc import FeedbackBuilder, Told

if TYPE_CHECKING:
    from conf.media.room import Room
    from conf.media.worker import Worker

MAX_PARTS: Final = 40  # of one compound packet, 24 bytes each on average


class Seat:
    """Owner: its Room. Implements `session.PacketSink`."""

    def __init__(
        self,
        worker: "Worker",
        room: "Room",
        participant_id: str,
        offer: Offer,
        streams: Mapping[str, DownStream],
        now: float,
    ) -> None:
        self._worker = worker
        self.room = room
        self.participant_id = participant_id
        self.offer = offer
        self.streams = streams
        self.session = Session(
            worker.certificates.current(), offer.fingerprints, worker.port.send, self, now
        )
        self.publisher = Publisher(participant_id, offer, worker.forwarder.on_packet)
        for track in self.publisher.tracks.values():
            for layer in track.layers:
                layer.ask = self._ask_keyframe
        self.subscriber = Subscriber(self.session, offer, streams, worker.outbox)
        self.budget = DownBudget(
            self.session, self.subscriber.slots, worker.outbox, worker.settings
        )
        self.feedback = FeedbackBuilder()
        self.sender_ssrc = secrets.randbits(32)
        self.revision = 0
        self.version = 1  # of our answer
        self.published: frozenset[SourceKind] = frozenset()
        self.measured_at = now
        self.is_connected = False
        self._table = extension_table(offer.extensions)
        self._packet = Packet()
        self.max_up_bps = self.max_down_bps = 0  # until the first `limit`
        self._has_arrivals = False  # since the last feedback
        self.up_loss = 0.0  # the worst layer's, over the last second
        self.quality = Quality.GOOD
        self.malformed = 0
        self.limit()

    # -- PacketSink -----------------------------------------------------------------------------

    def on_rtp(self, memory: memoryview, base: int, size: int, now: float) -> None:
        """Parse, note the arrival for transport feedback, pass on."""
        packet = self._packet
        try:
            packet.read(memory, base, base + size, self._table)
        except DecodeError:
            self.malformed += 1
            return
        if packet.transport_sequence >= 0:
            self.feedback.add(packet.transport_sequence, int(now * 1e6))
            if not self._has_arrivals:
                self._has_arrivals = True
                self._worker.arrived.add(self)
        self.publisher.on_packet(packet, memory, now)

    def on_rtcp(
        self, memory: memoryview, base: int, size: int, now: float, waited_s: float
    ) -> None:
        """Act on each report of a compound packet."""
        body = rtcp.lone_feedback(memory, base, size)  # sixteen a second from every subscriber
        if body is not None:
            if self.budget.on_feedback(memory, *body, now):
                self.choose_layers(now)  # down at once
            return
        try:
            reports = rtcp.parse(memory[base : base + size])
        except DecodeError:
            self.malformed += 1
            return
        for report in reports:
            self._on_report(report, now, waited_s)

    def on_told(self, told: Told, now: float) -> None:
        """The same of transport feedback, settled already."""
        if self.budget.on_told(told, now):
            self.choose_layers(now)

    def on_connected(self) -> None:
        """DTLS is up."""
        self.is_connected = True
        self.room.on_connected(self, self._worker.clock())

    def on_lost(self, reason: str) -> None:
        """The browser closed, fell silent, or failed its handshake: not one packet more goes there.

        Its slots leave their layers, so that they begin with a key frame should it come back.
        """
        self.is_connected = False
        self.session.pause()
        self.budget.restart()
        self.subscriber.guard.repeat(0)
        for slot in self.subscriber.slots:
            slot.show(None, self._worker.clock())
        self.room.on_lost(self, reason)

    # -- RTCP -----------------------------------------------------------------------------------

    def _on_report(self, report: rtcp.Report, now: float, waited_s: float) -> None:
        match report:
            case rtcp.SenderReport():
                self._on_sender_report(report, now, waited_s)
                self._on_blocks(report.blocks, waited_s)
            case rtcp.ReceiverReport():
                self._on_blocks(report.blocks, waited_s)
            case rtcp.Nack():
                self.subscriber.on_nack(report, now)
            case rtcp.Pli():
                self._want_keyframe(report.media, now)
            case rtcp.Fir():
                for ssrc, _ in report.requests:
                    self._want_keyframe(ssrc, now)
            case rtcp.Remb():
                if self.budget.on_remb(report.bitrate_bps):
                    self.choose_layers(now)
            case rtcp.TransportFeedback():
                if self.budget.on_feedback(report.body, 0, len(report.body), now):
                    self.choose_layers(now)  # down at once
            case _:
                pass

    def _on_blocks(self, blocks: tuple[rtcp.ReportBlock, ...], waited_s: float) -> None:
        self.subscriber.on_blocks(blocks, self._worker.ntp_ago(waited_s))
        if self.subscriber.round_trip_s:
            self.budget.on_round_trip(self.subscriber.round_trip_s)

    def _want_keyframe(self, ssrc: int, now: float) -> None:
        slot = self.subscriber.slot_by_ssrc(ssrc)
        if slot is not None:
            layer = slot.wanted or slot.layer
            if layer is not None:
                layer.request_keyframe(now)

    def _ask_keyframe(self, layer: Layer) -> None:
        self._worker.counters["keyframe_requests"] += 1
        self.session.send_rtcp(rtcp.build([rtcp.Pli(self.sender_ssrc, layer.ssrc)]))

    def _on_sender_report(self, report: rtcp.SenderReport, now: float, waited_s: float) -> None:
        """Note which wall time belongs to which timestamp; the first time, tell at once."""
        layer = self.publisher.layer_by_ssrc(report.ssrc)
        if layer is None:
            return
        self.publisher.wall_clock.observe(report.ntp, self._worker.ntp_ago(waited_s))
        layer.reception.on_sender_report(report, int((now - waited_s) * 1e6))
        is_first = layer.anchor is None
        layer.anchor = Anchor(report.ntp, report.timestamp)
        if is_first:
            for group in layer.groups.values():
                for slot in group.slots:
                    slot.tell_time(self._worker.ntp_now())

    def limit(self) -> None:
        """Follow the orders' ceilings on what it sends and is sent, from now on."""
        settings, rights = self._worker.settings, self.room.rights(self.participant_id)
        up = min(rights.max_up_bps or settings.max_up_bps, settings.max_up_bps)
        down = min(rights.max_down_bps or settings.max_down_bps, settings.max_down_bps)
        if (up, down) == (self.max_up_bps, self.max_down_bps):
            return
        self.max_up_bps, self.max_down_bps = up, down
        self.publisher.police(up, self.max_screen_bps, is_capped=up < settings.max_up_bps)
        self.budget.set_ceiling(down)
        self.subscriber.set_ceiling(down)

    @property
    def max_screen_bps(self) -> int:
        """The screen's own ceiling, within that of all it sends."""
        return min(self._worker.settings.max_screen_bps, self.max_up_bps)

    def ask_repairs(self, now: float) -> None:
        """NACK what is missing; every 20 ms, cheap when nothing is."""
        for track in self.publisher.tracks.values():
            for layer in track.layers:
                if layer.nack.is_idle:
                    continue
                missing = layer.holes(now, self.subscriber.round_trip_s or 0.05)
                if missing and layer.ssrc:
                    nack = rtcp.Nack(self.sender_ssrc, layer.ssrc, tuple(missing))
                    self.session.send_rtcp(rtcp.build([nack]))
                    self._worker.counters["nacks_sent"] += len(missing)

    def choose_layers(self, now: float) -> None:
        """Give each picture slot the layer its link can take; nothing before it can be sent.

        A key frame that came before the handshake ended would be lost, and the slot left black.
        """
        if not self.session.can_send:
            return
        chosen = self.budget.choose(now)
        for slot in self.subscriber.slots:
            if slot.mid in chosen:
                layer, temporal = chosen[slot.mid] or (None, slot.thinner.wanted)
                slot.thinner.wanted = temporal
                slot.show(layer, now)
        self.subscriber.share_bps = self.budget.repair_bps
        self.subscriber.guard.repeat(self.budget.picture_repeats)
        if self.budget.picture_repeats:
            self._worker.repeating.add(self.subscriber)
        if self.budget.is_probing:
            self._worker.probing.add(self.budget)

    def send_feedback(self) -> None:
        """Transport-wide feedback; every 50..100 ms when something has arrived."""
        arrived = (
            layer.ssrc
            for track in self.publisher.tracks.values()
            for layer in track.layers
            if layer.highest >= 0
        )
        media = next(arrived, None)
        self._has_arrivals = False
        if media is None:
            return
        for packet in self.feedback.build(self.sender_ssrc, media):
            if packet:
                self.session.send_rtcp(packet)

    def send_reports(self, now: float) -> None:
        """What arrives and what is sent, every second: a report on every layer and every slot."""
        blocks = [
            layer.reception.report(int(now * 1e6))
            for track in self.publisher.tracks.values()
            for layer in track.layers
            if layer.highest >= 0
        ]
        if blocks:
            self.up_loss = max(block.fraction_lost for block in blocks) / 256
            report = rtcp.ReceiverReport(self.sender_ssrc, tuple(blocks[:31]))
            self.session.send_rtcp(rtcp.build([report]))
        now_ntp = self._worker.ntp_now()
        parts: list[rtcp.Report] = []
        for slot in self.subscriber.slots:
            told = slot.report(now_ntp)
            if told is not None:
                parts += (told, rtcp.described(slot.ssrc))
        for at in range(0, len(parts), MAX_PARTS):
            self.session.send_rtcp(rtcp.build(parts[at : at + MAX_PARTS]))

    def publishing(self, now: float) -> frozenset[SourceKind]:
        """Which of its tracks arrive now."""
        return frozenset(kind for kind, track in self.publisher.tracks.items() if track.alive(now))
