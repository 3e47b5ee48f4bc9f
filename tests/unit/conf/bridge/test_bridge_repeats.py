"""What a subscriber is sent again, on real slots; what it asks for comes as a NACK."""

from collections.abc import Iterator

import pytest

from conf.media import rtcp
from conf.media.answer import plan_streams
from conf.media.downslot import DownSlot
from conf.media.sdp import Role, parse_offer
from conf.media.subscriber import Subscriber
from conf.media.voiceguard import VoiceGuard
from tests.support.bridge_stage import Stage, vp8
from tests.support.bridge_viewer import FIRST_AUDIO, MAIN, Viewer


class Listener:
    """A subscriber on a stage whose slot has been sent `count` packets."""

    def __init__(self, stage: Stage, mid: str) -> None:
        viewer = Viewer("listener")
        offer = parse_offer(viewer.offer())
        viewer.socket.close()
        self.stage = stage
        self.subscriber = Subscriber(stage.session, offer, plan_streams(offer, 500), stage.outbox)
        self.slot: DownSlot = next(s for s in self.subscriber.slots if s.mid == mid)
        stage.slot.detach()
        self.slot.track = stage.track
        self.slot.want(stage.layer)

    def lose(self, *back: int) -> int:
        """Ask for the packets so far back from the newest; how many are sent again."""
        before = self.subscriber.repaired
        numbers = tuple((self.slot.last - at) & 0xFFFF for at in back)
        self.subscriber.on_nack(rtcp.Nack(1, self.slot.ssrc, numbers), 2.0)
        self.stage.outbox.flush()
        return self.subscriber.repaired - before


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Hears one voice: twenty packets of it."""
    stage = Stage(Role.AUDIO_UP, Role.AUDIO_DOWN)
    it = Listener(stage, FIRST_AUDIO)
    for n in range(1, 21):
        stage.voice(n, bytes(80))
    stage.forwarder.emit(1.0)
    yield it
    stage.close()


@pytest.fixture
def viewer() -> Iterator[Listener]:
    """Sees one picture: forty packets of it."""
    stage = Stage()
    it = Listener(stage, MAIN)
    stage.picture(1, 1, key=True)
    for n in range(2, 41):
        stage.say(n, vp8(2) + bytes(1_000))
    stage.forwarder.emit(1.0)
    yield it
    stage.close()


def test_every_voice_asked_for_is_repeated_where_none_is_sent_twice(listener: Listener) -> None:
    """On a link that loses next to nothing."""
    assert listener.lose(9, 5) == 2
    assert listener.subscriber.nacked == 2


def test_a_lossy_link_gets_only_what_red_does_not_bring(listener: Listener) -> None:
    """At 30 % loss the others would take as much room again as the voices themselves."""
    guard = VoiceGuard(listener.stage.outbox)
    guard.set_loss(0.3, 1.0)
    listener.slot.shaper = guard
    assert listener.lose(19, 17, 16) == 0
    assert listener.lose(12, 11, 10) == 3


def test_pictures_are_sent_again_within_what_the_budget_leaves(viewer: Listener) -> None:
    """At once half a second of it; and what pictures use up, voices still have."""
    viewer.subscriber.share_bps = 160_000
    assert viewer.lose(*range(30, 0, -1)) == 9  # of 1 000 bytes and a header each
    viewer.subscriber.share_bps = 500_000
    assert viewer.lose(*range(18, 0, -1)) == 18


def test_a_site_with_a_ceiling_is_sent_again_only_a_share_of_it(viewer: Listener) -> None:
    """Whatever the estimate says."""
    viewer.subscriber.set_ceiling(300_000)
    assert viewer.lose(*range(30, 0, -1)) == 5
