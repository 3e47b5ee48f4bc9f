"""What a site may be sent: how its budget follows what it tells, and what it does not."""

from collections.abc import Iterator

import pytest

from conf.media.budget import DownBudget
from conf.media.twcc import FeedbackBuilder
from conf.settings import MediaSettings
from tests.support.bridge_stage import Stage

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

    def tell(self, now: float) -> None:
        """All that was sent has arrived."""
        for number in range(self._told, self._history.next_sequence):
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
