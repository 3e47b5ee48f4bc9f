"""RED made by the bridge (RFC 2198): each voice packet carries the last one or two again.

A lossy link loses a voice only when it loses three packets in a row: 3 % of the voices at 30 %
loss, with no round trip to wait for. Made of the plain Opus as it came; nothing is decoded.
"""

import struct
from typing import Final

from conf.media.downslot import VOICES, DownSlot
from conf.media.layer import HISTORY, Sent
from conf.media.outbox import Outbox
from conf.media.rtp import stamp_plain
from conf.media.sdp import CodecName
from conf.media.srtp import OK, protect

NEAR: Final = 0.02  # from this loss on one voice is repeated,
FAR: Final = 0.08  # from this one two
QUIET_S: Final = 10.0  # stays on for so long after the loss has gone
_MAX_OFFSET: Final = 1 << 14
_MAX_BLOCK: Final = 1 << 10
_M32: Final = 0xFFFFFFFF
_BLOCK = struct.Struct("!BHB")


def protected(
    sent: Sent, earlier: list[Sent], opus_type: int, *, max_size: int = 1200
) -> bytes | None:
    """The packet `sent` with the payloads of `earlier` (oldest first) before its own.

    None when nothing earlier is near enough. The caller stamps the header, payload type too.
    """
    blocks = [
        (sent.timestamp - old.timestamp & _M32, old.template[old.header :]) for old in earlier
    ]
    blocks = [(at, data) for at, data in blocks if 0 < at < _MAX_OFFSET and len(data) < _MAX_BLOCK]
    if not blocks or sum(len(data) for _, data in blocks) + len(sent.template) > max_size:
        return None
    parts = [sent.template[: sent.header]]
    for at, data in blocks:
        packed = at << 10 | len(data)
        parts.append(_BLOCK.pack(0x80 | opus_type, packed >> 8, packed & 0xFF))
    parts.append(bytes((opus_type,)))
    parts += [data for _, data in blocks]
    parts.append(sent.template[sent.header :])
    return b"".join(parts)


class VoiceGuard:
    """Owner: the participant's DownBudget; takes the place of the forwarding loop's copy."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.distance = 0
        self._lossy_at = -1e9

    def set_loss(self, loss: float, now: float) -> None:
        """`loss`: the share of packets that do not arrive, 0..1."""
        if loss >= NEAR:
            self._lossy_at = now
            self.distance = 2 if loss >= FAR else max(1, self.distance)
        elif now - self._lossy_at > QUIET_S:
            self.distance = 0

    def concerns(self, slot: DownSlot) -> bool:
        """Does this slot get its voices repeated?"""
        return self.distance > 0 and CodecName.RED in slot.types

    def send(self, slot: DownSlot, burst: list[Sent], payload_type: int, now: float) -> int:
        """As the forwarding loop does; how many packets were taken."""
        return sum(self._send(slot, sent, payload_type, now) for sent in burst)

    def _send(self, slot: DownSlot, sent: Sent, payload_type: int, now: float) -> int:
        layer, session, outbox = slot.layer, slot.session, self._outbox
        if layer is None or session.endpoint is None or sent.ext < slot.from_ext:
            return 0
        template, kind = sent.template, payload_type
        if sent.codec is CodecName.OPUS:
            ring = layer.rings[slot.form]
            numbers = range(max(slot.from_ext, sent.ext - self.distance), sent.ext)
            earlier = [ring[n & (HISTORY - 1)] for n in numbers]
            known = [old for old, n in zip(earlier, numbers, strict=True) if old and old.ext == n]
            longer = protected(sent, known, payload_type)
            if longer is not None:
                template, kind = longer, slot.types[CodecName.RED]
        i, tx = outbox.room(), outbox.port.tx
        memory, base, size = tx.memory, tx.bases[i], len(template)
        memory[base : base + size] = template
        number = (sent.ext + slot.offset) & 0xFFFF
        timestamp = (sent.timestamp + slot.ts_offset) & _M32
        head = (memory, base + 1, sent.marker | kind, number, timestamp, slot.ssrc)
        if sent.form.has_transport:
            transport = session.history.add(int(now * 1e6), size)
            sent.form.stamp(*head, sent.word, sent.form.tag, transport)
        else:
            stamp_plain(*head)
        tx.lengths[2 * i + 1] = size
        if protect(session.context, tx.pointers[i], tx.sizes[i]) != OK:
            outbox.failed += 1
            return 0
        if slot.ciphertexts is not None:
            done = bytes(memory[base : base + tx.lengths[2 * i + 1]])
            slot.ciphertexts[number & (VOICES - 1)] = done
        outbox.deliver(i + 1, session.endpoint)
        slot.note_sent(sent, sent.ext + slot.offset, 1, size, now)
        return 1
