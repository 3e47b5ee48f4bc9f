"""Key frames: asked for at once, seldom however many wish for one, and again until one comes."""

from collections.abc import Iterator

import pytest

from conf.media.layer import KEYFRAME_INTERVAL_S, Layer
from conf.media.sdp import Role
from tests.support.bridge_stage import Stage

TICK_S = 0.06


class Source:
    """A camera of two layers whose requests are noted: when, for which layer."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.stage.track.layers.append(Layer(self.stage.track, "h", 1))
        self.now = 100.0
        self.asked: list[tuple[float, Layer]] = []
        for layer in self.stage.track.layers:
            layer.ask = lambda layer: self.asked.append((round(self.now, 2), layer))

    def pass_s(self, seconds: float) -> None:
        """By ticks, as the worker does."""
        for _ in range(round(seconds / TICK_S)):
            self.now += TICK_S
            for layer in self.stage.track.layers:
                layer.tick(self.now)


@pytest.fixture
def source() -> Iterator[Source]:
    """Nobody has asked it for anything."""
    it = Source()
    yield it
    it.stage.close()


def test_who_is_to_be_shown_a_layer_asks_for_its_key_frame_at_once(source: Source) -> None:
    """Of this layer alone: the others' viewers need none. Not at the next tick."""
    source.stage.slot.detach()
    source.stage.slot.show(source.stage.track.layers[1], source.now)
    assert source.asked == [(100.0, source.stage.track.layers[1])]


def test_sixty_wishes_are_one_request_and_one_more_after_half_a_second(source: Source) -> None:
    """Whoever comes while one is under way may have missed it: theirs is kept, not lost."""
    layer = source.stage.track.layers[0]
    source.stage.slot.settle()
    for _ in range(60):
        layer.request_keyframe(source.now)
        source.now += KEYFRAME_INTERVAL_S / 100
    source.pass_s(5)
    (first, _), (second, _) = source.asked
    assert KEYFRAME_INTERVAL_S <= second - first < KEYFRAME_INTERVAL_S + 2 * TICK_S


def test_while_a_slot_waits_the_request_is_repeated_until_the_picture_comes(
    source: Source,
) -> None:
    """It, or the key frame, may be lost; twice a second and no more."""
    source.stage.slot.show(source.stage.layer, source.now)
    source.pass_s(2.4)
    assert 3 <= len(source.asked) <= 1 + 2.4 / KEYFRAME_INTERVAL_S
    source.stage.picture(1, 1, key=True, now=source.now)
    assert len(source.stage.read(source.now)) == 1
    asked = len(source.asked)
    source.pass_s(3)
    assert len(source.asked) == asked


def test_a_voice_needs_no_key_frame() -> None:
    stage = Stage(Role.AUDIO_UP, Role.AUDIO_DOWN)
    asked: list[Layer] = []
    stage.layer.ask = asked.append
    stage.slot.detach()
    stage.slot.show(stage.layer, 1.0)
    stage.close()
    assert asked == []
