"""The audit log: read, search, verify."""

from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, Field

from core.audit import AuditQuery, Entry
from core.auth.model import Permission
from signaling.api import ApiModel, Empty
from signaling.http import Request, Route


class AuditFilter(ApiModel):
    """`before_seq`: continue below this number. `action`, `target`: beginnings."""

    before_seq: int | None = Field(None, ge=1)
    action: str = Field("", max_length=80)
    target: str = Field("", max_length=120)
    actor: str = Field("", max_length=60)
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    limit: int = Field(100, ge=1, le=1000)


class AuditEntry(ApiModel):
    """One entry; `hash` binds it to the one before."""

    seq: int
    at: datetime
    actor: str
    actor_name: str
    action: str
    target: str
    reason: str | None
    detail: dict[str, Any]
    hash: str


class AuditList(ApiModel):
    """Newest first."""

    items: list[AuditEntry]


class AuditVerdict(ApiModel):
    """`fault`: null when the log is whole."""

    count: int
    fault: str | None
    seq: int | None
    explanation: str


async def list_entries(request: Request[AuditFilter, None]) -> AuditList:
    """Entries, newest first."""
    given = request.query
    query = AuditQuery(
        before_seq=given.before_seq,
        action=given.action,
        target=given.target,
        actor=given.actor,
        since=given.since,
        until=given.until,
        limit=given.limit,
    )
    async with request.read() as uow:
        entries = await request.app.audit.entries(uow, query)
    return AuditList(items=[_out(entry) for entry in entries])


async def verify(request: Request[None, Empty]) -> AuditVerdict:
    """Recompute the chain and compare it with the second file."""
    async with request.read() as uow:
        verdict = await request.app.audit.verify(uow)
    return AuditVerdict(
        count=verdict.count,
        fault=verdict.fault.value if verdict.fault else None,
        seq=verdict.seq,
        explanation=verdict.explanation,
    )


def _out(entry: Entry) -> AuditEntry:
    return AuditEntry(
        seq=entry.seq,
        at=entry.at,
        actor=entry.actor,
        actor_name=entry.actor_name,
        action=entry.action,
        target=entry.target,
        reason=entry.reason,
        detail=entry.detail,
        hash=entry.hash,
    )


ROUTES = [
    Route("GET", "/api/v1/audit", list_entries, permission=Permission.AUDIT_READ,
          query=AuditFilter, response=AuditList, is_county_wide=True,
          summary="Audit entries, newest first"),
    Route("POST", "/api/v1/audit/verify", verify, permission=Permission.AUDIT_READ, body=Empty,
          response=AuditVerdict, summary="Verify the audit chain", deadline_s=120.0,
          rate="6/minute", is_county_wide=True),
]  # fmt: skip
