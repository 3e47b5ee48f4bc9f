"""The demo county as plain values; nothing here knows a database.

Coordinates are degrees (CGCS2000). Substances are named as in GB 18218-2018, table 1.
"""

from dataclasses import dataclass
from datetime import datetime

from core.auth.model import Role
from directory.model import UnitKind

Position = tuple[float, float]
"""Longitude, latitude."""
Ring = tuple[Position, ...]
"""Closed: the last position equals the first; counter-clockwise (RFC 7946 §3.1.6)."""


@dataclass(frozen=True)
class UnitSeed:
    """A unit; parents come before children."""

    id: str
    parent_id: str | None
    kind: UnitKind
    name: str
    code: str
    position: Position
    population: int = 0


@dataclass(frozen=True)
class PersonSeed:
    """A person with a demo mobile."""

    id: str
    unit_id: str
    name: str
    title: str
    number: str


@dataclass(frozen=True)
class AppointmentSeed:
    """Who holds a post in a unit: the principal, then the deputies."""

    unit_id: str
    post: str
    person_ids: tuple[str, ...]


@dataclass(frozen=True)
class GroupSeed:
    """A group by rule: holders of `post` in units of `unit_kind` below the county."""

    id: str
    name: str
    post: str
    unit_kind: UnitKind


@dataclass(frozen=True)
class SubstanceSeed:
    """What a hazard source holds. `quantity_t`: the most it is designed to hold (t)."""

    name: str
    quantity_t: float


@dataclass(frozen=True)
class HazardSeed:
    """A hazard source. `unit_id`: who answers for it; `township_id`: where it lies.

    `kind`: key of the kinds of hazard sources (major_hazard, reservoir, geohazard_point …).
    `figures`: numbers of its kind, with the unit in the key (capacity_m3, flood_limit_level_m).
    """

    id: str
    kind: str
    name: str
    unit_id: str
    township_id: str
    position: Position
    substances: tuple[SubstanceSeed, ...] = ()
    exposed_people: int = 0
    """People within 500 m outside the fence (GB 18218 §4.3.3)."""
    figures: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class StockSeed:
    """One article in a store."""

    name: str
    quantity: int
    unit: str


@dataclass(frozen=True)
class StoreSeed:
    """A store of emergency supplies."""

    id: str
    name: str
    unit_id: str
    position: Position
    keeper_id: str
    stock: tuple[StockSeed, ...]


@dataclass(frozen=True)
class TeamSeed:
    """A rescue team. `muster_min`: from call to departure."""

    id: str
    name: str
    kind: str
    unit_id: str
    position: Position
    leader_id: str
    members: int
    muster_min: int
    equipment: tuple[str, ...]


@dataclass(frozen=True)
class ShelterSeed:
    """A place people are brought to."""

    id: str
    name: str
    unit_id: str
    position: Position
    capacity: int
    keeper_id: str


@dataclass(frozen=True)
class ShiftSeed:
    """One shift of the county's duty roster: who leads (带班), who sits at the desk."""

    starts_at: datetime
    ends_at: datetime
    leader_id: str
    officer_ids: tuple[str, ...]


@dataclass(frozen=True)
class UserSeed:
    """An account; the password is not part of the county."""

    login: str
    role: Role
    unit_id: str
    person_id: str


@dataclass(frozen=True)
class BoundarySeed:
    """The outline of the county or a township, schematic."""

    unit_id: str
    name: str
    ring: Ring


@dataclass(frozen=True)
class County:
    """Everything `build` makes."""

    units: tuple[UnitSeed, ...]
    people: tuple[PersonSeed, ...]
    appointments: tuple[AppointmentSeed, ...]
    groups: tuple[GroupSeed, ...]
    hazards: tuple[HazardSeed, ...]
    stores: tuple[StoreSeed, ...]
    teams: tuple[TeamSeed, ...]
    shelters: tuple[ShelterSeed, ...]
    boundaries: tuple[BoundarySeed, ...]
    users: tuple[UserSeed, ...]
    leader_ids: tuple[str, ...]
    """County leaders who lead shifts, in turn."""
    desk_ids: tuple[str, ...]
    """Duty officers who sit at the county's desk, in turn."""
