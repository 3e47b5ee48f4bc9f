"""How long a message takes: speed, quotas, quiet hours."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms.estimate import ANY, Line, cost_fen, mean_seconds, time_for_all, time_to_send
from sms.meter import quiet_until

AT_8 = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)  # 08:00 in the county
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


@pytest.mark.parametrize(
    ("segments", "lines", "expected"),
    [
        (4, [Line()] * 4, 3 * SECOND),
        (5, [Line()] * 4, 6 * SECOND),
        (2000, [Line()] * 4, timedelta(minutes=25)),
        (10, [Line(1.0), Line(4.0)], 8 * SECOND),
        (30, [Line(0.5, per_minute=20)], 90 * SECOND),
        (0, [Line()], timedelta(0)),
        (1, [], None),
    ],
)
def test_the_modems_share_the_work_by_their_speed(
    segments: int, lines: list[Line], expected: timedelta | None
) -> None:
    assert time_to_send(segments, lines, AT_8) == expected


MOBILE, UNICOM, ALL = Line(serves=("mobile",)), Line(serves=("unicom",)), Line()


@pytest.mark.parametrize(
    ("wanted", "lines", "segments_long"),
    [
        ({"mobile": 10, "unicom": 2}, [MOBILE, UNICOM], 10),
        ({"mobile": 10, "unicom": 2}, [MOBILE, ALL], 6),
        ({"mobile": 10, "unicom": 10}, [MOBILE, ALL], 10),
        ({"mobile": 2, "unicom": 10}, [MOBILE, ALL], 10),
        ({"telecom": 10}, [MOBILE, UNICOM], 5),  # nobody serves it: any may
        ({"telecom": 10}, [MOBILE, ALL], 10),
        ({"telecom": 10, "mobile": 4}, [MOBILE, UNICOM], 7),
        ({ANY: 10}, [MOBILE, UNICOM], 5),
        ({"mobile": 10}, [UNICOM, ALL, ALL], 5),
        ({"mobile": 0}, [UNICOM], 0),
        ({"mobile": 3, "unicom": 3}, [MOBILE, UNICOM, Line(serves=("unicom", "mobile"))], 2),
    ],
)
def test_a_modem_counts_only_for_the_carriers_it_serves(
    wanted: dict[str, int], lines: list[Line], segments_long: int
) -> None:
    assert time_for_all(wanted, lines, AT_8) == segments_long * 3 * SECOND


def test_what_its_carriers_modem_may_not_send_any_more_never_goes() -> None:
    used_up = Line(serves=("mobile",), left_today=0, left_this_month=0)
    assert time_for_all({"mobile": 1}, [used_up, UNICOM], AT_8) is None
    assert time_for_all({"unicom": 1}, [used_up, UNICOM], AT_8) == 3 * SECOND
    assert time_for_all({}, [], AT_8) is None


@given(
    st.dictionaries(st.sampled_from(["mobile", "unicom", "telecom"]), st.integers(1, 40)),
    st.lists(st.sets(st.sampled_from(["mobile", "unicom"])), min_size=1, max_size=4),
)
def test_the_time_is_that_of_the_best_division_of_the_work(
    wanted: dict[str, int], served: list[set[str]]
) -> None:
    """Against a plain search: steps of one segment a line, filled by augmenting."""
    lines = [Line(serves=tuple(sorted(one))) for one in served]
    steps = 0
    while not _fits(wanted, served, steps):
        steps += 1
    assert time_for_all(wanted, lines, AT_8) == steps * 3 * SECOND


def _fits(wanted: dict[str, int], served: list[set[str]], steps: int) -> bool:
    known = {carrier for one in served for carrier in one}
    is_open = any(not one for one in served)
    may = [
        {c for c in wanted if not one or c in one or (not is_open and c not in known)}
        for one in served
    ]
    held: list[list[str]] = [[] for _ in served]

    def place(carrier: str, seen: set[int]) -> bool:
        for index, line in enumerate(held):
            if index in seen or carrier not in may[index]:
                continue
            seen.add(index)
            if len(line) < steps:
                line.append(carrier)
                return True
            for other in {*line}:
                if place(other, seen):
                    line.remove(other)
                    line.append(carrier)
                    return True
        return False

    return all(place(carrier, set()) for carrier, count in wanted.items() for _ in range(count))


def test_what_a_quota_does_not_leave_goes_out_the_next_day() -> None:
    line = Line(3.0, per_day=100, left_today=10)
    assert time_to_send(10, [line], AT_8) == 30 * SECOND
    assert time_to_send(11, [line], AT_8) == 16 * HOUR + 3 * SECOND
    empty = Line(3.0, per_day=100, left_today=0, left_this_month=0)
    assert time_to_send(1, [empty], AT_8) is None
    assert time_to_send(1, [empty, Line()], AT_8) == 3 * SECOND


def test_quiet_hours_are_waited_for() -> None:
    at_23 = AT_8 + 15 * HOUR
    assert time_to_send(1, [Line()], at_23, (22, 7)) == 8 * HOUR + 3 * SECOND
    almost = AT_8 + 14 * HOUR - 6 * SECOND
    assert time_to_send(3, [Line()], almost, (22, 7)) == 9 * HOUR + 9 * SECOND


def test_quiet_hours_end_at_their_hour_of_this_day_or_the_next() -> None:
    assert quiet_until(AT_8 + 15 * HOUR, 22, 7) == AT_8 + 23 * HOUR
    assert quiet_until(AT_8 - 4 * HOUR, 22, 7) == AT_8 - HOUR
    assert quiet_until(AT_8, 22, 7) is None


def test_the_speed_is_measured_once_there_is_enough_to_measure() -> None:
    assert mean_seconds([SECOND] * 4) == 3.0
    assert mean_seconds([SECOND] * 4 + [6 * SECOND]) == 2.0


def test_a_cost_is_told_only_with_a_price() -> None:
    assert (cost_fen(100, 0), cost_fen(100, 4.5)) == (None, 450)


@given(
    st.integers(1, 3000),
    st.lists(
        st.builds(Line, st.floats(0.05, 20), left_today=st.integers(1, 500)), min_size=1, max_size=5
    ),
)
def test_another_modem_never_makes_it_later(segments: int, lines: list[Line]) -> None:
    alone, more = (
        time_to_send(segments, lines, AT_8),
        time_to_send(segments, [*lines, Line()], AT_8),
    )
    assert more is not None
    assert alone is None or more <= alone
