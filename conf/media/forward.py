"""The forwarding loop: packets in, one rewritten and protected copy per slot out.

`on_packet` numbers a packet and keeps it as a `Sent`; `emit` then writes all packets of a wake-up,
slot by slot, so that a subscriber's packets lie side by side and leave as one segmented send.
Everything a copy needs is written into a transmit slot in place: copy the composed template, stamp
the header, move the VP8 picture numbers, protect. No object is made per copy.
"""

import struct
from collections.abc import Callable
from typing import Final

from conf.media.downslot import VOICES, DownSlot
from conf.media.errors import DecodeError
from conf.media.layer import HISTORY, Layer, Sent
from conf.media.model import SourceKind
from conf.media.outbox import Outbox
from conf.media.picture import Picture, inspect
from conf.media.rtp import HeaderForm, Packet, read_red, stamp_plain
from conf.media.sdp import CodecName
from conf.media.srtp import OK, protect
from conf.media.twcc import HISTORY as TRANSPORT_HISTORY
from conf.media.udp import TX_SLOTS

_M32: Final = 0xFFFFFFFF
_MASK: Final = HISTORY - 1
_VOICE_MASK: Final = VOICES - 1
_TRANSPORT_MASK: Final = TRANSPORT_HISTORY - 1
_TOO_LATE: Final = HISTORY - 64  # packets behind the newest that are not worth sending
_MAX_BURST: Final = 32  # packets of one layer emitted together
_pack_word = struct.Struct("!H").pack_into
_pack_picture = struct.Struct("!HB").pack_into

Burst = list[Sent]


class Forwarder:
    """Owner: the worker's loop; one for all rooms. `on_level` gets each audio packet's loudness."""

    def __init__(self, outbox: Outbox, on_level: Callable[[Layer, Packet, float], None]) -> None:
        self._outbox = outbox
        self._on_level = on_level
        self._pending: dict[tuple[Layer, HeaderForm, CodecName], Burst] = {}
        self.forwarded = 0
        self.late = 0
        self.duplicates = 0
        self.undecodable = 0

    def on_packet(self, layer: Layer, packet: Packet, memory: memoryview, now: float) -> None:
        """Number, count and keep one packet of `layer`, first-hand or repaired, for `emit`."""
        track = layer.track
        codec = track.codecs.get(packet.payload_type)
        if codec is None:
            self.undecodable += 1
            return
        ext = layer.extend(packet.sequence)
        if layer.seen[ext & _MASK] == ext:
            self.duplicates += 1
            return
        if layer.highest - ext > _TOO_LATE:
            self.late += 1
            return
        layer.arrived(ext, packet, now)
        picture = None
        if track.kind is SourceKind.AUDIO:
            self._on_level(layer, packet, now)
        else:
            picture = inspect(codec, memory, packet.payload, packet.payload_end)
            if picture is not None:
                if picture.temporal > 0:
                    layer.temporal_at = now
                if picture.is_key:
                    layer.last_key_at = now
                    layer.nack.on_key_frame(packet.sequence)
        if not track.is_allowed:
            return
        if layer.waiting and (picture is None or picture.is_key):
            self._switch_waiting(layer, ext, packet, picture, now)
        for form in layer.groups:
            self._keep(layer, form, ext, packet, codec, picture, memory, now)

    def _switch_waiting(
        self, layer: Layer, ext: int, packet: Packet, picture: Picture | None, now: float
    ) -> None:
        if picture is None and layer.track.kind is not SourceKind.AUDIO:
            return
        self.emit(now)  # what came before the switch goes out as it was
        numbers = None
        if picture is not None and picture.picture_at >= 0:
            numbers = (picture.picture, picture.tl0)
        for slot in list(layer.waiting):
            slot.switch(layer, ext, packet.timestamp, numbers, now)

    def _keep(
        self,
        layer: Layer,
        form: HeaderForm,
        ext: int,
        packet: Packet,
        codec: CodecName,
        picture: Picture | None,
        memory: memoryview,
        now: float,
    ) -> None:
        """Compose the packet once for all slots that share a header form."""
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
        layer.rings[form][ext & _MASK] = sent
        self._append(layer, sent, now)
        if codec is CodecName.RED and layer.lacks_red:
            plain = without_red(sent)
            if plain is not None:
                self._append(layer, plain, now)

    def _append(self, layer: Layer, sent: Sent, now: float) -> None:
        key = (layer, sent.form, sent.codec)
        burst = self._pending.get(key)
        if burst is None:
            self._pending[key] = [sent]
        elif len(burst) < _MAX_BURST:
            burst.append(sent)
        else:
            self.emit(now)
            self._pending[key] = [sent]

    def emit(self, now: float) -> None:
        """A copy of every kept packet for each of its slots into the batch."""
        if not self._pending:
            return
        pending, self._pending = self._pending, {}
        for (layer, form, _), burst in pending.items():
            slots = layer.groups.get(form)
            if slots and burst[0].is_stripped:
                slots = [slot for slot in slots if CodecName.RED not in slot.types]
            if slots:
                self._send_burst(slots, burst, int(now * 1e6), now)

    def _send_burst(self, slots: list[DownSlot], burst: Burst, now_us: int, now: float) -> None:
        """The one loop whose every line costs per forwarded packet.

        What does not change between copies is a local, and nothing is called that need not be.
        """
        outbox, count = self._outbox, len(burst)
        tx = outbox.port.tx
        memory, bases, lengths = tx.memory, tx.bases, tx.lengths
        pointers, sizes, protect_in_place = tx.pointers, tx.sizes, protect
        form, codec = burst[0].form, burst[0].codec
        stamp, tag, has_transport = form.stamp, form.tag, form.has_transport
        items = [sent.item for sent in burst]
        newest = max(burst, key=_ext) if count > 1 else burst[0]
        octets = sum(len(sent.template) for sent in burst)
        for slot in slots:
            session = slot.session
            context, endpoint = session.context, session.endpoint
            payload_type = slot.types.get(codec)
            if context is None or payload_type is None or endpoint is None:
                continue
            if slot.shaper is not None:
                self.forwarded += slot.shaper.send(slot, burst, payload_type, now)
                continue
            if outbox.count + count > TX_SLOTS:
                outbox.flush()
            i = first = outbox.count
            offset, ts_offset, ssrc = slot.offset, slot.ts_offset, slot.ssrc
            history, voices = session.history, slot.ciphertexts
            sequence, sent_us, sent_sizes = history.next_sequence, history.sent_us, history.sizes
            for ext, timestamp, marker, template, size, word, picture in items:
                if ext < slot.from_ext:
                    continue
                base = bases[i]
                memory[base : base + size] = template
                kind, number = marker | payload_type, (ext + offset) & 0xFFFF
                timestamp = (timestamp + ts_offset) & _M32
                if has_transport:
                    place, transport = sequence & _TRANSPORT_MASK, sequence & 0xFFFF
                    sent_us[place], sent_sizes[place] = now_us, size
                    sequence += 1
                    stamp(memory, base + 1, kind, number, timestamp, ssrc, word, tag, transport)
                else:
                    stamp_plain(memory, base + 1, kind, number, timestamp, ssrc)
                if picture is not None:
                    patch_picture(memory, base, picture, slot.picture_offset, slot.tl0_offset)
                lengths[2 * i + 1] = size
                if protect_in_place(context, pointers[i], sizes[i]) != OK:
                    outbox.failed += 1
                    continue
                if voices is not None:
                    done = bytes(memory[base : base + lengths[2 * i + 1]])
                    voices[number & _VOICE_MASK] = (number, done)
                i += 1
            history.next_sequence = sequence
            if i > first:
                outbox.deliver(i, endpoint)
                slot.note_sent(newest, i - first, octets, now)
                self.forwarded += i - first


def _ext(sent: Sent) -> int:
    return sent.ext


def without_red(sent: Sent) -> Sent | None:
    """The newest voice of a RED packet (RFC 2198) alone, for those who did not offer RED."""
    try:
        _, _, start, end = read_red(sent.template, sent.header, len(sent.template))[-1]
    except DecodeError:
        return None
    template = sent.template[: sent.header] + sent.template[start:end]
    plain = Sent(
        sent.ext,
        sent.timestamp,
        sent.marker,
        CodecName.OPUS,
        template,
        sent.header,
        sent.word,
        sent.form,
        None,
    )
    plain.is_stripped = True
    return plain


def patch_picture(
    memory: memoryview | bytearray, base: int, picture: Picture, offset: int, tl0_offset: int
) -> None:
    """Move PictureID and TL0PICIDX (RFC 7741 §4.2) of the VP8 packet at `base` by the offsets."""
    at = picture.pair_at
    if at:  # the usual: a wide picture id, TL0PICIDX right behind it
        tl0 = (picture.tl0 + tl0_offset) & 0xFF
        _pack_picture(memory, base + at, 0x8000 | (picture.picture + offset) & 0x7FFF, tl0)
        return
    if picture.picture_at >= 0:
        if picture.is_wide:
            number = (picture.picture + offset) & 0x7FFF
            _pack_word(memory, base + picture.picture_at, 0x8000 | number)
        else:
            memory[base + picture.picture_at] = (picture.picture + offset) & 0x7F
    if picture.tl0_at >= 0:
        memory[base + picture.tl0_at] = (picture.tl0 + tl0_offset) & 0xFF
