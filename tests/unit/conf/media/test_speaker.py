"""The active speaker and the loudest three: quick to come, slow to go, lips in step."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.media.speaker import SILENCE, SLOTS, Speakers, place_voices

LOUD, SPEECH, MURMUR = 15, 30, 60


class Hall:
    """Sites sending a level every 20 ms."""

    def __init__(self) -> None:
        self.speakers = Speakers()
        self.now = 0.0
        self.levels: dict[str, int] = {}

    def hear(self, seconds: float, **levels: int) -> tuple[str | None, tuple[str, ...]]:
        """Everyone goes on at their level; those named change to theirs."""
        self.levels.update(levels)
        for n in range(int(seconds * 50)):
            self.now += 0.02
            for name, level in self.levels.items():
                self.speakers.on_level(name, level, self.now)
            if n % 5 == 4:
                self.speakers.update(self.now)
        return self.speakers.active, self.speakers.loudest


def test_the_first_to_speak_is_the_speaker_at_once() -> None:
    hall = Hall()
    assert hall.hear(1, a=SILENCE, b=SILENCE) == (None, ())
    assert hall.hear(0.4, a=SPEECH) == ("a", ("a",))


def test_a_room_is_no_voice() -> None:
    assert Hall().hear(5, a=MURMUR) == (None, ())


def test_a_cough_does_not_take_the_picture() -> None:
    hall = Hall()
    hall.hear(5, a=SPEECH, b=SILENCE)
    assert hall.hear(0.2, b=LOUD)[0] == "a"
    assert hall.hear(2, b=SILENCE)[0] == "a"


def test_who_goes_on_speaking_louder_becomes_the_speaker() -> None:
    hall = Hall()
    hall.hear(5, a=SPEECH, b=SILENCE)
    assert hall.hear(2, b=LOUD)[0] == "b"


def test_who_answers_becomes_the_speaker() -> None:
    hall = Hall()
    hall.hear(5, a=SPEECH, b=SILENCE)
    assert hall.hear(2.5, a=SILENCE, b=SPEECH)[0] == "b"


def test_silence_leaves_the_picture_where_it_is() -> None:
    hall = Hall()
    hall.hear(3, a=SPEECH)
    assert hall.hear(10, a=SILENCE) == ("a", ())


def test_a_pause_for_breath_keeps_the_slot() -> None:
    hall = Hall()
    hall.hear(3, a=SPEECH)
    assert hall.hear(1.5, a=SILENCE)[1] == ("a",)


def test_three_are_heard_and_the_quietest_is_not() -> None:
    hall = Hall()
    hall.hear(2, a=20, b=24, c=28, d=SILENCE)
    assert hall.speakers.loudest == ("a", "b", "c")
    assert hall.hear(2, d=26)[1] == ("a", "b", "c")  # not 6 dB louder than c
    assert hall.hear(2, d=16)[1] == ("d", "a", "b")


def test_silence_by_dtx_is_silence() -> None:
    """No packets at all, as with DTX or a dead line."""
    hall = Hall()
    hall.hear(3, a=SPEECH)
    hall.levels.clear()
    assert hall.hear(3, b=SILENCE) == ("a", ())


def test_the_muted_are_gone_at_once() -> None:
    hall = Hall()
    hall.hear(3, a=SPEECH, b=SPEECH)
    active = hall.speakers.active
    assert active is not None
    hall.speakers.remove(active)
    assert hall.speakers.active is None
    assert active not in hall.speakers.loudest
    hall.speakers.remove("nobody")


def test_a_change_is_told_once() -> None:
    speakers = Speakers()
    for n in range(20):
        speakers.on_level("a", SPEECH, n * 0.02)
    assert speakers.update(0.4)
    assert not speakers.update(0.45)


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.integers(0, 255), st.floats(0, 2), st.booleans()),
        max_size=80,
    )
)
def test_whatever_is_heard_at_most_three_and_only_the_present(
    heard: list[tuple[str, int, float, bool]],
) -> None:
    speakers, present, now = Speakers(), set(), 0.0
    for name, level, pause, leaves in heard:
        now += pause
        speakers.on_level(name, level, now)
        present.add(name)
        if leaves:
            speakers.remove(name)
            present.discard(name)
        speakers.update(now)
        assert len(speakers.loudest) == len(set(speakers.loudest)) <= SLOTS
        assert set(speakers.loudest) <= present
        assert speakers.active is None or speakers.active in present


@given(st.lists(st.floats(0.02, 0.5), min_size=20, max_size=60))
def test_the_picture_does_not_flicker(pauses: list[float]) -> None:
    """Two sites interrupt each other: the speaker changes at most once per 0.8 s."""
    speakers, now, changed = Speakers(), 0.0, []
    before: str | None = None
    for n, pause in enumerate(pauses):
        for _ in range(int(pause / 0.02)):
            now += 0.02
            speakers.on_level("ab"[n % 2], LOUD, now)
            speakers.on_level("ba"[n % 2], SILENCE, now)
            speakers.update(now)
            if speakers.active != before:
                changed.append(now)
                before = speakers.active
    assert all(later - earlier >= 0.79 for earlier, later in itertools.pairwise(changed))


PLACES = [
    ([None] * 3, ["x", "y"], None, [None, "y", "x"]),
    ([None] * 3, ["x", "y", "z"], None, ["z", "y", "x"]),
    ([None] * 3, ["x", "y", "z", "w"], "m", ["m", "y", "x"]),
    (["m", "y", "x"], ["z", "x"], "m", ["m", "z", "x"]),
    (["m", "y", "x"], ["y", "m"], "x", ["x", "y", "m"]),
    (["z", "y", "x"], ["x", "z"], None, ["z", None, "x"]),
    ([None], ["x"], "m", ["m"]),
    ([], ["x"], "m", []),
    ([None] * 2, [], None, [None, None]),
]


@pytest.mark.parametrize(("slots", "loudest", "stage", "expected"), PLACES)
def test_voices_keep_their_slots(
    slots: list[str | None], loudest: list[str], stage: str | None, expected: list[str | None]
) -> None:
    assert place_voices(slots, loudest, stage) == expected


@given(
    st.lists(st.none() | st.sampled_from("abcdef"), max_size=4, unique_by=lambda x: x or object()),
    st.lists(st.sampled_from("abcdef"), max_size=4, unique=True),
    st.none() | st.sampled_from("abcdef"),
)
def test_no_voice_twice_and_none_moved(
    slots: list[str | None], loudest: list[str], stage: str | None
) -> None:
    placed = place_voices(slots, loudest, stage)
    voices = [name for name in placed if name is not None]
    assert len(placed) == len(slots)
    assert len(set(voices)) == len(voices)
    assert set(voices) <= {*loudest, *([stage] if stage else [])}
    for index, name in enumerate(placed):
        if name is not None and name in slots and name != stage and slots.index(name) != index:
            assert slots.index(name) == 0  # only the stage's own slot is ever cleared
            assert stage is not None
