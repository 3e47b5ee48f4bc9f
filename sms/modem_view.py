"""A modem as people see it."""

import enum
from dataclasses import dataclass
from datetime import datetime

from sms.carrier import Carrier, carrier_of_sim
from sms.driver import Registration


class ModemState(enum.StrEnum):
    """What the modem page shows."""

    STARTING = "starting"
    READY = "ready"
    OFFLINE = "offline"  # works, but is not registered in a network
    FAULTED = "faulted"  # being brought back
    QUARANTINED = "quarantined"  # its SIM refuses; tried again after a while
    STOPPED = "stopped"


@dataclass(frozen=True)
class ModemView:
    """One modem as people see it. `since`: when it came into this state (wall time).

    `score`: how fit it is to take the next text, 0..1. `is_idle`: it found nothing to send.
    `serves`: carriers it is kept for, empty: all. `node`: the process that drives it, empty: ours.
    """

    name: str
    path: str
    is_simulated: bool
    state: ModemState
    since: datetime
    reason: str = ""
    operator: str = ""
    rssi_dbm: int | None = None
    registration: str = Registration.UNKNOWN
    imsi: str = ""
    model: str = ""
    own_number: str = ""
    smsc: str = ""
    sent: int = 0
    failed: int = 0
    counters_since: datetime | None = None
    sent_today: int = 0
    sent_this_month: int = 0
    quota_share: float = 0.0
    score: float = 1.0
    is_idle: bool = False
    balance: str = ""
    balance_fen: int | None = None
    balance_at: datetime | None = None
    is_balance_low: bool = False
    serves: tuple[str, ...] = ()
    per_day: int = 0
    per_month: int = 0
    node: str = ""


def home_of(view: ModemView) -> str | None:
    """The carrier whose numbers a SIM takes first; None where it is not known, or simulated."""
    carrier = carrier_of_sim(view.imsi)
    return None if view.is_simulated or carrier is Carrier.UNKNOWN else carrier.value
