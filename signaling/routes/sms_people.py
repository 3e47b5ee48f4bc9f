"""Answers from the inbox, numbers that may not be written to, ring-outs."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from core.auth.model import Permission
from core.errors import InvalidInput
from core.ids import PersonId, UnitId
from directory.service import Register
from signaling.api import ApiModel
from signaling.http import Request, Route
from signaling.routes.sms_sending import Accepted
from sms.carrier import Carrier
from sms.numbers import is_number, masked, to_e164
from sms.service import CallOrder, CallRow


class AnswerIn(ApiModel):
    """A person's answer to a received text."""

    key: str = Field(min_length=8, max_length=100)
    unit_id: str = Field(min_length=1, max_length=26)
    text: str = Field(min_length=1, max_length=500)


class NumberIn(ApiModel):
    """`carrier`: whose network it is in since it was ported, empty: by its prefix."""

    number: str = Field(min_length=3, max_length=25)
    is_blocked: bool
    note: str = Field("", max_length=200)
    carrier: Literal["", "mobile", "unicom", "telecom", "broadnet"] = ""


class NumberOut(ApiModel):
    """What is known about a number; it is masked."""

    number: str
    blocked_by: str | None
    blocked_at: datetime | None
    carrier: str | None
    note: str


class NumberPage(ApiModel):
    """`offset`: how many to leave out; a number would show what the list masks."""

    offset: int = Field(0, ge=0)
    limit: int = Field(200, ge=1, le=500)


class NumberList(ApiModel):
    """In order of the numbers."""

    items: tuple[NumberOut, ...]


class CallIn(ApiModel):
    """Ring a person, or a number."""

    key: str = Field(min_length=8, max_length=100)
    unit_id: str = Field(min_length=1, max_length=26)
    person_id: str | None = None
    number: str | None = Field(None, max_length=25)
    ring_s: int = Field(30, ge=5, le=120)


class CallOut(ApiModel):
    """`result`: answered, busy, no_answer, rejected, failed; None while it waits or rings.

    `interruptions`: rings an alert ended early; it then waits again.
    """

    id: str
    name: str
    number: str
    state: str
    result: str | None
    modem: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    interruptions: int


class CallPage(ApiModel):
    """`before`: the id the page before ended with."""

    before: str | None = Field(None, max_length=26)
    limit: int = Field(50, ge=1, le=200)


class CallList(ApiModel):
    """Newest first."""

    items: tuple[CallOut, ...]


async def answer(request: Request[None, AnswerIn]) -> Accepted:
    """Answer a received text through the SIM it came to; it counts as dealt with."""
    body, inbound_id = request.body, request.path["inbound_id"]
    async with request.write() as uow:
        unit = await request.app.directory.unit(uow, UnitId(body.unit_id))
        request.require(Permission.SMS_SEND, unit.path)
        message_id = await request.app.sms.reply(
            uow, inbound_id, body.text, sender=request.principal.user_id, unit_path=unit.path,
            key=f"{request.principal.user_id}:{body.key}",
        )  # fmt: skip
        await request.app.audit.append(
            uow, actor=request.principal.actor, action="sms.answer",
            target=f"inbound:{inbound_id}", detail={"message_id": message_id},
        )  # fmt: skip
    return Accepted(message_id=message_id)


async def list_numbers(request: Request[NumberPage, None]) -> NumberList:
    """Blocked and ported numbers."""
    query = request.query
    async with request.read() as uow:
        rows = await request.app.sms.numbers(uow, offset=query.offset, limit=query.limit)
    items = tuple(
        NumberOut(
            number=masked(row.number), blocked_by=row.blocked_by, blocked_at=row.blocked_at,
            carrier=row.carrier, note=row.note,
        )
        for row in rows
    )  # fmt: skip
    return NumberList(items=items)


async def set_number(request: Request[None, NumberIn]) -> None:
    """Block a number for notices or free it; say whose network it is in."""
    body = request.body
    number = to_e164(body.number)
    if not is_number(number):
        raise InvalidInput("not a phone number", field="number")
    user_id = request.principal.user_id
    async with request.write() as uow:
        await request.app.sms.set_number(
            uow, number, by=user_id, is_blocked=body.is_blocked, note=body.note,
            carrier=Carrier(body.carrier) if body.carrier else None,
        )  # fmt: skip
        await request.app.audit.append(
            uow, actor=request.principal.actor, action="sms.number", target="number",
            detail={
                "number": masked(number), "is_blocked": body.is_blocked, "carrier": body.carrier,
            }, reason=body.note or None,
        )  # fmt: skip


async def ring(request: Request[None, CallIn]) -> CallOut:
    """Ring somebody awake through the modems."""
    body = request.body
    async with request.write() as uow:
        unit = await request.app.directory.unit(uow, UnitId(body.unit_id))
        request.require(Permission.SMS_SEND, unit.path)
        number, name = to_e164(body.number or ""), ""
        if body.person_id is not None:
            register: Register = request.app.part("register")
            person = await register.access_person(uow, request.principal, PersonId(body.person_id))
            mobiles = [phone.number for phone in person.phones if phone.kind.value == "mobile"]
            if not mobiles:
                raise InvalidInput("this person has no mobile number", field="person_id")
            number, name = mobiles[0], person.name
        call_id = await request.app.sms.ring(
            uow,
            CallOrder(
                number, f"user:{request.principal.user_id}:{body.key}", name, unit.path,
                body.ring_s,
            ),
        )  # fmt: skip
        await request.app.audit.append(
            uow, actor=request.principal.actor, action="sms.ring", target=f"call:{call_id}",
        )  # fmt: skip
        row = await request.app.sms.call(uow, call_id)
    return _call(row)


async def list_calls(request: Request[CallPage, None]) -> CallList:
    """Ring-outs and what came of them."""
    async with request.read() as uow:
        rows = await request.app.sms.calls(
            uow, before=request.query.before, limit=request.query.limit
        )
    return CallList(items=tuple(_call(row) for row in rows))


def _call(row: CallRow) -> CallOut:
    return CallOut(
        id=row.id, name=row.name, number=masked(row.number), state=row.state.value,
        result=row.result, modem=row.modem, created_at=row.created_at, started_at=row.started_at,
        ended_at=row.ended_at, interruptions=row.interruptions,
    )  # fmt: skip


_SMS = "/api/v1/sms"
_SEND, _READ = Permission.SMS_SEND, Permission.SMS_READ
ROUTES = [
    Route("POST", f"{_SMS}/inbox/{{inbound_id}}/answer", answer, _SEND, body=AnswerIn,
          response=Accepted, status=201, is_county_wide=True, summary="Answer a received text"),
    Route("GET", f"{_SMS}/numbers", list_numbers, _SEND, query=NumberPage, response=NumberList,
          is_county_wide=True, summary="Blocked and ported numbers"),
    Route("PUT", f"{_SMS}/numbers", set_number, _SEND, body=NumberIn,
          is_county_wide=True, summary="Block or free a number, say whose network it is in"),
    Route("POST", f"{_SMS}/calls", ring, _SEND, body=CallIn, response=CallOut, status=201,
          rate="60/minute", summary="Ring somebody awake"),
    Route("GET", f"{_SMS}/calls", list_calls, _READ, query=CallPage, response=CallList,
          is_county_wide=True, summary="Ring-outs, newest first"),
]  # fmt: skip
