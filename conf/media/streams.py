"""For how many SSRCs of one member libsrtp keeps a state (pure).

It makes one for every SSRC with a good tag and looks through all of them at each packet: a member
that counts its SSRC up would cost the worker 4 µs more a packet with each thousand. So what no
source of the offer sends is forgotten at once.
"""

from collections.abc import Callable
from typing import Final

MAX_REPORTERS: Final = 64  # SSRCs that send only RTCP; a browser has one or two


class StreamLimit:
    """Owner: the Seat. `forget` drops the state of an SSRC; its replay window goes with it."""

    __slots__ = ("_forget", "_reporters")

    def __init__(self, forget: Callable[[int], None]) -> None:
        self._forget = forget
        self._reporters: set[int] = set()

    def on_stray_media(self, ssrc: int) -> None:
        """RTP came that belongs to no source. It may find one later, with a MID."""
        if ssrc not in self._reporters:
            self._forget(ssrc)

    def on_report(self, ssrc: int, *, is_source: bool) -> None:
        """RTCP came from this SSRC. `is_source`: it sends media that is forwarded."""
        if is_source or ssrc in self._reporters:
            return
        if len(self._reporters) < MAX_REPORTERS:
            self._reporters.add(ssrc)
        else:
            self._forget(ssrc)
