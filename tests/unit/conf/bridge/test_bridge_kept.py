"""What a budget does with feedback that was kept for a while, and when it lets it be kept."""

from collections.abc import Iterator

import pytest

from conf.media import compiled, rtcp
from conf.media.budget import DownBudget
from conf.media.outbox import Outbox
from conf.media.rows import ffi
from conf.media.twcc import Told
from conf.settings import MediaSettings
from tests.support.bridge_reports import Listener, Peer, tell_of_one, visited

WAY_US = 20_000
STEP_S = 0.02


class Budgeted(Listener):
    """Its budget is told."""

    budget: DownBudget

    def on_told(self, told: Told, now: float) -> None:
        """Settled already."""
        super().on_told(told, now)
        self.budget.on_told(told, now)

    def on_rtcp(
        self, memory: memoryview, base: int, size: int, now: float, waited_s: float
    ) -> None:
        """By Python."""
        self.read += 1
        body = rtcp.lone_feedback(memory, base, size)
        assert body is not None
        self.budget.on_feedback(memory, *body, now)


class Site:
    """Behind a link on which nothing ever waits; its kept feedback has just been looked at."""

    def __init__(self, peer: Peer) -> None:
        self.peer, self.door, self.session = peer, peer.door, peer.session
        self.listener = Budgeted()
        self.session.sink = self.listener
        outbox, settings = Outbox(self.door.port), MediaSettings()
        self.budget = self.listener.budget = DownBudget(self.session, [], outbox, settings)
        for _ in range(30):
            self.looks()
        self.budget.choose(self.door.now)
        self.listener.told.clear()
        self.listener.read = 0

    def looks(self, way_us: int = WAY_US) -> int:
        """Which one more report makes."""
        before = len(self.listener.told)
        tell_of_one(self.peer, way_us, STEP_S)
        return len(self.listener.told) - before


@pytest.fixture
def site() -> Iterator[Site]:
    with visited(compiled.load()) as peer:
        yield Site(peer)


def test_reports_of_a_calm_link_wait_until_something_happens(site: Site) -> None:
    """On it, what was on its way for as long as ever is calm, and 15 ms more is not."""
    assert [site.looks() for _ in range(3)] == [0, 0, 0]
    assert site.looks(WAY_US + 15_000) == 1
    assert site.listener.read == 0


def test_nothing_waits_once_nothing_is_known_of_the_link(site: Site) -> None:
    site.budget.restart()
    assert [site.looks() for _ in range(3)] == [1, 1, 1]


def test_what_was_kept_of_a_link_that_was_lost_is_forgotten(site: Site) -> None:
    """The next one begins with its own."""
    assert site.looks() == 0
    site.budget.restart()
    assert site.looks() == 1
    assert [told[1] for told in site.listener.told] == [1]


def test_while_a_probe_runs_every_report_is_read_by_python(site: Site) -> None:
    """Until its result is in."""
    site.budget._begin_probe(int(site.door.now * 1e6), 600_000)
    assert site.budget.is_probing
    site.looks()
    assert site.listener.read == 1
    site.door.now += 2.0
    site.looks()
    assert not site.budget.is_probing
    site.looks()
    assert site.listener.read == 2


def test_a_link_that_was_lost_while_a_probe_ran_is_read_compiled_again(site: Site) -> None:
    site.budget._begin_probe(int(site.door.now * 1e6), 600_000)
    site.budget.restart()
    site.looks()
    assert site.listener.read == 0


def test_silence_begins_when_the_last_report_came(site: Site) -> None:
    """Not when what was kept of it is looked at."""
    before = site.budget.estimate.target_bps
    assert site.looks() == 0
    site.peer.send(100)
    site.budget.choose(site.door.now + 0.4)
    assert site.budget.estimate.target_bps == before
    site.budget.choose(site.door.now + 0.8)
    assert site.budget.estimate.target_bps == before // 2


async def test_a_closed_session_has_no_keys_to_read_with(site: Site) -> None:
    """They are freed with it."""
    assert site.session.kept._row.receive != ffi.NULL
    await site.session.close()
    assert site.session.kept._row.receive == ffi.NULL
