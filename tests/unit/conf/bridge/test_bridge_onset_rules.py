"""Nothing said while a site was muted passes once it may speak again: on real SRTP and sockets."""

from collections.abc import Iterator

import pytest

from conf.media.onset import MOST_PACKETS
from conf.media.sdp import Role
from conf.media.voiceguard import VoiceGuard
from tests.support.bridge_client import OPUS, RED
from tests.support.bridge_stage import Arrived, Stage, red, vp8
from tests.support.encoded import opus_packets

CELT = b"\xfc"


@pytest.fixture
def voices() -> Iterator[Stage]:
    """A microphone and one audio slot."""
    it = Stage(Role.AUDIO_UP, Role.AUDIO_DOWN)
    yield it
    it.close()


def body(number: int) -> bytes:
    """A voice that says when it was spoken: as CELT, which repeats nothing by itself."""
    return CELT + b"<%d>" % number


def say(stage: Stage, *numbers: int, repeats: int = 2) -> None:
    """Packets of a browser that repeats so many voices."""
    for number in numbers:
        spoken = [body(n) for n in range(number - repeats, number + 1)]
        stage.say(number, red(*spoken), timestamp=960 * number, kind=RED)


def mute(stage: Stage) -> None:
    """As an order does: the track may nothing, its slots are taken away."""
    stage.track.allow(is_allowed=False)
    stage.slot.detach()


def unmute(stage: Stage) -> None:
    """As an order does."""
    stage.track.allow(is_allowed=True)
    stage.slot.want(stage.layer)


def spoken(arrived: list[Arrived]) -> list[bytes]:
    """What was said in them, as one text a packet."""
    return [a.payload[a.payload.index(b"<") :].replace(CELT, b"") for a in arrived]


def muted_until(stage: Stage, last: int) -> None:
    """Heard, then muted; the packet `last` still comes meanwhile."""
    say(stage, 1, 2, 3)
    assert len(stage.read()) == 3
    mute(stage)
    say(stage, *range(4, last + 1))
    assert stage.read() == []
    unmute(stage)


@pytest.mark.parametrize("repeats", [1, 2, 4])
def test_a_browsers_red_brings_nothing_said_while_muted(voices: Stage, repeats: int) -> None:
    """Its first packets repeat voices of before: these are cut out, all after them are whole."""
    muted_until(voices, 20)
    say(voices, *range(21, 30), repeats=repeats)
    got = voices.read()
    assert {a.kind for a in got} == {RED}
    expected = [[n for n in range(21, 30) if at - repeats <= n <= at] for at in range(21, 30)]
    assert [a.payload for a in got] == [red(*map(body, numbers)) for numbers in expected]


def test_a_first_packet_lost_on_the_way_up_is_not_brought_by_the_next(voices: Stage) -> None:
    """It may have been spoken before the order; what comes late or is repaired stays out too."""
    muted_until(voices, 20)
    say(voices, 22)
    say(voices, 21, 20, 19)  # late; 20 came twice
    voices.say(18, body(18), timestamp=960 * 18, kind=OPUS)
    say(voices, 23)
    assert spoken(voices.read()) == [b"<22>", b"<22><23>"]


def test_a_packet_of_before_that_comes_first_begins_nothing(voices: Stage) -> None:
    """A hole of the muted time, repaired after the order."""
    say(voices, 1, 2, 3)
    voices.read()
    mute(voices)
    say(voices, 4, 6)
    unmute(voices)
    say(voices, 5)
    assert voices.read() == []
    say(voices, 7)
    assert spoken(voices.read()) == [b"<7>"]


def test_the_bridges_own_red_begins_there_too(voices: Stage) -> None:
    """Made for a lossy link of the packets kept, and of the browser's own blocks."""
    guard = VoiceGuard(voices.outbox)
    guard.set_loss(0.3, 1.0, has_room=True)
    voices.slot.shaper = guard
    muted_until(voices, 20)
    say(voices, 21, 22, 24, 25, 26)
    assert spoken(voices.read()) == [
        b"<21>", b"<21><22>", b"<21><22><23><24>", b"<22><23><24><25>", b"<24><25><26>",
    ]  # fmt: skip


def test_nothing_sent_before_is_repaired_after(voices: Stage) -> None:
    """A listener may ask for what it missed before the mute; it may not have it any more."""
    say(voices, 1, 2, 3)
    before = [a.number for a in voices.read()]
    mute(voices)
    unmute(voices)
    say(voices, 4)
    voices.read()
    assert [voices.slot.voice(number) for number in before] == [None] * 3


def test_after_a_while_a_packet_is_not_looked_into_any_more(voices: Stage) -> None:
    """One comparison; no RED block reaches back so far."""
    muted_until(voices, 20)
    say(voices, *range(21, 21 + MOST_PACKETS + 1))
    assert (voices.layer.onset.until & 0xFFFF) == 21 + MOST_PACKETS
    voices.read()
    broken = bytes((0x80 | OPUS, 0, 3, 255, OPUS)) + b"<0>"
    voices.say(22 + MOST_PACKETS, broken, timestamp=960 * 300, kind=RED)
    assert [a.payload for a in voices.read()] == [broken]


def test_red_that_cannot_be_read_does_not_pass_at_first(voices: Stage) -> None:
    """Nobody can say what is in it."""
    muted_until(voices, 20)
    voices.say(21, bytes((0x80 | OPUS, 0, 3, 255, OPUS)) + b"<0>", timestamp=960 * 21, kind=RED)
    say(voices, 22)
    assert spoken(voices.read()) == [b"<22>"]


@pytest.mark.parametrize("is_red", [False, True])
def test_a_first_packet_with_the_one_before_inside_its_opus_is_left_out(
    voices: Stage, is_red: bool
) -> None:
    """In-band FEC cannot be cut out: 20 ms go unheard, and no copy of them either."""
    packets = opus_packets(50, 24_000, application="voip", packet_loss="30", fec="1")
    kind = RED if is_red else OPUS
    voices.track.allow(is_allowed=False)
    voices.say(9, packets[9], timestamp=960 * 9, kind=OPUS)
    voices.track.allow(is_allowed=True)
    for n in (10, 11, 12):
        payload = red(packets[n - 1], packets[n]) if is_red else packets[n]
        voices.say(n, payload, timestamp=960 * n, kind=kind)
    alone = red(packets[11]) if is_red else packets[11]
    with_it = red(packets[11], packets[12]) if is_red else packets[12]
    assert [a.payload for a in voices.read()] == [alone, with_it]


def test_a_source_that_begins_anew_begins_there(voices: Stage) -> None:
    """Its numbers say nothing of when; what it repeats in its first packet is not known."""
    say(voices, 1, 2, 3)
    voices.read()
    say(voices, 30_000, 30_001)
    assert spoken(voices.read()) == [b"<30000>", b"<30000><30001>"]


def test_a_picture_of_before_that_comes_late_is_not_shown() -> None:
    """A key frame lost while the camera was forbidden, and repaired after."""
    stage = Stage()
    try:
        stage.track.allow(is_allowed=False)
        stage.picture(1, 1, key=True)
        stage.picture(3, 3)
        stage.track.allow(is_allowed=True)
        stage.picture(2, 2, key=True)
        assert stage.read() == []
        stage.picture(4, 4, key=True)
        assert [a.payload[6:] for a in stage.read()] == [vp8(4, key=True)[6:]]
    finally:
        stage.close()
