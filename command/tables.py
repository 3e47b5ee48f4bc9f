"""The standards' tables of command/data, read once; every row names its source.

A county's own rules replace a file, never code.
"""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from command.grading import GradingTables, NamedSubstance, SubstanceClass
from command.isolation import GuideRow, LargeContainerRow, SpillRow
from command.levels import Criterion
from core.errors import InvalidInput

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Kind:
    """A kind of incident. `code`: GB/T 35561-2017, or local where the standard's was not found.

    `criteria_domain`: the table of event levels that applies; empty where the law has none.
    `keywords`: what a caller says instead of the standard's name, for searching.
    """

    code: str
    category: str
    name: str
    criteria_domain: str
    is_local_code: bool
    keywords: tuple[str, ...] = ()


@cache
def kinds() -> dict[str, Kind]:
    """All kinds of incident by code."""
    return {
        row["code"]: Kind(
            row["code"],
            row["category"],
            row["name"],
            row["criteria_domain"],
            row["code_origin"] == "local",
            tuple(row["keywords"].split()),
        )
        for row in _rows("event_types.csv")
    }


def kind(code: str) -> Kind:
    """The kind with `code`.

    Raises: InvalidInput.
    """
    try:
        return kinds()[code]
    except KeyError:
        raise InvalidInput("no such kind of incident", field="kind_code") from None


@cache
def criteria() -> tuple[Criterion, ...]:
    """All criteria of event levels."""
    return tuple(
        Criterion(
            domain=row["domain"],
            level=int(row["level"]),
            metric=row["metric"],
            at_least=float(row["min_inclusive"]),
            below=float(row["max_exclusive"]) if row["max_exclusive"] else None,
            unit=row["unit"],
            source=row["source"],
            is_verified=row["verified"].startswith("yes"),
        )
        for row in _rows("event_level_criteria.csv")
    )


@cache
def grading() -> GradingTables:
    """GB 18218-2018 tables 1 to 6."""
    betas = _rows("gb18218_beta.csv")
    return GradingTables(
        substances=tuple(_named(row) for row in _rows("gb18218_table1.csv")),
        classes={
            row["symbol"]: SubstanceClass(
                row["symbol"],
                row["category"],
                row["description"],
                float(row["critical_t"]),
                next(float(beta["beta"]) for beta in betas if beta["key"] == row["symbol"]),
            )
            for row in _rows("gb18218_table2.csv")
        },
        alphas=tuple(
            (int(row["exposed_min"]), float(row["alpha"])) for row in _rows("gb18218_alpha.csv")
        ),
        grades=tuple(
            (float(row["r_min_inclusive"]), int(row["grade"]))
            for row in _rows("gb18218_grades.csv")
        ),
    )


def _named(row: dict[str, str]) -> NamedSubstance:
    return NamedSubstance(
        number=int(row["no"]),
        name=row["name"],
        aliases=tuple(alias for alias in row["aliases"].split(";") if alias),
        cas=tuple(cas for cas in row["cas"].split(";") if cas),
        critical_t=float(row["critical_t"]),
        beta=float(row["beta_table3"]) if row["beta_table3"] else None,
        suggested_symbol=row["suggested_symbol_derived"],
    )


@cache
def spills() -> tuple[SpillRow, ...]:
    """ERG 2024 table 1."""
    return tuple(
        SpillRow(
            un=row["un"],
            name=row["name_zh"],
            name_en=row["name_en"],
            cas=row["cas"],
            guide=row["erg_guide"],
            is_into_water=row["spilled_on"] == "water",
            small=_distances(row, "small"),
            large=_distances(row, "large"),
            is_open_ended="+" in row["note"],
        )
        for row in _rows("isolation_distances.csv")
    )


def _distances(row: dict[str, str], size: str) -> tuple[float, float, float] | None:
    cells = [row[f"{size}_{name}"] for name in ("isolate_m", "day_km", "night_km")]
    if not all(cells):
        return None
    isolate_m, day_km, night_km = (float(cell) for cell in cells)
    return isolate_m, day_km, night_km


@cache
def large_containers() -> tuple[LargeContainerRow, ...]:
    """ERG 2024 table 3: large spills of six gases by container and wind."""
    return tuple(
        LargeContainerRow(
            un=row["un"],
            container=row["container_zh"],
            container_en=row["container_en"],
            isolate_m=float(row["isolate_m"]),
            protect_km={
                (time, wind): float(row[f"{time}_{wind}_wind_km"])
                for time in ("day", "night")
                for wind in ("low", "moderate", "high")
            },
            open_ended=frozenset(
                (cell.partition("_")[0], cell.partition("_")[2])
                for cell in row["exceeds_fields"].split(";")
                if cell
            ),
        )
        for row in _rows("isolation_distances_table3.csv")
    )


@cache
def guides() -> dict[str, GuideRow]:
    """ERG 2024 orange guides by number, those a county meets."""
    return {
        row["erg_guide"]: GuideRow(
            row["erg_guide"],
            row["kind_zh"],
            float(row["immediate_isolate_m"]),
            float(row["fire_tank_isolate_m"]),
        )
        for row in _rows("isolation_guides.csv")
    }


def _rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))
