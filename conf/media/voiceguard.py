"""RED made by the bridge (RFC 2198): each voice packet carries the last one to three again.

A lossy link loses a voice only when it loses three packets in a row, or four: 3 or 1 % of the
voices at 30 % loss, with no round trip to wait for. Made of the Opus as it came, plain or in the
publisher's own RED (browsers repeat one voice, whatever the listener's link); nothing is decoded.
"""

import struct
from collections.abc import Sequence
from typing import Final

from conf.media.downslot import DownSlot
from conf.media.errors import DecodeError
from conf.media.layer import HISTORY, Sent
from conf.media.outbox import Outbox
from conf.media.rows import CODECS
from conf.media.rtp import read_red
from conf.media.sdp import CodecName

NEAR: Final = 0.02  # from this loss on one voice is repeated,
FAR: Final = 0.08  # from this one two,
WIDE: Final = 0.2  # from this one three, where voices so dear still are the lesser part
MOST: Final = 3
QUIET_S: Final = 10.0  # stays on for so long after the loss has gone
_SURE_DISTANCE: Final = 2
_MAX_OFFSET: Final = 1 << 14
_MAX_BLOCK: Final = 1 << 10
_M32: Final = 0xFFFFFFFF
_BLOCK = struct.Struct("!BHB")


def unhealed(missing: Sequence[int], distance: int) -> list[int]:
    """Of the packets asked for, in order, those whose voices RED will not bring anyway.

    That is runs longer than what each packet repeats. With a distance below two all are: a link
    that loses little has room for them. `missing`: 16-bit numbers.
    """
    if distance < _SURE_DISTANCE:
        return list(missing)
    runs: list[list[int]] = []
    for number in missing:
        if runs and (runs[-1][-1] + 1) & 0xFFFF == number:
            runs[-1].append(number)
        else:
            runs.append([number])
    return [number for run in runs if len(run) > distance for number in run]


def _voices(sent: Sent) -> list[tuple[int, bytes]]:
    """Each voice in a packet, oldest first: how much older than the packet, and its Opus."""
    template = sent.template
    if sent.codec is CodecName.OPUS:
        return [(0, template[sent.header :])]
    try:
        blocks = read_red(template, sent.header, len(template))
    except DecodeError:
        return []
    return [(offset, template[start:end]) for _, offset, start, end in blocks]


def protected(
    sent: Sent, earlier: list[Sent], opus_type: int, *, distance: int = 2, max_size: int = 1200
) -> bytes | None:
    """The packet `sent` with the `distance` voices before its own, of `earlier` or its own RED.

    Never fewer than it came with. None when nothing earlier is near enough. The caller stamps the
    header, payload type too.
    """
    own = _voices(sent)
    if not own:
        return None
    known, voice = dict(own[:-1]), own[-1][1]
    for old in earlier:
        for _, data in _voices(old)[-1:]:
            known[sent.timestamp - old.timestamp & _M32] = data
    near = [at for at, data in known.items() if 0 < at < _MAX_OFFSET and len(data) < _MAX_BLOCK]
    count = max(distance, len(own) - 1)
    blocks = [(at, known[at]) for at in sorted(near)[:count][::-1]]
    size = sent.header + sum(len(data) for _, data in blocks) + len(voice)
    if not blocks or size > max_size:
        return None
    parts = [sent.template[: sent.header]]
    for at, data in blocks:
        packed = at << 10 | len(data)
        parts.append(_BLOCK.pack(0x80 | opus_type, packed >> 8, packed & 0xFF))
    parts.append(bytes((opus_type,)))
    parts += [data for _, data in blocks]
    parts.append(voice)
    return b"".join(parts)


class VoiceGuard:
    """Owner: the participant's DownBudget; takes the place of the forwarding loop's copy."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.distance = 0
        self._lossy_at = -1e9

    def set_loss(self, loss: float, now: float, *, has_room: bool = False) -> None:
        """`loss`: the share of packets that do not arrive, 0..1; `has_room`: for MOST."""
        if loss >= NEAR:
            self._lossy_at = now
            wanted = 1 + (loss >= FAR) + (loss >= WIDE)
            self.distance = min(max(wanted, self.distance), MOST if has_room else MOST - 1)
        elif now - self._lossy_at > QUIET_S:
            self.distance = 0

    def concerns(self, slot: DownSlot) -> bool:
        """Does this slot get its voices repeated?"""
        return self.distance > 0 and CodecName.RED in slot.types

    def expansion(self, slot: DownSlot, distance: int) -> float:
        """How much more than arrives is sent; what arrives as RED is a voice and one repeated."""
        if CodecName.RED not in slot.types:
            return 1.0
        is_red = slot.row.last_codec == CODECS[CodecName.RED]
        return max(1.0, (1 + distance) / (2 if is_red else 1))

    def send(self, slot: DownSlot, burst: list[Sent], payload_type: int, now: float) -> int:
        """As the forwarding loop does; how many packets were taken."""
        return sum(self._send(slot, sent, payload_type, now) for sent in burst)

    def _send(self, slot: DownSlot, sent: Sent, payload_type: int, now: float) -> int:
        layer, session, outbox, row = slot.layer, slot.session, self._outbox, slot.row
        if layer is None or session.endpoint is None or sent.ext < row.from_ext:
            return 0
        template, kind = sent.template, payload_type
        ring = layer.rings[slot.form]
        numbers = range(max(row.from_ext, sent.ext - self.distance), sent.ext)
        earlier = [ring[n & (HISTORY - 1)] for n in numbers]
        known = [old for old, n in zip(earlier, numbers, strict=True) if old and old.ext == n]
        opus_type = slot.types.get(CodecName.OPUS, -1)
        longer = protected(sent, known, opus_type, distance=self.distance)
        if longer is not None:
            template, kind = longer, slot.types[CodecName.RED]
        i = outbox.room()
        if not slot.write(outbox, i, sent, kind, row, int(now * 1e6), template):
            return 0
        outbox.deliver(i + 1, session.endpoint)
        slot.note_sent(sent, row, 1, len(template), now)
        return 1
