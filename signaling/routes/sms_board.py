"""The delivery board of a message over REST: recipients by outcome, and each one's tries."""

from datetime import datetime

from pydantic import Field

from core.auth.model import Permission
from signaling.api import ApiModel
from signaling.http import Request, Route
from signaling.routes.sms import access_message, closed
from sms.model import AttemptState, BoardFilter, RecipientState
from sms.numbers import masked


class RecipientPage(ApiModel):
    """`after`: the position the page before ended with. `state`: only these."""

    state: BoardFilter | None = None
    after: int = Field(-1, ge=-1)
    limit: int = Field(200, ge=1, le=500)


class RecipientItem(ApiModel):
    """One recipient on the delivery board; the number is masked."""

    id: str
    position: int
    name: str
    number: str
    state: RecipientState
    cause: str | None
    modem: str | None
    sent_at: datetime | None
    reported_at: datetime | None
    answer: str | None
    choice: str | None
    answered_at: datetime | None


class RecipientList(ApiModel):
    """In order of position."""

    items: tuple[RecipientItem, ...]


class AttemptItem(ApiModel):
    """One try. `part`: of the recipient's text; `report_status`: TP-ST, TS 23.040 §9.2.3.15."""

    id: str
    part: int
    modem: str
    state: AttemptState
    is_extra_copy: bool
    error: str | None
    detail: str
    started_at: datetime
    ended_at: datetime | None
    reported_at: datetime | None
    report_status: int | None


class AttemptList(ApiModel):
    """Oldest first. `text`: what this recipient was sent, or will be."""

    text: str
    items: tuple[AttemptItem, ...]


async def list_recipients(request: Request[RecipientPage, None]) -> RecipientList:
    """The delivery board of a message."""
    query = request.query
    async with request.read() as uow:
        await access_message(uow, request, Permission.SMS_READ)
        rows = await request.app.sms.recipients(
            uow, request.path["message_id"], which=query.state, after=query.after, limit=query.limit
        )
    return RecipientList(
        items=tuple(
            RecipientItem(
                id=row.id, position=row.position, name=row.name, number=masked(row.number),
                state=row.state, cause=row.cause, modem=row.modem, sent_at=row.sent_at,
                reported_at=row.reported_at, answer=row.answer, choice=row.choice,
                answered_at=row.answered_at,
            )
            for row in rows
        )
    )  # fmt: skip


async def list_attempts(request: Request[None, None]) -> AttemptList:
    """Every try for one recipient."""
    message_id, recipient_id = request.path["message_id"], request.path["recipient_id"]
    async with request.read() as uow:
        await access_message(uow, request, Permission.SMS_READ)
        text = await request.app.sms.text_of(uow, message_id, recipient_id)
        rows = await request.app.sms.attempts(uow, recipient_id)
    return AttemptList(
        text=closed(text),
        items=tuple(
            AttemptItem(
                id=row.id, part=part, modem=row.modem, state=row.state,
                is_extra_copy=row.is_extra_copy, error=row.error, detail=row.detail,
                started_at=row.started_at, ended_at=row.ended_at, reported_at=row.reported_at,
                report_status=row.report_status,
            )
            for row, part in rows
        ),
    )  # fmt: skip


_MESSAGE = "/api/v1/sms/messages/{message_id}"
_READ = Permission.SMS_READ
ROUTES = [
    Route("GET", f"{_MESSAGE}/recipients", list_recipients, _READ, query=RecipientPage,
          response=RecipientList, summary="The delivery board of a message"),
    Route("GET", f"{_MESSAGE}/recipients/{{recipient_id}}/attempts", list_attempts, _READ,
          response=AttemptList, summary="Every try for one recipient"),
]  # fmt: skip
