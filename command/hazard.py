"""Hazard sources: what the county's register holds of each (pure).

应对法 art. 33 (survey, register, assess, inspect); kinds of `KINDS` with the law behind each.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Any

from command.grading import Holding
from core.errors import InvalidInput
from core.ids import HazardId, PersonId, UnitId

KINDS = {
    "major_hazard": "危险化学品重大危险源",
    "geohazard_point": "地质灾害隐患点",
    "reservoir": "水库大坝",
    "river_gauge": "河道水位站和堤段",
    "tailings_pond": "尾矿库",
    "fireworks": "烟花爆竹和民爆",
    "forest_area": "森林防火区",
    "crowded_place": "人员密集场所",
    "road_bridge": "桥梁隧道和公路边坡",
    "gas_facility": "燃气场站和管线",
    "mine": "矿山",
    "waterlogging_point": "易涝点",
    "drinking_water_source": "饮用水水源地",
}


@dataclass(frozen=True)
class HazardDraft:
    """What is typed in or imported. `unit_id`: who answers for it; `township_id`: where it lies."""

    kind: str
    name: str
    unit_id: UnitId
    longitude: float
    latitude: float
    township_id: UnitId | None = None
    address: str = ""
    holdings: tuple[Holding, ...] = ()
    exposed_500m: int | None = None
    responsible_ids: tuple[PersonId, ...] = ()
    attributes: dict[str, Any] = field(default_factory=dict)
    id: str = ""


@dataclass(frozen=True)
class Hazard:
    """One hazard source. `exposed_500m`: residents within 500 m (GB 18218-2018 table 5)."""

    id: HazardId
    kind: str
    name: str
    unit_id: UnitId
    unit_path: str
    unit_name: str
    longitude: float
    latitude: float
    township_id: UnitId | None
    address: str
    holdings: tuple[Holding, ...]
    exposed_500m: int | None
    responsible_ids: tuple[PersonId, ...]
    attributes: dict[str, Any]
    is_removed: bool = False
    version: int = 1


def checked(draft: HazardDraft) -> HazardDraft:
    """`draft` trimmed and valid.

    Raises: InvalidInput: names the field.
    """
    if draft.kind not in KINDS:
        raise InvalidInput("no such kind of hazard", field="kind")
    if not 2 <= len(draft.name.strip()) <= 80:
        raise InvalidInput("from 2 to 80 characters", field="name")
    if len(draft.address) > 120:
        raise InvalidInput("at most 120 characters", field="address")
    if not 73 <= draft.longitude <= 136:
        raise InvalidInput("from 73 to 136 degrees east", field="longitude")
    if not 3 <= draft.latitude <= 54:
        raise InvalidInput("from 3 to 54 degrees north", field="latitude")
    if draft.exposed_500m is not None and not 0 <= draft.exposed_500m <= 1_000_000:
        raise InvalidInput("from 0 to 1000000 people", field="exposed_500m")
    for index, holding in enumerate(draft.holdings):
        if not (math.isfinite(holding.amount_t) and 0 < holding.amount_t <= 1e7):
            raise InvalidInput("above 0 t", field=f"holdings.{index}.amount_t")
    return replace(draft, name=draft.name.strip(), address=draft.address.strip())
