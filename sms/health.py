"""What the answers of all SIMs together say about one of them (pure).

21, 38 and 500 also mean "no credit" and "too many SMS" (reference of the platform §6): three in a
row on one SIM while another one sends well speak against the SIM, not against network or text.
"""

from dataclasses import dataclass, field

from sms.driver import SendOutcome, SendState
from sms.errors_cms import ErrorFamily

SUSPECT_CODES = frozenset({21, 38, 500})
IN_A_ROW = 3
_OTHERS_FINE_WITHIN_S = 600.0


@dataclass
class SimHealth:
    """Owner: the pool. Times in monotonic seconds."""

    _rows: dict[str, int] = field(default_factory=dict)
    _fine_at: dict[str, float] = field(default_factory=dict)

    def note(self, modem: str, outcome: SendOutcome, now_s: float) -> bool:
        """Take an outcome in. Returns: whether this SIM is to be taken out now."""
        if outcome.state is SendState.SENT:
            self._rows[modem] = 0
            self._fine_at[modem] = now_s
            return False
        error = outcome.error
        if error is None or error.family is not ErrorFamily.CMS or error.code not in SUSPECT_CODES:
            return False
        self._rows[modem] = self._rows.get(modem, 0) + 1
        return self._rows[modem] >= IN_A_ROW and self._is_other_fine(modem, now_s)

    def forgive(self, modem: str) -> None:
        """It gets another chance."""
        self._rows[modem] = 0

    def _is_other_fine(self, modem: str, now_s: float) -> bool:
        return any(
            other != modem and self._rows.get(other, 0) == 0 and now_s - at < _OTHERS_FINE_WITHIN_S
            for other, at in self._fine_at.items()
        )
