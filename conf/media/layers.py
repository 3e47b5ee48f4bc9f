"""What a slot can be sent: the layers of its source as a ladder of rates, cheapest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

# Share of a layer's rate up to and including each of its temporal layers (three, as browsers send).
TEMPORAL_SHARES: Final = (0.4, 0.6, 1.0)
ALL_TEMPORAL: Final = 3


@dataclass(frozen=True, slots=True)
class Rung:
    """One way to send a source. `layer` 0 is the smallest picture; `temporal`: the highest sent."""

    layer: int
    temporal: int
    bps: int


def ladder(layer_bps: Sequence[int], *, is_thinnable: bool, top_layer: int = 2) -> tuple[Rung, ...]:
    """The rungs of a source, strictly rising in rate.

    `layer_bps`: measured rate of each layer, smallest picture first; 0 for one that does not
    arrive now. `is_thinnable`: the smallest arriving layer has temporal ids, so that it can also be
    sent at a quarter or half of its pictures. `top_layer`: the largest layer the slot is good for.
    """
    return _ladder(tuple(layer_bps[: top_layer + 1]), is_thinnable)


@lru_cache(maxsize=1024)  # the same for all who are shown the source, until it is measured again
def _ladder(layer_bps: tuple[int, ...], is_thinnable: bool) -> tuple[Rung, ...]:
    rungs: list[Rung] = []
    for layer, bps in enumerate(layer_bps):
        if bps <= 0:
            continue
        if not rungs and is_thinnable:
            for temporal, share in enumerate(TEMPORAL_SHARES[:-1]):
                part = int(bps * share)
                if part > (rungs[-1].bps if rungs else 0):
                    rungs.append(Rung(layer, temporal, part))
        while rungs and rungs[-1].bps >= bps:
            rungs.pop()  # a larger picture at no higher rate (a still screen) is simply better
        rungs.append(Rung(layer, ALL_TEMPORAL, bps))
    return tuple(rungs)
