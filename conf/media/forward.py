"""The forwarding loop: packets in, one rewritten and protected copy per slot out.

`on_packet` numbers a packet and keeps it as a `Sent`; `emit` then writes all packets of a wake-up,
slot by slot, so that a subscriber's packets lie side by side and leave as one segmented send.
Everything a copy needs is written into a transmit slot in place: copy the composed template, stamp
the header, move the VP8 picture numbers, protect. No object is made per copy.
"""

import struct
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from conf.media import rtcp
from conf.media.downslot import VOICES, DownSlot
from conf.media.errors import DecodeError
from conf.media.layer import HISTORY, Layer, Sent
from conf.media.model import SourceKind
from conf.media.opened import OpenPictures
from conf.media.outbox import Outbox
from conf.media.picture import Picture, inspect
from conf.media.rtp import HeaderForm, Packet, read_red
from conf.media.sdp import CodecName
from conf.media.srtp import OK, protect
from conf.media.twcc import HISTORY as TRANSPORT_HISTORY
from conf.media.udp import TX_SLOTS, pack_message

_M32: Final = 0xFFFFFFFF
_MASK: Final = HISTORY - 1
_VOICE_MASK: Final = VOICES - 1
_TRANSPORT_MASK: Final = TRANSPORT_HISTORY - 1
_TOO_LATE: Final = HISTORY - 64  # packets behind the newest that are not worth sending
_MAX_BURST: Final = TX_SLOTS  # packets of one layer emitted together
_pack_word = struct.Struct("!H").pack_into
_pack_picture = struct.Struct("!HB").pack_into

Burst = list[Sent]
# (number, timestamp, first byte and marker, size, writer, extension word, bytes before the picture
# numbers, bytes after, picture id, TL0PICIDX); or for what has no wide pair of numbers (number, …,
# None, all bytes, what `patch_picture` shall move or None, 0).
Item = tuple[int, int, int, int, Callable[..., None], Any, bytes | None, bytes, Any, int]


def _ntp_now() -> int:
    return rtcp.ntp_time(time.time())


class Forwarder:
    """Owner: the worker's loop; one for all rooms. `on_level` gets each audio packet's loudness."""

    def __init__(
        self,
        outbox: Outbox,
        on_level: Callable[[Layer, Packet, float], None],
        ntp_now: Callable[[], int] = _ntp_now,
    ) -> None:
        self._outbox = outbox
        self._ntp_now = ntp_now
        self._on_level = on_level
        self._pending: dict[tuple[Layer, HeaderForm, CodecName], Burst] = {}
        self.open = OpenPictures()
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
        is_early = ext <= layer.onset.until  # soon after a permission: it may hold what is older
        if not track.is_allowed or (
            is_early and not layer.onset.admits(ext, packet, memory, codec)
        ):
            return
        if layer.waiting and (picture is None or picture.is_key):
            self._switch_waiting(layer, ext, packet, picture, now)
        for form, slots in layer.groups.items():
            self._keep(layer, form, ext, packet, codec, picture, memory, now)
            if picture is not None and ext == layer.highest:
                self.open.note(layer, len(slots), now, is_last=packet.marker)

    def _switch_waiting(
        self, layer: Layer, ext: int, packet: Packet, picture: Picture | None, now: float
    ) -> None:
        if picture is None and layer.track.kind is not SourceKind.AUDIO:
            return
        self.emit(now)  # what came before the switch goes out as it was, and before the report
        self._outbox.flush()
        numbers = None
        if picture is not None and picture.picture_at >= 0:
            numbers = (picture.picture, picture.tl0)
        for slot in list(layer.waiting):
            slot.switch(layer, ext, packet.timestamp, numbers, now)
            slot.tell_time(self._ntp_now())

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
        self.open.clear()
        for (layer, form, _), burst in pending.items():
            slots = layer.groups.get(form)
            if slots and burst[0].is_stripped:
                slots = [slot for slot in slots if CodecName.RED not in slot.types]
            if slots:
                self._copy(slots, burst, now)

    def _send_apart(self, slot: DownSlot, burst: Burst, now: float) -> None:
        """A slot that cannot be sent the burst as it is: not now, not by us, not all."""
        session, payload_type = slot.session, slot.types.get(burst[0].codec)
        if session.context is None or session.endpoint is None or payload_type is None:
            return
        if slot.shaper is not None:
            self.forwarded += slot.shaper.send(slot, burst, payload_type, now)
            return
        later = [sent for sent in burst if sent.ext >= slot.from_ext]  # the rest is of before
        if later:
            self._copy([slot], later, now)

    def _copy(self, slots: list[DownSlot], burst: Burst, now: float) -> None:
        """Each line costs per forwarded packet: what can be is a local, nothing is called twice."""
        outbox, port, now_us = self._outbox, self._outbox.port, int(now * 1e6)
        tx, namelen, iov = port.tx, port.name_size, port.tx.first_iovec
        out, bases, lengths = tx.memory, tx.bases, tx.lengths
        pointers, sizes, protect_in_place = tx.pointers, tx.sizes, protect
        form, codec = burst[0].form, burst[0].codec
        has_transport, tag = form.has_transport, form.tag
        wide: int | bytes = b""  # the transport-wide number
        items = [_item(sent) for sent in burst]
        newest, oldest_ext = max(burst, key=_ext), min(burst, key=_ext).ext
        count, octets = len(burst), sum(len(sent.template) for sent in burst)
        cuts = port.cut([len(sent.template) for sent in burst])
        for slot in slots:
            session = slot.session
            context, endpoint, history = session.context, session.endpoint, session.history
            payload_type, voices = slot.types.get(codec), slot.ciphertexts
            is_apart = slot.shaper is not None or oldest_ext < slot.from_ext
            if is_apart or context is None or endpoint is None or payload_type is None:
                self._send_apart(slot, burst, now)
                continue
            if outbox.count + count > TX_SLOTS:
                outbox.flush()
            i = first = outbox.count
            offset, ts_offset, ssrc = slot.offset, slot.ts_offset, slot.ssrc
            sequence, sent_us, sent_sizes = history.next_sequence, history.sent_us, history.sizes
            for ext, ts, head, size, write, word, middle, rest, picture, tl0 in items:
                base, kind, seq = bases[i], head | payload_type, (ext + offset) & 0xFFFF
                ts = (ts + ts_offset) & _M32
                if has_transport:
                    place, wide = sequence & _TRANSPORT_MASK, sequence & 0xFFFF
                    sent_us[place], sent_sizes[place] = now_us, size
                    sequence += 1
                if middle is None:
                    write(out, base, kind, seq, ts, ssrc, word, tag, wide, rest)
                    if picture is not None:
                        patch_picture(out, base, picture, slot.picture_offset, slot.tl0_offset)
                else:
                    pid = 0x8000 | (picture + slot.picture_offset) & 0x7FFF
                    tl0 = (tl0 + slot.tl0_offset) & 0xFF
                    write(out, base, kind, seq, ts, ssrc, word, tag, wide, middle, pid, tl0, rest)
                lengths[2 * i + 1] = size
                if protect_in_place(context, pointers[i], sizes[i]) != OK:
                    outbox.failed += 1
                    continue
                if voices is not None:
                    voices[seq & _VOICE_MASK] = bytes(out[base : base + lengths[2 * i + 1]])
                i += 1
            history.next_sequence = sequence
            if i == first:
                continue
            if i - first == 1 and endpoint.pointer:  # as outbox.deliver does
                at = 64 * outbox.messages
                pack_message(tx.messages, at, endpoint.pointer, namelen, iov + 16 * first, 1, 0, 0)
                outbox.messages += 1
                outbox.count = i
            else:
                outbox.deliver(i, endpoint, cuts)
            slot.note_sent(newest, newest.ext + offset, i - first, octets, now)
            self.forwarded += i - first


@lru_cache(maxsize=8192)
def _writer(layout: str, middle: int, rest: int) -> Callable[..., None]:
    """Writes a whole packet at once; `middle`: bytes before the picture numbers, -1 without."""
    return struct.Struct(
        f"{layout}{rest}s" if middle < 0 else f"{layout}{middle}sHB{rest}s"
    ).pack_into


def _item(sent: Sent) -> Item:
    """A packet as the forwarding loop wants it."""
    form, template, picture = sent.form, sent.template, sent.picture
    size, start, head = len(template), form.fixed, template[0] << 8 | sent.marker
    word: int | bytes = sent.word if form.has_transport else b""
    numbers = (sent.ext, sent.timestamp, head, size)
    if picture is not None and picture.pair_at:
        at = picture.pair_at
        write = _writer(form.layout, at - start, size - at - 3)
        return (
            *numbers,
            write,
            word,
            template[start:at],
            template[at + 3 :],
            picture.picture,
            picture.tl0,
        )
    moved = picture if picture is not None and picture.has_numbers else None
    return *numbers, _writer(form.layout, -1, size - start), word, None, template[start:], moved, 0


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
