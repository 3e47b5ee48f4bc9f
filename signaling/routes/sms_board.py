"""The delivery board of a message over REST: recipients by outcome, and each one's tries."""

from datetime import datetime

from pydantic import Field

from core.auth.model import Permission
from signaling.api import ApiModel
from signaling.http import Request, Route
from signaling.routes.sms import access_message, closed
from sms.meanings import meaning
from sms.model import AttemptState, BoardFilter, RecipientState, SegmentState
from sms.numbers import masked
from sms.pdu.status_report import report_words
from sms.service import AttemptRow, SegmentRow


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
    """One try. `part`: of the recipient's text; `report_status`: TP-ST, TS 23.040 §9.2.3.15.

    `error_code` with its `meaning` in words, `report`: the status in words. `round`: counts from 0;
    a long text begun anew through another SIM is a new round.
    """

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
    round: int
    reference: int | None
    error_code: int | None
    meaning: str
    report: str


class SegmentItem(ApiModel):
    """One part of the text as it stands. `unknown_since`: while its outcome is not known."""

    part: int
    state: SegmentState
    cause: str
    copies: int
    not_before: datetime
    sent_at: datetime | None
    reported_at: datetime | None
    unknown_since: datetime | None


class AttemptList(ApiModel):
    """Tries oldest first, parts in order. `text`: what this recipient was sent, or will be."""

    text: str
    segments: tuple[SegmentItem, ...]
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
        segments = await request.app.sms.segments(uow, message_id, recipient_id)
        rows = await request.app.sms.attempts(uow, recipient_id)
    return AttemptList(
        text=closed(text),
        segments=tuple(_segment(row) for row in segments),
        items=tuple(_attempt(row, part) for row, part in rows),
    )


def _segment(row: SegmentRow) -> SegmentItem:
    is_unknown = row.state is SegmentState.UNKNOWN
    return SegmentItem(
        part=row.part, state=row.state, cause=row.cause or "", copies=row.copies,
        not_before=row.not_before, sent_at=row.sent_at, reported_at=row.reported_at,
        unknown_since=row.unknown_since if is_unknown else None,
    )  # fmt: skip


def _attempt(row: AttemptRow, part: int) -> AttemptItem:
    code, words = meaning(row.error or "")
    return AttemptItem(
        id=row.id, part=part, modem=row.modem, state=row.state,
        is_extra_copy=row.is_extra_copy, error=row.error, detail=row.detail,
        started_at=row.started_at, ended_at=row.ended_at, reported_at=row.reported_at,
        report_status=row.report_status, round=row.round, reference=row.reference,
        error_code=code, meaning=words,
        report=report_words(row.report_status) if row.report_status is not None else "",
    )  # fmt: skip


_MESSAGE = "/api/v1/sms/messages/{message_id}"
_READ = Permission.SMS_READ
ROUTES = [
    Route("GET", f"{_MESSAGE}/recipients", list_recipients, _READ, query=RecipientPage,
          response=RecipientList, summary="The delivery board of a message"),
    Route("GET", f"{_MESSAGE}/recipients/{{recipient_id}}/attempts", list_attempts, _READ,
          response=AttemptList, summary="Every try for one recipient"),
]  # fmt: skip
