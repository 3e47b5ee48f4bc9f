"""The forwarding loop: packets in, one rewritten and protected copy per slot out.

`on_packet` numbers a packet and keeps it as a `Sent`; `emit` then writes all packets of a wake-up,
slot by slot, so that a subscriber's packets lie side by side and leave as one segmented send.
A copy is made in a place of the transmit batch: the composed template, the header stamped, the VP8
picture numbers moved, protected. `copies.c` does so for nearly all, `_copy` in Python.
"""

import time
from collections.abc import Callable
from typing import Any, Final

from conf.media import rtcp
from conf.media.copies import Copies
from conf.media.downslot import DownSlot
from conf.media.errors import DecodeError
from conf.media.layer import HISTORY, Group, Layer, Sent
from conf.media.model import SourceKind
from conf.media.opened import OpenPictures
from conf.media.outbox import Outbox
from conf.media.picture import Picture, inspect
from conf.media.rtp import HeaderForm, Packet, read_red
from conf.media.sdp import CodecName
from conf.media.udp import TX_SLOTS

_MASK: Final = HISTORY - 1
_TOO_LATE: Final = HISTORY - 64  # packets behind the newest that are not worth sending
_MAX_BURST: Final = TX_SLOTS  # packets of one layer emitted together

Burst = list[Sent]


def _ntp_now() -> int:
    return rtcp.ntp_time(time.time())


class Forwarder:
    """Owner: the worker's loop; one for all rooms.

    `on_level` gets each audio packet's loudness; `native`: of `compiled.load`.
    """

    def __init__(
        self,
        outbox: Outbox,
        on_level: Callable[[Layer, Packet, float], None],
        ntp_now: Callable[[], int] = _ntp_now,
        native: Any | None = None,
    ) -> None:
        self._outbox = outbox
        self._ntp_now = ntp_now
        self._on_level = on_level
        self._copies = Copies(outbox, native) if native is not None else None
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
        for form, group in layer.groups.items():
            self._keep(layer, form, ext, packet, codec, picture, memory, now)
            if picture is not None and ext == layer.highest:
                self.open.note(layer, len(group.slots), now, is_last=packet.marker)

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
        start = form.compose(memory, packet)
        sent = Sent(
            ext,
            packet.timestamp,
            0x80 if packet.marker else 0,
            codec,
            bytes(memory[start : packet.payload_end]),
            packet.payload - start,
            form,
            picture,
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
            group = layer.groups.get(form)
            if group is not None:
                self.send(group, burst, now)

    def send(self, group: Group, burst: Burst, now: float) -> None:
        """A copy of each packet of `burst` (at most a batch) for each slot of `group`."""
        if self._copies is None:
            slots = group.slots
            if burst[0].is_stripped:
                slots = [slot for slot in slots if CodecName.RED not in slot.types]
            self._copy(slots, burst, now)
            return
        left_out = self._copies.make(group, burst, now)
        self.forwarded += self._copies.forwarded
        for place in left_out:
            self._send_apart(group.slots[place], burst, now)

    def _send_apart(self, slot: DownSlot, burst: Burst, now: float) -> None:
        """A slot that cannot be sent the burst as it is: not now, not by us, not all."""
        session, payload_type = slot.session, slot.types.get(burst[0].codec)
        if session.context is None or session.endpoint is None or payload_type is None:
            return
        if slot.shaper is not None:
            self.forwarded += slot.shaper.send(slot, burst, payload_type, now)
            return
        later = [sent for sent in burst if sent.ext >= slot.row.from_ext]  # the rest is of before
        if later:
            self._copy([slot], later, now)

    def _copy(self, slots: list[DownSlot], burst: Burst, now: float) -> None:
        """The copy loop in Python: for all slots, or for those that copies.c leaves to us."""
        outbox, codec = self._outbox, burst[0].codec
        newest, oldest_ext = max(burst, key=_ext), min(burst, key=_ext).ext
        numbered = max(filter(_is_numbered, burst), key=_ext, default=None)
        sizes = [len(sent.template) for sent in burst]
        cuts, now_us = outbox.port.cut(sizes), int(now * 1e6)
        for slot in slots:
            session, row = slot.session, slot.row
            context, endpoint, payload_type = (
                session.context,
                session.endpoint,
                slot.types.get(codec),
            )
            is_apart = slot.shaper is not None or oldest_ext < row.from_ext
            if is_apart or context is None or endpoint is None or payload_type is None:
                self._send_apart(slot, burst, now)
                continue
            if outbox.count + len(burst) > TX_SLOTS:
                outbox.flush()
            octets, stop = 0, outbox.count
            for sent, size in zip(burst, sizes, strict=True):
                if slot.write(outbox, stop, sent, payload_type, row, now_us):
                    octets, stop = octets + size, stop + 1
            count = stop - outbox.count
            if count:
                outbox.deliver(stop, endpoint, cuts)
                slot.note_sent(newest, row, count, octets, now, numbered)
                self.forwarded += count


def _is_numbered(sent: Sent) -> bool:
    return sent.picture is not None and sent.picture.has_numbers


def _ext(sent: Sent) -> int:
    return sent.ext


def without_red(sent: Sent) -> Sent | None:
    """The newest voice of a RED packet (RFC 2198) alone, for those who did not offer RED."""
    try:
        _, _, start, end = read_red(sent.template, sent.header, len(sent.template))[-1]
    except DecodeError:
        return None
    template = sent.template[: sent.header] + sent.template[start:end]
    plain = sent.carrying(CodecName.OPUS, template)
    plain.is_stripped = True
    return plain
