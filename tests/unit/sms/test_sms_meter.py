"""Quotas, rate and quiet hours of a SIM, and when its answers speak against it."""

from datetime import UTC, datetime, timedelta

import pytest

from sms.driver import ModemError, SendOutcome, SendState
from sms.errors_cms import ErrorFamily
from sms.health import IN_A_ROW, SimHealth
from sms.meter import ALL, COUNTY_TIME, NOTHING, URGENT, Limits, Meter, is_quiet

NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)  # 12:00 in the county


def test_a_used_up_day_leaves_only_alerts_and_the_reserve_runs_out_too() -> None:
    meter = Meter(Limits(0, per_day=2, per_month=100, reserve=1), NOON)
    lanes = []
    for _ in range(4):
        lanes.append(meter.highest_lane(NOON))
        meter.count(NOON)
    assert lanes == [ALL, ALL, URGENT, NOTHING]


def test_a_used_up_month_leaves_only_alerts_too() -> None:
    meter = Meter(Limits(0, per_day=100, per_month=2, reserve=1), NOON, day=0, month=2)
    assert meter.highest_lane(NOON) == URGENT
    meter.count(NOON)
    assert meter.highest_lane(NOON) == NOTHING


def test_what_did_not_go_out_is_not_counted() -> None:
    meter = Meter(Limits(per_minute=10, per_day=1, per_month=9, reserve=0), NOON)
    meter.count(NOON)
    assert meter.highest_lane(NOON) == NOTHING
    meter.take_back()
    assert (meter.day, meter.month, meter.highest_lane(NOON)) == (0, 0, ALL)


def test_a_new_county_day_begins_at_its_midnight_and_the_month_goes_on() -> None:
    meter = Meter(Limits(0, per_day=1, per_month=2, reserve=0), NOON)
    meter.count(NOON)
    before = NOON.astimezone(COUNTY_TIME).replace(hour=23, minute=59)
    assert meter.highest_lane(before) == NOTHING
    assert meter.highest_lane(before + timedelta(minutes=1)) == ALL
    meter.count(before + timedelta(minutes=1))
    assert meter.highest_lane(before + timedelta(days=1)) == NOTHING
    assert meter.highest_lane(NOON + timedelta(days=30)) == ALL


def test_the_rate_holds_notices_but_not_alerts_and_refills() -> None:
    meter = Meter(Limits(per_minute=20, per_day=1000, per_month=1000, reserve=0), NOON)
    for _ in range(2):
        assert meter.highest_lane(NOON) == ALL
        meter.count(NOON)
    assert meter.highest_lane(NOON) == URGENT
    assert meter.highest_lane(NOON + timedelta(seconds=3)) == ALL


def test_a_clock_set_back_gives_no_tokens() -> None:
    meter = Meter(Limits(per_minute=10, per_day=1000, per_month=1000, reserve=0), NOON)
    meter.count(NOON)
    assert meter.highest_lane(NOON - timedelta(hours=1)) == URGENT


def test_the_fuller_quota_is_shown() -> None:
    meter = Meter(Limits(0, per_day=10, per_month=100, reserve=0), NOON, day=4, month=80)
    assert meter.share == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("hour", "from_hour", "to_hour", "quiet"),
    [(12, 0, 0, False), (22, 21, 7, True), (6, 21, 7, True), (7, 21, 7, False), (12, 12, 14, True),
     (14, 12, 14, False)],
)  # fmt: skip
def test_quiet_hours_are_county_time(
    hour: int, from_hour: int, to_hour: int, *, quiet: bool
) -> None:
    now = NOON.astimezone(COUNTY_TIME).replace(hour=hour)
    assert is_quiet(now.astimezone(UTC), from_hour, to_hour) is quiet


def _refused(code: int) -> SendOutcome:
    return SendOutcome(SendState.REFUSED, error=ModemError(ErrorFamily.CMS, code))


SENT = SendOutcome(SendState.SENT, 1)


def test_three_refusals_in_a_row_while_another_sim_is_fine_speak_against_the_sim() -> None:
    health = SimHealth()
    health.note("good", SENT, 0)
    told = [health.note("bad", _refused(code), 1) for code in (21, 38, 500)]
    assert told == [False] * (IN_A_ROW - 1) + [True]


def test_where_no_other_sim_is_fine_the_network_is_to_blame() -> None:
    health = SimHealth()
    assert not any(health.note("only", _refused(38), second) for second in range(10))
    health.note("other", _refused(38), 10)
    assert not health.note("only", _refused(38), 11)


def test_a_success_or_another_error_between_breaks_no_rule() -> None:
    health = SimHealth()
    health.note("good", SENT, 0)
    for outcome in (_refused(21), _refused(21), SENT, _refused(21), _refused(1), _refused(21)):
        assert not health.note("sim", outcome, 1)
    assert health.note("sim", _refused(21), 2)
    health.forgive("sim")
    assert not health.note("sim", _refused(21), 3)
