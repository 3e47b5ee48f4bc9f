"""How long a modem rests after refusals, and how long its SIM stays out (pure).

Each try that fails doubles the time; one that goes out ends it.
"""

QUARANTINE_S = 300.0
_SIM_AGAIN_FIRST_S = 3.0
_REST_FIRST_S, _REST_LONGEST_S = 1.0, 8.0


class Pauses:
    """Owner: the modem it sits in. Times in monotonic seconds."""

    def __init__(self) -> None:
        self._rest_until = float("-inf")
        self._rest_s = _REST_FIRST_S
        self.out_for_s = _SIM_AGAIN_FIRST_S

    def went_out(self) -> None:
        """A text was taken."""
        self._rest_s, self.out_for_s = _REST_FIRST_S, _SIM_AGAIN_FIRST_S

    def rest(self, now_s: float) -> None:
        """Do not try the next text at once: 1, 2, 4, 8 s."""
        self._rest_until = now_s + self._rest_s
        self._rest_s = min(self._rest_s * 2, _REST_LONGEST_S)

    def left_s(self, now_s: float) -> float:
        """How long it still rests, 0 or less: not at all."""
        return self._rest_until - now_s

    def take_out(self, *, is_suspect: bool) -> None:
        """A SIM may be back in its slot at once; one without credit is not tried every minute."""
        self.out_for_s = QUARANTINE_S if is_suspect else self.out_for_s

    def let_in(self) -> None:
        """The SIM is tried again; the next time it stays out longer."""
        self.out_for_s = min(self.out_for_s * 2, QUARANTINE_S)
