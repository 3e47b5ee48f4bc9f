"""What a weak link is sent instead of a burst: fewer pictures a second, and key frames spread out.

Only slots of tight links come here; all others stay in the forwarding loop, packet for packet. A
picture left out closes up: the numbers after it move down (a new Segment), so nobody asks for it.
"""

from collections import deque
from typing import Final

from conf.media.downslot import DownSlot, Segment
from conf.media.layer import Sent
from conf.media.outbox import Outbox
from conf.media.pacer import Pacer
from conf.media.rtp import write_padding
from conf.media.session import Session

TIGHT_BPS: Final = 2_500_000  # above it a key frame passes in 0.2 s at worst: no need to spread it
Held = tuple[int, DownSlot, int, Sent, Segment, int]
"""When it may leave, its slot and the slot's generation, the packet, its offsets and type."""
MAX_HELD: Final = 400  # packets; more is an estimate gone wrong, and late pictures help nobody


class Shaper:
    """Owner: the participant's DownBudget; one for all its picture slots."""

    def __init__(self, session: Session, outbox: Outbox) -> None:
        self._session = session
        self._outbox = outbox
        self.pacer = Pacer()
        self.is_pacing = False
        self._held: deque[Held] = deque()
        self.thinned = 0
        self.dropped = 0

    def set_rates(self, estimate_bps: int, sending_bps: int, *, is_tight: bool) -> None:
        """Call when the estimate or the choice of layers has changed.

        `is_tight`: the link has proved full of late, and no probe fills it on purpose now.
        """
        self.pacer.set_rates(estimate_bps, sending_bps)
        is_near = not self.pacer.passes_at_once and estimate_bps < TIGHT_BPS
        self.is_pacing = is_tight and is_near

    def concerns(self, slot: DownSlot) -> bool:
        """Must this slot's packets come here?"""
        return self.is_pacing or bool(self._held) or not slot.thinner.is_idle

    def send(self, slot: DownSlot, burst: list[Sent], payload_type: int, now: float) -> int:
        """As the forwarding loop does, but leave out and hold back; how many were taken."""
        count = 0
        for sent in burst:
            if sent.ext < slot.row.from_ext:
                continue
            segment = slot.segment_of(sent.ext)
            if segment is None:
                continue
            if slot.thinner.admits(sent.picture):
                count += self._copy(slot, sent, segment, payload_type, now)
            else:
                self._leave_out(slot, sent, segment, payload_type, now)
        return count

    def _leave_out(
        self, slot: DownSlot, sent: Sent, segment: Segment, payload_type: int, now: float
    ) -> None:
        """Close the numbers up; or, when later ones are out or left out already, fill the place."""
        self.thinned += 1
        if sent.ext + segment.offset <= slot.row.last or sent.ext < slot.segments[-1].from_ext:
            self._copy(slot, _emptied(sent), segment, payload_type, now)
            return
        picture = sent.picture
        is_first = picture is not None and slot.skipped_picture != picture.picture
        if picture is not None and is_first:
            slot.skipped_picture = picture.picture
            slot.row.picture_offset -= 1
        slot.row.offset -= 1
        slot.begin_segment(sent.ext + 1)

    def _copy(
        self, slot: DownSlot, sent: Sent, segment: Segment, payload_type: int, now: float
    ) -> int:
        """One copy out, at once or held."""
        outbox, endpoint = self._outbox, self._session.endpoint
        size, now_us = len(sent.template), int(now * 1e6)
        leave_us = self.pacer.leave_at(size, now_us) if self.is_pacing else now_us
        if endpoint is None:
            return 0
        if leave_us > now_us or self._held:
            if len(self._held) >= MAX_HELD:
                self.dropped += 1
                return 0
            slot.hold()
            self._held.append((leave_us, slot, slot.generation, sent, segment, payload_type))
            outbox.holders.add(self)
        else:
            i = outbox.room()
            if not slot.write(outbox, i, sent, payload_type, segment, now_us):
                return 0
            outbox.deliver(i + 1, endpoint)
        slot.note_sent(sent, segment, 1, size, now)
        return 1

    def release(self, now: float) -> bool:
        """Let go what is due; True while more is held. What has been forbidden since is dropped.

        Only now is it protected: a number under which something was is never used again, and what
        is dropped must leave none out.
        """
        outbox, endpoint = self._outbox, self._session.endpoint
        now_us = int(now * 1e6)
        while self._held and self._held[0][0] <= now_us:
            _, slot, generation, sent, segment, payload_type = self._held.popleft()
            if slot.generation != generation:
                continue
            if endpoint is None or self._session.context is None:
                slot.take_back()
                continue
            slot.held.popleft()
            i = outbox.room()
            if slot.write(outbox, i, sent, payload_type, segment, now_us):
                outbox.deliver(i + 1, endpoint)
        return bool(self._held)


def _emptied(sent: Sent) -> Sent:
    """Only padding under the same number."""
    template = bytearray(sent.header + 1)
    template[: sent.header] = sent.template[: sent.header]
    write_padding(template, 0, sent.header, 1)
    return sent.carrying(sent.codec, bytes(template))
