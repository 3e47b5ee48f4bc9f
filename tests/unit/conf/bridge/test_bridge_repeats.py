"""What a subscriber is sent again, on real slots; what it asks for comes as a NACK."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from conf.media import rtcp
from conf.media.answer import plan_streams
from conf.media.downslot import DownSlot
from conf.media.layer import HISTORY
from conf.media.pictureguard import MOST_AT_ONCE, LongLink, affordable
from conf.media.publisher import Track
from conf.media.sdp import Role, parse_offer
from conf.media.subscriber import MAX_REPAIRS_PER_NACK, Subscriber
from conf.media.voiceguard import VoiceGuard
from conf.media.voices import VOICES
from tests.support.bridge_client import RTX
from tests.support.bridge_stage import Arrived, Stage, vp8
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

    def hear(self) -> None:
        """A voice fills a slot of the same site; it is its packets that get lost from now on."""
        track = Track("a", self.stage.sections[Role.AUDIO_UP])
        track.is_allowed = True
        self.stage.layer = track.layers[0]
        self.slot = next(s for s in self.subscriber.slots if s.mid == FIRST_AUDIO)
        self.slot.track = track
        self.slot.want(self.stage.layer)
        for n in range(1, 6):
            self.stage.voice(n, bytes(80))
        self.stage.forwarder.emit(1.0)

    def lose(self, *back: int) -> int:
        """Ask for the packets so far back from the newest; how many are sent again."""
        before = self.subscriber.repaired
        self._ask(tuple((self.slot.row.last - at) & 0xFFFF for at in back))
        self.stage.outbox.flush()
        return self.subscriber.repaired - before

    def again(self, *lost: Arrived) -> list[Arrived]:
        """What comes when these are asked for."""
        self._ask(tuple(arrived.number for arrived in lost))
        return self.stage.read(2.0)

    def _ask(self, numbers: tuple[int, ...]) -> None:
        self.subscriber.on_nack(rtcp.Nack(1, self.slot.ssrc, numbers), 2.0)


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
    viewer.subscriber.share_bps = 8_000
    assert viewer.lose(*range(39, 18, -1)) == 0
    viewer.hear()
    assert viewer.lose(2, 1) == 2


def test_a_site_with_a_ceiling_is_sent_again_only_a_share_of_it(viewer: Listener) -> None:
    """Whatever the estimate says."""
    viewer.subscriber.set_ceiling(300_000)
    assert viewer.lose(*range(30, 0, -1)) == 5


def test_a_picture_sent_again_is_the_one_first_sent_also_after_a_switch(viewer: Listener) -> None:
    """RFC 4588 §4: the number it was lost under in front, time and picture as they were then.

    The source shown since has other numbers, times and pictures; RTX counts by itself.
    """
    stage = viewer.stage
    stage.read()
    stage.picture(60, 700)
    stage.picture(61, 701)
    sent = stage.read()
    other = Track("b", stage.sections[Role.CAMERA_UP])
    other.is_allowed = True
    stage.layer = other.layers[0]
    viewer.slot.want(stage.layer)
    for n in range(3):
        stage.picture(9_000 + n, 40 + n, key=n == 0)
    sent += stage.read()
    assert len(sent) == 5
    again = viewer.again(*sent)
    assert {a.kind for a in again} == {RTX}
    assert [int.from_bytes(a.payload[:2], "big") for a in again] == [a.number for a in sent]
    assert [a.payload[2:] for a in again] == [a.payload for a in sent]
    assert [a.timestamp for a in again] == [a.timestamp for a in sent]
    first = again[0].number
    assert [a.number for a in again] == [(first + n) & 0xFFFF for n in range(5)]


def test_what_is_no_longer_kept_is_not_taken_for_what_is(viewer: Listener) -> None:
    """A number of long ago, and one that never came, have another packet in their place."""
    for n in range(41, 41 + HISTORY):
        if n != 500:
            viewer.stage.say(n, vp8(3))
    viewer.stage.read()
    newest = 40 + HISTORY
    assert viewer.lose(newest - 500, newest - 20) == 0
    assert viewer.lose(newest - 499, newest - 501) == 2


def test_a_voice_of_long_ago_is_not_taken_for_a_newer_one(listener: Listener) -> None:
    for n in range(21, 41 + VOICES):
        listener.stage.voice(n, bytes(80))
    listener.stage.read()
    assert listener.lose(VOICES, VOICES + 5) == 0
    assert listener.lose(VOICES - 1) == 1


def test_nothing_of_before_is_sent_again_once_a_source_was_taken_away(
    listener: Listener, viewer: Listener
) -> None:
    """It may be muted since; nor does another that fills the slot later bring it back."""
    for it in (listener, viewer):
        it.slot.assign(None)
        assert it.lose(3, 2, 1, 0) == 0
        it.slot.assign(it.stage.track)
        it.slot.want(it.stage.layer)
        assert it.lose(3, 2, 1, 0) == 0


def test_one_message_repeats_so_many_at_most(viewer: Listener) -> None:
    """A NACK may name a thousand; who forges none but asks for all is not served before others."""
    assert viewer.lose(*range(39, -1, -1), *range(39, -1, -1)) <= MAX_REPAIRS_PER_NACK
    assert viewer.subscriber.nacked == MAX_REPAIRS_PER_NACK


@dataclass
class Guarded:
    """A viewer of a long link, tick by tick."""

    viewer: Listener
    number: int = 40

    def tick(self) -> int:
        """How many packets are sent again now."""
        subscriber, now = self.viewer.subscriber, 3.0 + 0.02 * self.number
        before = subscriber.copied
        subscriber.repeat_pictures(now)
        return subscriber.copied - before

    def show(self, count: int) -> None:
        """So many packets leave."""
        stage = self.viewer.stage
        for _ in range(count):
            self.number += 1
            stage.say(self.number, vp8(self.number) + bytes(200))
        stage.forwarder.emit(3.0)


@pytest.fixture
def guarded(viewer: Listener) -> Guarded:
    viewer.stage.outbox.flush()
    viewer.subscriber.guard.repeat(1)
    return Guarded(viewer)


def test_pictures_of_a_long_link_leave_once_more_by_themselves(guarded: Guarded) -> None:
    """A tick later, each once, with the number and the picture it had; nothing of before."""
    guarded.viewer.stage.read(3.0)
    assert [guarded.tick() for _ in range(3)] == [0, 0, 0]
    guarded.show(5)
    first = guarded.viewer.stage.read(3.0)
    assert [guarded.tick() for _ in range(4)] == [0, 5, 0, 0]
    again = guarded.viewer.stage.read(3.1)
    assert [one.kind for one in again] == [RTX] * 5
    numbers = [int.from_bytes(one.payload[:2], "big") for one in again]
    assert numbers == [one.number for one in first]
    assert [one.payload[2:] for one in again] == [one.payload for one in first]


def test_who_asks_for_what_is_on_its_way_again_gets_no_third(guarded: Guarded) -> None:
    """Its NACK was sent before the repetition came; one sent after that means both were lost."""
    subscriber, slot = guarded.viewer.subscriber, guarded.viewer.slot
    subscriber.round_trip_s = 0.5
    guarded.tick()
    guarded.show(5)
    assert [guarded.tick(), guarded.tick()] == [0, 5]
    asked = rtcp.Nack(1, slot.ssrc, ((slot.row.last - 2) & 0xFFFF,))
    repaired = subscriber.repaired
    subscriber.on_nack(asked, 3.0 + 0.02 * guarded.number + 0.45)
    assert subscriber.repaired == repaired
    subscriber.on_nack(asked, 3.0 + 0.02 * guarded.number + 0.55)
    assert subscriber.repaired == repaired + 2


def test_where_a_third_is_lost_each_leaves_three_times(guarded: Guarded) -> None:
    guarded.viewer.subscriber.guard.repeat(2)
    guarded.tick()
    guarded.show(4)
    assert [guarded.tick(), guarded.tick()] == [0, 8]


def test_what_left_while_the_guard_was_off_is_not_made_up_for(guarded: Guarded) -> None:
    guard = guarded.viewer.subscriber.guard
    guarded.tick()
    guarded.show(3)
    guard.repeat(0)
    guarded.tick()  # the worker has not taken it off its list yet
    guarded.show(3)
    guard.repeat(1)
    assert [guarded.tick(), guarded.tick()] == [0, 0]
    guarded.show(MOST_AT_ONCE + 20)
    guarded.viewer.subscriber.share_bps = 8_000_000
    guarded.tick()
    assert guarded.tick() <= MOST_AT_ONCE


def test_copies_leave_their_room_to_those_asked_for(guarded: Guarded) -> None:
    """However many there are: what is lost twice is asked for, and must be had."""
    subscriber, slot = guarded.viewer.subscriber, guarded.viewer.slot
    subscriber.share_bps = 8_000
    guarded.tick()
    for _ in range(6):
        guarded.show(50)
        guarded.tick()
    assert guarded.tick() < 50  # there is no more room for copies
    asked = tuple((slot.row.last - n) & 0xFFFF for n in range(5))
    subscriber.on_nack(rtcp.Nack(1, slot.ssrc, asked), 30.0)
    assert subscriber.repaired >= 5


def test_what_is_held_back_is_not_copied_before_it_has_left(guarded: Guarded) -> None:
    guarded.tick()
    slot = guarded.viewer.slot
    slot.hold()
    guarded.show(1)
    assert [guarded.tick(), guarded.tick()] == [0, 0]
    slot.held.popleft()
    assert [guarded.tick(), guarded.tick()] == [0, 1]


@pytest.mark.parametrize(
    ("trips_s", "loss", "wanted"),
    [
        ((0.19,), 0.3, 0),
        ((0.2,), 0.02, 1),
        ((0.6,), 0.14, 1),
        ((0.6,), 0.15, 2),
        ((0.6, 0.08, 0.6), 0.3, 0),  # a queue is no distance
        ((), 0.3, 0),
    ],
)
def test_only_long_lossy_links_want_it(
    trips_s: tuple[float, ...], loss: float, wanted: int
) -> None:
    """Once it has lasted, and for ten seconds after the loss."""
    link = LongLink()
    for trip_s in trips_s:
        link.note(trip_s)
    assert [link.wants(loss, at) for at in (5.0, 6.5, 7.9)] == [0, 0, 0]
    assert link.wants(loss, 8.0) == wanted
    assert link.wants(0.0, 18.0) == wanted
    assert link.wants(0.0, 18.1) == 0


def test_what_a_probe_loses_is_no_lossy_link() -> None:
    """A second of loss now and then; what wavers about the limit is one all the same."""
    link = LongLink()
    link.note(0.6)
    for at in range(0, 60, 4):
        assert link.wants(0.05, at) == link.wants(0.03, at + 0.8) == link.wants(0.0, at + 1.6) == 0
    for at in range(60, 80, 2):
        link.wants(0.021, at)
        link.wants(0.015, at + 1)
    assert link.wants(0.015, 80) == 1


@pytest.mark.parametrize(
    ("wanted", "pictures", "left", "times"),
    [(1, 150, 172, 0), (1, 150, 173, 1), (2, 150, 344, 1), (2, 150, 346, 2), (2, 0, 500, 0)],
)
def test_it_is_done_where_there_is_room(wanted: int, pictures: int, left: int, times: int) -> None:
    assert affordable(wanted, pictures, left) == times
