"""Packets of nothing but padding on a slot's RTX source: what a probe sends beside the media."""

from typing import Final

from conf.media.downslot import DownSlot
from conf.media.outbox import Outbox
from conf.media.rtp import MAX_HEADER, NONE, Packet, write_padding
from conf.media.session import Session
from conf.media.srtp import OK, protect
from conf.media.udp import TX_SLOTS

PADDING: Final = 220  # bytes a packet


def send_padding(session: Session, outbox: Outbox, slot: DownSlot, count: int, now_us: int) -> int:
    """Send `count` of them side by side, so that they leave as one. Returns: how many did."""
    endpoint, sent = session.endpoint, 0
    if session.context is None or endpoint is None:
        return 0
    template, kind = _template(slot), next(iter(slot.rtx_types.values()))
    while sent < count:
        stop = first = outbox.room()
        end = min(TX_SLOTS, first + count - sent)
        while stop < end and _write(session, outbox, slot, template, kind, stop, now_us):
            stop += 1
        if stop == first:
            break  # refused
        outbox.deliver(stop, endpoint)
        sent += stop - first
    return sent


def _write(
    session: Session,
    outbox: Outbox,
    slot: DownSlot,
    template: bytes,
    kind: int,
    place: int,
    now_us: int,
) -> bool:
    """One into that place of the batch, protected; False: refused."""
    tx, form, size = outbox.port.tx, slot.form, len(template)
    base = tx.bases[place]
    tx.memory[base : base + size] = template
    slot.rtx_number = (slot.rtx_number + 1) & 0xFFFF
    transport = session.history.add(now_us, size) if form.has_transport else 0
    head = (kind, slot.rtx_number, slot.row.last_ts, slot.rtx_ssrc)
    form.stamp(tx.memory, base, *head, transport)
    tx.lengths[2 * place + 1] = size
    if protect(session.context, tx.pointers[place], tx.sizes[place]) != OK:
        outbox.failed += 1
        return False
    return True


def _template(slot: DownSlot) -> bytes:
    """The plain packet, its header still to be stamped."""
    packet, memory = _blank(), bytearray(MAX_HEADER + PADDING)
    packet.payload = packet.payload_end = MAX_HEADER
    start = slot.form.compose(memory, packet)
    stop = write_padding(memory, start, MAX_HEADER - start, PADDING)
    return bytes(memory[start:stop])


def _blank() -> Packet:
    """A packet with nothing in it, for composing a header."""
    packet = Packet()
    packet.marker = packet.has_voice = False
    packet.payload_type = packet.sequence = packet.timestamp = packet.ssrc = 0
    packet.audio_level = packet.orientation = packet.playout_delay = NONE
    return packet
