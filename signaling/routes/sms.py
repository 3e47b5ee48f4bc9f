"""Messages, their delivery board, the inbox, the modems over REST; `sms`, `message:ID` topics."""

import re
from datetime import datetime
from typing import Any

from pydantic import Field

from conf.links import PATH_PREFIX, TOKEN_LENGTH
from core.auth.model import Permission, reach, require
from core.database import UnitOfWork
from directory.model import Person
from signaling.api import ApiModel, Empty
from signaling.context import AppContext
from signaling.http import Request, Route
from signaling.routes.sms_sending import require_class
from signaling.topics import Topics, Visitor
from sms.model import InboundKind, InboundState, MessageClass
from sms.numbers import masked
from sms.service import InboundRow, MessageView

_JOIN_LINK = re.compile(rf"{PATH_PREFIX}[A-Za-z0-9_-]{{{TOKEN_LENGTH}}}")


class Page(ApiModel):
    """`before`: the id the page before ended with."""

    before: str | None = Field(None, max_length=26)
    limit: int = Field(50, ge=1, le=200)


class MessagePage(Page):
    """`q`: words in the text."""

    class_: MessageClass | None = Field(None, alias="class")
    q: str = Field("", max_length=60)


class InboxFilter(ApiModel):
    """`state`, `kind`: only texts in this state, of this kind.

    `q`: words in the text, or last digits of the number.
    """

    state: InboundState | None = None
    kind: InboundKind | None = None
    q: str = Field("", max_length=60)


class InboxPage(InboxFilter, Page):
    """A page of them."""


class Message(ApiModel):
    """A message with its counts by recipient state, and `answered`."""

    id: str
    class_: str
    text: str
    wire_text: str
    is_drill: bool
    is_flash: bool
    choices: dict[str, str] | None
    incident_id: str | None
    recipient_count: int
    segment_count: int
    counts: dict[str, int]
    created_at: datetime
    expires_at: datetime
    cancelled_at: datetime | None


class MessageList(ApiModel):
    """Newest first."""

    items: tuple[Message, ...]


class Cancelled(ApiModel):
    """How many segments were withdrawn."""

    segments: int


class InboundItem(ApiModel):
    """A received text; the number is masked. `fields`: of a report form: kind, value, note.

    `person`, `unit`: whose number it is, by the directory.
    """

    id: str
    number: str
    text: str
    modem: str
    received_at: datetime
    is_complete: bool
    state: InboundState
    kind: InboundKind
    fields: dict[str, str | float | None] | None
    person_id: str | None
    person: str
    unit: str
    message_id: str | None
    choice: str | None


class InboundList(ApiModel):
    """Newest first."""

    items: tuple[InboundItem, ...]


class ModemItem(ApiModel):
    """A modem as the modem page shows it. `node`: the server that drives it, empty: this one.

    `score`: how fit it is to take the next text, 0..1.
    """

    name: str
    path: str
    is_simulated: bool
    state: str
    since: datetime
    reason: str
    operator: str
    rssi_dbm: int | None
    registration: str
    model: str
    own_number: str
    smsc: str
    sent: int
    failed: int
    score: float
    node: str


class ModemList(ApiModel):
    """In the order of the settings, other nodes' last."""

    items: tuple[ModemItem, ...]


# -- messages ----------------------------------------------------------------------------------


async def list_messages(request: Request[MessagePage, None]) -> MessageList:
    """Messages sent from the units in reach."""
    scopes, query = reach(request.principal, Permission.SMS_READ), request.query
    async with request.read() as uow:
        views = await request.app.sms.messages(
            uow,
            scopes,
            class_=query.class_,
            q=query.q.strip(),
            before=query.before,
            limit=query.limit,
        )
    return MessageList(items=tuple(_message(view) for view in views))


async def show_message(request: Request[None, None]) -> Message:
    """One message with its counts."""
    async with request.read() as uow:
        await access_message(uow, request, Permission.SMS_READ)
        view = await request.app.sms.message(uow, request.path["message_id"])
    return _message(view)


async def cancel(request: Request[None, Empty]) -> Cancelled:
    """Withdraw what is not on the air."""
    message_id = request.path["message_id"]
    async with request.write() as uow:
        await access_message_to_send(uow, request)
        waiting = await request.app.sms.cancel(uow, message_id)
        await request.app.audit.append(
            uow, actor=request.principal.actor, action="sms.cancel",
            target=f"message:{message_id}", detail={"segments": waiting},
        )  # fmt: skip
    segments = await request.app.sms.withdraw(message_id)
    return Cancelled(segments=segments)


async def resend_unknown(request: Request[None, Empty]) -> None:
    """Send once more to a recipient whose outcome is unknown; a double is possible."""
    recipient_id = request.path["recipient_id"]
    async with request.write() as uow:
        await access_message_to_send(uow, request)
        await request.app.sms.resend_unknown(uow, request.path["message_id"], recipient_id)
        await request.app.audit.append(
            uow, actor=request.principal.actor, action="sms.resend_unknown",
            target=f"recipient:{recipient_id}",
        )  # fmt: skip


async def access_message(
    uow: UnitOfWork, request: Request[Any, Any], permission: Permission
) -> None:
    """Raise NotFound or NotAllowed unless the message was sent from a unit in reach."""
    path = await request.app.sms.unit_path(uow, request.path["message_id"])
    require(request.principal, permission, path)


async def access_message_to_send(uow: UnitOfWork, request: Request[Any, Any]) -> None:
    """Raise unless the person may send texts of this message's class, or take them back."""
    view = await request.app.sms.message(uow, request.path["message_id"])
    require_class(request, MessageClass(view.class_), view.unit_path)


def closed(text: str) -> str:
    """`text` without the secret of a join link: it opens a seat for whoever reads it."""
    return _JOIN_LINK.sub(rf"{PATH_PREFIX}…", text)


def _message(view: MessageView) -> Message:
    return Message(
        id=view.id, class_=view.class_, text=closed(view.text), wire_text=closed(view.wire_text),
        is_drill=view.is_drill, is_flash=view.is_flash, choices=view.choices,
        incident_id=view.context.get("incident_id"),
        recipient_count=view.recipient_count, segment_count=view.segment_count, counts=view.counts,
        created_at=view.created_at, expires_at=view.expires_at, cancelled_at=view.cancelled_at,
    )  # fmt: skip


# -- inbox and modems --------------------------------------------------------------------------


async def list_inbox(request: Request[InboxPage, None]) -> InboundList:
    """Received texts, newest first."""
    query = request.query
    async with request.read() as uow:
        rows = await request.app.sms.inbound(
            uow,
            state=query.state,
            kind=query.kind,
            q=query.q.strip(),
            before=query.before,
            limit=query.limit,
        )
        owners = await request.app.directory.owners_of(uow, {row.number for row in rows})
    return InboundList(items=tuple(_inbound(row, owners.get(row.number)) for row in rows))


def _inbound(row: InboundRow, owner: Person | None) -> InboundItem:
    return InboundItem(
        id=row.id, number=masked(row.number), text=row.text, modem=row.modem,
        received_at=row.received_at, is_complete=row.is_complete, state=row.state,
        kind=row.kind, fields=row.fields, person_id=owner.id if owner else None,
        person=owner.name if owner else "", unit=owner.unit_name if owner else "",
        message_id=row.message_id, choice=row.choice,
    )  # fmt: skip


async def mark_handled(request: Request[None, Empty]) -> None:
    """A person has dealt with a text."""
    inbound_id = request.path["inbound_id"]
    async with request.write() as uow:
        await request.app.sms.mark_handled(uow, inbound_id, request.principal.user_id)
        await request.app.audit.append(
            uow, actor=request.principal.actor, action="sms.handle",
            target=f"inbound:{inbound_id}",
        )  # fmt: skip


async def list_modems(request: Request[None, None]) -> ModemList:
    """The modems of every node."""
    return ModemList(
        items=tuple(
            ModemItem(
                name=view.name, path=view.path, is_simulated=view.is_simulated,
                state=view.state.value, since=view.since, reason=view.reason,
                operator=view.operator, rssi_dbm=view.rssi_dbm, registration=view.registration,
                model=view.model, own_number=view.own_number, smsc=view.smsc, sent=view.sent,
                failed=view.failed, score=view.score, node=view.node.partition(":")[0],
            )
            for view in request.app.sms.modems()
        )
    )  # fmt: skip


def register_topics(app: AppContext, topics: Topics) -> None:
    """The topics say what changed; the lists are read over REST."""

    async def message_access(uow: UnitOfWork, visitor: Visitor, key: str) -> None:
        path = await app.sms.unit_path(uow, key)
        require(visitor, Permission.SMS_READ, path)  # type: ignore[arg-type]  # links are refused

    async def nothing(uow: UnitOfWork, visitor: Visitor, key: str) -> dict[str, Any]:
        return {}

    for prefix in ("sms", "modems"):
        topics.register(
            prefix, permission=Permission.SMS_READ, snapshot=nothing, is_county_wide=True
        )
    topics.register(
        "message", permission=Permission.SMS_READ, access=message_access, snapshot=nothing
    )


_SMS = "/api/v1/sms"
ROUTES = [
    Route("GET", f"{_SMS}/messages", list_messages, permission=Permission.SMS_READ,
          query=MessagePage, response=MessageList, summary="Messages, newest first"),
    Route("GET", f"{_SMS}/messages/{{message_id}}", show_message, permission=Permission.SMS_READ,
          response=Message, summary="One message with its counts"),
    Route("POST", f"{_SMS}/messages/{{message_id}}/cancel", cancel, body=Empty,
          permission=Permission.SMS_SEND, response=Cancelled,
          summary="Withdraw what is not on the air"),
    Route("POST", f"{_SMS}/messages/{{message_id}}/recipients/{{recipient_id}}/resend",
          resend_unknown, permission=Permission.SMS_SEND, body=Empty,
          summary="Send once more what is of unknown outcome"),
    Route("GET", f"{_SMS}/inbox", list_inbox, permission=Permission.SMS_READ, query=InboxPage,
          response=InboundList, is_county_wide=True, summary="Received texts, newest first"),
    Route("POST", f"{_SMS}/inbox/{{inbound_id}}/handled", mark_handled, body=Empty,
          permission=Permission.SMS_SEND, is_county_wide=True,
          summary="Mark a received text as dealt with"),
    Route("GET", f"{_SMS}/modems", list_modems, permission=Permission.SMS_READ,
          response=ModemList, is_county_wide=True, summary="The modems of every node"),
]  # fmt: skip
