"""Grading of major hazards by GB 18218-2018 (pure): S = Σ q/Q, R = α·Σ β·q/Q, with its arithmetic.

q: design maximum (t) of tanks, containers, stores (4.2.2). Q and β from table 1 and 3 by name, else
from table 2 and 4 by class. Only where S ≥ 1 is the unit a major hazard and has a grade.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import InvalidInput

GRADE_NAMES = {1: "一级", 2: "二级", 3: "三级", 4: "四级"}
STANDARD = "GB 18218-2018"


@dataclass(frozen=True)
class NamedSubstance:
    """A row of table 1. `beta`: table 3 names it; else the class decides (table 4).

    `suggested_symbol` is derived from the usual GHS class, not part of the standard.
    """

    number: int
    name: str
    aliases: tuple[str, ...]
    cas: tuple[str, ...]
    critical_t: float
    beta: float | None
    suggested_symbol: str

    def is_called(self, text: str) -> bool:
        names = (self.name, self.name.partition("(")[0], *self.aliases, *self.cas)
        return text in names


@dataclass(frozen=True)
class SubstanceClass:
    """A row of tables 2 and 4. `critical_t`: Q in tonnes."""

    symbol: str
    category: str
    description: str
    critical_t: float
    beta: float


@dataclass(frozen=True)
class GradingTables:
    """Tables 1 to 6. `alphas`, `grades`: (lower bound, value), greatest bound first."""

    substances: tuple[NamedSubstance, ...]
    classes: dict[str, SubstanceClass]
    alphas: tuple[tuple[int, float], ...]
    grades: tuple[tuple[float, int], ...]


@dataclass(frozen=True)
class Holding:
    """What is kept in the unit: `amount_t` tonnes of `name` (a name, alias or CAS number).

    `symbol`: its class (`W5.3`); needed where table 1 does not know it or gives no β.
    """

    name: str
    amount_t: float
    symbol: str = ""


@dataclass(frozen=True)
class Term:
    """One substance's part of the sums; `is_derived`: the class was suggested, not given."""

    name: str
    amount_t: float
    critical_t: float
    beta: float
    ratio: float
    weighted: float
    symbol: str
    is_derived: bool
    source: str


@dataclass(frozen=True)
class Grading:
    """The result. `grade` 1..4, None where S < 1. `arithmetic`: the lines a person can check."""

    s: float
    is_major: bool
    alpha: float
    r: float | None
    grade: int | None
    exposed: int
    terms: tuple[Term, ...]
    arithmetic: tuple[str, ...]
    remarks: tuple[str, ...]


def grade(tables: GradingTables, holdings: Sequence[Holding], exposed: int) -> Grading:
    """Grade a unit with `exposed` residents within 500 m of the plant's boundary (table 5).

    Raises: InvalidInput: nothing kept, a bad amount, a substance or class nobody knows.
    """
    if not holdings:
        raise InvalidInput("at least one substance", field="substances")
    if exposed < 0:
        raise InvalidInput("people cannot be fewer than none", field="exposed")
    terms = tuple(_term(tables, holding, index) for index, holding in enumerate(holdings))
    s = _sum(term.ratio for term in terms)
    alpha = next(value for bound, value in tables.alphas if exposed >= bound)
    is_major = s >= 1
    r = _tidy(alpha * _sum(term.weighted for term in terms)) if is_major else None
    found = grade_of(tables, r) if r is not None else None
    return Grading(
        s=s,
        is_major=is_major,
        alpha=alpha,
        r=r,
        grade=found,
        exposed=exposed,
        terms=terms,
        arithmetic=_arithmetic(terms, s, alpha, exposed, r, found),
        remarks=_remarks(terms),
    )


def grade_of(tables: GradingTables, r: float) -> int:
    """The grade of R (table 6); a bound belongs to the graver grade."""
    return next(value for bound, value in tables.grades if r >= bound)


def find(tables: GradingTables, name: str) -> NamedSubstance | None:
    """The row of table 1 with this name, alias or CAS number."""
    text = name.strip()
    return next((row for row in tables.substances if row.is_called(text)), None)


def _term(tables: GradingTables, holding: Holding, index: int) -> Term:
    if not (math.isfinite(holding.amount_t) and holding.amount_t > 0):
        raise InvalidInput("an amount above 0 t", field=f"substances.{index}.amount_t")
    named = find(tables, holding.name)
    symbol = holding.symbol or (named.suggested_symbol if named else "")
    row = tables.classes.get(symbol)
    if holding.symbol and row is None:
        raise InvalidInput("no such class in table 2", field=f"substances.{index}.symbol")
    if named is None and row is None:
        raise InvalidInput(
            "not in table 1: give its class (table 2)", field=f"substances.{index}.symbol"
        )
    beta = named.beta if named and named.beta is not None else row.beta if row else None
    if beta is None:
        raise InvalidInput(
            "table 3 does not give its β: give its class", field=f"substances.{index}.symbol"
        )
    critical_t = named.critical_t if named else row.critical_t if row else math.nan
    uses_class = named is None or named.beta is None
    return Term(
        name=named.name if named else holding.name,
        amount_t=holding.amount_t,
        critical_t=critical_t,
        beta=beta,
        ratio=_tidy(holding.amount_t / critical_t),
        weighted=_tidy(beta * holding.amount_t / critical_t),
        symbol=symbol if uses_class else "",
        is_derived=uses_class and not holding.symbol,
        source=_source(named, uses_class=uses_class),
    )


def _source(named: NamedSubstance | None, *, uses_class: bool) -> str:
    critical = f"表1第{named.number}项" if named else "表2"
    return f"{STANDARD} {critical}、{'表4' if uses_class else '表3'}"


def _sum(values: object) -> float:
    return _tidy(math.fsum(values))  # type: ignore[arg-type]


def _tidy(value: float) -> float:
    """Rid of binary noise (0.1 + 0.9 must be 1): nine decimals, far below any amount weighed."""
    return round(value, 9)


def _arithmetic(
    terms: Sequence[Term],
    s: float,
    alpha: float,
    exposed: int,
    r: float | None,
    found: int | None,
) -> tuple[str, ...]:
    ratios = " + ".join(f"{term.amount_t:g}/{term.critical_t:g}" for term in terms)
    lines = [f"S = Σq/Q = {ratios} = {s:g}"]
    if r is None:
        lines.append("S < 1,不构成重大危险源")
        return tuple(lines)
    products = " + ".join(f"{term.beta:g}×{term.amount_t:g}/{term.critical_t:g}" for term in terms)
    lines.append("S ≥ 1,构成重大危险源")
    lines.append(f"厂界外500米常住 {exposed} 人,α = {alpha:g}(表5)")
    lines.append(f"R = α·Σβ·q/Q = {alpha:g}×({products}) = {r:g}")
    lines.append(f"{GRADE_NAMES[found or 4]}重大危险源(表6)")
    return tuple(lines)


def _remarks(terms: Sequence[Term]) -> tuple[str, ...]:
    return tuple(
        f"{term.name}的类别{term.symbol}是按通常的GHS分类推定的,请按安全技术说明书核定"
        for term in terms
        if term.is_derived
    )
