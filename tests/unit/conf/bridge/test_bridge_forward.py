"""The forwarding loop on real SRTP and sockets: what a subscriber reads is one unbroken stream."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from conf.media.layers import ALL_TEMPORAL
from conf.media.onset import MOST_PACKETS
from conf.media.rtp import HeaderForm, extension_table
from conf.media.sdp import CodecName, Extension, Role
from conf.media.shaper import Shaper
from conf.media.timeline import Anchor
from conf.media.voiceguard import VoiceGuard, unhealed
from tests.support.bridge_client import H264, OPUS, RED, VP8
from tests.support.bridge_stage import Stage, red, vp8


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A camera and one main slot."""
    it = Stage()
    yield it
    it.close()


@pytest.fixture
def voices() -> Iterator[Stage]:
    """A microphone and one audio slot."""
    it = Stage(Role.AUDIO_UP, Role.AUDIO_DOWN)
    yield it
    it.close()


def steps(values: list[int], modulus: int = 1 << 16) -> list[int]:
    return [(b - a) % modulus for a, b in pairwise(values)]


def test_nothing_is_shown_before_a_key_frame(stage: Stage) -> None:
    """A slot begins with a picture that can be decoded."""
    stage.picture(1, 10)
    stage.picture(2, 11, key=True)
    stage.picture(3, 12)
    got = stage.read()
    assert [a.payload[6:] for a in got] == [vp8(11, key=True)[6:], vp8(12)[6:]]


def test_a_burst_keeps_its_order_numbers_and_pictures(stage: Stage) -> None:
    """Equal sizes leave as one segmented send and arrive as so many datagrams."""
    stage.picture(65_534, 200, key=True)
    for n in range(1, 9):
        stage.picture((65_534 + n) & 0xFFFF, 200 + n)
    got = stage.read()
    assert len(got) == 9
    assert set(steps([a.number for a in got])) == {1}
    assert set(steps([a.picture for a in got], 1 << 15)) == {1}
    assert set(steps([a.timestamp for a in got], 1 << 32)) == {3000}


@pytest.mark.parametrize("sizes", [(900, 900, 900), (900, 900, 40), (40, 900), (900, 40, 900, 900)])
def test_packets_of_any_sizes_arrive_whole(stage: Stage, sizes: tuple[int, ...]) -> None:
    """Segments must be equal but the last: others get sends of their own."""
    stage.picture(1, 1, key=True)
    stage.read()
    sent = [vp8(2 + n) + bytes(size) for n, size in enumerate(sizes)]
    for n, payload in enumerate(sent):
        stage.say(2 + n, payload)
    assert [len(a.payload) for a in stage.read()] == [len(payload) for payload in sent]


def test_a_loss_stays_a_gap_and_a_late_packet_finds_its_place(stage: Stage) -> None:
    """So that the subscriber asks for it, and takes it when it comes."""
    stage.picture(1, 1, key=True)
    stage.picture(3, 3)
    stage.picture(2, 2)
    stage.picture(2, 2)
    first, later, late = (a.number for a in stage.read())
    assert (later - first, late - first) == (2, 1)
    assert stage.forwarder.duplicates == 1


def test_a_hole_given_up_is_answered_by_a_key_frame(stage: Stage) -> None:
    """After a second nobody repairs it any more, and the picture would stand still."""
    asked: list[float] = []
    stage.picture(1, 1, key=True)
    stage.picture(3, 3, now=1.1)
    stage.layer.ask = lambda _: asked.append(1)
    assert stage.layer.holes(1.2, 0.05) == [2]
    assert not asked
    assert stage.layer.holes(2.2, 0.05) == []
    assert len(asked) == 1


def test_a_report_of_the_slot_counts_what_left_it(stage: Stage) -> None:
    """RFC 3550 §6.4.1; none before the source has told its own time."""
    assert stage.slot.report(1 << 32) is None
    stage.picture(1, 1, key=True)
    stage.picture(2, 2)
    payloads = [a.payload for a in stage.read()]
    stage.layer.anchor = Anchor(1 << 32, 3000)
    report = stage.slot.report(1 << 32)
    assert report is not None
    assert (report.ssrc, report.packets) == (77, 2)
    assert report.octets == sum(map(len, payloads))


def test_what_was_sent_can_be_found_again_under_its_number(stage: Stage) -> None:
    """Also after a switch, with the offsets then in force; not once the slot was taken away."""
    stage.picture(1, 1, key=True)
    stage.picture(2, 2)
    before = [a.number for a in stage.read()]
    stage.slot.want(stage.layer)
    stage.picture(3, 50, key=True)
    after = stage.read()[0].number
    found = [stage.slot.find(number) for number in (*before, after)]
    assert [f[0].ext & 0xFFFF for f in found if f] == [1, 2, 3]
    assert stage.slot.find((after + 1) & 0xFFFF) is None
    stage.slot.detach()
    assert stage.slot.find(after) is None


def test_a_muted_track_sends_nothing(stage: Stage) -> None:
    """Enforced before the packet is even kept."""
    stage.picture(1, 1, key=True)
    stage.read()
    stage.track.is_allowed = False
    stage.picture(2, 2, key=True)
    assert stage.read() == []


def test_a_form_nobody_takes_any_more_is_forgotten(stage: Stage) -> None:
    """Who comes again and again with other extension ids leaves no packets behind."""
    stage.picture(1, 7, key=True)
    assert len(stage.read()) == 1
    stage.slot.detach()
    assert not stage.layer.groups
    assert not stage.layer.rings


def test_two_slots_of_two_header_forms_both_read_the_pictures(stage: Stage) -> None:
    """Offsets into one form's template are not those into another's."""
    other = stage.add_slot(Role.SHARE_DOWN, ssrc=99)
    other.form = other.form.of({})
    stage.picture(1, 7, key=True)
    stage.picture(2, 8)
    got = stage.read()
    assert len(got) == 4
    assert steps([a.picture for a in got[:2]]) == steps([a.picture for a in got[2:]]) == [1]


@pytest.mark.parametrize("number", [3, 16], ids=["one-byte", "two-byte"])
def test_every_packet_bears_the_next_transport_wide_number(stage: Stage, number: int) -> None:
    """In either form of header extensions (RFC 8285); the payload behind it is whole."""
    ids = {Extension.TRANSPORT_CC: number, Extension.PLAYOUT_DELAY: number + 1}
    stage.slot.form, stage.down_table = HeaderForm.of(ids), extension_table(ids)
    for n in (1, 2):
        stage.picture(n, n, key=n == 1)
    stage.say(3, b"\x65\x88" + bytes(50), kind=H264)
    got = stage.read()
    assert [len(a.payload) for a in got] == [len(vp8(1, key=True))] * 2 + [52]
    assert steps([a.picture for a in got[:2]], 1 << 15) == [1]
    assert steps([a.transport for a in got]) == [1, 1]


def test_red_is_passed_on_and_taken_off_for_those_who_lack_it(voices: Stage) -> None:
    """RFC 2198: the primary block is the last, behind a header of one byte."""
    voices.add_slot(Role.AUDIO_DOWN, ssrc=99, lacks=CodecName.RED)
    block = bytes((0x80 | OPUS, 960 << 2 >> 8 & 0xFF, (960 << 2 & 0xFF), 3, OPUS))
    voices.voice(1, b"old")
    voices.read()
    voices.say(2, block + b"old" + b"new", timestamp=1920, kind=RED)
    got = {a.kind: a.payload for a in voices.read()}
    assert got == {RED: block + b"oldnew", OPUS: b"new"}


def test_a_lossy_link_gets_each_voice_three_times(voices: Stage) -> None:
    """Made from plain Opus; what came before the slot's first voice is not in it."""
    guard = VoiceGuard(voices.outbox)
    guard.set_loss(0.3, 1.0)
    assert guard.concerns(voices.slot)
    voices.slot.shaper = guard
    for n in range(1, 5):
        voices.voice(n, b"voice%d" % n)
    got = voices.read()
    assert [a.kind for a in got] == [OPUS, RED, RED, RED]
    assert got[3].payload.endswith(b"voice2voice3voice4")
    assert got[1].payload.endswith(b"voice1voice2")
    assert voices.slot.voice(got[3].number) is not None


def test_a_lossy_link_gets_the_voices_of_a_browser_three_times_too(voices: Stage) -> None:
    """A browser's RED repeats one voice; one that was lost on the way up is taken from it."""
    guard = VoiceGuard(voices.outbox)
    guard.set_loss(0.3, 1.0)
    voices.slot.shaper = guard
    for n in (1, 2, 3, 5):
        payload = red(b"voice%d" % (n - 1), b"voice%d" % n)
        voices.say(n, payload, timestamp=960 * n, kind=RED)
    got = voices.read()
    assert {a.kind for a in got} == {RED}
    assert [a.payload for a in got[-2:]] == [
        red(b"voice1", b"voice2", b"voice3"),
        red(b"voice3", b"voice4", b"voice5"),
    ]
    assert guard.expansion(voices.slot, guard.distance) == 1.5


def test_red_that_cannot_be_read_goes_as_it_came(voices: Stage) -> None:
    """Its listener may know better; nothing is made of it."""
    guard = VoiceGuard(voices.outbox)
    guard.set_loss(0.3, 1.0)
    voices.slot.shaper = guard
    broken = bytes((0x80 | OPUS, 0, 3, 255, OPUS)) + b"short"
    for n in range(MOST_PACKETS + 1):  # at first it may hold what was said while muted
        voices.voice(n, b"voice")
    voices.read()
    n = MOST_PACKETS + 1
    voices.say(n, broken, timestamp=960 * n, kind=RED)
    assert [a.payload for a in voices.read()] == [broken]


@pytest.mark.parametrize(
    ("missing", "distance", "left"),
    [
        ((1, 2, 5), 0, [1, 2, 5]),
        ((1, 2, 5), 1, [1, 2, 5]),
        ((1, 2, 5), 2, []),
        ((65_534, 65_535, 0, 7, 9, 10, 11, 12), 2, [65_534, 65_535, 0, 9, 10, 11, 12]),
    ],
)
def test_only_what_red_does_not_bring_is_sent_again(
    missing: tuple[int, ...], distance: int, left: list[int]
) -> None:
    """Each packet after a hole of two brings both; of a longer one the first is lost for good."""
    assert unhealed(missing, distance) == left


def test_silence_by_dtx_stays_as_long_as_it_was(voices: Stage) -> None:
    """A packet in 400 ms: numbers go on by one, time by the gap, for a lossy link too.

    A RED block reaches back 14 bits, 341 ms: the voice before the silence is not repeated.
    """
    guard, spoken = VoiceGuard(voices.outbox), (960, 1920, 1920 + 19_200, 1920 + 38_400, 42_240)
    for shaper in (None, guard):
        voices.slot.shaper = shaper
        guard.set_loss(0.3, 1.0)
        first = 100 if shaper else 1
        for n, at in enumerate(spoken, first):
            voices.say(n, b"voice", timestamp=at + 960 * 50 * first, kind=OPUS)
        got = voices.read()
        assert [b.number - a.number for a, b in pairwise(got)] == [1] * 4
        assert [b.timestamp - a.timestamp for a, b in pairwise(got)] == [960, 19_200, 19_200, 1920]
        kinds = [RED if shaper else OPUS] * 5
        kinds[2] = kinds[3] = OPUS  # what came before is too long ago
        assert [a.kind for a in got][1:] == kinds[1:]


def test_the_guard_stays_ten_seconds_and_then_goes(voices: Stage) -> None:
    """Loss comes in bouts; repeating voices is cheap beside losing them."""
    guard = VoiceGuard(voices.outbox)
    for at, loss, distance in ((0, 0.01, 0), (1, 0.03, 1), (2, 0.2, 2), (9, 0.0, 2), (13, 0.0, 0)):
        guard.set_loss(loss, float(at))
        assert guard.distance == distance


def test_a_very_lossy_link_with_room_gets_each_voice_four_times(voices: Stage) -> None:
    """One in a hundred needs a round trip then, not three; without the room as before."""
    guard = VoiceGuard(voices.outbox)
    voices.slot.shaper = guard
    for at, (loss, has_room, distance) in enumerate(
        ((0.1, True, 2), (0.25, False, 2), (0.25, True, 3), (0.15, True, 3), (0.15, False, 2))
    ):
        guard.set_loss(loss, float(at), has_room=has_room)
        assert guard.distance == distance
    guard.set_loss(0.3, 9.0, has_room=True)
    for n in range(1, 7):
        voices.voice(n, b"voice%d" % n)
    assert voices.read()[-1].payload == red(b"voice3", b"voice4", b"voice5", b"voice6")


def shaped(stage: Stage) -> Shaper:
    """The slot goes through a shaper from now on."""
    shaper = Shaper(stage.session, stage.outbox)
    stage.slot.shaper = shaper
    return shaper


def held_up(stage: Stage, count: int) -> Shaper:
    """A key frame, and so many pictures after it of which a tight link takes a few at once."""
    shaper = shaped(stage)
    stage.picture(1, 1, key=True)
    shaper.set_rates(300_000, 250_000, is_tight=True)
    for n in range(2, 2 + count):
        stage.say(n, vp8(n) + bytes(1000), timestamp=3000 * n)
    return shaper


def test_pictures_left_out_close_up(stage: Stage) -> None:
    """Half the pictures in consecutive numbers and ids; all of them again from a sync on."""
    shaper = shaped(stage)
    stage.slot.thinner.wanted = 1
    stage.picture(1, 1, key=True)
    for n in range(2, 10):
        stage.picture(n, n, temporal=(0, 2, 1, 2)[(n - 1) % 4])
    got = stage.read()
    assert len(got) == 5
    assert shaper.thinned == 4
    assert set(steps([a.number for a in got])) == {1}
    assert set(steps([a.picture for a in got])) == {1}
    stage.slot.thinner.wanted = ALL_TEMPORAL
    stage.picture(10, 10, temporal=2)
    stage.picture(11, 11, temporal=1)
    stage.picture(12, 12, temporal=2)
    more = stage.read()
    assert len(more) == 2
    assert set(steps([a.number for a in (*got, *more)])) == {1}
    found = stage.slot.find(got[2].number)
    assert found is not None
    assert found[0].ext & 0xFFFF == 5


def test_a_left_out_picture_that_comes_late_leaves_padding(stage: Stage) -> None:
    """Later numbers are out: its place is filled, so that nobody asks for it for ever."""
    shaped(stage)
    stage.slot.thinner.wanted = 1
    stage.picture(1, 1, key=True)
    stage.picture(3, 3, temporal=1)
    stage.picture(2, 2, temporal=2)
    got = stage.read()
    assert steps([a.number for a in got]) == [2, 65_535]
    assert got[2].payload == b""


def test_a_tight_link_gets_a_key_frame_spread_out(stage: Stage) -> None:
    """In order, at 1.5 times the estimate; and nothing of it once the slot is taken away."""
    shaper = shaped(stage)
    stage.picture(1, 1, key=True)
    stage.read()
    shaper.set_rates(300_000, 250_000, is_tight=True)
    for n in range(2, 22):
        stage.say(n, vp8(2) + bytes(1000))
    at_once = stage.read()
    assert len(at_once) == 1
    assert shaper.release(1.2)
    soon = stage.read()
    assert 5 < len(soon) < 14
    assert set(steps([a.number for a in (*at_once, *soon)])) == {1}
    stage.slot.detach()
    assert not shaper.release(9.0)
    assert stage.read() == []


def test_what_is_held_when_a_source_is_taken_away_leaves_no_number_out(stage: Stage) -> None:
    """The next source begins right behind what has left: nobody asks for what was never sent."""
    shaper = held_up(stage, 20)
    before = stage.read()
    assert shaper.release(1.1)
    before += stage.read()
    assert 3 < len(before) < 20
    stage.slot.detach()
    assert not shaper.release(9.0)
    stage.slot.track = stage.track
    stage.slot.want(stage.layer)
    stage.picture(100, 700, key=True, now=9.0)
    stage.picture(101, 701, now=9.0)
    after = stage.read(9.0)
    assert not shaper.release(9.5)
    after += stage.read(9.5)
    assert len(after) == 2
    for field in ("number", "picture", "transport"):
        assert set(steps([getattr(a, field) for a in (*before, *after)])) <= {1}, field
    assert stage.slot.row.packets == len(before) + len(after)


@pytest.mark.parametrize("gone", ["endpoint", "context"])
def test_what_is_held_for_a_line_that_has_gone_is_dropped(stage: Stage, gone: str) -> None:
    """Its address, as a TCP connection that ended, or its keys; what has left stays counted."""
    shaper = held_up(stage, 10)
    before = stage.read()
    assert stage.slot.held
    setattr(stage.session, gone, None)
    assert not shaper.release(9.0)
    assert stage.read(9.0) == []
    assert not stage.slot.held
    assert stage.slot.row.packets == len(before)
    assert stage.slot.row.last & 0xFFFF == before[-1].number


def test_a_link_with_room_is_not_paced(stage: Stage) -> None:
    """Nor one that has never shown its limit."""
    shaper = shaped(stage)
    for estimate, is_tight in ((300_000, False), (5_000_000, True)):
        shaper.set_rates(estimate, 250_000, is_tight=is_tight)
        assert not shaper.concerns(stage.slot)
    assert stage.slot.types[stage.layer.track.codecs[VP8]] == VP8


def test_h264_passes_unchanged_from_its_first_key_frame_on(stage: Stage) -> None:
    """There are no picture numbers in it to move (RFC 6184)."""
    sps, idr, other = b"\x67\x42\xe0\x1f", b"\x65\x88" + bytes(50), b"\x41\x9a" + bytes(30)
    for n, payload in enumerate((other, sps, idr, other), start=1):
        stage.say(n, payload, timestamp=3000 * n, kind=H264)
    got = stage.read()
    assert [a.payload for a in got] == [sps, idr, other]
    assert {a.kind for a in got} == {H264}
    assert set(steps([a.number for a in got])) == {1}
