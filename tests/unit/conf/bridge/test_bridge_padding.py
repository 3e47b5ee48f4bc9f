"""What a probe sends beside the media: padding, numbered like all that is sent, and as one."""

from collections.abc import Iterator

import pytest

from conf.media.padding import PADDING, send_padding
from conf.media.sdp import CodecName
from conf.media.udp import TX_SLOTS
from tests.support.bridge_client import RTX
from tests.support.bridge_stage import Stage, vp8

NOW_US = 5_000_000


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A slot that has been sent a picture."""
    it = Stage()
    it.say(1, vp8(1, key=True), timestamp=3000)
    it.read()
    yield it
    it.close()


def test_a_probe_s_packets_are_padding_on_the_repair_source(stage: Stage) -> None:
    """Numbered on, in its own numbers and in the transport's, and told to the history."""
    slot, history = stage.slot, stage.session.history
    number, first = slot.rtx_number, history.next_sequence
    count = TX_SLOTS + 9
    assert send_padding(stage.session, stage.outbox, slot, count, NOW_US) == count
    got = stage.read()
    assert [one.payload for one in got] == [b""] * count
    assert {one.kind for one in got} == {slot.rtx_types[slot.types[CodecName.VP8]]} == {RTX}
    assert {one.timestamp for one in got} == {slot.row.last_ts}
    assert [one.number for one in got] == [(number + 1 + n) & 0xFFFF for n in range(count)]
    assert [one.transport for one in got] == list(range(first, first + count))
    assert history.next_sequence == first + count
    assert set(history.sizes[first : first + count]) == {PADDING + 20}
    assert set(history.sent_us[first : first + count]) == {NOW_US}


def test_what_is_due_leaves_side_by_side(stage: Stage) -> None:
    """One message to the kernel a batch, however many packets; media that lies there goes along."""
    stage.say(2, vp8(2), timestamp=6000)
    stage.forwarder.emit(1.0)
    sends = stage.outbox.sends
    send_padding(stage.session, stage.outbox, stage.slot, TX_SLOTS + 9, NOW_US)
    got = stage.read()
    assert len(got) == TX_SLOTS + 10
    assert stage.outbox.sends - sends == (3 if stage.port.has_segments else len(got))


def test_who_has_no_keys_or_address_is_sent_none(stage: Stage) -> None:
    session = stage.session
    session.endpoint, kept = None, session.endpoint
    assert send_padding(session, stage.outbox, stage.slot, 5, NOW_US) == 0
    session.endpoint, session.context = kept, None
    assert send_padding(session, stage.outbox, stage.slot, 5, NOW_US) == 0
    assert stage.read() == []
