"""Numbers out never have a gap the bridge made: wrap, reorder, drop, switch, a source begun anew.

On the real slot and loop: each row goes in as packets and is read from the socket.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conf.media.layer import HISTORY, MAX_JUMP, Layer
from conf.media.publisher import Track
from conf.media.sdp import Role
from conf.media.shaper import Shaper
from conf.media.timeline import Anchor
from tests.support.bridge_client import H264, VP8
from tests.support.bridge_stage import Arrived, Stage, vp8

WORD = 1 << 16


@contextmanager
def a_stage() -> Iterator[Stage]:
    """A camera and one main slot."""
    stage = Stage()
    try:
        yield stage
    finally:
        stage.close()


def another(stage: Stage) -> Layer:
    """A source that has not been shown; `say` speaks for it from now on."""
    track = Track("b", stage.sections[Role.CAMERA_UP])
    track.is_allowed = True
    stage.layer = track.layers[0]
    return stage.layer


def steps(values: list[int], modulus: int = WORD) -> list[int]:
    """From the first one on."""
    return [(value - values[0]) % modulus for value in values]


TABLE = {
    "in order": ([5, 6, 7], [0, 1, 2]),
    "wrap in": ([65_535, 0, 1], [0, 1, 2]),
    "lost by the network": ([5, 8, 9], [0, 3, 4]),
    "reordered": ([5, 7, 6, 8], [0, 2, 1, 3]),
    "repeated": ([5, 5, 6, 5], [0, 1]),
    "late across the wrap": ([65_535, 1, 0], [0, 2, 1]),
    "before the start": ([5, 4, 6], [0, 1]),
    "too late to be of use": ([5, 5 + HISTORY, 6], [0, HISTORY]),
}


@pytest.mark.parametrize("case", TABLE)
def test_numbers_out(case: str) -> None:
    numbers, expected = TABLE[case]
    with a_stage() as stage:
        for place, number in enumerate(numbers):
            stage.picture(number, place, key=place == 0)
        assert steps([a.number for a in stage.read()]) == expected


def test_a_source_that_jumps_far_ahead_begins_anew() -> None:
    """RFC 3550 A.1: not one packet before its next key frame, and no gap then."""
    with a_stage() as stage:
        for number in (5, 6):
            stage.picture(number, number, key=number == 5)
        got = stage.read()
        ahead = 7 + MAX_JUMP
        stage.picture(ahead, 7)
        stage.picture(ahead + 1, 8, key=True)
        stage.picture(ahead + 2, 9)
        got += stage.read()
        assert steps([a.number for a in got]) == [0, 1, 2, 3]
        assert steps([a.picture for a in got]) == [0, 1, 2, 3]


def test_a_source_under_another_ssrc_begins_anew() -> None:
    """A camera connected again: its numbers mean others, and the slot's go on."""
    with a_stage() as stage:
        for number in (900, 901):
            stage.picture(number, number, key=number == 900)
        before = stage.read()
        stage.layer.anchor = Anchor(1 << 32, 3000)  # as it told before
        stage.layer.restart(4711)
        stage.picture(20, 1)
        assert stage.read() == []
        stage.picture(21, 2, key=True)
        stage.picture(22, 3)
        after = stage.read()
        assert stage.slot.report(1 << 32) is None, "its times are others: no lips by the old ones"
        assert steps([a.number for a in (*before, *after)]) == [0, 1, 2, 3]
        found = stage.slot.find(before[-1].number)
        assert found is not None, "what was sent can still be repeated"


def shaped(stage: Stage, fates: list[str], first: int) -> list[Arrived]:
    """Pictures of these fates behind a key frame, at half the pictures; what came out."""
    stage.slot.shaper = Shaper(stage.session, stage.outbox)
    stage.slot.thinner.wanted = 1
    stage.picture(first & 0xFFFF, 0, key=True)
    for place, fate in enumerate(fates, start=1):
        if fate != "lose":
            temporal = 2 if fate == "drop" else 0
            stage.picture((first + place) & 0xFFFF, place, temporal=temporal)
    return stage.read()


@settings(max_examples=25, deadline=None)
@given(
    first=st.integers(0, 65_535),
    fates=st.lists(st.sampled_from(["send", "drop", "lose"]), max_size=40),
)
def test_no_gap_but_the_networks(first: int, fates: list[str]) -> None:
    """What is left out closes up, what was lost stays a gap: count what was not left out."""
    with a_stage() as stage:
        got = shaped(stage, fates, first)
    expected, place = [0], 0
    for fate in fates:
        place += fate != "drop"
        if fate == "send":
            expected.append(place)
    assert steps([a.number for a in got]) == expected


@settings(max_examples=25, deadline=None)
@given(order=st.permutations(range(1, 16)), dropped=st.sets(st.integers(1, 15), max_size=8))
def test_two_numbers_never_share_a_place(order: list[int], dropped: set[int]) -> None:
    """In any order of arrival, whatever is left out: unique, and in the source's order."""
    with a_stage() as stage:
        stage.slot.shaper = Shaper(stage.session, stage.outbox)
        stage.slot.thinner.wanted = 1
        stage.picture(1000, 0, key=True)
        for number in order:
            stage.picture(1000 + number, number, temporal=2 if number in dropped else 0)
        got = stage.read()
    numbers = steps([a.number for a in got])
    assert len(set(numbers)) == len(numbers)
    shown = [(number, a.timestamp) for number, a in zip(numbers, got, strict=True) if a.payload]
    assert [at for _, at in sorted(shown)] == sorted(at for _, at in shown)


@settings(max_examples=25, deadline=None)
@given(
    sources=st.lists(
        st.tuples(st.integers(0, 65_535), st.integers(0, 0x7FFF), st.integers(1, 12)),
        min_size=1,
        max_size=6,
    )
)
def test_no_gap_at_any_switch(sources: list[tuple[int, int, int]]) -> None:
    """Numbers, PictureID and TL0PICIDX go on by one, and time never stands or goes back."""
    got: list[Arrived] = []
    with a_stage() as stage:
        for turn, (first, picture, count) in enumerate(sources):
            stage.slot.want(another(stage))
            for n in range(count):
                number = (picture + n) & 0x7FFF
                at = 3000 * (picture + n) + 4_294_000_000 & 0xFFFFFFFF
                payload = vp8(number, key=n == 0)
                stage.say((first + n) & 0xFFFF, payload, timestamp=at, now=1.0 + turn)
        got = stage.read()
    assert len(got) == sum(count for _, _, count in sources)
    assert steps([a.number for a in got]) == list(range(len(got)))
    assert steps([a.picture for a in got], 1 << 15) == list(range(len(got)))
    assert steps([a.tl0 for a in got], 256) == [n & 0xFF for n in range(len(got))]
    passed = [(b.timestamp - a.timestamp) % (1 << 32) for a, b in pairwise(got)]
    assert all(0 < ticks < 1 << 31 for ticks in passed)


@settings(max_examples=25, deadline=None)
@given(
    turns=st.lists(
        st.lists(st.sampled_from([0, 1, 2, 2]), max_size=10), min_size=2, max_size=4
    )  # temporal layers behind each source's key frame
)
def test_no_gap_at_a_switch_of_a_thinned_slot(turns: list[list[int]]) -> None:
    """What is left out before a switch is no reason to use a number, a picture or a TL0 twice."""
    with a_stage() as stage:
        stage.slot.shaper = Shaper(stage.session, stage.outbox)
        stage.slot.thinner.wanted = 1
        expected = 0
        for turn, temporal_layers in enumerate(turns):
            stage.slot.want(another(stage))
            for n, temporal in enumerate([0, *temporal_layers]):
                stage.picture(n, 700 * turn + n, temporal=temporal, key=n == 0)
                expected += temporal < 2
        got = stage.read()
    assert steps([a.number for a in got]) == list(range(expected))
    assert steps([a.picture for a in got], 1 << 15) == list(range(expected))


def test_a_late_packet_before_what_was_left_out_keeps_its_number_at_a_switch() -> None:
    """It is the newest that left, though its number was given before the gap closed up."""
    with a_stage() as stage:
        stage.slot.shaper = Shaper(stage.session, stage.outbox)
        stage.slot.thinner.wanted = 1
        stage.picture(1, 1, key=True)
        stage.picture(3, 3, temporal=2)
        stage.picture(2, 2)
        stage.slot.want(another(stage))
        stage.picture(50, 90, key=True)
        got = stage.read()
    assert steps([a.number for a in got]) == [0, 1, 2]
    assert steps([a.picture for a in got], 1 << 15) == [0, 1, 2]


def test_a_camera_without_picture_numbers_does_not_set_them_back() -> None:
    """H.264 on the main picture for a while: the next site's VP8 goes on where the last ended."""
    with a_stage() as stage:
        for n in range(3):
            stage.picture(n, 200 + n, key=n == 0)
        stage.slot.want(another(stage))
        stage.say(7, b"\x65\x88" + bytes(50), timestamp=9000, kind=H264)
        stage.slot.want(another(stage))
        for n in range(3):
            stage.picture(n, 50 + n, key=n == 0)
        got = [a for a in stage.read() if a.kind == VP8]
    assert steps([a.picture for a in got], 1 << 15) == list(range(6))
    assert steps([a.tl0 for a in got], 256) == list(range(6))


def test_many_pictures_left_out_do_not_cost_the_repair_of_the_last_one_sent() -> None:
    """However many packets close up behind it, what was sent can be found."""
    with a_stage() as stage:
        stage.slot.shaper = Shaper(stage.session, stage.outbox)
        stage.slot.thinner.wanted = 1
        stage.picture(0, 0, key=True)
        for n in range(1, 200):
            stage.picture(n, n, temporal=2)
        (first,) = stage.read()
        assert stage.slot.find(first.number) is not None


def test_picture_ids_of_seven_bits_go_on_too() -> None:
    """Old encoders and libraries send them (RFC 7741 §4.2)."""
    with a_stage() as stage:
        for first in (126, 40):
            stage.slot.want(another(stage))
            for n in range(4):
                key = b"\x10\x02\x00\x9d\x01\x2a\x80\x02\x68\x01" if n == 0 else b"\x11" + bytes(9)
                stage.say(n, bytes((0x90, 0x80, (first + n) & 0x7F)) + key, timestamp=3000 * n)
        got = [a.payload[2] for a in stage.read()]
    assert steps(got, 128) == list(range(8))


def test_all_packets_of_a_picture_have_one_id() -> None:
    """Also the repeated and the late ones."""
    with a_stage() as stage:
        stage.picture(1, 500, key=True)
        stage.picture(3, 501)
        stage.picture(2, 500)
        got = sorted(stage.read(), key=lambda a: a.number)
    assert steps([a.picture for a in got]) == [0, 0, 1]
