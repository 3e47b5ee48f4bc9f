"""Who gets what of one subscriber's bandwidth, and when a picture may change.

Order, fixed: audio, key-frame repair, main picture, shared screen, thumbnails. Main and share first
get their lowest rung both, so that a shared page is never black for the sake of a sharper face.
Down at once, but to nothing only when it lasts; up only to a rate that has been proved, and 10 s
after the last step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

from conf.media.layers import Rung

HOLD_US: Final = 10_000_000
MAX_HOLD_US: Final = 30_000_000
FIRST_HOLD_US: Final = 1_000_000  # until the first fall: a site that joins need not wait
DARK_HOLD_US: Final = 2_000_000  # a site that sees nothing at all waits no longer for its picture
DIP_US: Final = 3_000_000  # nor is its last picture taken for an estimate low for less than that
TRY_SHARE: Final = 0.4  # of the hold: then a dark site need not prove what it is estimated at,
TRY_ABOVE: Final = 1.15  # nor that quite: of voices alone the estimate grows to no more
PROBE_FIRST_US: Final = 2_000_000  # time for a probe before a lesser rise is taken
_RELAPSE_US: Final = 20_000_000  # a fall so soon after a rise makes the next hold longer
_MARGIN: Final = 1.1  # a rise must leave this much room below the estimate
_MAX_REPAIR_SHARE: Final = 0.3
_LOWEST: Final = (-1, -1)


class Rank(IntEnum):
    """Order of spending among pictures."""

    MAIN = 0
    SHARE = 1
    THUMBNAIL = 2


@dataclass(frozen=True, slots=True)
class Want:
    """What one slot could show. `source`: changes when the slot is given to another source.

    `rungs`: from layers.ladder, of what arrives now and the site may have. `best`: quality of the
    best that arrives, if there is a better one than the last of them.
    """

    slot: str
    rank: Rank
    source: str
    rungs: tuple[Rung, ...]
    best: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """What there is to spend, in bit/s of everything sent.

    `proven_bps`: what has arrived of late, or a probe's result; `audio_bps`: what the audio slots
    use; `loss`: 0..1, the share of packets to be repeated; `has_queue`: do packets wait now?
    """

    estimate_bps: int
    proven_bps: int
    audio_bps: int
    loss: float = 0.0
    has_queue: bool = False

    def pictures_bps(self, total_bps: int) -> int:
        """What `total_bps` leaves for pictures after audio and repair."""
        return max(0, int((total_bps - self.audio_bps) * (1 - min(self.loss, _MAX_REPAIR_SHARE))))

    def repair_bps(self, pictures_bps: int) -> int:
        """What repetitions may take beside pictures of `pictures_bps`: the share kept, or the rest.

        More would stand in the link's queue, and the voices behind it.
        """
        left = self.estimate_bps - self.audio_bps
        return max(0, int(left * _MAX_REPAIR_SHARE), left - pictures_bps)

    def total_bps(self, pictures_bps: int) -> int:
        """What must be carried for pictures of `pictures_bps` to fit; undoes `pictures_bps`."""
        return self.audio_bps + 1 + int(pictures_bps / (1 - min(self.loss, _MAX_REPAIR_SHARE)))


@dataclass(frozen=True, slots=True)
class Choice:
    """What to send in each slot (None: nothing), and the total rate worth probing for (0: none)."""

    rungs: Mapping[str, Rung | None]
    probe_bps: int = 0


def allocate(pictures_bps: int, wants: Sequence[Want]) -> dict[str, Rung | None]:
    """The rung of each slot; their sum never exceeds `pictures_bps`.

    Within a rank in the order given.
    """
    chosen: dict[str, Rung | None] = {want.slot: None for want in wants}
    left = pictures_bps
    stage = sorted((want for want in wants if want.rank is not Rank.THUMBNAIL), key=_rank)
    thumbnails = [want for want in wants if want.rank is Rank.THUMBNAIL]
    for want, rungs in (
        *((want, want.rungs[:1]) for want in stage),
        *((want, want.rungs) for want in (*stage, *thumbnails)),
    ):
        paid = _bps(chosen[want.slot])
        best = next((rung for rung in reversed(rungs) if rung.bps - paid <= left), None)
        if best is not None and best.bps > paid:
            left -= best.bps - paid
            chosen[want.slot] = best
    return chosen


def _rank(want: Want) -> Rank:
    return want.rank


def _bps(rung: Rung | None) -> int:
    return rung.bps if rung is not None else 0


def _quality(rung: Rung | None) -> tuple[int, int]:
    return (rung.layer, rung.temporal) if rung is not None else _LOWEST


class Allocator:
    """Steadies one subscriber's choices: call `choose` every 100 ms, and when wants change."""

    __slots__ = (
        "_caps",
        "_dip",
        "_fallen_us",
        "_hold_us",
        "_rise_hold_us",
        "_risen_us",
        "_since_us",
        "_sources",
    )

    def __init__(self) -> None:
        self._sources: dict[str, str] = {}
        # Best quality a slot may have without rising; a slot that is new or had nothing to show
        # is absent and may start with all it can be given.
        self._caps: dict[str, tuple[int, int]] = {}
        self._rise_hold_us = FIRST_HOLD_US  # after a rise
        self._hold_us = HOLD_US  # after a fall
        self._risen_us = self._fallen_us = -(1 << 60)
        self._since_us: int | None = None  # when the site joined
        # Since when the last picture is too dear, and the estimate then.
        self._dip: tuple[int, int] | None = None

    def choose(self, budget: Budget, wants: Sequence[Want], now_us: int) -> Choice:
        """The rung of each slot for now."""
        self._follow(wants)
        if now_us - self._risen_us < _RELAPSE_US and any(map(self._has_vanished, wants)):
            self._note_fall(now_us)
        capped = [self._capped(want) for want in wants]
        kept = allocate(budget.pictures_bps(budget.estimate_bps), capped)
        kept = self._keep_last(budget, capped, kept, now_us)
        if any(self._has_fallen(want, kept[want.slot]) for want in capped):
            self._note_fall(now_us)
        probe_bps = 0
        if self._since_us is None:
            self._since_us = now_us
        closed_until_us = max(
            self._since_us + FIRST_HOLD_US,
            self._risen_us + self._rise_hold_us,
            self._fallen_us + self._hold_us,
        )
        if now_us >= closed_until_us:
            probe_bps, first = _next_step(budget, wants, kept)
            risen = self._rise(budget, wants, kept)
            # The first in rank shall rise first, and may need a probe for it.
            if risen is not None and (
                now_us >= closed_until_us + PROBE_FIRST_US
                or _quality(risen[first]) > _quality(kept[first])
            ):
                kept, probe_bps = risen, 0
                self._risen_us = now_us
        if now_us >= self._fallen_us + DARK_HOLD_US:
            is_tried = now_us >= self._fallen_us + self._hold_us * TRY_SHARE
            lit, probe_bps = _light(budget, wants, kept, probe_bps, is_tried=is_tried)
            if lit is not kept and is_tried:
                self._risen_us = now_us  # should it fall again soon, the next try waits longer
            kept = lit
        for want in wants:
            if want.rungs:
                self._caps[want.slot] = _quality(kept[want.slot])
        return Choice(kept, probe_bps)

    def _keep_last(
        self, budget: Budget, capped: Sequence[Want], kept: dict[str, Rung | None], now_us: int
    ) -> dict[str, Rung | None]:
        """The main picture at its lowest, rather than none, while it is not known to be too dear.

        Without room kept for repair; and through a dip. Where a third is lost the estimate of a
        full link falls far below what it carries, and is back within seconds; that of a link which
        has become so narrow falls once more, or a queue stands although the voices do not fit.
        """
        dark = next((w for w in capped if w.rank is Rank.MAIN and not kept[w.slot]), None)
        if dark is None or not dark.rungs or dark.slot not in self._caps:
            self._dip = None
            return kept
        last = kept | {w.slot: None for w in capped if w.rank is Rank.THUMBNAIL}
        last[dark.slot] = dark.rungs[0]
        if sum(map(_bps, last.values())) <= budget.estimate_bps - budget.audio_bps:
            self._dip = None
            return last
        if self._dip is None:
            self._dip = (now_us, budget.estimate_bps)
        since_us, bps = self._dip
        is_dip = now_us - since_us < DIP_US and budget.estimate_bps >= bps
        has_room = budget.estimate_bps > budget.audio_bps or not budget.has_queue
        return last if is_dip and has_room else kept

    def _follow(self, wants: Sequence[Want]) -> None:
        now = {want.slot: want.source for want in wants}
        for slot, source in self._sources.items():
            if now.get(slot) != source:
                self._caps.pop(slot, None)
        self._sources = now

    def _capped(self, want: Want) -> Want:
        cap = self._caps.get(want.slot)
        if cap is None:
            return want
        rungs = tuple(rung for rung in want.rungs if (rung.layer, rung.temporal) <= cap)
        if not rungs and cap != _LOWEST:
            rungs = want.rungs[:1]  # the layer it had no longer arrives: the next best will do
        return replace(want, rungs=rungs)

    def _has_vanished(self, want: Want) -> bool:
        """Has the source stopped what the slot shows? One that comes and goes is no gain."""
        cap = self._caps.get(want.slot)
        return (
            cap is not None and bool(want.rungs) and (want.best or _quality(want.rungs[-1])) < cap
        )

    def _has_fallen(self, capped: Want, kept: Rung | None) -> bool:
        """True when the slot could keep more by its source, and had it."""
        had = capped.slot in self._caps and bool(capped.rungs)
        return had and _quality(kept) < _quality(capped.rungs[-1])

    def _note_fall(self, now_us: int) -> None:
        """Wait before the next rise; longer when the last one did not last."""
        has_relapsed = now_us - self._risen_us < _RELAPSE_US
        self._hold_us = min(2 * self._hold_us, MAX_HOLD_US) if has_relapsed else HOLD_US
        self._rise_hold_us = HOLD_US
        self._fallen_us = now_us

    def _rise(
        self, budget: Budget, wants: Sequence[Want], kept: Mapping[str, Rung | None]
    ) -> dict[str, Rung | None] | None:
        """A better choice within what is proved, by the order of ranks; None when there is none."""
        total = min(int(budget.estimate_bps / _MARGIN), budget.proven_bps)
        better = allocate(budget.pictures_bps(total), wants)
        order = sorted(wants, key=_rank)
        old = [_quality(kept[want.slot]) for want in order]
        new = [_quality(better[want.slot]) for want in order]
        return better if new > old else None


def _light(
    budget: Budget,
    wants: Sequence[Want],
    kept: dict[str, Rung | None],
    probe_bps: int,
    *,
    is_tried: bool,
) -> tuple[dict[str, Rung | None], int]:
    """The lowest rung for a dark main picture, when it is proved; else what to probe for.

    `is_tried`: also when it fits the estimate alone. Where a third is lost, feedback is too, and a
    probe of a few packets seldom proves anything.
    """
    dark = next((w for w in wants if w.rank is Rank.MAIN and w.rungs and not kept[w.slot]), None)
    if dark is None:
        return kept, probe_bps
    needed = sum(_bps(rung) for rung in kept.values()) + dark.rungs[0].bps
    known = min(budget.estimate_bps, budget.proven_bps)
    if is_tried:
        known = max(known, int(budget.estimate_bps * TRY_ABOVE))
    if needed <= known - budget.audio_bps:
        return kept | {dark.slot: dark.rungs[0]}, 0
    return kept, int((budget.audio_bps + needed) * _MARGIN)


def _next_step(
    budget: Budget, wants: Sequence[Want], kept: Mapping[str, Rung | None]
) -> tuple[int, str]:
    """The total at which the first slot that could show more gets its next rung, and that slot.

    (0, "") when all show what they can.
    """
    spent = sum(_bps(rung) for rung in kept.values())
    for want in sorted(wants, key=_rank):
        held = kept[want.slot]
        step = next((rung for rung in want.rungs if _quality(rung) > _quality(held)), None)
        if step is not None:
            total = budget.total_bps(spent - _bps(held) + step.bps)
            return int(total * _MARGIN), want.slot
    return 0, ""
