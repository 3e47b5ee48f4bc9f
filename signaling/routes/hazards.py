"""Hazard sources, their grading, isolation distances and the duty roster over REST."""

from datetime import datetime
from typing import Any

from pydantic import Field

from command.model import HazardDraft, Holding, Question, ShiftDraft, SpillSize, TimeOfDay, Wind
from command.service import grade_shown, isolation_shown
from core.auth.model import Permission
from core.ids import HazardId, PersonId, UnitId
from signaling.api import ApiModel
from signaling.http import Request, Route
from signaling.routes.directory import VersionQuery


class HazardQuery(ApiModel):
    """`q`: part of the name."""

    kind: str | None = Field(None, max_length=40)
    q: str = Field("", max_length=80)


class HoldingItem(ApiModel):
    """What is kept: the most it is designed for (t). `symbol`: class of GB 18218-2018 table 2."""

    substance: str = Field(min_length=1, max_length=80)
    amount_t: float = Field(gt=0, le=1e7)
    symbol: str = Field("", max_length=8)


class GradingTerm(ApiModel):
    """One substance's part of S and R."""

    name: str
    amount_t: float
    critical_t: float
    beta: float
    ratio: float
    source: str


class Grading(ApiModel):
    """GB 18218-2018, with the lines a person can check."""

    s: float
    is_major: bool
    alpha: float
    r: float | None
    grade: int | None
    grade_name: str
    exposed: int
    terms: tuple[GradingTerm, ...]
    arithmetic: tuple[str, ...]
    remarks: tuple[str, ...]


class GradingQuestion(ApiModel):
    """`exposed`: residents within 500 m outside the fence."""

    holdings: tuple[HoldingItem, ...] = Field(min_length=1, max_length=100)
    exposed: int = Field(ge=0, le=1_000_000)


class HazardItem(ApiModel):
    """A hazard source; `grade` 1..4 where it is a major hazard."""

    id: str
    kind: str
    kind_name: str
    name: str
    unit_id: str
    unit: str
    township_id: str | None
    longitude: float
    latitude: float
    address: str
    holdings: tuple[HoldingItem, ...]
    exposed_500m: int | None
    responsible_ids: tuple[str, ...]
    attributes: dict[str, Any]
    grade: int | None
    grading: Grading | None
    grading_problem: str
    version: int


class HazardList(ApiModel):
    """By name."""

    items: tuple[HazardItem, ...]


class HazardBody(ApiModel):
    """A hazard source as typed in. `version`: only when changing, the one the caller saw."""

    kind: str
    name: str = Field(min_length=2, max_length=80)
    unit_id: str
    longitude: float
    latitude: float
    township_id: str | None = None
    address: str = Field("", max_length=120)
    holdings: tuple[HoldingItem, ...] = Field((), max_length=100)
    exposed_500m: int | None = Field(None, ge=0, le=1_000_000)
    responsible_ids: tuple[str, ...] = Field((), max_length=20)
    attributes: dict[str, str | float | bool | None] = Field(default_factory=dict, max_length=60)
    version: int = 0


class ZoneQuery(ApiModel):
    """`substance`: UN number, CAS or name; `container` as ERG table 3 names it."""

    substance: str = Field(min_length=1, max_length=80)
    size: SpillSize
    time: TimeOfDay
    wind: Wind = Wind.LOW
    container: str = Field("", max_length=40)
    is_into_water: bool = False


class Zone(ApiModel):
    """Isolate all round (m), protect downwind (km); `is_open_ended`: may be farther."""

    un: str
    name: str
    isolate_m: float
    protect_km: float
    is_open_ended: bool
    fire_tank_m: float | None
    guide: str
    container: str
    source: str


class OnDuty(ApiModel):
    """Somebody on a shift; the number is masked."""

    person_id: str
    person: str
    title: str
    number: str


class ShiftItem(ApiModel):
    """One shift of the county's desk."""

    id: str
    unit_id: str
    starts_at: str
    ends_at: str
    leader: OnDuty
    officers: tuple[OnDuty, ...]
    version: int


class CurrentShift(ApiModel):
    """`shift` None: the roster has a hole now."""

    shift: ShiftItem | None


class ShiftList(ApiModel):
    """By start."""

    items: tuple[ShiftItem, ...]


class RosterQuery(ApiModel):
    """Shifts that touch the span, up to 100 days."""

    begin: datetime
    end: datetime


class ShiftBody(ApiModel):
    """A shift to be put on the roster."""

    unit_id: str
    starts_at: datetime
    ends_at: datetime
    leader_id: str
    officer_ids: tuple[str, ...] = Field(min_length=1, max_length=10)


class ShiftChange(ShiftBody):
    """The whole shift as it shall be; `version`: the one that was read."""

    version: int = Field(ge=1)


def _holdings(items: tuple[HoldingItem, ...]) -> tuple[Holding, ...]:
    return tuple(Holding(each.substance, each.amount_t, each.symbol) for each in items)


def _draft(body: HazardBody) -> HazardDraft:
    return HazardDraft(
        kind=body.kind,
        name=body.name,
        unit_id=UnitId(body.unit_id),
        longitude=body.longitude,
        latitude=body.latitude,
        township_id=UnitId(body.township_id) if body.township_id else None,
        address=body.address,
        holdings=_holdings(body.holdings),
        exposed_500m=body.exposed_500m,
        responsible_ids=tuple(PersonId(each) for each in body.responsible_ids),
        attributes=dict(body.attributes),
    )


def _hazard_id(request: Request[Any, Any]) -> HazardId:
    return HazardId(request.path["hazard_id"])


async def list_hazards(request: Request[HazardQuery, None]) -> HazardList:
    async with request.read() as uow:
        found = await request.app.command.hazards.listed(
            uow, request.principal, request.query.kind, request.query.q
        )
    return HazardList.model_validate({"items": found})


async def read_hazard(request: Request[None, None]) -> HazardItem:
    async with request.read() as uow:
        found = await request.app.command.hazards.shown(uow, request.principal, _hazard_id(request))
    return HazardItem.model_validate(found)


async def add_hazard(request: Request[None, HazardBody]) -> HazardItem:
    hazards = request.app.command.hazards
    async with request.write() as uow:
        added = await hazards.add(uow, request.principal, _draft(request.body))
        found = await hazards.shown(uow, request.principal, added.id)
    return HazardItem.model_validate(found)


async def change_hazard(request: Request[None, HazardBody]) -> HazardItem:
    hazards, hazard_id = request.app.command.hazards, _hazard_id(request)
    async with request.write() as uow:
        await hazards.change(
            uow, request.principal, hazard_id, _draft(request.body), request.body.version
        )
        found = await hazards.shown(uow, request.principal, hazard_id)
    return HazardItem.model_validate(found)


async def remove_hazard(request: Request[VersionQuery, None]) -> None:
    async with request.write() as uow:
        await request.app.command.hazards.remove(
            uow, request.principal, _hazard_id(request), request.query.version
        )


async def grade_holdings(request: Request[None, GradingQuestion]) -> Grading:
    body = request.body
    return Grading.model_validate(grade_shown(_holdings(body.holdings), body.exposed))


async def isolation(request: Request[ZoneQuery, None]) -> Zone:
    return Zone.model_validate(isolation_shown(Question(**request.query.model_dump())))


async def current_shift(request: Request[None, None]) -> CurrentShift:
    async with request.read() as uow:
        found = await request.app.command.roster.current(uow, request.principal)
    return CurrentShift.model_validate({"shift": found})


async def list_shifts(request: Request[RosterQuery, None]) -> ShiftList:
    async with request.read() as uow:
        found = await request.app.command.roster.between(
            uow, request.principal, request.query.begin, request.query.end
        )
    return ShiftList.model_validate({"items": found})


def _shift(body: ShiftBody) -> ShiftDraft:
    return ShiftDraft(
        unit_id=UnitId(body.unit_id),
        starts_at=body.starts_at,
        ends_at=body.ends_at,
        leader_id=PersonId(body.leader_id),
        officer_ids=tuple(PersonId(each) for each in body.officer_ids),
    )


async def add_shift(request: Request[None, ShiftBody]) -> None:
    async with request.write() as uow:
        await request.app.command.roster.add(uow, request.principal, _shift(request.body))


async def change_shift(request: Request[None, ShiftChange]) -> None:
    shift_id = request.path["shift_id"]
    async with request.write() as uow:
        await request.app.command.roster.change(
            uow, request.principal, shift_id, _shift(request.body), request.body.version
        )


async def remove_shift(request: Request[VersionQuery, None]) -> None:
    async with request.write() as uow:
        await request.app.command.roster.remove(
            uow, request.principal, request.path["shift_id"], request.query.version
        )


_READ, _WRITE = Permission.HAZARD_READ, Permission.HAZARD_WRITE
_ONE = "/api/v1/hazards/{hazard_id}"

ROUTES = [
    Route("GET", "/api/v1/hazards", list_hazards, permission=_READ, query=HazardQuery,
          response=HazardList, summary="Hazard sources within reach, with their grades"),
    Route("POST", "/api/v1/hazards", add_hazard, permission=_WRITE, body=HazardBody,
          response=HazardItem, status=201, summary="Enter a hazard source"),
    Route("GET", _ONE, read_hazard, permission=_READ, response=HazardItem,
          summary="One hazard source, graded with its arithmetic"),
    Route("PUT", _ONE, change_hazard, permission=_WRITE, body=HazardBody, response=HazardItem,
          summary="Write over a hazard source"),
    Route("DELETE", _ONE, remove_hazard, permission=_WRITE, query=VersionQuery, status=204,
          summary="Take a hazard source off the register"),
    Route("POST", "/api/v1/grading", grade_holdings, permission=_READ, body=GradingQuestion,
          response=Grading, summary="Grade by GB 18218-2018, with the arithmetic"),
    Route("GET", "/api/v1/isolation", isolation, permission=_READ, query=ZoneQuery,
          response=Zone, summary="Isolation and protection distances, ERG 2024"),
    Route("GET", "/api/v1/roster/current", current_shift, permission=Permission.INCIDENT_READ,
          response=CurrentShift, summary="Who is on duty now"),
    Route("GET", "/api/v1/roster", list_shifts, permission=Permission.INCIDENT_READ,
          query=RosterQuery, response=ShiftList, summary="Shifts of the county's desk"),
    Route("POST", "/api/v1/roster", add_shift, permission=Permission.INCIDENT_ACTIVATE,
          body=ShiftBody, status=204, summary="Put a shift on the roster"),
    Route("PUT", "/api/v1/roster/{shift_id}", change_shift, status=204, body=ShiftChange,
          permission=Permission.INCIDENT_ACTIVATE, summary="Write over a shift of the roster"),
    Route("DELETE", "/api/v1/roster/{shift_id}", remove_shift, query=VersionQuery, status=204,
          permission=Permission.INCIDENT_ACTIVATE, summary="Take a shift off the roster"),
]  # fmt: skip
