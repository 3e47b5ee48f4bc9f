"""How fit a modem is to take the next text, 0..1 (pure).

A weak one waits a moment while a better one has nothing to do; it never refuses work, so the pool
loses nothing by it. Signal as in TS 27.007 §8.5, here in dBm.
"""

from dataclasses import dataclass

from sms.driver import SendOutcome, SendState

GOOD_DBM, POOR_DBM = -80, -105
HOLD_S = 0.3
ELSEWHERE_HOLD_S = 1.2
"""Modems of another node look at the queue once a second."""
_CLEARLY_BETTER = 0.2
_MEMORY = 0.2
_FORGOTTEN_S = 600.0
_FULL_AT = 0.8


@dataclass(frozen=True)
class Fitness:
    """What is known of a modem. `since_silent_s`: since it last fell silent; None: it never did."""

    rssi_dbm: int | None = None
    error_share: float = 0.0
    since_silent_s: float | None = None
    quota_share: float = 0.0


def score(fitness: Fitness) -> float:
    """1: nothing speaks against it. An unknown signal counts as a middling one."""
    return round(
        _signal(fitness.rssi_dbm)
        * (1 - 0.8 * fitness.error_share)
        * _trust(fitness.since_silent_s)
        * _room(fitness.quota_share),
        3,
    )


def hold_s(own: float, idle: list[float], for_s: float = HOLD_S) -> float:
    """How long a modem leaves a text to those that are idle and clearly better."""
    return for_s if any(other - own >= _CLEARLY_BETTER for other in idle) else 0.0


def error_share_after(share: float, outcome: SendOutcome) -> float:
    """The share of tries that failed, the latest counting most."""
    failed = 0.0 if outcome.state is SendState.SENT else 1.0
    return share + _MEMORY * (failed - share)


def _signal(rssi_dbm: int | None) -> float:
    if rssi_dbm is None:
        return 0.8
    within = (rssi_dbm - POOR_DBM) / (GOOD_DBM - POOR_DBM)
    return 0.3 + 0.7 * min(1.0, max(0.0, within))


def _trust(since_silent_s: float | None) -> float:
    if since_silent_s is None:
        return 1.0
    return 0.4 + 0.6 * min(1.0, since_silent_s / _FORGOTTEN_S)


def _room(quota_share: float) -> float:
    over = (quota_share - _FULL_AT) / (1 - _FULL_AT)
    return 1.0 - 0.8 * min(1.0, max(0.0, over))
