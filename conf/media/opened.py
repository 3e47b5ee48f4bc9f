"""Pictures whose last packet has not come: worth a fraction of a millisecond, to leave as one.

A picture's packets are sent back to back, but the first one wakes the loop: copied at once it would
go to sixty sites in sixty sends, and its four fellows in as many again. Pure; times in seconds.
"""

from collections.abc import Hashable
from typing import Final

MIN_SLOTS: Final = 8  # fewer sends than this are not worth the wait
WAIT_S: Final = 0.0003  # in all, after the first packet of a wake-up
IMPATIENT_S: Final = 0.25  # a source whose packets come apart is not waited for so long


class OpenPictures:
    """Owner: the Forwarder. The mux asks `lack_rest` before it lets go what it has."""

    __slots__ = ("_impatient_until", "_layers", "in_vain", "waits")

    def __init__(self) -> None:
        self._layers: set[Hashable] = set()
        self._impatient_until: dict[Hashable, float] = {}
        self.waits = 0
        self.in_vain = 0

    def note(self, layer: Hashable, slots: int, now: float, *, is_last: bool) -> None:
        """A packet of a picture is kept for `slots` copies; `is_last`: it ends the picture."""
        if is_last:
            self._layers.discard(layer)
        elif slots >= MIN_SLOTS and self._impatient_until.get(layer, 0.0) <= now:
            self._layers.add(layer)

    def lack_rest(self) -> bool:
        """Is there something to wait for?"""
        return bool(self._layers)

    def give_up(self, now: float) -> None:
        """Nothing more came in time."""
        self.in_vain += 1
        self._impatient_until = {
            layer: until for layer, until in self._impatient_until.items() if until > now
        } | dict.fromkeys(self._layers, now + IMPATIENT_S)
        self._layers.clear()

    def forget(self, layer: Hashable) -> None:
        """Its site has left: it may never be asked about again."""
        self._layers.discard(layer)
        self._impatient_until.pop(layer, None)

    def clear(self) -> None:
        """All that was kept has been sent."""
        self._layers.clear()
