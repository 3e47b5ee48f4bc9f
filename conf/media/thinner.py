"""Temporal thinning: which pictures of a slot pass when its link cannot take all of them."""

from typing import Final

from conf.media.layers import ALL_TEMPORAL
from conf.media.picture import Picture

_REMEMBERED: Final = 16  # pictures whose fate is kept for their later packets


class Thinner:
    """Which pictures of one slot pass. `wanted`: the highest temporal layer to send; 3 is all."""

    __slots__ = ("_fates", "current", "wanted")

    def __init__(self) -> None:
        self.wanted = self.current = ALL_TEMPORAL
        self._fates: dict[int, bool] = {}

    def restart(self) -> None:
        """Another source begins, with a key frame: its picture ids mean other pictures."""
        self._fates.clear()
        self.current = self.wanted

    @property
    def is_idle(self) -> bool:
        """Does everything pass?"""
        return self.wanted >= ALL_TEMPORAL and self.current >= ALL_TEMPORAL

    def admits(self, picture: Picture | None) -> bool:
        """May this packet pass? Down at the next picture, up where layer 0 is enough to decode."""
        if picture is None or picture.picture_at < 0:
            return True
        known = self._fates.get(picture.picture)
        if known is not None:
            return known
        falls = self.wanted < self.current
        if falls or picture.is_key or picture.has_sync:
            self.current = self.wanted
        passes = picture.is_key or picture.temporal <= self.current
        self._fates[picture.picture] = passes
        if len(self._fates) > _REMEMBERED:
            del self._fates[next(iter(self._fates))]
        return passes
