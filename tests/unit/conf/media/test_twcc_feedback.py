"""Transport-wide feedback: told once, told right, wrap and reorder and all."""

import tomllib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conf.media import rtcp
from conf.media.errors import DecodeError
from conf.media.twcc import (
    HISTORY,
    LOST,
    Feedback,
    FeedbackBuilder,
    SendHistory,
    gather,
    parse_feedback,
)

VECTORS = tomllib.loads(
    (Path(__file__).parents[3] / "vectors" / "rtcp" / "transport_feedback.toml").read_text()
)["feedback"]


def told(builder: FeedbackBuilder) -> list[Feedback]:
    reports = [report for data in builder.build(1, 2) for report in rtcp.parse(data)]
    assert all(isinstance(report, rtcp.TransportFeedback) for report in reports)
    return [parse_feedback(r.body) for r in reports if isinstance(r, rtcp.TransportFeedback)]


def received(feedbacks: list[Feedback]) -> dict[int, int]:
    """Number → arrival of all that was told as received."""
    return {
        (feedback.base + place) & 0xFFFF: arrival
        for feedback in feedbacks
        for place, arrival in enumerate(feedback.arrivals_us)
        if arrival != LOST
    }


@pytest.mark.parametrize("vector", VECTORS)
def test_feedback_of_another_maker_is_read(vector: dict[str, object]) -> None:
    (report,) = rtcp.parse(bytes.fromhex(str(vector["hex"])))
    assert isinstance(report, rtcp.TransportFeedback)
    assert (report.sender, report.media) == (vector["sender"], vector["media"])
    feedback = parse_feedback(report.body)
    assert (feedback.base, feedback.number) == (vector["base"], vector["number"])
    assert feedback.arrivals_us == vector["arrivals_us"]


def test_every_kind_of_chunk_is_read() -> None:
    """A run, a one-bit vector and a two-bit vector, with a reserved symbol."""
    chunks = bytes.fromhex("2002a800db00")
    head = (100).to_bytes(2, "big") + (2 + 14 + 4).to_bytes(2, "big") + bytes((0, 0, 1, 9))
    deltas = bytes((4, 4)) + bytes((4, 4)) + bytes((4,)) + (-8 & 0xFFFF).to_bytes(2, "big")
    feedback = parse_feedback(head + chunks + deltas)
    lost = [LOST]
    assert feedback.arrivals_us == [
        65_000,
        66_000,
        *[67_000, LOST, 68_000],
        *lost * 11,
        *[69_000, 67_000, LOST, LOST],
    ]


@pytest.mark.parametrize(
    "body",
    [
        "00",
        "0000ffff00000000",
        "0000000100000000",
        "000000020000000000000000",
        "00000001000000002001",
        "0000000100000000400101",
    ],
    ids=["header", "endless", "no chunk", "empty run", "no delta", "half a delta"],
)
def test_a_torn_feedback_is_refused(body: str) -> None:
    with pytest.raises(DecodeError):
        parse_feedback(bytes.fromhex(body))


@given(st.binary(max_size=100))
def test_random_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(DecodeError):
        parse_feedback(body)


def test_what_arrives_is_told_once() -> None:
    builder = FeedbackBuilder()
    for number, at in ((10, 1_000_000), (11, 1_020_000), (13, 1_021_000)):
        builder.add(number, at)
    (feedback,) = told(builder)
    assert (feedback.base, feedback.number) == (10, 0)
    assert feedback.arrivals_us == [1_000_000, 1_020_000, LOST, 1_021_000]
    assert told(builder) == []
    builder.add(14, 1_100_000)
    (feedback,) = told(builder)
    assert (feedback.base, feedback.number, feedback.arrivals_us) == (14, 1, [1_100_000])


def test_a_hole_between_two_feedbacks_is_told() -> None:
    builder = FeedbackBuilder()
    builder.add(65_534, 1_000)
    told(builder)
    builder.add(1, 2_000)
    (feedback,) = told(builder)
    assert (feedback.base, feedback.arrivals_us) == (65_535, [LOST, LOST, 2_000])


def test_a_late_packet_is_told_again_with_its_neighbours() -> None:
    builder = FeedbackBuilder()
    builder.add(5, 10_000)
    builder.add(7, 11_000)
    told(builder)
    builder.add(6, 30_000)
    (feedback,) = told(builder)
    assert received([feedback]) == {6: 30_000, 7: 11_000}


def test_a_repeated_packet_changes_nothing() -> None:
    builder = FeedbackBuilder()
    builder.add(5, 10_000)
    builder.add(5, 20_000)
    assert received(told(builder)) == {5: 10_000}
    builder.add(5, 30_000)
    assert told(builder) == []


def test_a_packet_from_long_ago_is_not_told() -> None:
    builder = FeedbackBuilder()
    builder.add(5_000, 10_000)
    told(builder)
    builder.add(5_000 - 1_100, 20_000)
    assert told(builder) == []


def test_a_long_pause_begins_a_new_packet() -> None:
    builder = FeedbackBuilder()
    builder.add(1, 0)
    builder.add(2, 60_000_000)
    first, second = told(builder)
    assert (first.base, first.arrivals_us) == (1, [0])
    assert (second.base, second.number, second.arrivals_us) == (2, 1, [60_000_000])


def test_a_source_that_begins_anew_costs_no_gap() -> None:
    builder = FeedbackBuilder()
    builder.add(1, 0)
    told(builder)
    builder.add(20_000, 1_000)
    (feedback,) = told(builder)
    assert (feedback.base, feedback.arrivals_us) == (20_000, [1_000])


def test_a_burst_beyond_one_feedback_takes_two() -> None:
    builder = FeedbackBuilder()
    for number in range(1_500):
        builder.add(number, number * 1_000)
    feedbacks = told(builder)
    assert len(feedbacks) == 2
    assert received(feedbacks) == {n: n * 1_000 for n in range(1_500)}


def test_more_than_is_kept_is_told_of_its_newest() -> None:
    """Of what is out of reach nothing is told: it has come, so it is not told lost either."""
    builder = FeedbackBuilder()
    for number in range(10_000):
        builder.add(number, number * 500)
    feedbacks = told(builder)
    assert all(LOST not in feedback.arrivals_us for feedback in feedbacks)
    got = received(feedbacks)
    assert len(got) >= 3_000
    assert got == {n: n * 500 // 250 * 250 for n in range(10_000 - len(got), 10_000)}


def test_what_comes_late_hides_nothing_newer() -> None:
    """Ever older ones, each within a feedback's span of the last: told, until they are too old."""
    builder, came = FeedbackBuilder(), {n: n * 500 for n in range(20_000, 30_000) if n % 900}
    for number, at in came.items():
        builder.add(number, at)
        if number % 50 == 0:
            told(builder)
    told(builder)
    late = [n for n in range(29_999, 20_000, -1) if n % 900 == 0]
    for number in late:
        builder.add(number, 15_500_000)
    feedbacks = told(builder)
    got = received(feedbacks)
    assert set(late[:3]) < set(got)
    assert got == {n: came.get(n, 15_500_000) for n in got}
    assert sorted(got) == list(range(min(got), 30_000))  # none that came is told lost


def test_a_stream_of_hours_is_told_to_the_last() -> None:
    """Across many turns of the ring and of the number; every hundredth was lost."""
    builder = FeedbackBuilder()
    for start in range(0, 200_000, 60):
        numbers = [n for n in range(start, start + 60) if n % 100]
        for n in numbers:
            builder.add(n & 0xFFFF, n * 500)
        assert received(told(builder)) == {n & 0xFFFF: n * 500 for n in numbers}


def test_a_steady_stream_costs_little() -> None:
    """Sixty packets in 100 ms: 20 bytes of header, a chunk or two, a byte each."""
    builder = FeedbackBuilder()
    for number in range(60):
        builder.add(number, number * 1_500)
    assert sum(map(len, builder.build(1, 2))) <= 88


@given(
    start=st.integers(0, 65_535),
    steps=st.lists(st.tuples(st.integers(1, 20), st.integers(0, 300_000)), min_size=1, max_size=80),
    every=st.integers(1, 20),
)
def test_all_that_arrived_is_told_and_nothing_else(
    start: int, steps: list[tuple[int, int]], every: int
) -> None:
    builder = FeedbackBuilder()
    number, at, expected = start, 5_000_000, {}
    feedbacks: list[Feedback] = []
    for place, (step, pause) in enumerate(steps):
        number += step
        at += pause
        builder.add(number & 0xFFFF, at)
        expected[number & 0xFFFF] = at // 250 * 250
        if place % every == 0:
            feedbacks += told(builder)
    feedbacks += told(builder)
    assert received(feedbacks) == expected


@given(st.permutations(range(30)))
def test_any_order_is_told_complete(order: list[int]) -> None:
    builder = FeedbackBuilder()
    for at, number in enumerate(order):
        builder.add(1_000 + number, at * 1_000)
    first = 1_000 + order[0]
    assert set(received(told(builder))) >= {first}
    assert received(told(builder)) == {}


# What was sent, joined with what is told


def settle(history: SendHistory, base: int, *arrivals: int) -> list[tuple[int, int, int]]:
    return list(history.settle(Feedback(base, 0, list(arrivals))))


def test_each_packet_is_settled_once() -> None:
    history = SendHistory()
    assert [history.add(100 * n, 1_000 + n) for n in range(3)] == [0, 1, 2]
    assert settle(history, 0, 7, LOST) == [(0, 7, 1_000), (100, LOST, 1_001)]
    assert settle(history, 0, 7, LOST, 9) == [(200, 9, 1_002)]


def test_lost_then_found_is_told_as_both() -> None:
    history = SendHistory()
    history.add(5, 100)
    assert settle(history, 0, LOST) == [(5, LOST, 100)]
    assert settle(history, 0, 8) == [(5, 8, 100)]
    assert settle(history, 0, 8) == []


def test_numbers_wrap_on_the_wire() -> None:
    history = SendHistory(first_sequence=65_535)
    assert [history.add(1, 10), history.add(2, 20)] == [65_535, 0]
    assert settle(history, 65_535, 5, 6) == [(1, 5, 10), (2, 6, 20)]


def test_what_was_never_sent_or_is_forgotten_is_passed_over() -> None:
    history = SendHistory()
    for n in range(HISTORY + 10):
        history.add(n, 1)
    assert settle(history, 5, 1, 1, 1, 1, 1, 77) == [(10, 77, 1)]
    assert settle(history, HISTORY + 9, 5, 6) == [(HISTORY + 9, 5, 1)]
    assert settle(SendHistory(), 0, 1) == []


# In one pass


def twins(first: int, gaps: list[int]) -> tuple[SendHistory, SendHistory]:
    """Two histories of the same packets, `gaps` microseconds apart."""
    both = SendHistory(first), SendHistory(first)
    for history in both:
        at = 1_000_000
        for n, gap in enumerate(gaps):
            at += gap
            history.add(at, 100 + n)
    return both


arrivals = st.lists(
    st.sampled_from([LOST, 0, 1, 250, 5_000, 64_000, 90_000, -250, -70_000]), max_size=30
)


@settings(max_examples=100)
@given(
    st.integers(0, 3) | st.integers(HISTORY - 40, HISTORY + 40) | st.integers(65_500, 65_600),
    st.sampled_from([[0] * 60, [0, 0, 300, 20_000] * 15, [700] * 60]),
    st.lists(st.tuples(st.integers(0, 65), arrivals), min_size=1, max_size=3),
)
def test_one_pass_settles_as_packet_by_packet_does(
    first: int, gaps: list[int], reports: list[tuple[int, list[int]]]
) -> None:
    """Lost, late, told twice, out of reach, across the wrap of ring and number: the same."""
    fast, slow = twins(first, gaps)
    for place, steps in reports:
        builder, at = FeedbackBuilder(), 1_000_000
        for n, step in enumerate(steps):
            if step != LOST:
                at += step
                builder.add((first + place + n) & 0xFFFF, max(0, at))
        for packet in filter(None, builder.build(1, 2)):
            (report,) = rtcp.parse(packet)
            assert isinstance(report, rtcp.TransportFeedback)
            body = report.body
            told = fast.settle_at_once(b"?" + body, 1, 1 + len(body))
            if told is None:
                told = gather(fast.settle(parse_feedback(body)))
            assert told == gather(slow.settle(parse_feedback(body)))
            assert fast.sizes == slow.sizes


@given(st.integers(0, 5), st.binary(max_size=80))
def test_one_pass_refuses_what_the_parser_refuses(base: int, rest: bytes) -> None:
    """And a refused feedback has settled nothing."""
    history, _ = twins(0, [0] * 40)
    before, body = history.sizes[:], base.to_bytes(2, "big") + rest
    is_refused = is_refused_at_once = False
    try:
        parse_feedback(body)
    except DecodeError:
        is_refused = True
    try:
        told = history.settle_at_once(body, 0, len(body))
    except DecodeError:
        is_refused_at_once, told = True, None
    if is_refused or told is None:
        assert history.sizes == before
    if told is not None or is_refused_at_once:
        assert is_refused_at_once == is_refused
