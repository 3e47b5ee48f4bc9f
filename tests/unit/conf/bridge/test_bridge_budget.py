"""What a site may be sent: how its budget follows what it tells, and what it does not."""

from collections.abc import Iterator

import pytest

from conf.media.budget import CONTENT_S, DownBudget
from conf.media.twcc import FeedbackBuilder
from conf.settings import MediaSettings
from tests.support.bridge_stage import Stage, vp8

START_BPS = 2_000_000


class Link:
    """One site's budget, the packets sent to it and the feedback it gives."""

    def __init__(self, stage: Stage) -> None:
        settings = MediaSettings.model_validate({"start_down_bps": START_BPS})
        self._history = stage.slot.session.history
        self._builder = FeedbackBuilder()
        self._told = 0
        self.budget = DownBudget(stage.slot.session, [stage.slot], stage.outbox, settings)

    def send(self, now: float, count: int) -> None:
        """So many packets leave, a millisecond apart."""
        for n in range(count):
            self._history.add(int(now * 1e6) + 1000 * n, 200)

    def tell(self, now: float, lost: int = 0) -> None:
        """All that was sent has arrived, but for the first `lost`."""
        for number in range(self._told + lost, self._history.next_sequence):
            self._builder.add(number & 0xFFFF, int(now * 1e6))
        self._told = self._history.next_sequence
        for packet in self._builder.build(1, 2):
            self.budget.on_feedback(memoryview(packet), 12, len(packet), now)

    def target(self, now: float) -> int:
        """The estimate after a look at it."""
        self.budget.choose(now)
        return self.budget.estimate.target_bps


@pytest.fixture
def link() -> Iterator[Link]:
    stage = Stage()
    yield Link(stage)
    stage.close()


def test_sources_that_paused_leave_the_estimate_as_it_was(link: Link) -> None:
    """A minute without packets, then a look before the first feedback on the new ones is back."""
    link.send(1.0, 20)
    link.tell(1.05)
    before = link.target(1.1)
    assert link.target(1.5) == link.target(30.0) == before
    link.send(61.0, 5)
    assert link.target(61.4) == before
    link.tell(61.45)
    assert link.target(61.9) >= before


def test_packets_nobody_tells_of_halve_it(link: Link) -> None:
    """Also those after a pause."""
    link.send(1.0, 20)
    link.tell(1.05)
    before = link.target(1.1)
    for at in (61.0, 61.2, 61.4, 61.6):
        link.send(at, 5)
    assert link.target(61.8) == before // 2


@pytest.fixture
def content() -> Iterator[Link]:
    """A site that is shown all there is, and the estimate at what that takes and half as much."""
    stage = Stage()
    stage.say(1, vp8(1, key=True), now=0.9)
    stage.read(0.9)
    link = Link(stage)
    link.budget.on_round_trip(0.05)
    link.send(1.0, 200)
    link.tell(1.2)
    link.budget.choose(1.3)
    link.budget.sending_bps = int(link.budget.estimate.target_bps / 1.5)
    yield link
    stage.close()


def test_who_has_all_and_room_to_spare_needs_no_choice_for_a_while(content: Link) -> None:
    assert content.budget.needs_no_choice(1.7)
    assert not content.budget.needs_no_choice(1.3 + CONTENT_S)
    content.budget.sending_bps = int(content.budget.estimate.target_bps / 1.2)
    assert not content.budget.needs_no_choice(1.7)


def test_a_link_that_loses_is_looked_at_each_time(content: Link) -> None:
    """Its voices may need guarding; a chance loss is none."""
    content.send(1.4, 100)
    content.tell(1.5, lost=1)
    assert content.budget.needs_no_choice(1.7)
    content.send(1.6, 100)
    content.tell(1.7, lost=10)
    assert not content.budget.needs_no_choice(1.8)


def test_a_link_of_which_nothing_is_told_is_looked_at_each_time(content: Link) -> None:
    """But not one to which nothing is sent."""
    assert content.budget.needs_no_choice(2.5)
    content.send(2.5, 5)
    assert content.budget.needs_no_choice(2.9)
    assert not content.budget.needs_no_choice(3.1)
    content.tell(3.1)
    assert content.budget.needs_no_choice(3.2)


def test_a_change_of_what_could_be_shown_asks_for_a_choice(content: Link) -> None:
    content.budget.reconsider()
    assert not content.budget.needs_no_choice(1.7)
