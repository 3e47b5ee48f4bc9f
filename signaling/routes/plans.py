"""Response plans over REST."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from pydantic import Field

from core.auth.model import Permission, require
from core.ids import PlanId
from plans.service import as_json
from signaling.api import ApiModel
from signaling.http import Request, Route


class PlanSummary(ApiModel):
    """One row of the list."""

    id: str
    version: int
    title: str
    category: str
    issuer: str
    issued_on: str
    review_due_on: str
    drilled_on: str | None
    kind_codes: tuple[str, ...]


class PlanList(ApiModel):
    """The current version of every plan."""

    items: tuple[PlanSummary, ...]


class PlanQuery(ApiModel):
    """`version`: an older one; without it the current."""

    version: int | None = Field(None, ge=1)


class PlanDocument(ApiModel):
    """A whole plan, as plans/library shows it."""

    id: str = Field(min_length=1, max_length=40)
    version: int = Field(ge=1)
    title: str = Field(min_length=2, max_length=120)
    category: str
    issuer: str
    issued_on: str
    review_due_on: str
    drilled_on: str | None = None
    kind_codes: tuple[str, ...]
    hazard_kinds: tuple[str, ...]
    hazard_ids: tuple[str, ...] = ()
    area: str
    basis: tuple[str, ...] = ()
    levels: tuple[dict[str, Any], ...]
    roles: tuple[dict[str, Any], ...]
    steps: tuple[dict[str, Any], ...]
    resources: tuple[dict[str, Any], ...] = ()
    notices: dict[str, str]
    conference: dict[str, Any]
    escalation: dict[str, Any]


class PlanVersionItem(ApiModel):
    """One version of a plan. `installed_at`: when it was put into force here."""

    version: int
    title: str
    issued_on: date
    installed_at: datetime
    is_current: bool


class PlanVersionList(ApiModel):
    """The newest first."""

    items: tuple[PlanVersionItem, ...]


class PlanWeighed(ApiModel):
    """A sound plan that was not put into force. `newest_version`: 0 where there is none yet."""

    plan: PlanDocument
    newest_version: int


async def list_plans(request: Request[None, None]) -> PlanList:
    async with request.read() as uow:
        found = await request.app.plans.current(uow, request.principal)
    fields = PlanSummary.model_fields
    return PlanList(
        items=tuple(
            PlanSummary.model_validate(
                {key: value for key, value in as_json(plan).items() if key in fields}
            )
            for plan in found
        )
    )


async def read_plan(request: Request[PlanQuery, None]) -> PlanDocument:
    plan_id = PlanId(request.path["plan_id"])
    async with request.read() as uow:
        require(request.principal, Permission.PLAN_READ)
        plan = await request.app.plans.plan(uow, plan_id, request.query.version)
    return PlanDocument.model_validate(as_json(plan))


async def list_versions(request: Request[None, None]) -> PlanVersionList:
    """What there has been, to look at or to go back to."""
    async with request.read() as uow:
        require(request.principal, Permission.PLAN_READ)
        found = await request.app.plans.versions(uow, PlanId(request.path["plan_id"]))
    return PlanVersionList(
        items=tuple(PlanVersionItem.model_validate(asdict(one)) for one in found)
    )


async def weigh_plan(request: Request[None, PlanDocument]) -> PlanWeighed:
    """Everything that putting it into force would refuse is refused here too, but its number."""
    content = request.body.model_dump(mode="json")
    async with request.read() as uow:
        plan, newest = await request.app.plans.weighed(uow, content)
    return PlanWeighed(plan=PlanDocument.model_validate(as_json(plan)), newest_version=newest)


async def write_plan(request: Request[None, PlanDocument]) -> PlanDocument:
    content = request.body.model_dump(mode="json")
    async with request.write() as uow:
        plan = await request.app.plans.write(uow, request.principal, content)
    return PlanDocument.model_validate(as_json(plan))


ROUTES = [
    Route(
        "GET",
        "/api/v1/plans",
        list_plans,
        permission=Permission.PLAN_READ,
        response=PlanList,
        summary="Response plans, the current version of each",
    ),
    Route(
        "GET",
        "/api/v1/plans/{plan_id}",
        read_plan,
        permission=Permission.PLAN_READ,
        query=PlanQuery,
        response=PlanDocument,
        summary="One plan, whole",
    ),
    Route(
        "GET",
        "/api/v1/plans/{plan_id}/versions",
        list_versions,
        permission=Permission.PLAN_READ,
        response=PlanVersionList,
        summary="Every version of a plan, the newest first",
    ),
    Route(
        "POST",
        "/api/v1/plans/check",
        weigh_plan,
        permission=Permission.PLAN_WRITE,
        is_county_wide=True,
        body=PlanDocument,
        response=PlanWeighed,
        summary="Is this plan sound? Nothing is stored",
    ),
    Route(
        "POST",
        "/api/v1/plans",
        write_plan,
        permission=Permission.PLAN_WRITE,
        is_county_wide=True,
        body=PlanDocument,
        response=PlanDocument,
        status=201,
        summary="Put a plan, or a newer version of one, into force",
    ),
]
