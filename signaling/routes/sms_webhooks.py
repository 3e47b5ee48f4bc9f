"""Signed webhooks of SMS, set by an administrator."""

from datetime import datetime

from pydantic import Field

from core.auth.model import Permission
from signaling.api import ApiModel
from signaling.http import Request, Route


class WebhookIn(ApiModel):
    """Where to and which facts; see docs/protocol for the signature."""

    url: str = Field(min_length=8, max_length=500)
    facts: tuple[str, ...] = Field(min_length=1, max_length=20)


class WebhookOut(ApiModel):
    """`secret`: shown once, when it is made."""

    id: str
    url: str
    facts: tuple[str, ...]
    is_active: bool
    created_at: datetime
    secret: str = ""


class WebhookList(ApiModel):
    """Oldest first."""

    items: tuple[WebhookOut, ...]


async def list_webhooks(request: Request[None, None]) -> WebhookList:
    """All webhooks, without their secrets."""
    async with request.read() as uow:
        rows = await request.app.sms.webhooks.listed(uow)
    return WebhookList(
        items=tuple(
            WebhookOut(
                id=row.id, url=row.url, facts=tuple(row.facts), is_active=row.is_active,
                created_at=row.created_at,
            )
            for row in rows
        )
    )  # fmt: skip


async def add_webhook(request: Request[None, WebhookIn]) -> WebhookOut:
    """A new webhook; its secret is shown this once."""
    body = request.body
    async with request.write() as uow:
        row = await request.app.sms.webhooks.add(
            uow, body.url, body.facts, request.principal.user_id
        )
        await request.app.audit.append(
            uow, actor=request.principal.actor, action="sms.webhook_add",
            target=f"webhook:{row.id}", detail={"url": body.url, "facts": list(body.facts)},
        )  # fmt: skip
    return WebhookOut(
        id=row.id, url=row.url, facts=tuple(row.facts), is_active=row.is_active,
        created_at=row.created_at, secret=row.secret,
    )  # fmt: skip


async def remove_webhook(request: Request[None, None]) -> None:
    """Remove a webhook and what waits for it."""
    webhook_id = request.path["webhook_id"]
    async with request.write() as uow:
        await request.app.sms.webhooks.remove(uow, webhook_id)
        await request.app.audit.append(
            uow, actor=request.principal.actor, action="sms.webhook_remove",
            target=f"webhook:{webhook_id}",
        )  # fmt: skip


_WEBHOOKS = "/api/v1/sms/webhooks"
_MANAGE = Permission.SYSTEM_MANAGE
ROUTES = [
    Route("GET", _WEBHOOKS, list_webhooks, _MANAGE, response=WebhookList,
          is_county_wide=True, summary="Webhooks"),
    Route("POST", _WEBHOOKS, add_webhook, _MANAGE, body=WebhookIn, response=WebhookOut, status=201,
          is_county_wide=True, summary="Add a webhook; its secret is shown once"),
    Route("DELETE", f"{_WEBHOOKS}/{{webhook_id}}", remove_webhook, _MANAGE,
          is_county_wide=True, summary="Remove a webhook"),
]  # fmt: skip
