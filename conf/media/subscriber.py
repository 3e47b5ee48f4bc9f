"""What one participant is sent: its down slots, repair on request, and what it reports back."""

from collections.abc import Mapping
from typing import Final

from conf.media import rtcp
from conf.media.answer import DownStream
from conf.media.downslot import DownSlot, Segment
from conf.media.layer import Sent
from conf.media.model import SlotKind
from conf.media.outbox import Outbox
from conf.media.pictureguard import PictureGuard
from conf.media.rtp import wrap_rtx
from conf.media.rtx import RepairLimit
from conf.media.sdp import Offer
from conf.media.session import Session
from conf.media.voiceguard import VoiceGuard, unhealed

_M32: Final = 0xFFFFFFFF
MAX_REPAIRS_PER_NACK: Final = 64
REPAIR_BPS: Final = 500_000
AHEAD_BYTES: Final = 100_000  # a large key frame
VOICE_REPAIR_BPS: Final = 64_000  # of its own: pictures come again so much more often
REPAIR_SHARE: Final = 0.3  # of a site's ceiling, as the allocator plans with


class Subscriber:
    """Owner: the participant's Seat."""

    def __init__(
        self, session: Session, offer: Offer, streams: Mapping[str, DownStream], outbox: Outbox
    ) -> None:
        self._session = session
        self._outbox = outbox
        self.slots = [
            DownSlot(session, section, streams[section.mid])
            for section in offer.sections
            if not section.role.is_up and section.direction != "inactive"
        ]
        self._by_ssrc = {slot.ssrc: slot for slot in self.slots}
        self._scratch = bytearray(2048)
        self.guard = PictureGuard(self.slots)
        self._pictures, self._voices = RepairLimit(), RepairLimit()
        self._ahead = RepairLimit(AHEAD_BYTES)
        self.copied = 0  # packets of pictures, unasked
        self._most_bps = REPAIR_BPS
        self.share_bps = REPAIR_BPS  # what the budget leaves for pictures sent again
        self.round_trip_s = 0.0
        self.nacked = 0
        self.repaired = 0
        self.jitters_s: dict[int, float] = {}  # by SSRC, as the participant reports them

    def set_ceiling(self, bps: int) -> None:
        """The site's cap: repair takes at most a part of it."""
        self._most_bps = min(REPAIR_BPS, int(bps * REPAIR_SHARE))

    def slot_by_ssrc(self, ssrc: int) -> DownSlot | None:
        """The slot whose media SSRC this is."""
        return self._by_ssrc.get(ssrc)

    def on_nack(self, nack: rtcp.Nack, now: float) -> None:
        """Send again what was lost: video as RTX, audio as the stored ciphertext."""
        slot = self._by_ssrc.get(nack.media)
        if slot is None:
            return
        numbers = nack.sequences[:MAX_REPAIRS_PER_NACK]
        self.nacked += len(numbers)
        if slot.kind is SlotKind.AUDIO:
            guard = slot.shaper
            distance = guard.distance if isinstance(guard, VoiceGuard) else 0
            for number in unhealed(numbers, distance):
                self._repair_voice(slot, number, now)
            return
        repair_bps = min(self._most_bps, self.share_bps)
        for number in numbers:
            found = slot.find(number)
            if found is None:
                continue
            size = len(found[0].template)
            copies = self._copies(self._pictures, slot, number, size, repair_bps, now)
            for _ in range(copies):
                self._repair(slot, number, *found, now)

    def repeat_pictures(self, now: float) -> None:
        """Send again what the guard finds due; at each tick while it is on."""
        now_us, trip_us = int(now * 1e6), int(max(self.round_trip_s, 0.01) * 1e6)
        for slot, number in self.guard.due():
            found = slot.find(number)
            if found is None or slot.rtx_type(found[0].codec) is None:
                continue
            key, size = _key(slot, number), len(found[0].template)
            count = self._ahead.copies(
                key,
                size,
                now_us,
                round_trip_us=trip_us,
                repair_bps=self.share_bps,
                times=self.guard.times,
            )
            if count:
                self._pictures.note(key, now_us)  # a question under way is answered
                self.copied += count
            for _ in range(count):
                self._repair(slot, number, *found, now)

    def _copies(
        self, limit: RepairLimit, slot: DownSlot, number: int, size: int, bps: int, now: float
    ) -> int:
        """How often `number` may go out again now; counted as done."""
        copies = limit.copies(
            _key(slot, number),
            size,
            int(now * 1e6),
            round_trip_us=int(max(self.round_trip_s, 0.01) * 1e6),
            repair_bps=bps,
        )
        slot.repaired += copies
        self.repaired += copies
        return copies

    def _repair_voice(self, slot: DownSlot, number: int, now: float) -> None:
        """The very bytes sent under `number`, which therefore carry an old transport number."""
        voice = slot.voice(number)
        if voice is None:
            return
        bps = min(self._most_bps, VOICE_REPAIR_BPS)
        for _ in range(self._copies(self._voices, slot, number, len(voice), bps, now)):
            self._repeat(voice)

    def _repeat(self, ciphertext: bytes) -> None:
        endpoint = self._session.endpoint
        if endpoint is None:
            return
        outbox = self._outbox
        i = outbox.room()
        tx = outbox.port.tx
        tx.memory[tx.bases[i] : tx.bases[i] + len(ciphertext)] = ciphertext
        tx.lengths[2 * i + 1] = len(ciphertext)
        outbox.commit_protected(endpoint)

    def _repair(
        self, slot: DownSlot, number: int, sent: Sent, segment: Segment, now: float
    ) -> None:
        """Wrap the packet first sent under `number` into RTX (RFC 4588)."""
        session = self._session
        if session.endpoint is None or session.context is None:
            return
        rtx_type = slot.rtx_type(sent.codec)
        if rtx_type is None:
            return
        scratch, size = self._scratch, len(sent.template)
        scratch[:size] = sent.template
        if sent.picture is not None:
            offsets = (segment.picture_offset, segment.tl0_offset)
            sent.picture.renumber(scratch, sent.header, *offsets)
        outbox = self._outbox
        i = outbox.room()
        tx = outbox.port.tx
        base = tx.bases[i]
        stop = wrap_rtx(scratch, sent.header, size, tx.memory, base, number)
        slot.rtx_number = (slot.rtx_number + 1) & 0xFFFF
        timestamp = (sent.timestamp + segment.ts_offset) & _M32
        head = (sent.marker | rtx_type, slot.rtx_number, timestamp, slot.rtx_ssrc)
        has_number, now_us = sent.form.has_transport, int(now * 1e6)
        transport = session.history.add(now_us, stop - base) if has_number else 0
        sent.form.stamp(tx.memory, base, *head, transport)
        outbox.commit(stop - base, session.context, session.endpoint)

    def on_blocks(self, blocks: tuple[rtcp.ReportBlock, ...], now_ntp: int) -> None:
        """Loss and round trip as the participant reports them."""
        for block in blocks:
            slot = self._by_ssrc.get(block.ssrc)
            if slot is None:
                continue
            slot.loss = block.fraction_lost / 256
            self.jitters_s[block.ssrc] = block.jitter / slot.clock_hz
            trip = rtcp.round_trip_s(block, now_ntp)
            if trip is not None:
                self.round_trip_s = trip

    def close(self) -> None:
        """Leave every layer."""
        self.guard.repeat(0)
        for slot in self.slots:
            slot.assign(None)


def _key(slot: DownSlot, number: int) -> int:
    """Of a packet, for a RepairLimit."""
    return (slot.ssrc & 0x3F) << 16 | number
