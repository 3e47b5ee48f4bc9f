"""What speaks against a modem lowers its score, and a clearly better idle one goes first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms.carrier import Carrier, carrier_of_sim
from sms.driver import SendOutcome, SendState
from sms.score import HOLD_S, Fitness, error_share_after, hold_s, score

GOOD = Fitness(rssi_dbm=-70)


@pytest.mark.parametrize(
    "worse",
    [
        Fitness(rssi_dbm=-104), Fitness(rssi_dbm=None), Fitness(-70, error_share=0.5),
        Fitness(-70, since_silent_s=30.0), Fitness(-70, quota_share=0.95),
    ],
)  # fmt: skip
def test_weak_signal_errors_silence_and_a_used_up_quota_each_count(worse: Fitness) -> None:
    assert score(worse) < score(GOOD) == 1.0


@given(st.integers(-130, -40), st.floats(0, 1), st.none() | st.floats(0, 1e6), st.floats(0, 5))
def test_a_score_is_between_0_and_1(
    rssi: int, errors: float, silent: float | None, quota: float
) -> None:
    assert 0 < score(Fitness(rssi, errors, silent, quota)) <= 1


def test_a_modem_recovers_its_standing_by_sending_well() -> None:
    share = 0.0
    for _ in range(5):
        share = error_share_after(share, SendOutcome(SendState.REFUSED))
    worst = share
    for _ in range(10):
        share = error_share_after(share, SendOutcome(SendState.SENT, 1))
    assert worst > 0.6
    assert share < 0.1


def test_only_a_clearly_better_idle_one_is_waited_for() -> None:
    assert hold_s(0.5, [0.9]) == HOLD_S
    assert hold_s(0.8, [0.9]) == 0
    assert hold_s(0.5, []) == 0


@pytest.mark.parametrize(
    ("imsi", "carrier"),
    [
        ("460001234567890", Carrier.MOBILE), ("460011234567890", Carrier.UNICOM),
        ("460111234567890", Carrier.TELECOM), ("460151234567890", Carrier.BROADNET),
        ("", Carrier.UNKNOWN), ("262011234567890", Carrier.UNKNOWN),
    ],
)  # fmt: skip
def test_whose_sim_it_is(imsi: str, carrier: Carrier) -> None:
    assert carrier_of_sim(imsi) is carrier
