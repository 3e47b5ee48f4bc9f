"""Spending in fixed order, never beyond the budget; down at once, up proved and after a hold."""

import itertools
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.media.allocator import (
    DARK_HOLD_US,
    DIP_US,
    HOLD_US,
    MAX_HOLD_US,
    PROBE_FIRST_US,
    Allocator,
    Budget,
    Choice,
    Rank,
    Want,
    allocate,
)
from conf.media.layers import ALL_TEMPORAL, Rung, ladder

SECOND = 1_000_000
CAMERA = ladder((150_000, 500_000, 1_500_000), is_thinnable=True)
SMALL = ladder((100_000,), is_thinnable=False)


def main(source: str = "a", rungs: tuple[Rung, ...] = CAMERA) -> Want:
    return Want("main", Rank.MAIN, source, rungs)


def share(rungs: tuple[Rung, ...] = CAMERA) -> Want:
    return Want("share", Rank.SHARE, "s", rungs)


def thumbnails(count: int) -> list[Want]:
    return [Want(f"t{n}", Rank.THUMBNAIL, f"b{n}", SMALL) for n in range(count)]


def kbps(chosen: Mapping[str, Rung | None]) -> dict[str, int]:
    return {slot: rung.bps // 1_000 if rung else 0 for slot, rung in chosen.items()}


# The ladder of a source


def test_a_camera_has_five_rungs() -> None:
    assert [(r.layer, r.temporal, r.bps // 1_000) for r in CAMERA] == [
        (0, 0, 60),
        (0, 1, 90),
        (0, 3, 150),
        (1, 3, 500),
        (2, 3, 1_500),
    ]


@pytest.mark.parametrize(
    ("rates", "thinnable", "top", "expected"),
    [
        ((), True, 2, []),
        ((0, 0, 0), True, 2, []),
        ((0, 500, 0), False, 2, [(1, 500)]),
        ((150, 500, 1_500), False, 0, [(0, 150)]),
        ((150, 90, 1_500), False, 2, [(1, 90), (2, 1_500)]),
        ((100, 100), True, 2, [(0, 40), (0, 60), (1, 100)]),
        ((1,), True, 2, [(0, 1)]),
    ],
)
def test_rungs_rise(
    rates: tuple[int, ...], thinnable: bool, top: int, expected: list[tuple[int, int]]
) -> None:
    rungs = ladder(rates, is_thinnable=thinnable, top_layer=top)
    assert [(rung.layer, rung.bps) for rung in rungs] == expected


@given(st.lists(st.integers(0, 3_000_000), max_size=3), st.booleans(), st.integers(0, 2))
def test_any_ladder_rises_strictly(rates: list[int], thinnable: bool, top: int) -> None:
    rungs = ladder(rates, is_thinnable=thinnable, top_layer=top)
    assert all(a.bps < b.bps for a, b in itertools.pairwise(rungs))
    assert all((a.layer, a.temporal) < (b.layer, b.temporal) for a, b in itertools.pairwise(rungs))
    assert all(rung.layer <= top and rung.bps > 0 for rung in rungs)


# Spending

SPENDING = [
    (0, {"main": 0, "share": 0, "t0": 0, "t1": 0}),
    (59, {"main": 0, "share": 0, "t0": 0, "t1": 0}),
    (60, {"main": 60, "share": 0, "t0": 0, "t1": 0}),
    (120, {"main": 60, "share": 60, "t0": 0, "t1": 0}),
    (210, {"main": 150, "share": 60, "t0": 0, "t1": 0}),
    (300, {"main": 150, "share": 150, "t0": 0, "t1": 0}),
    (700, {"main": 500, "share": 150, "t0": 0, "t1": 0}),
    (750, {"main": 500, "share": 150, "t0": 100, "t1": 0}),
    (5_000, {"main": 1_500, "share": 1_500, "t0": 100, "t1": 100}),
]


@pytest.mark.parametrize(("budget", "expected"), SPENDING)
def test_main_then_share_then_thumbnails(budget: int, expected: dict[str, int]) -> None:
    wants = [*thumbnails(2), share(), main()]
    assert kbps(allocate(budget * 1_000, wants)) == expected


def test_a_small_thumbnail_may_fit_where_a_large_one_does_not() -> None:
    large = Want("t0", Rank.THUMBNAIL, "b", ladder((300_000,), is_thinnable=False))
    small = Want("t1", Rank.THUMBNAIL, "c", SMALL)
    assert kbps(allocate(200_000, [large, small])) == {"t0": 0, "t1": 100}


def test_audio_and_repair_come_before_pictures() -> None:
    assert Budget(500_000, 0, 100_000).pictures_bps(500_000) == 400_000
    assert Budget(500_000, 0, 100_000, loss=0.1).pictures_bps(500_000) == 360_000
    assert Budget(500_000, 0, 100_000, loss=0.9).pictures_bps(500_000) == 280_000
    assert Budget(50_000, 0, 100_000).pictures_bps(50_000) == 0


@given(st.integers(0, 10_000_000), st.integers(0, 200_000), st.floats(0, 1))
def test_what_must_be_carried_covers_the_pictures(pictures: int, audio: int, loss: float) -> None:
    budget = Budget(0, 0, audio, loss)
    assert budget.pictures_bps(budget.total_bps(pictures)) >= pictures


rates = st.lists(st.integers(0, 3_000_000), max_size=3)
any_wants = st.lists(
    st.tuples(st.sampled_from(Rank), rates, st.booleans(), st.integers(0, 3)), max_size=8
).map(
    lambda items: [
        Want(f"s{n}", rank, f"p{source}", ladder(bps, is_thinnable=thin))
        for n, (rank, bps, thin, source) in enumerate(items)
    ]
)


@given(st.integers(0, 8_000_000), any_wants)
def test_the_budget_is_never_exceeded(budget: int, wants: list[Want]) -> None:
    chosen = allocate(budget, wants)
    assert set(chosen) == {want.slot for want in wants}
    assert sum(rung.bps for rung in chosen.values() if rung) <= budget


@given(st.integers(0, 8_000_000), any_wants)
def test_no_thumbnail_takes_what_main_could_use(budget: int, wants: list[Want]) -> None:
    stage = [want for want in wants if want.rank is not Rank.THUMBNAIL]
    chosen = allocate(budget, wants)
    alone = allocate(budget, stage)
    assert {slot: chosen[slot] for slot in alone} == alone


# Steadiness


class Site:
    """An allocator with a clock, asked every 100 ms."""

    def __init__(self) -> None:
        self.allocator = Allocator()
        self.now = 0

    def at(self, estimate_kbps: int, wants: list[Want], *, proven_kbps: int = 0) -> Choice:
        self.now += 100_000
        proven = (proven_kbps or 0) * 1_000
        return self.allocator.choose(Budget(estimate_kbps * 1_000, proven, 0), wants, self.now)

    def wait(self, seconds: float, estimate_kbps: int, wants: list[Want], **proven: int) -> Choice:
        choice = self.at(estimate_kbps, wants, **proven)
        for _ in range(int(seconds * 10)):
            choice = self.at(estimate_kbps, wants, **proven)
        return choice


def test_a_new_slot_starts_with_what_fits() -> None:
    assert kbps(Site().at(600, [main()]).rungs) == {"main": 500}


def test_down_at_once() -> None:
    site = Site()
    site.at(2_000, [main()])
    assert kbps(site.at(400, [main()]).rungs) == {"main": 150}
    assert kbps(site.at(70, [main()]).rungs) == {"main": 60}
    assert kbps(site.wait(DIP_US / SECOND, 10, [main()]).rungs) == {"main": 0}


def dipping(audio_bps: int = 100_000, loss: float = 0.3) -> tuple[Allocator, list[Want]]:
    """A site with main picture and thumbnail, a second before its estimate falls."""
    allocator, wants = Allocator(), [main(), *thumbnails(1)]
    allocator.choose(Budget(500_000, 0, audio_bps, loss), wants, 9 * SECOND)
    return allocator, wants


def test_the_last_picture_outlives_a_dip_and_nothing_else_does() -> None:
    """Three seconds; then it goes too, unless the estimate is back."""
    allocator, wants = dipping()
    low, back = Budget(120_000, 0, 100_000, 0.3), Budget(170_000, 0, 100_000, 0.3)
    for tenth in range(30):
        kept = allocator.choose(low, wants, 10 * SECOND + tenth * SECOND // 10)
        assert kbps(kept.rungs) == {"main": 60, "t0": 0}
    assert allocator.choose(back, wants, 13 * SECOND).rungs["main"] == CAMERA[0]
    assert allocator.choose(low, wants, 14 * SECOND).rungs["main"] == CAMERA[0]
    assert allocator.choose(low, wants, 17 * SECOND).rungs["main"] is None


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(Budget(119_000, 0, 100_000, 0.3), id="it falls again"),
        pytest.param(Budget(99_000, 0, 100_000, 0.3), id="below the voices"),
    ],
)
def test_a_second_fall_is_no_dip(second: Budget) -> None:
    """The link has become so narrow; voices go first."""
    allocator, wants = dipping()
    first = Budget(120_000, 0, 100_000, 0.3)
    assert allocator.choose(first, wants, 10 * SECOND).rungs["main"] is not None
    assert allocator.choose(second, wants, 11 * SECOND).rungs["main"] is None


@pytest.mark.parametrize(("has_queue", "shown"), [(False, 60), (True, 0)])
def test_voices_that_do_not_fit_end_a_picture_behind_which_they_wait(
    has_queue: bool, shown: int
) -> None:
    """Without a queue it is loss that has lowered the estimate, of a link not known yet."""
    allocator, wants = dipping()
    low = Budget(90_000, 0, 100_000, 0.3, has_queue=has_queue)
    assert kbps(allocator.choose(low, wants, 10 * SECOND).rungs)["main"] == shown


def test_the_last_picture_takes_the_room_kept_for_repair() -> None:
    """It may stand still now and then; dark it stands all the time."""
    allocator, wants = dipping()
    tight = Budget(165_000, 0, 100_000, 0.3)
    assert tight.pictures_bps(165_000) < CAMERA[0].bps
    for second in range(10, 40):
        assert allocator.choose(tight, wants, second * SECOND).rungs["main"] == CAMERA[0]


def test_up_only_after_the_hold() -> None:
    site = Site()
    site.at(2_000, [main()])
    fell = site.now + 100_000
    site.at(400, [main()])
    while kbps(site.at(2_000, [main()], proven_kbps=2_000).rungs) == {"main": 150}:
        assert site.now < fell + 2 * HOLD_US
    assert site.now >= fell + HOLD_US


def test_up_only_when_proved_and_the_probe_is_asked_for() -> None:
    site = Site()
    site.at(2_000, [main()])
    site.at(400, [main()])
    choice = site.wait(9, 2_000, [main()], proven_kbps=200)
    assert choice.probe_bps == 0  # a probe during the hold would be for nothing
    choice = site.wait(20, 2_000, [main()], proven_kbps=200)
    assert kbps(choice.rungs) == {"main": 150}
    assert 500_000 < choice.probe_bps < 700_000
    assert kbps(site.at(2_000, [main()], proven_kbps=700).rungs) == {"main": 500}


def test_up_leaves_room_below_the_estimate() -> None:
    site = Site()
    site.at(160, [main()])
    choice = site.wait(20, 510, [main()], proven_kbps=900)
    assert kbps(choice.rungs) == {"main": 150}
    assert kbps(site.at(560, [main()], proven_kbps=900).rungs) == {"main": 500}


def test_a_site_that_joins_rises_without_the_long_hold() -> None:
    site = Site()
    site.at(160, [main()])
    assert kbps(site.wait(1.5, 3_000, [main()], proven_kbps=3_000).rungs) == {"main": 1_500}


def test_a_rise_that_does_not_last_lengthens_the_hold() -> None:
    site = Site()
    site.at(2_000, [main()])
    holds = []
    for _ in range(4):
        fell = site.now + 100_000
        site.at(400, [main()])
        while kbps(site.at(2_000, [main()], proven_kbps=2_000).rungs) == {"main": 150}:
            assert site.now < fell + 2 * MAX_HOLD_US
        holds.append((site.now - fell) / SECOND)
    assert holds == pytest.approx([10, 20, 30, 30], abs=0.3)
    site.wait(25, 2_000, [main()], proven_kbps=2_000)
    fell = site.now + 100_000
    site.at(400, [main()])
    assert kbps(site.wait(10.5, 2_000, [main()], proven_kbps=2_000).rungs) == {"main": 1_500}


def test_a_lesser_rise_waits_for_the_probe_of_the_first() -> None:
    site = Site()
    wants = [main(), *thumbnails(2)]
    assert kbps(site.at(160, wants).rungs) == {"main": 150, "t0": 0, "t1": 0}
    choice = site.wait(1.5, 420, wants, proven_kbps=380)
    assert kbps(choice.rungs)["t0"] == 0
    assert choice.probe_bps > 500_000
    choice = site.wait(PROBE_FIRST_US / SECOND, 420, wants, proven_kbps=380)
    assert kbps(choice.rungs) == {"main": 150, "t0": 100, "t1": 100}


def test_main_rises_at_the_cost_of_thumbnails() -> None:
    site = Site()
    wants = [*thumbnails(4), main()]
    site.at(160, [main()])
    site.at(570, wants)
    choice = site.wait(5, 570, wants, proven_kbps=570)
    assert kbps(choice.rungs) == {"main": 500, "t0": 0, "t1": 0, "t2": 0, "t3": 0}


def test_another_source_starts_anew() -> None:
    site = Site()
    site.at(2_000, [main()])
    site.at(400, [main()])
    assert kbps(site.at(2_000, [main("b")]).rungs) == {"main": 1_500}


def test_a_source_that_was_off_starts_anew() -> None:
    site = Site()
    assert kbps(site.at(2_000, [main(rungs=())]).rungs) == {"main": 0}
    assert kbps(site.at(2_000, [main()]).rungs) == {"main": 1_500}


def test_a_layer_that_ends_is_no_fall() -> None:
    site = Site()
    site.at(2_000, [main()])
    without = ladder((150_000, 500_000), is_thinnable=True)
    assert kbps(site.at(2_000, [main(rungs=without)]).rungs) == {"main": 500}
    assert kbps(site.wait(1.5, 2_000, [main()], proven_kbps=2_000).rungs) == {"main": 1_500}


def test_a_layer_that_comes_and_goes_is_waited_for_longer_each_time() -> None:
    """Every swap is a key frame, and for the viewer a jump."""
    site = Site()
    without = ladder((150_000, 500_000), is_thinnable=True)
    shown = []
    for _ in range(40):
        for rungs in (CAMERA, without):
            chosen = site.wait(1.5, 2_000, [main(rungs=rungs)], proven_kbps=2_000)
            shown.append(kbps(chosen.rungs)["main"])
    swaps = sum(before != after for before, after in itertools.pairwise(shown))
    assert swaps < 12  # in two minutes


def test_a_layer_the_site_may_no_longer_have_has_not_vanished() -> None:
    """A lower ceiling, then the old one again: nobody waits for the source to be trusted."""
    site = Site()
    site.at(160, [main()])
    site.wait(1.5, 3_000, [main()], proven_kbps=3_000)
    less = Want("main", Rank.MAIN, "a", CAMERA[:-1], best=(2, ALL_TEMPORAL))
    assert kbps(site.at(3_000, [less]).rungs) == {"main": 500}
    assert kbps(site.wait(10.5, 3_000, [main()], proven_kbps=3_000).rungs) == {"main": 1_500}
    gone = main(rungs=CAMERA[:-1])
    assert kbps(site.at(3_000, [gone]).rungs) == {"main": 500}
    assert kbps(site.wait(10.5, 3_000, [main()], proven_kbps=3_000).rungs) == {"main": 500}


def test_when_the_only_layer_left_is_larger_it_is_taken() -> None:
    site = Site()
    site.at(200, [main()])
    only = ladder((0, 180_000), is_thinnable=False)
    assert kbps(site.at(200, [main(rungs=only)]).rungs) == {"main": 180}


def test_a_slot_cut_to_nothing_waits_like_any_other() -> None:
    site = Site()
    wants = [main(), *thumbnails(1)]
    site.at(700, wants)
    assert kbps(site.at(550, wants).rungs) == {"main": 500, "t0": 0}
    assert kbps(site.wait(5, 700, wants, proven_kbps=700).rungs)["t0"] == 0
    assert kbps(site.wait(10, 700, wants, proven_kbps=700).rungs)["t0"] == 100


def test_when_all_is_shown_nothing_is_probed() -> None:
    site = Site()
    assert site.wait(20, 9_000, [main(), *thumbnails(2)]).probe_bps == 0
    assert site.wait(20, 9_000, []).rungs == {}


@given(
    st.lists(
        st.tuples(st.integers(0, 4_000_000), st.integers(0, 4_000_000), any_wants), max_size=12
    )
)
def test_no_choice_ever_exceeds_the_budget(
    steps: list[tuple[int, int, list[Want]]],
) -> None:
    allocator = Allocator()
    for place, (estimate, proven, wants) in enumerate(steps):
        budget = Budget(estimate, proven, 40_000, loss=0.05)
        choice = allocator.choose(budget, wants, place * 3 * SECOND)
        spent = sum(rung.bps for rung in choice.rungs.values() if rung)
        lowest = (
            want.rungs[0].bps
            for want in wants
            if want.rank is Rank.MAIN and want.rungs and choice.rungs[want.slot] == want.rungs[0]
        )
        last = max(lowest, default=0)  # one may be sent beyond it for a while
        assert spent - last <= budget.pictures_bps(estimate)
        for want in wants:
            rung = choice.rungs[want.slot]
            assert rung is None or rung in want.rungs
            assert rung is None or rung.temporal <= ALL_TEMPORAL


def test_a_dark_main_picture_is_lit_after_two_seconds() -> None:
    """With the smallest picture it has, once that is proved; until then it is probed for."""
    allocator, wants = Allocator(), [main(), *thumbnails(1)]
    for estimate in (2_000_000, 11_000, 10_000):
        allocator.choose(Budget(estimate, estimate, 0), wants, 2 * SECOND)
    lowest = wants[0].rungs[0].bps
    early = allocator.choose(Budget(600_000, 10_000, 0), wants, 3 * SECOND)
    assert (early.rungs["main"], early.probe_bps) == (None, 0)
    unproved = allocator.choose(Budget(600_000, 10_000, 0), wants, 4 * SECOND)
    assert unproved.rungs["main"] is None
    assert lowest < unproved.probe_bps < 1.3 * lowest
    proved = allocator.choose(Budget(600_000, 600_000, 0), wants, 5 * SECOND)
    assert proved.rungs == {"main": wants[0].rungs[0], "t0": None}


def test_a_main_picture_that_stays_dark_is_tried_without_proof() -> None:
    """When it nearly fits the estimate; should it fall again, after twice as long.

    Of voices alone the estimate grows to half more than they are: to wait until all of it fits
    would be to wait for ever.
    """
    allocator, wants = Allocator(), [main()]
    lowest = wants[0].rungs[0]
    fits, not_quite, nothing = (
        Budget(bps, 10_000, 100_000, 0.3) for bps in (150_000, 130_000, 101_000)
    )
    enough = Budget(170_000, 10_000, 100_000)
    allocator.choose(enough, wants, 0)
    tries = []
    for begin, wait in ((10, 4), (30, 8)):
        assert allocator.choose(nothing, wants, begin * SECOND - DIP_US).rungs["main"] == lowest
        assert allocator.choose(nothing, wants, begin * SECOND).rungs["main"] is None
        for second in range(begin, begin + 20):
            budget = not_quite if second < begin + wait - 1 else fits
            if allocator.choose(budget, wants, second * SECOND).rungs["main"]:
                tries.append(second - begin)
                break
        assert allocator.choose(fits, wants, (begin + wait + 1) * SECOND).rungs["main"] == lowest
        assert allocator.choose(enough, wants, (begin + wait + 3) * SECOND).rungs["main"] == lowest
    assert tries == [4, 8]


@pytest.mark.parametrize(
    ("estimate", "pictures", "left"),
    [
        (2_000_000, 500_000, 1_460_000),  # there is room
        (2_000_000, 1_900_000, 588_000),  # the share pictures were planned with
        (326_000, 140_000, 146_000),
        (240_000, 200_000, 60_000),
        (30_000, 0, 0),  # not even the voice fits
    ],
)
def test_what_is_sent_again_fits_beside_voices_and_pictures(
    estimate: int, pictures: int, left: int
) -> None:
    """Else it stands in the queue of a weak link, and the voices behind it."""
    assert Budget(estimate, estimate, 40_000, 0.3).repair_bps(pictures) == left


@given(st.lists(st.integers(30_000, 3_000_000), min_size=2, max_size=60))
def test_no_slot_turns_up_within_ten_seconds_of_falling(estimates: list[int]) -> None:
    """A link as wild as it likes, asked every second; only a dark main is lit before."""
    allocator, wants = Allocator(), [main(), *thumbnails(2)]
    held = fell = 0
    for place, estimate in enumerate(estimates):
        now = place * SECOND
        choice = allocator.choose(Budget(estimate, estimate, 0), wants, now)
        rung = choice.rungs["main"]
        bps = rung.bps if rung else 0
        is_lit = rung is not None and held == 0 and rung == wants[0].rungs[0]
        if place and bps > held and fell:
            assert now - fell >= (DARK_HOLD_US if is_lit else HOLD_US)
        if bps < held:
            fell = now
        held = bps
