"""The forwarding loop: one packet in, one rewritten and protected copy per slot out.

Everything a subscriber's copy needs is written into a transmit slot in place: copy the composed
template, stamp the header, patch the VP8 picture numbers, protect. No object is made per copy.
"""

import struct
from collections.abc import Callable
from typing import Final

from conf.media.downslot import DownSlot
from conf.media.layer import HISTORY, Layer, Sent
from conf.media.model import SourceKind
from conf.media.outbox import Outbox
from conf.media.picture import Picture, inspect
from conf.media.rtp import HeaderForm, Packet, stamp_plain
from conf.media.sdp import CodecName
from conf.media.srtp import OK, protect
from conf.media.udp import TX_SLOTS

_M32: Final = 0xFFFFFFFF
_MASK: Final = HISTORY - 1
_TOO_LATE: Final = HISTORY - 64  # packets behind the newest that are not worth sending
_pack_word = struct.Struct("!H").pack_into


class Forwarder:
    """Owner: the worker's loop; one for all rooms. `on_level` gets each audio packet's loudness."""

    def __init__(self, outbox: Outbox, on_level: Callable[[Layer, Packet, float], None]) -> None:
        self._outbox = outbox
        self._on_level = on_level
        self.forwarded = 0
        self.late = 0
        self.duplicates = 0
        self.undecodable = 0

    def on_packet(self, layer: Layer, packet: Packet, memory: memoryview, now: float) -> None:
        """Number, count and forward one packet of `layer`, first-hand or repaired."""
        track = layer.track
        codec = track.codecs.get(packet.payload_type)
        if codec is None:
            self.undecodable += 1
            return
        ext = layer.extend(packet.sequence)
        known = layer.seen[ext & _MASK]
        if known == ext:
            self.duplicates += 1
            return
        if layer.highest - ext > _TOO_LATE:
            self.late += 1
            return
        layer.arrived(ext, packet, now)
        if track.kind is SourceKind.AUDIO:
            self._on_level(layer, packet, now)
            picture = None
        else:
            picture = inspect(codec, memory, packet.payload, packet.payload_end)
            if picture is not None and picture.is_key:
                layer.last_key_at = now
                layer.nack.on_key_frame(packet.sequence)
        if not track.is_allowed:
            return
        if layer.waiting and (picture is None or picture.is_key):
            self._switch_waiting(layer, ext, packet, picture, now)
        for form, slots in layer.groups.items():
            self._send_group(form, slots, ext, packet, codec, picture, memory, now)

    @staticmethod
    def _switch_waiting(
        layer: Layer, ext: int, packet: Packet, picture: Picture | None, now: float
    ) -> None:
        if picture is None and layer.track.kind is not SourceKind.AUDIO:
            return
        numbers = None
        if picture is not None and picture.picture_at >= 0:
            numbers = (picture.picture, picture.tl0)
        for slot in list(layer.waiting):
            slot.switch(layer, ext, packet.timestamp, numbers, now)

    def _send_group(
        self,
        form: HeaderForm,
        slots: list[DownSlot],
        ext: int,
        packet: Packet,
        codec: CodecName,
        picture: Picture | None,
        memory: memoryview,
        now: float,
    ) -> None:
        """Send to all slots that share a header form."""
        start, word = form.compose(memory, packet)
        sent = Sent(
            ext,
            packet.timestamp,
            0x80 if packet.marker else 0,
            codec,
            bytes(memory[start : packet.payload_end]),
            packet.payload - start,
            word,
            form,
            picture.moved(start) if picture is not None else None,
        )
        self._send_copies(slots, sent, int(now * 1e6), now)

    def _send_copies(self, slots: list[DownSlot], sent: Sent, now_us: int, now: float) -> None:
        """A copy of `sent` for each slot into the batch.

        The one loop whose every line costs per forwarded packet: what does not change between
        copies is a local, and nothing is called that need not be.
        """
        outbox = self._outbox
        tx = outbox.port.tx
        memory, bases, lengths, names = tx.memory, tx.bases, tx.lengths, tx.names
        pointers, sizes, protect_in_place = tx.pointers, tx.sizes, protect
        template, ext, codec, picture = sent.template, sent.ext, sent.codec, sent.picture
        marker, sent_timestamp, word = sent.marker, sent.timestamp, sent.word
        size, form = len(template), sent.form
        stamp, tag, has_transport = form.stamp, form.tag, form.has_transport
        forwarded = 0
        for slot in slots:
            session = slot.session
            context = session.context
            payload_type = slot.types.get(codec)
            if context is None or payload_type is None or ext < slot.from_ext:
                continue
            i = outbox.count
            if i == TX_SLOTS:
                outbox.flush()
                i = 0
            base = bases[i]
            memory[base : base + size] = template
            out = ext + slot.offset
            timestamp = (sent_timestamp + slot.ts_offset) & _M32
            kind, number = marker | payload_type, out & 0xFFFF
            if has_transport:
                transport = session.history.add(now_us, size)
                stamp(memory, base + 1, kind, number, timestamp, slot.ssrc, word, tag, transport)
            else:
                stamp_plain(memory, base + 1, kind, number, timestamp, slot.ssrc)
            if picture is not None:
                patch_picture(memory, base, picture, slot.picture_offset, slot.tl0_offset)
            lengths[2 * i + 1] = size
            if protect_in_place(context, pointers[i], sizes[i]) != OK:
                outbox.failed += 1
                continue
            if session.pointer:
                names[8 * i] = session.pointer
            elif session.endpoint is not None:
                outbox.port.divert(i, session.endpoint)
            else:
                continue
            outbox.count = i + 1
            slot.note_sent(out, sent, timestamp, now)
            if slot.keeps_ciphertext:
                slot.ciphertexts[out & _MASK] = bytes(memory[base : base + lengths[2 * i + 1]])
            forwarded += 1
        self.forwarded += forwarded


def patch_picture(
    memory: memoryview | bytearray, base: int, picture: Picture, offset: int, tl0_offset: int
) -> None:
    """Move PictureID and TL0PICIDX (RFC 7741 §4.2) of the VP8 packet at `base` by the offsets."""
    if picture.picture_at >= 0:
        if picture.is_wide:
            number = (picture.picture + offset) & 0x7FFF
            _pack_word(memory, base + picture.picture_at, 0x8000 | number)
        else:
            memory[base + picture.picture_at] = (picture.picture + offset) & 0x7F
    if picture.tl0_at >= 0:
        memory[base + picture.tl0_at] = (picture.tl0 + tl0_offset) & 0xFF
