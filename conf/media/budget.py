"""One subscriber's bandwidth at work: feedback in, a layer per slot and padding for probes out.

Joins the pure parts `estimate`, `probe` and `allocator` to the slots; decides nothing itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from conf.media.allocator import Allocator, Budget, Rank, Want
from conf.media.downslot import DownSlot
from conf.media.errors import DecodeError
from conf.media.estimate import Estimate
from conf.media.feedback import NEVER_CALM
from conf.media.layer import Layer
from conf.media.layers import TEMPORAL_SHARES, ladder
from conf.media.model import SlotKind
from conf.media.outbox import Outbox
from conf.media.padding import PADDING, send_padding
from conf.media.pictureguard import COSTS, LongLink, affordable
from conf.media.probe import Prober
from conf.media.session import Session
from conf.media.shaper import Shaper
from conf.media.twcc import Buffer, Told, gather, parse_feedback
from conf.media.voiceguard import MOST, NEAR, VoiceGuard
from conf.settings import MediaSettings

_RANKS: Final = {
    SlotKind.MAIN: Rank.MAIN,
    SlotKind.SHARE: Rank.SHARE,
    SlotKind.THUMBNAIL: Rank.THUMBNAIL,
}
# The last picture is planned at less than it costs: without it so little is sent that the estimate,
# which follows what arrives, would never again reach what one picture needs.
LAST_PICTURE_BPS: Final = 60_000
PAYLOAD_SHARE: Final = 0.94  # of a ceiling; the rest is for encryption's tags and reports
CEILING_MARGIN: Final = 1.15  # as a rise and its probe need
CONTENT_S: Final = 2.3  # a look at what cannot be better costs half a millisecond, code long unused
SPARE: Final = 1.3  # by itself the estimate grows to 1.5 times what is sent, and no further
PATIENCE_US: Final = 500_000  # with packets that no feedback tells of
VOICE_BPS: Final = 16_000  # at least, of a voice that is given a slot
MAX_VOICE_SHARE: Final = 0.4  # of the estimate, of voices repeated as often as can be
MAX_PADDING_PACKETS: Final = 64  # per tick


class DownBudget:
    """Owner: the participant's Seat."""

    def __init__(
        self, session: Session, slots: Sequence[DownSlot], outbox: Outbox, settings: MediaSettings
    ) -> None:
        self._session = session
        self._slots = slots
        self._outbox = outbox
        self._start_bps = settings.start_down_bps
        self._ceiling_bps = settings.max_down_bps
        self.restart()
        # Without transport-wide numbers there is nothing to estimate from but the site's own cap.
        self._is_blind = not any(slot.form.has_transport for slot in slots)
        self._shaper = Shaper(session, outbox)
        self._guard = VoiceGuard(outbox)
        self._has_rtx = any(slot.rtx_types for slot in slots)
        self.picture_repeats = 0  # by the last choice
        self._newest_settled_us = 0
        self._remb_bps = 0
        self._octets_at_probe = 0
        self._untold = 0  # the first number sent after the last feedback
        self._padded = 0
        self._is_content = False
        self._chosen_at = -1e9
        self.sending_bps = 0
        self.repair_bps = 0  # for pictures sent again, by the last choice

    def restart(self) -> None:
        """Know nothing of the link: it is new, or has been silent so long that it may be another.

        The silence itself has halved the estimate again and again; that says nothing of the link.
        """
        self._session.kept.take(0)
        self._session.kept.wait_below(NEVER_CALM)
        self._session.kept.pause(is_paused=False)
        self.estimate = Estimate(self._start_bps, self._ceiling_bps)
        self.prober = Prober()
        self._allocator = Allocator()
        self._long_link = LongLink()
        self.has_feedback = False

    def set_ceiling(self, bps: int) -> None:
        """The site's administrative cap on all that is sent to it."""
        self._ceiling_bps = int(bps * PAYLOAD_SHARE)
        self.estimate.set_ceiling(self._ceiling_bps)

    @property
    def is_probing(self) -> bool:
        """Does `tick` have something to send?"""
        return self.prober.running is not None

    def on_feedback(self, buffer: Buffer, at: int, end: int, now: float) -> bool:
        """Transport-wide feedback, after its two SSRCs; True when less can be sent than before."""
        try:
            told = None
            if not self.is_probing:
                told = self._session.history.settle_at_once(buffer, at, end)
            if told is None:
                told = self._settle_each(bytes(buffer[at:end]))
        except DecodeError:
            return False
        return self.on_told(told, now)

    def on_told(self, told: Told, now: float) -> bool:
        """The same, settled already."""
        return self._note(told, int(now * 1e6), self._session.history.next_sequence)

    def _look_at_kept(self, now_us: int) -> None:
        """As of when it came: what has been silent since must not seem to have spoken now."""
        kept = self._session.kept
        told = kept.take(now_us)
        if told is not None:
            self._note(told, *kept.last)

    def _note(self, told: Told, now_us: int, untold: int) -> bool:
        """`untold`: the first number sent after it."""
        estimate = self.estimate
        decreases = estimate.decreases
        self.has_feedback = True
        self._untold = untold
        if told[3] > self._newest_settled_us:
            self._newest_settled_us = told[3]
        estimate.on_told(told, now_us)
        if self.is_probing:
            self._end_probe(now_us)
        calm_us = estimate.calm_below_us
        self._session.kept.wait_below(NEVER_CALM if calm_us is None else calm_us)
        return estimate.decreases != decreases

    def _settle_each(self, body: bytes) -> Told:
        """Packet by packet, for the probe that runs."""
        settled = list(self._session.history.settle(parse_feedback(body)))
        if self.prober.running is not None:
            for sent_us, arrival_us, size in settled:
                self.prober.add(sent_us, arrival_us, size)
        return gather(settled)

    def _end_probe(self, now_us: int) -> None:
        result = self.prober.result(now_us, self._newest_settled_us, self.estimate.loss.inherent)
        self._session.kept.pause(is_paused=self.is_probing)
        if result:
            self.estimate.on_probe(result, now_us)

    def reconsider(self) -> None:
        """What the slots could show has changed."""
        self._is_content = False

    def on_remb(self, bps: int) -> bool:
        """What a receiver without transport-wide numbers estimates; True when it is less."""
        is_less = self._is_blind and bps < (self._remb_bps or self._ceiling_bps)
        self._remb_bps = max(bps, 1)
        return is_less

    def needs_no_choice(self, now: float) -> bool:
        """Does every slot show all it can, with room to spare, on a link without trouble?

        Then look again after a while. An estimate that falls asks for a choice by itself.
        """
        estimate, now_us = self.estimate, int(now * 1e6)
        if not self._is_content or now - self._chosen_at >= CONTENT_S:
            return False
        if estimate.target_bps <= SPARE * self.sending_bps or estimate.was_full(now_us):
            return False
        untold_us = self._session.history.first_sent_us(self._untold) if self.has_feedback else None
        is_silent = untold_us is not None and now_us - untold_us > PATIENCE_US
        return estimate.loss.fraction < NEAR and not is_silent

    def on_round_trip(self, round_trip_s: float) -> None:
        """From receiver reports."""
        self.estimate.set_round_trip(int(round_trip_s * 1e6))
        self._long_link.note(round_trip_s)

    def choose(self, now: float) -> dict[str, tuple[Layer, int] | None]:
        """The layer each picture slot shall show and its highest temporal layer, by mid.

        Call every 400 ms, when wants change, and when the estimate has fallen.
        """
        now_us = int(now * 1e6)
        self._chosen_at = now
        self._look_at_kept(now_us)
        untold_us = self._session.history.first_sent_us(self._untold)
        if self.has_feedback and untold_us is not None:
            self.estimate.on_silence(now_us, untold_us)
        audio_bps = self._guarded_bps(now)
        repeats = self._long_link.wants(self.estimate.loss.fraction, now) if self._has_rtx else 0
        wants, sources = self._wants(now, audio_bps, repeats)
        proven = self.prober.proven_bps(now_us)
        if self._is_blind:
            proven = min(self._remb_bps or self._ceiling_bps, self._ceiling_bps)
        budget = Budget(
            proven if self._is_blind else self.estimate.target_bps,
            max(self.estimate.carried_bps, proven),
            audio_bps,
            self.estimate.loss.fraction,
            has_queue=self.estimate.trend.has_queue,
        )
        choice = self._allocator.choose(budget, wants, now_us)
        self._is_content = not any(
            want.rungs and choice.rungs[want.slot] != want.rungs[-1] for want in wants
        )
        if choice.probe_bps and self.has_feedback:
            self._begin_probe(now_us, choice.probe_bps)
        shown = {
            mid: (sources[mid][rung.layer], rung.temporal) if rung is not None else None
            for mid, rung in choice.rungs.items()
        }
        pictures_bps = _cost(shown.values())
        self.repair_bps = budget.repair_bps(pictures_bps)
        self.picture_repeats = affordable(repeats, pictures_bps, self.repair_bps)
        planned_bps = sum(rung.bps for rung in choice.rungs.values() if rung is not None)
        if repeats:
            planned_bps = pictures_bps * (1 + self.picture_repeats)
        self.sending_bps = audio_bps + planned_bps
        self._shape(now_us)
        return shown

    def _wants(
        self, now: float, audio_bps: int, repeats: int
    ) -> tuple[list[Want], dict[str, list[Layer]]]:
        """What each picture slot could show within the ceiling, and of which layers, by mid."""
        wants, sources = [], {}
        for slot in self._slots:
            track = slot.track
            if slot.kind is SlotKind.AUDIO or track is None:
                continue
            rates = [
                int(layer.rate(now)) if is_offered else 0
                for layer, is_offered in zip(track.layers, track.offered(now), strict=True)
            ]
            top = 0 if slot.kind is SlotKind.THUMBNAIL else 2
            least = next((n for n, rate in enumerate(rates) if rate > 0), 0)
            is_thinnable = track.layers[least].is_thinnable(now)
            rungs = ladder(rates, is_thinnable=is_thinnable, top_layer=top)
            best = (rungs[-1].layer, rungs[-1].temporal) if rungs else None
            if repeats:  # rather a smaller picture that moves
                dear = (replace(rung, bps=int(COSTS[repeats] * rung.bps)) for rung in rungs[1:])
                rungs = (*rungs[:1], *dear)
            most = (self._ceiling_bps - audio_bps) / CEILING_MARGIN
            rungs = tuple(rung for rung in rungs if rung.bps <= most)  # the others never fit
            if slot.kind is SlotKind.MAIN and rungs and rungs[0].bps > LAST_PICTURE_BPS:
                rungs = (replace(rungs[0], bps=LAST_PICTURE_BPS), *rungs[1:])
            name = f"{track.owner}/{track.kind}"
            wants.append(Want(slot.mid, _RANKS[slot.kind], name, rungs, best))
            sources[slot.mid] = track.layers
        return wants, sources

    def _guarded_bps(self, now: float) -> int:
        """Of the audio slots, repeated as often as the link of now wants and allows.

        Told first: a repetition there is no room for any more must not cost the last picture.
        """
        has_room = self._audio_bps(MOST) <= MAX_VOICE_SHARE * self.estimate.target_bps
        self._guard.set_loss(self.estimate.loss.fraction, now, has_room=has_room)
        return self._audio_bps(self._guard.distance)

    def _audio_bps(self, distance: int) -> int:
        """Of the audio slots; reserved before the first word, or its picture would fall."""
        return sum(
            int(max(VOICE_BPS, slot.track.layers[0].bps) * self._guard.expansion(slot, distance))
            for slot in self._slots
            if slot.kind is SlotKind.AUDIO and slot.track is not None
        )

    def _shape(self, now_us: int) -> None:
        """Send the slots of a tight link through the shaper, all others past it."""
        shaper = self._shaper
        is_tight = not self.is_probing and self.estimate.was_full(now_us)
        shaper.set_rates(self.estimate.target_bps, self.sending_bps, is_tight=is_tight)
        guard = self._guard
        for slot in self._slots:
            keeper = guard if slot.kind is SlotKind.AUDIO else shaper
            slot.shaper = keeper if keeper.concerns(slot) else None

    def _begin_probe(self, now_us: int, wanted_bps: int) -> None:
        probe = self.prober.begin(now_us, wanted_bps, self.estimate.target_bps, self._ceiling_bps)
        if probe is not None:
            self._session.kept.pause(is_paused=True)  # every packet counts, one by one
            self.estimate.on_probe_begin(probe.end_us)
            self._octets_at_probe = self._octets()
            self._padded = 0

    def _octets(self) -> int:
        return sum(slot.row.octets for slot in self._slots)

    def tick(self, now: float) -> None:
        """Send the padding a running probe wants; every 10 to 20 ms."""
        now_us = int(now * 1e6)
        probe = self.prober.running
        if probe is None:
            return
        if now_us > probe.end_us:
            self._end_probe(now_us)
            return
        sent = self._octets() - self._octets_at_probe + self._padded
        due = probe.padding_bytes(sent, now_us)
        slot = next((s for s in self._slots if s.track and s.rtx_types), None)
        if slot is None:
            return
        count = min(due // PADDING, MAX_PADDING_PACKETS)
        sent = send_padding(self._session, self._outbox, slot, count, now_us)
        self._padded += PADDING * sent


def _cost(shown: Iterable[tuple[Layer, int] | None]) -> int:
    """What these layers take in truth; the last picture is planned at less."""
    return int(sum(one[0].bps * TEMPORAL_SHARES[min(one[1], 2)] for one in shown if one))
