"""How long a message takes: speed, quotas, quiet hours."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms.estimate import Line, cost_fen, mean_seconds, time_to_send
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
