"""Builds the demo county: the same from the same seed; no clock, network or database."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from core.auth.model import Role
from directory.model import Post, UnitKind, demo_number
from signaling.demo import names, resources
from signaling.demo.geography import Land, make_land, near
from signaling.demo.offices import COMPANIES, DEPARTMENTS, STATIONS, Office
from signaling.demo.shapes import (
    AppointmentSeed,
    BoundarySeed,
    County,
    GroupSeed,
    PersonSeed,
    Position,
    UnitSeed,
    UserSeed,
)

SEED = 7
COUNTY_ID = "county"
LEAK_HAZARD_ID = "hz01"
"""The chlorine store of the first water works: where the demonstration happens."""
LEAK_TOWNSHIP_ID = "t02"
_VILLAGES = 300
_TOWNSHIP_TITLES = {
    "道": ("办事处主任", "办事处副主任"),
    "镇": ("镇长", "副镇长"),
    "乡": ("乡长", "副乡长"),
}
_TWO_AT_THE_DESK = {"office", "emergency", "fire", "police", "health"}


@dataclass
class _Draft:
    """The county while it is built; owned by `build`."""

    random: Random
    land: Land
    units: list[UnitSeed] = field(default_factory=list)
    people: list[PersonSeed] = field(default_factory=list)
    appointments: list[AppointmentSeed] = field(default_factory=list)
    names: Iterator[str] = field(init=False)

    def __post_init__(self) -> None:
        self.names = names.people(self.random)

    def unit(
        self,
        id_: str,
        parent_id: str | None,
        kind: UnitKind,
        name: str,
        position: Position,
        *,
        code: str = "",
        population: int = 0,
    ) -> None:
        self.units.append(UnitSeed(id_, parent_id, kind, name, code, position, population))

    def person(self, unit_id: str, title: str) -> str:
        number = len(self.people) + 1
        person = PersonSeed(f"p{number:03d}", unit_id, next(self.names), title, demo_number(number))
        self.people.append(person)
        return person.id

    def appoint(self, unit_id: str, post: str, *person_ids: str) -> None:
        self.appointments.append(AppointmentSeed(unit_id, post, person_ids))

    def position_of(self, unit_id: str) -> Position:
        return next(unit.position for unit in self.units if unit.id == unit_id)


def build(seed: int = SEED) -> County:
    """The county made from `seed`."""
    random = Random(seed)
    draft = _Draft(random, make_land(random, len(names.TOWNSHIPS)))
    leaders = _county_itself(draft)
    _townships(draft)
    desk = _offices(draft)
    _villages(draft)
    hazards = resources.hazards(random, draft.land, draft.units)
    boundaries = [BoundarySeed(COUNTY_ID, names.COUNTY, draft.land.outline)]
    boundaries += [
        BoundarySeed(f"t{index + 1:02d}", names.TOWNSHIPS[index], ring)
        for index, ring in enumerate(draft.land.cells)
    ]
    return County(
        units=tuple(draft.units),
        people=tuple(draft.people),
        appointments=tuple(draft.appointments),
        groups=_groups(),
        hazards=hazards,
        stores=resources.stores(random, draft.units, draft.appointments),
        teams=resources.teams(random, draft.units, draft.appointments),
        shelters=resources.shelters(random, draft.units, draft.appointments),
        boundaries=tuple(boundaries),
        users=_users(draft),
        leader_ids=leaders,
        desk_ids=desk,
    )


def _county_itself(draft: _Draft) -> tuple[str, ...]:
    seat = draft.land.seats[0]
    draft.unit(COUNTY_ID, None, UnitKind.COUNTY, names.COUNTY, seat, code="990100")
    head = draft.person(COUNTY_ID, "县长")
    first = draft.person(COUNTY_ID, "常务副县长")
    emergency = draft.person(COUNTY_ID, "副县长(分管应急)")
    others = [
        draft.person(COUNTY_ID, f"副县长(分管{field})") for field in ("农业水利", "工业", "文教卫")
    ]
    draft.appoint(COUNTY_ID, Post.HEAD, head, first)
    draft.appoint(COUNTY_ID, Post.EMERGENCY_LEAD, emergency, first)
    return (head, first, emergency, *others)


def _townships(draft: _Draft) -> None:
    for index, name in enumerate(names.TOWNSHIPS):
        id_ = f"t{index + 1:02d}"
        code = f"990100{index + 1:03d}"
        draft.unit(id_, COUNTY_ID, UnitKind.TOWNSHIP, name, draft.land.seats[index], code=code)
        title, deputy = _TOWNSHIP_TITLES[name[-1]]
        head = draft.person(id_, title)
        lead = draft.person(id_, f"{deputy}(分管应急)")
        office = draft.person(id_, "应急办主任")
        clerk = draft.person(id_, "应急办干事")
        desk = draft.person(id_, "值班员")
        draft.appoint(id_, Post.HEAD, head, lead)
        draft.appoint(id_, Post.EMERGENCY_LEAD, lead, office)
        draft.appoint(id_, Post.EMERGENCY_OFFICE, office, clerk)
        draft.appoint(id_, Post.REPORTER, clerk)
        draft.appoint(id_, Post.DUTY, desk, clerk)


def _offices(draft: _Draft) -> tuple[str, ...]:
    """Departments, stations, companies. Returns: who sits at the county's desk."""
    for office in DEPARTMENTS:
        _office(draft, office)
    for office in (*STATIONS, *COMPANIES):
        _office(draft, office)
    desk = [
        person_id
        for held in draft.appointments
        if held.post == Post.DUTY and held.unit_id in ("office", "emergency")
        for person_id in held.person_ids
    ]
    draft.appoint(COUNTY_ID, Post.DUTY, *desk)
    bureau = next(
        held.person_ids
        for held in draft.appointments
        if (held.unit_id, held.post) == ("emergency", Post.HEAD)
    )
    draft.appoint(COUNTY_ID, Post.EMERGENCY_OFFICE, *bureau)
    return tuple(desk)


def _office(draft: _Draft, office: Office) -> None:
    place = draft.position_of(office.parent)
    spread_km = 1.6 if office.kind is not UnitKind.COMPANY else 3.0
    position = near(
        place, draft.random.uniform(-1, 1) * spread_km, draft.random.uniform(-1, 1) * spread_km
    )
    draft.unit(office.id, office.parent, office.kind, office.name, position, code=office.id)
    head = draft.person(office.id, office.head)
    if office.kind is UnitKind.COMPANY:
        safety = draft.person(office.id, "安全总监")
        desk = draft.person(office.id, "当班调度")
        draft.appoint(office.id, Post.HEAD, head, safety)
        draft.appoint(office.id, Post.SAFETY, safety, desk)
        draft.appoint(office.id, Post.DUTY, desk)
        return
    deputy = draft.person(office.id, f"副{office.head}")
    draft.appoint(office.id, Post.HEAD, head, deputy)
    draft.appoint(office.id, Post.EMERGENCY_LEAD, deputy, head)
    if office.kind is UnitKind.STATION:
        draft.appoint(office.id, Post.DUTY, deputy)
        return
    desks = [draft.person(office.id, "值班员")]
    if office.id in _TWO_AT_THE_DESK:
        desks.append(draft.person(office.id, "值班员"))
    draft.appoint(office.id, Post.DUTY, *desks)
    staff = [draft.person(office.id, "科长" if n else "高级工程师") for n in range(office.staff)]
    draft.appoint(office.id, Post.TECHNICAL, *staff)


def _villages(draft: _Draft) -> None:
    count = len(names.TOWNSHIPS)
    for index, name in zip(range(_VILLAGES), names.villages(), strict=False):
        township = index % count
        id_, parent_id = f"v{index + 1:03d}", f"t{township + 1:02d}"
        position = draft.land.spot_in(township, draft.random)
        draft.unit(
            id_,
            parent_id,
            UnitKind.VILLAGE,
            name,
            position,
            code=f"990100{township + 1:03d}{index // count + 201:03d}",
            population=draft.random.randrange(320, 1900, 10),
        )
        head = draft.person(id_, "村支部书记、村委会主任")
        draft.appoint(id_, Post.HEAD, head)
        if index % 12 == 1:  # elsewhere the head of the village reports as well
            draft.appoint(id_, Post.REPORTER, draft.person(id_, "灾害信息员"), head)
        else:
            draft.appoint(id_, Post.REPORTER, head)


def _groups() -> tuple[GroupSeed, ...]:
    return (
        GroupSeed("g_township_heads", "各乡镇主要负责人", Post.HEAD, UnitKind.TOWNSHIP),
        GroupSeed("g_township_desks", "各乡镇值班员", Post.DUTY, UnitKind.TOWNSHIP),
        GroupSeed("g_department_heads", "县直部门主要负责人", Post.HEAD, UnitKind.DEPARTMENT),
        GroupSeed("g_reporters", "全县村级灾害信息员", Post.REPORTER, UnitKind.VILLAGE),
        GroupSeed("g_companies", "重点企业安全负责人", Post.SAFETY, UnitKind.COMPANY),
    )


def _users(draft: _Draft) -> tuple[UserSeed, ...]:
    """One account a role; the township and the village are those of the water works."""
    held = {(one.unit_id, one.post): one.person_ids for one in draft.appointments}
    village = next(unit.id for unit in draft.units if unit.parent_id == LEAK_TOWNSHIP_ID
                   and unit.kind is UnitKind.VILLAGE)  # fmt: skip
    office, emergency = held["office", Post.TECHNICAL], held["emergency", Post.DUTY]
    return (
        UserSeed("admin", Role.ADMIN, COUNTY_ID, office[0]),
        UserSeed("auditor", Role.AUDITOR, COUNTY_ID, held["market", Post.TECHNICAL][0]),
        UserSeed("chair", Role.CHAIR, COUNTY_ID, held["office", Post.HEAD][0]),
        UserSeed("staff", Role.MEETING_STAFF, COUNTY_ID, office[1]),
        UserSeed("duty", Role.DUTY_OFFICER, COUNTY_ID, emergency[0]),
        UserSeed("leader", Role.LEADER, COUNTY_ID, held[COUNTY_ID, Post.EMERGENCY_LEAD][0]),
        UserSeed(
            "township",
            Role.TOWNSHIP_OFFICIAL,
            LEAK_TOWNSHIP_ID,
            held[LEAK_TOWNSHIP_ID, Post.EMERGENCY_OFFICE][0],
        ),
        UserSeed("reporter", Role.VILLAGE_REPORTER, village, held[village, Post.REPORTER][0]),
    )
