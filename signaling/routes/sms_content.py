"""Templates, orders (approval, schedule), time estimates, exports of SMS."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from core.auth.model import Permission, reach
from core.ids import UnitId
from signaling.api import ApiModel, Empty
from signaling.http import File, Request, Route
from signaling.routes.directory import VersionQuery
from signaling.routes.sms import access_message, access_message_to_send
from signaling.routes.sms_sending import Accepted, Terms, require_class, send
from sms import content, export, planning, templates
from sms.estimate import ANY, cost_fen
from sms.meter import COUNTY_TIME
from sms.model import MessageClass, OrderState, Submission
from sms.numbers import masked
from sms.service import OrderRow, TemplateRow

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_CSV = "text/csv"


class TemplateIn(ApiModel):
    """`longest`: the longest value each variable will have, for the measure.

    `version`: the one that was read; 0 for a new one.
    """

    unit_id: str = Field(min_length=1, max_length=26)
    name: str = Field(min_length=1, max_length=80)
    text: str = Field(min_length=1, max_length=2000)
    longest: dict[str, str] = Field(default_factory=dict, max_length=20)
    version: int = Field(0, ge=0)


class TemplateOut(ApiModel):
    """`segments`: at the longest values."""

    id: str
    unit_path: str
    name: str
    text: str
    longest: dict[str, str]
    variables: tuple[str, ...]
    segments: int
    updated_at: datetime
    version: int


class TemplateList(ApiModel):
    """By name: one's own unit's, those below, and those of the units above."""

    items: tuple[TemplateOut, ...]


class OrderQuery(ApiModel):
    """`state`: only these."""

    state: OrderState | None = None
    limit: int = Field(50, ge=1, le=200)


class OrderOut(ApiModel):
    """A submission that waits. `message_id`: of the latest run."""

    id: str
    state: OrderState
    class_: str
    text: str
    recipient_count: int
    unit_path: str
    sender: str
    created_at: datetime
    due_at: datetime | None
    repeat: str | None
    runs: int
    message_id: str | None
    decided_by: str | None
    reason: str


class OrderList(ApiModel):
    """Newest first."""

    items: tuple[OrderOut, ...]


class Refusal(ApiModel):
    """Why."""

    reason: str = Field(min_length=1, max_length=200)


class EstimateIn(ApiModel):
    """A text and to how many."""

    class_: MessageClass = Field(MessageClass.NOTICE, alias="class")
    text: str = Field(min_length=1, max_length=2000)
    recipients: int = Field(ge=1, le=20_000)
    is_drill: bool = False


class Estimate(ApiModel):
    """`seconds`: None without a working modem. `look_at`: words a person should look at.

    `fen`: what it costs; None where no price is set.
    """

    segments: int
    seconds: float | None
    fen: int | None
    needs_approval: bool
    look_at: tuple[str, ...]


class Again(ApiModel):
    """Whom a second sending is for. `confirmed_count`: typed where there are more than 100."""

    key: str = Field(min_length=8, max_length=100)
    to: Literal["undelivered", "unconfirmed"]
    confirmed_count: int | None = Field(None, ge=1)


# -- templates ---------------------------------------------------------------------------------


async def list_templates(request: Request[None, None]) -> TemplateList:
    """Templates one may use."""
    async with request.read() as uow:
        rows = await content.usable_templates(uow, reach(request.principal, Permission.SMS_SEND))
    return TemplateList(items=tuple(_template(request, row) for row in rows))


async def save_template(request: Request[None, TemplateIn]) -> TemplateOut:
    """Make a template, or change the unit's one of the same name."""
    body = request.body
    async with request.write() as uow:
        unit = await request.app.directory.unit(uow, UnitId(body.unit_id))
        request.require(Permission.SMS_SEND, unit.path)
        draft = content.TemplateDraft(unit.path, body.name, body.text, body.longest, body.version)
        row = await content.save_template(uow, draft, request.principal.user_id)
        await request.app.audit.append(
            uow, actor=request.principal.actor, action="sms.template_save",
            target=f"template:{row.id}", detail={"name": row.name},
        )  # fmt: skip
    return _template(request, row)


async def remove_template(request: Request[VersionQuery, None]) -> None:
    """Remove a template; messages made from it stay."""
    async with request.write() as uow:
        row = await content.template(uow, request.path["template_id"])
        request.require(Permission.SMS_SEND, row.unit_path)
        await content.remove_template(uow, row, request.query.version)
        await request.app.audit.append(
            uow, actor=request.principal.actor, action="sms.template_remove",
            target=f"template:{row.id}", detail={"name": row.name},
        )  # fmt: skip


def _template(
    request: Request[None, TemplateIn] | Request[None, None], row: TemplateRow
) -> TemplateOut:
    _, cost = templates.at_worst(row.text, row.longest, request.app.settings.sms.signature)
    return TemplateOut(
        id=row.id, unit_path=row.unit_path, name=row.name, text=row.text, longest=row.longest,
        variables=templates.variables(row.text), segments=cost.segments, updated_at=row.updated_at,
        version=row.version,
    )  # fmt: skip


# -- orders ------------------------------------------------------------------------------------


async def list_orders(request: Request[OrderQuery, None]) -> OrderList:
    """What waits for an approval or its time, and what became of it."""
    scopes = (
        *reach(request.principal, Permission.SMS_SEND),
        *reach(request.principal, Permission.SMS_APPROVE),
        *reach(request.principal, Permission.SMS_READ),
    )
    async with request.read() as uow:
        rows = await content.orders(uow, scopes, request.query.state, request.query.limit)
    return OrderList(items=tuple(_order(row) for row in rows))


async def approve_order(request: Request[None, Empty]) -> OrderOut:
    """Agree to somebody else's message."""
    return await _decide(request, Permission.SMS_APPROVE, "approve", "")


async def refuse_order(request: Request[None, Refusal]) -> OrderOut:
    """It shall not go out."""
    return await _decide(request, Permission.SMS_APPROVE, "refuse", request.body.reason)


async def cancel_order(request: Request[None, Empty]) -> OrderOut:
    """Take it back, or end its repetition."""
    return await _decide(request, Permission.SMS_SEND, "cancel", "")


async def _decide(
    request: Request[None, Empty] | Request[None, Refusal],
    permission: Permission,
    what: str,
    reason: str,
) -> OrderOut:
    orders, order_id = request.app.sms.orders, request.path["order_id"]
    user_id = request.principal.user_id
    async with request.write() as uow:
        order = await orders.order(uow, order_id)
        request.require(permission, order.unit_path)
        if what == "cancel":
            require_class(request, MessageClass(order.submission["class_"]), order.unit_path)
        if what == "approve":
            row = await orders.approve(uow, order_id, user_id)
        elif what == "refuse":
            row = await orders.refuse(uow, order_id, user_id, reason)
        else:
            row = await orders.cancel(uow, order_id, user_id)
        await request.app.audit.append(
            uow, actor=request.principal.actor, action=f"sms.order_{what}",
            target=f"order:{order_id}", detail={"message_id": row.message_id},
            reason=reason or None,
        )  # fmt: skip
    return _order(row)


def _order(row: OrderRow) -> OrderOut:
    return OrderOut(
        id=row.id, state=row.state, class_=str(row.submission["class_"]),
        text=str(row.submission["text"]), recipient_count=row.recipient_count,
        unit_path=row.unit_path, sender=row.sender, created_at=row.created_at, due_at=row.due_at,
        repeat=row.repeat, runs=row.runs, message_id=row.message_id, decided_by=row.decided_by,
        reason=row.reason,
    )  # fmt: skip


# -- before and after sending --------------------------------------------------------------------


async def estimate(request: Request[None, EstimateIn]) -> Estimate:
    """How many segments, how long with the modems at hand, whether somebody has to agree."""
    body, sms = request.body, request.app.sms
    draft = Submission(body.class_, body.text, (), "estimate", is_drill=body.is_drill)
    cost, _ = sms.preview(draft)
    segments = cost.segments * body.recipients
    async with request.read() as uow:
        needed = await sms.time_to_send(
            uow, body.class_, {ANY: segments}, is_demo=request.app.is_demo
        )
    above = request.app.settings.sms.approval_above
    return Estimate(
        segments=segments, seconds=needed.total_seconds() if needed is not None else None,
        fen=cost_fen(segments, request.app.settings.sms.price_fen),
        needs_approval=planning.needs_approval(body.class_, body.recipients, above),
        look_at=planning.sensitive_words(body.text),
    )  # fmt: skip


async def send_again(request: Request[None, Again]) -> Accepted:
    """A second message to those the first one did not reach, or who did not confirm."""
    message_id, principal = request.path["message_id"], request.principal
    async with request.write() as uow:
        await access_message_to_send(uow, request)
        once_more = await request.app.sms.again(
            uow, message_id, to=request.body.to, sender=principal.user_id,
            key=f"{principal.user_id}:{request.body.key}",
        )  # fmt: skip
        made = await send(uow, request, once_more, Terms(request.body.confirmed_count))
        await request.app.audit.append(
            uow, actor=principal.actor, action="sms.again", target=f"message:{message_id}",
            detail={
                "to": request.body.to, "recipients": len(once_more.recipients),
                "message_id": made.message_id, "order_id": made.order_id,
            },
        )  # fmt: skip
    return made


_HEADER = (
    "序号", "姓名", "号码", "状态", "原因", "通道", "发出时间", "送达时间", "回复",
    "选择", "回复时间",
)  # fmt: skip


async def _rows(request: Request[None, None]) -> list[tuple[str, ...]]:
    async with request.read() as uow:
        await access_message(uow, request, Permission.SMS_READ)
        rows = await request.app.sms.recipients(uow, request.path["message_id"], limit=20_000)
    return [
        (
            str(row.position + 1), row.name, masked(row.number), row.state.value, row.cause or "",
            row.modem or "", _time(row.sent_at), _time(row.reported_at), row.answer or "",
            row.choice or "", _time(row.answered_at),
        )
        for row in rows
    ]  # fmt: skip


def _time(at: datetime | None) -> str:
    return at.astimezone(COUNTY_TIME).strftime("%Y-%m-%d %H:%M:%S") if at else ""


async def export_csv(request: Request[None, None]) -> File:
    """The delivery board as CSV; numbers masked."""
    content = export.as_csv(_HEADER, await _rows(request))
    return File(content, f"sms-{request.path['message_id']}.csv", _CSV)


async def export_xlsx(request: Request[None, None]) -> File:
    """The delivery board as xlsx; numbers masked."""
    content = export.as_xlsx(_HEADER, await _rows(request), "短信")
    return File(content, f"sms-{request.path['message_id']}.xlsx", _XLSX)


_SMS = "/api/v1/sms"
_SEND, _READ = Permission.SMS_SEND, Permission.SMS_READ
ROUTES = [
    Route("GET", f"{_SMS}/templates", list_templates, _SEND, response=TemplateList,
          summary="Templates one may use"),
    Route("PUT", f"{_SMS}/templates", save_template, _SEND, body=TemplateIn, response=TemplateOut,
          summary="Make or change a template"),
    Route("DELETE", f"{_SMS}/templates/{{template_id}}", remove_template, _SEND,
          query=VersionQuery, summary="Remove a template"),
    Route("GET", f"{_SMS}/orders", list_orders, _READ, query=OrderQuery, response=OrderList,
          summary="What waits for an approval or its time"),
    Route("POST", f"{_SMS}/orders/{{order_id}}/approve", approve_order, Permission.SMS_APPROVE,
          body=Empty, response=OrderOut, summary="Agree to somebody else's message"),
    Route("POST", f"{_SMS}/orders/{{order_id}}/refuse", refuse_order, Permission.SMS_APPROVE,
          body=Refusal, response=OrderOut, summary="Refuse somebody else's message"),
    Route("POST", f"{_SMS}/orders/{{order_id}}/cancel", cancel_order, _SEND, body=Empty,
          response=OrderOut, summary="Take an order back, or end its repetition"),
    Route("POST", f"{_SMS}/estimate", estimate, _SEND, body=EstimateIn, response=Estimate,
          summary="Segments, time, approval and words to look at before sending"),
    Route("POST", f"{_SMS}/messages/{{message_id}}/again", send_again, _SEND, body=Again,
          response=Accepted, status=201, summary="Send to those not reached or not confirmed"),
    Route("GET", f"{_SMS}/messages/{{message_id}}/export.csv", export_csv, _READ, response=File,
          summary="The delivery board as CSV"),
    Route("GET", f"{_SMS}/messages/{{message_id}}/export.xlsx", export_xlsx, _READ, response=File,
          deadline_s=90, summary="The delivery board as xlsx"),
]  # fmt: skip
