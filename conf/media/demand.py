"""Which layers a camera need not send: above what anybody looks at, they stop at the source (pure).

Lower ones go on: a line that weakens must fall to them at once, without waiting for an encoder.
"""

from typing import Final

UNUSED_S: Final = 5.0
WAKING_S: Final = 4.0  # a source that was asked to send a layer again is believed so long


class Demand:
    """Of one layer. `is_on`: what its page was last told; `is_paused`: it would come if asked."""

    __slots__ = ("_needed_at", "_was_sent", "_woken_at", "is_on", "is_paused")

    def __init__(self) -> None:
        self.is_on = True
        self.is_paused = False
        self._needed_at: float | None = None
        self._woken_at = -1e9
        self._was_sent = False

    def look(self, now: float, *, is_needed: bool, may_pass: bool, is_alive: bool) -> bool:
        """A quarter of a second later; True when the page is to be told otherwise.

        `may_pass`: it is within the site's ceiling.
        """
        if is_needed or (self._needed_at is None and is_alive):
            self._needed_at = now
        wants = may_pass and (self._needed_at is None or now - self._needed_at < UNUSED_S)
        has_changed = wants is not self.is_on
        if has_changed:
            self.is_on = wants
            self._woken_at = now if wants else -1e9
        if is_alive:
            self._was_sent = True
        elif self.is_on and self._woken_at > 0 and now - self._woken_at > WAKING_S:
            self._was_sent = False  # its encoder does not make it: do not ask again and again
        self.is_paused = not self.is_on and may_pass and self._was_sent
        return has_changed

    def is_coming(self, now: float) -> bool:
        """May it be planned with, though no packet comes?"""
        return self.is_paused or now - self._woken_at < WAKING_S
