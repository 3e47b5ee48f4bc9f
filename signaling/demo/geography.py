"""Outlines of the county and its townships: Voronoi cells, then bent so that they look like land.

Edges are split the same way from both sides and bent by one smooth, one-to-one map of the plane, so
neighbours share their border point by point and no outline crosses itself. The county lies where
there is only sea: no real place is meant.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from signaling.demo.shapes import Position, Ring

ORIGIN: Position = (123.0, 35.0)
"""Middle of the county, in the Yellow Sea."""
_KM_PER_DEGREE_LATITUDE = 110.95
_KM_PER_DEGREE_LONGITUDE = 111.32 * math.cos(math.radians(ORIGIN[1]))
_WIDTH_KM, _HEIGHT_KM = 62.0, 48.0
_EDGE_KM = 1.5
_DECIMALS = 5

Point = tuple[float, float]
"""Kilometres east and north of ORIGIN."""


@dataclass(frozen=True)
class Land:
    """The county cut into townships; `seats` are in the order of `cells`."""

    outline: Ring
    cells: tuple[Ring, ...]
    seats: tuple[Position, ...]
    flat_cells: tuple[tuple[Point, ...], ...]

    def spot_in(self, cell: int, random: Random) -> Position:
        """A position well inside a cell: between its middle and a point of its edge."""
        corners = self.flat_cells[cell]
        middle = _centroid(corners)
        index = random.randrange(len(corners))
        along = random.random()
        start, end = corners[index], corners[(index + 1) % len(corners)]
        edge = (start[0] + (end[0] - start[0]) * along, start[1] + (end[1] - start[1]) * along)
        share = 0.88 * math.sqrt(random.random())
        flat = tuple(m + (e - m) * share for m, e in zip(middle, edge, strict=True))
        return _position(_bend((flat[0], flat[1])))


def make_land(random: Random, townships: int) -> Land:
    """Cut an oval county into `townships` cells of similar size, the first in the middle."""
    rim = _rim(random)
    points = [_within(rim, random) for _ in range(townships)]
    for _ in range(12):  # Lloyd's relaxation: each point to the middle of its cell
        points = [_centroid(_cell(points, index, rim)) for index in range(townships)]
    points.sort(key=lambda point: math.hypot(*point))
    flat = [_cell(points, index, rim) for index in range(townships)]
    cells = [_bent_ring(corners) for corners in flat]
    return Land(
        outline=_outer_ring(cells),
        cells=tuple(cells),
        seats=tuple(_position(_bend(_centroid(corners))) for corners in flat),
        flat_cells=tuple(flat),
    )


def distance_km(a: Position, b: Position) -> float:
    """Distance on the plane of the county; good to a few metres at its size."""
    return math.hypot(
        (a[0] - b[0]) * _KM_PER_DEGREE_LONGITUDE, (a[1] - b[1]) * _KM_PER_DEGREE_LATITUDE
    )


def near(position: Position, east_km: float, north_km: float) -> Position:
    """The position so far east and north of another."""
    return (
        round(position[0] + east_km / _KM_PER_DEGREE_LONGITUDE, _DECIMALS),
        round(position[1] + north_km / _KM_PER_DEGREE_LATITUDE, _DECIMALS),
    )


def _rim(random: Random) -> tuple[Point, ...]:
    """A convex oval with unequal corners."""
    angles = sorted(2 * math.pi * (k + random.uniform(-0.3, 0.3)) / 14 for k in range(14))
    return tuple((_WIDTH_KM / 2 * math.cos(a), _HEIGHT_KM / 2 * math.sin(a)) for a in angles)


def _within(rim: Sequence[Point], random: Random) -> Point:
    while True:
        point = (random.uniform(-1, 1) * _WIDTH_KM / 2, random.uniform(-1, 1) * _HEIGHT_KM / 2)
        if all(
            (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0]) > 0
            for a, b in zip(rim, [*rim[1:], rim[0]], strict=True)
        ):
            return point


def _cell(points: Sequence[Point], index: int, rim: Sequence[Point]) -> tuple[Point, ...]:
    """The part of the convex `rim` nearer to one point than to every other."""
    own, cell = points[index], list(rim)
    for other in (*points[:index], *points[index + 1 :]):
        normal = (other[0] - own[0], other[1] - own[1])
        limit = (other[0] ** 2 + other[1] ** 2 - own[0] ** 2 - own[1] ** 2) / 2
        cell = _cut(cell, normal, limit)
    return tuple(cell)


def _cut(polygon: Sequence[Point], normal: Point, limit: float) -> list[Point]:
    """The part of a convex polygon where normal · p ≤ limit (Sutherland–Hodgman)."""
    kept: list[Point] = []
    for a, b in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        over_a = normal[0] * a[0] + normal[1] * a[1] - limit
        over_b = normal[0] * b[0] + normal[1] * b[1] - limit
        if over_a <= 0:
            kept.append(a)
        if (over_a < 0) != (over_b < 0) and over_a != over_b:
            share = over_a / (over_a - over_b)
            kept.append((a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share))
    return kept


def _centroid(polygon: Sequence[Point]) -> Point:
    area = x = y = 0.0
    for (ax, ay), (bx, by) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        cross = ax * by - bx * ay
        area, x, y = area + cross, x + (ax + bx) * cross, y + (ay + by) * cross
    return (x / (3 * area), y / (3 * area))


def _bend(point: Point) -> Point:
    """A smooth map; its slope stays below 1, so it is one-to-one and keeps borders simple."""
    x, y = point
    east = 1.3 * math.sin(y / 4.1 + 0.4) + 0.45 * math.sin(x / 1.9 + y / 2.3)
    north = 1.2 * math.sin(x / 4.7 + 1.1) + 0.45 * math.sin(x / 2.2 - y / 1.8 + 2.0)
    return (x + east, y + north)


def _position(point: Point) -> Position:
    return near(ORIGIN, point[0], point[1])


def _bent_ring(corners: Sequence[Point]) -> Ring:
    """Corners joined by bent edges; an edge is split alike whichever way it is walked."""
    snapped = [(round(x, 4), round(y, 4)) for x, y in corners]
    ring: list[Position] = []
    for a, b in zip(snapped, [*snapped[1:], snapped[0]], strict=True):
        if a == b:
            continue
        start, end = min(a, b), max(a, b)
        pieces = max(1, round(math.dist(a, b) / _EDGE_KM))
        edge = [
            _position(
                _bend(
                    (
                        start[0] + (end[0] - start[0]) * k / pieces,
                        start[1] + (end[1] - start[1]) * k / pieces,
                    )
                )
            )
            for k in range(pieces + 1)
        ]
        ring += edge[:-1] if a == start else edge[:0:-1]
    return (*ring, ring[0])


def _outer_ring(cells: Iterable[Ring]) -> Ring:
    """The edges that only one cell has, chained into one ring."""
    count: dict[frozenset[Position], int] = defaultdict(int)
    directed: list[tuple[Position, Position]] = []
    for cell in cells:
        for edge in pairwise(cell):
            directed.append(edge)
            count[frozenset(edge)] += 1
    follows = {a: b for a, b in directed if count[frozenset((a, b))] == 1}
    first = min(follows)
    ring = [first, follows[first]]
    while ring[-1] != first:
        ring.append(follows[ring[-1]])
    return tuple(ring)
