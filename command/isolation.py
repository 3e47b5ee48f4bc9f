"""Initial isolation and protective action distances, ERG 2024 (pure).

Table 1 by size of spill and time of day; table 3 for large spills of six gases by container and
wind; else the orange guide. Distances are orders of magnitude for the first half hour, not a model.
"""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.errors import InvalidInput

SMALL_LIMIT_L = 208
"""A spill of at most this many litres is small."""
SOURCE = "ERG 2024"


class SpillSize(enum.StrEnum):
    """Small: at most 208 L, or a small package."""

    SMALL = "small"
    LARGE = "large"


class TimeOfDay(enum.StrEnum):
    """Night: from sunset to sunrise, when the air stands."""

    DAY = "day"
    NIGHT = "night"


class Wind(enum.StrEnum):
    """Low < 10 km/h, moderate 10–20, high > 20."""

    LOW = "low"
    MODERATE = "moderate"
    HIGH = "high"


@dataclass(frozen=True)
class SpillRow:
    """A row of table 1. `small`, `large`: (isolate m, protect by day km, by night km)."""

    un: str
    name: str
    name_en: str
    cas: str
    guide: str
    is_into_water: bool
    small: tuple[float, float, float] | None
    large: tuple[float, float, float] | None
    is_open_ended: bool


@dataclass(frozen=True)
class LargeContainerRow:
    """A row of table 3. `protect_km` and `open_ended` by (day|night, low|moderate|high)."""

    un: str
    container: str
    container_en: str
    isolate_m: float
    protect_km: dict[tuple[str, str], float]
    open_ended: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class GuideRow:
    """Distances of an orange guide (m)."""

    guide: str
    kind: str
    isolate_m: float
    fire_tank_m: float


@dataclass(frozen=True)
class Question:
    """What is asked. `container`: as table 3 names it (Chinese); needed for its six gases."""

    substance: str
    size: SpillSize
    time: TimeOfDay
    wind: Wind = Wind.LOW
    container: str = ""
    is_into_water: bool = False


@dataclass(frozen=True)
class Zone:
    """Isolate everybody within `isolate_m` all round; protect `protect_km` downwind.

    The protected area is a square `protect_km` long downwind, half of it to each side.
    `is_open_ended`: the distance may be greater (the book prints 11+).
    """

    un: str
    name: str
    isolate_m: float
    protect_km: float
    is_open_ended: bool
    fire_tank_m: float | None
    guide: str
    container: str
    source: str


def look_up(
    spills: Iterable[SpillRow],
    containers: Iterable[LargeContainerRow],
    guides: Mapping[str, GuideRow],
    question: Question,
) -> Zone:
    """The distances for `question`.

    Raises: InvalidInput: the book does not list the substance, or the container is not given.
    """
    row = _spill_row(list(spills), question)
    guide = guides.get(row.guide.rstrip("P"))
    fire_tank_m = guide.fire_tank_m if guide else None
    distances = row.small if question.size is SpillSize.SMALL else row.large
    if distances is None:
        return _from_container(row, list(containers), question, fire_tank_m)
    isolate_m, day_km, night_km = distances
    is_day = question.time is TimeOfDay.DAY
    is_open_ended = row.is_open_ended and question.size is SpillSize.LARGE
    protect_km = day_km if is_day else night_km
    return Zone(
        row.un, row.name, isolate_m, protect_km, is_open_ended and protect_km >= 11,
        fire_tank_m, row.guide, "", f"{SOURCE} 表1",
    )  # fmt: skip


def containers_of(rows: Iterable[LargeContainerRow], un: str) -> list[str]:
    """The containers table 3 tells apart for `un`; empty where it does not."""
    return [row.container for row in rows if row.un == un]


def _spill_row(rows: list[SpillRow], question: Question) -> SpillRow:
    text = question.substance.strip()
    text = text.upper().removeprefix("UN").strip() if text.upper().startswith("UN") else text
    found = [row for row in rows if text in (row.un, row.cas, row.name) or _is_named(row, text)]
    if not found:
        raise InvalidInput("ERG 2024 table 1 does not list this substance", field="substance")
    exact = [row for row in found if row.is_into_water == question.is_into_water]
    return (exact or found)[0]


def _is_named(row: SpillRow, text: str) -> bool:
    """`氯`, `液氯` and `氯气` are one thing; so are names before a bracket."""
    plain = row.name.partition("(")[0]
    names = {plain, f"液{plain}", f"{plain}气", plain.removeprefix("液"), row.name_en.lower()}
    names.add(f"{plain.removeprefix('液')}气")
    return text in names or text.lower() in names


def _from_container(
    row: SpillRow,
    containers: list[LargeContainerRow],
    question: Question,
    fire_tank_m: float | None,
) -> Zone:
    candidates = [candidate for candidate in containers if candidate.un == row.un]
    chosen = next((one for one in candidates if one.container == question.container), None)
    if chosen is None:
        names = "、".join(candidate.container for candidate in candidates)
        raise InvalidInput(f"table 3 needs the container: {names}", field="container")
    cell = (question.time.value, question.wind.value)
    return Zone(
        row.un, row.name, chosen.isolate_m, chosen.protect_km[cell], cell in chosen.open_ended,
        fire_tank_m, row.guide, chosen.container, f"{SOURCE} 表3",
    )  # fmt: skip
