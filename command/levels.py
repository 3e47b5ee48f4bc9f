"""The event level suggested from figures (pure).

Any one criterion is enough and the worst wins; 以上 includes the number, 以下 does not. A figure
nobody knows yet decides nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from plans.model import LEVEL_NAMES as RESPONSE_LEVEL_NAMES

LEVEL_NAMES = {1: "特别重大", 2: "重大", 3: "较大", 4: "一般"}
"""突发事件应对法 art. 3; response levels are another scale."""
NoteCode = Literal["no_scale", "no_figures", "gravest", "gravest_unverified"]


@dataclass(frozen=True)
class Criterion:
    """One row: in `domain`, `metric` from `at_least` to under `below` (None: no end) is `level`."""

    domain: str
    level: int
    metric: str
    at_least: float
    below: float | None
    unit: str
    source: str
    is_verified: bool

    def is_met_by(self, value: float) -> bool:
        return value >= self.at_least and (self.below is None or value < self.below)


@dataclass(frozen=True)
class Next:
    """The next graver level of one metric. `distance`: how much more reaches it."""

    level: int
    threshold: float
    distance: float


@dataclass(frozen=True)
class Judgement:
    """What one known figure says. `level` None: below every criterion of the table."""

    metric: str
    value: float
    unit: str
    level: int | None
    threshold: float | None
    source: str
    is_verified: bool
    next: Next | None


@dataclass(frozen=True)
class Suggestion:
    """The level of an event, and the figure that decides; `level` None: not enough is known."""

    domain: str
    level: int | None
    deciding: Judgement | None
    judgements: tuple[Judgement, ...]
    note: str
    note_code: NoteCode


def suggest(criteria: Iterable[Criterion], domain: str, figures: Mapping[str, float]) -> Suggestion:
    """The level that `figures` suggest under the criteria of `domain`.

    Of several figures that reach the same level the one furthest past its threshold decides.
    """
    rows = [criterion for criterion in criteria if criterion.domain == domain]
    if not rows:
        note = "这类事件没有全国统一的分级数字,请按预案启动条件判断"
        return Suggestion(domain, None, None, (), note, "no_scale")
    metrics = dict.fromkeys(row.metric for row in rows)
    judgements = tuple(
        _judge([row for row in rows if row.metric == metric], figures[metric])
        for metric in metrics
        if metric in figures
    )
    reached = [judgement for judgement in judgements if judgement.level is not None]
    if not reached:
        note = "尚无可供分级的数据,可先按情况人工定级"
        return Suggestion(domain, None, None, judgements, note, "no_figures")
    deciding = min(reached, key=_gravity)
    code: NoteCode = "gravest" if deciding.is_verified else "gravest_unverified"
    return Suggestion(domain, deciding.level, deciding, judgements, _note(deciding), code)


def _gravity(judgement: Judgement) -> tuple[int, float]:
    """Sorts the graver level first, then what lies further past its threshold."""
    assert judgement.level is not None
    past = judgement.value / judgement.threshold if judgement.threshold else judgement.value
    return judgement.level, -past


def _judge(rows: list[Criterion], value: float) -> Judgement:
    by_gravity = sorted(rows, key=lambda row: row.level)
    met = next((row for row in by_gravity if row.is_met_by(value)), None)
    graver = [row for row in by_gravity if row.at_least > value]
    ahead = min(graver, key=lambda row: row.at_least, default=None)
    shown = met or by_gravity[-1]
    return Judgement(
        metric=shown.metric,
        value=value,
        unit=shown.unit,
        level=met.level if met else None,
        threshold=met.at_least if met else None,
        source=shown.source,
        is_verified=shown.is_verified,
        next=Next(ahead.level, ahead.at_least, _difference(ahead.at_least, value))
        if ahead
        else None,
    )


def _difference(threshold: float, value: float) -> float:
    """Rounded to a millionth: 1000 − 999.99 is 0.01 to people."""
    return round(threshold - value, 6)


def _note(deciding: Judgement) -> str:
    doubt = "" if deciding.is_verified else "(分级数字未经原文核对)"
    return f"依据{deciding.source}{doubt};任一指标达到即定级,取最重"


def response_name(level: int) -> str:
    """Ⅰ级 … Ⅳ级."""
    return RESPONSE_LEVEL_NAMES[level]
