"""Writing a message over REST: the draft as each recipient will read it, then sending it."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, Union

from pydantic import Field

from core.auth.model import Permission, reach
from core.database import UnitOfWork
from core.errors import InvalidInput, NotFound
from core.ids import GroupId, PersonId, UnitId
from signaling.api import ApiModel
from signaling.audiences import DirectoryPeople
from signaling.http import Request, Route
from signaling.routes.sms_sending import Accepted, Terms, require_class, send
from sms import audience as addressing
from sms import content, planning, segments
from sms.audience import Audience, Listed, Meant, Missing
from sms.estimate import cost_fen
from sms.meter import quiet_until
from sms.model import MessageClass, Recipient, ReplySpec, Submission
from sms.numbers import is_demo_number, is_number, masked, to_e164
from sms.planning import needs_approval

_AnyDraft = Union["Request[None, DraftQuery]", "Request[None, NewMessage]"]
MOST = 20_000
_SHOWN = 20
_AT_A_TIME = 200


class ListedIn(ApiModel):
    """A number with what stood beside it in a paste or a sheet."""

    number: str = Field(min_length=3, max_length=25)
    name: str = Field("", max_length=80)
    values: dict[str, str] = Field(default_factory=dict, max_length=20)


class Draft(ApiModel):
    """A text to people, groups, numbers. Variables in braces become each recipient's own values.

    `template_id` instead of a text. `values`: the same for everybody; `person_values`: by person
    id. 姓名/name, 单位/unit, 职务/title come from the directory unless given.
    """

    unit_id: str = Field(min_length=1, max_length=26)
    class_: MessageClass = Field(MessageClass.NOTICE, alias="class")
    text: str = Field("", max_length=2000)
    template_id: str | None = Field(None, max_length=26)
    values: dict[str, str] = Field(default_factory=dict, max_length=20)
    person_ids: tuple[str, ...] = Field((), max_length=MOST)
    person_values: dict[str, dict[str, str]] = Field(default_factory=dict, max_length=MOST)
    group_ids: tuple[str, ...] = Field((), max_length=100)
    numbers: tuple[str, ...] = Field((), max_length=MOST)
    listed: tuple[ListedIn, ...] = Field((), max_length=MOST)
    is_drill: bool = False


class DraftQuery(Draft):
    """`at`: which recipient to show beside the first and the one with the longest text."""

    at: int = Field(0, ge=0, le=MOST)


class NewMessage(Draft):
    """`key`: a second submission with it changes nothing.

    `choices`: what an answer means, e.g. {"1": "参加", "2": "请假"}; empty: no answer is expected.
    `confirmed_count`: typed by the sender when there are more than 100 recipients.
    `due_at`: not now but then, and `repeat`ed until `repeat_until`; people and groups are looked
    up anew at each run. `is_flash`: shown at once on the handset; alerts and commands only.
    """

    key: str = Field(min_length=8, max_length=100)
    choices: dict[str, str] = Field(default_factory=dict, max_length=9)
    confirmed_count: int | None = Field(None, ge=1)
    due_at: datetime | None = None
    repeat: Literal["daily", "workdays", "weekly", "monthly"] | None = None
    repeat_until: datetime | None = None
    is_flash: bool = False


class MessagePreview(ApiModel):
    """What a text costs. `forced_by`: the characters that need UCS-2."""

    alphabet: str
    segments: int
    units: int
    units_left: int
    forced_by: tuple[str, ...]
    wire_text: str


class PreviewQuery(ApiModel):
    """A text as it is being written."""

    text: str = Field(max_length=2000)
    is_drill: bool = False


class ShownRecipient(ApiModel):
    """What one recipient will read. `index`: among the recipients; the number is masked."""

    index: int
    name: str
    number: str
    text: str
    segments: int


class MissingValue(ApiModel):
    """A recipient for whom a variable has no value."""

    name: str
    number: str
    variable: str


class DraftOut(ApiModel):
    """A draft as it would go out; lists of names are cut at 20.

    `segments`: of all texts. `doubles`: recipients named twice, who get it once. `missing`: nobody
    gets anything before these have their values. `seconds`: until the last is out, None: no modem
    may send to them. `rests_until`: quiet hours hold it back now. `fen`: None without a price.
    """

    recipients: int
    segments: int
    doubles: int
    blocked: int
    out_of_reach: tuple[str, ...]
    without_mobile: tuple[str, ...]
    without_mobile_count: int
    missing: tuple[MissingValue, ...]
    missing_count: int
    first: ShownRecipient | None
    longest: ShownRecipient | None
    chosen: ShownRecipient | None
    seconds: float | None
    rests_until: datetime | None
    fen: int | None
    needs_approval: bool
    look_at: tuple[str, ...]


# -- before sending ----------------------------------------------------------------------------


async def preview(request: Request[None, PreviewQuery]) -> MessagePreview:
    """What a text will cost on the air."""
    draft = Submission(
        MessageClass.NOTICE, request.body.text, (), "preview", is_drill=request.body.is_drill
    )
    cost, wire_text = request.app.sms.preview(draft)
    return MessagePreview(
        alphabet=cost.alphabet.value, segments=cost.segments, units=cost.units,
        units_left=cost.units_left, forced_by=tuple(item.char for item in cost.forced_by),
        wire_text=wire_text,
    )  # fmt: skip


async def show_draft(request: Request[None, DraftQuery]) -> DraftOut:
    """Who gets a draft, what each will read, what it costs, what stands in the way."""
    body, app = request.body, request.app
    async with request.read() as uow:
        unit = await app.directory.unit(uow, UnitId(body.unit_id))
        request.require(Permission.SMS_SEND, unit.path)
        text = await _text(uow, request)
        meant = await DirectoryPeople(app.directory).meant(uow, _audience(request))
        numbers = [member.recipient.number for member in meant.members]
        blocked = await app.sms.blocked(uow, body.class_, numbers)
    recipients, missing = await _addressed(text, meant)
    measure = await _measured(request, text, recipients)
    needed = await _time(request, recipients, measure)
    return DraftOut(
        recipients=len(recipients), segments=sum(measure), doubles=meant.doubles,
        blocked=len(blocked), out_of_reach=meant.out_of_reach[:_SHOWN],
        without_mobile=meant.without_mobile[:_SHOWN],
        without_mobile_count=len(meant.without_mobile),
        missing=tuple(
            MissingValue(
                name=one.recipient.name, number=masked(one.recipient.number), variable=one.variable
            )
            for one in missing[:_SHOWN]
        ),
        missing_count=len(missing),
        first=_shown(request, text, recipients, measure, 0),
        longest=_shown(request, text, recipients, measure, _longest(measure)),
        chosen=_shown(request, text, recipients, measure, body.at),
        seconds=needed.total_seconds() if needed is not None else None,
        rests_until=quiet_until(app.clock.now(), *app.sms.quiet_hours(body.class_)),
        fen=cost_fen(sum(measure), app.settings.sms.price_fen),
        needs_approval=needs_approval(
            body.class_, len(recipients), app.settings.sms.approval_above
        ),
        look_at=planning.sensitive_words(text),
    )  # fmt: skip


async def _text(uow: UnitOfWork, request: _AnyDraft) -> str:
    """The draft's text, or its template's. Raises: NotFound; InvalidInput: both."""
    body = request.body
    if body.template_id is None:
        return body.text.strip()
    if body.text.strip():
        raise InvalidInput("either a text or a template", field="template_id")
    usable = await content.usable_templates(uow, reach(request.principal, Permission.SMS_SEND))
    found = next((row for row in usable if row.id == body.template_id), None)
    if found is None:
        raise NotFound("there is no such template", field="template_id")
    return found.text


def _audience(request: _AnyDraft) -> Audience:
    """Whom the draft means. Raises: InvalidInput: a number that is none."""
    body = request.body
    listed = [
        *(Listed(_number(typed, f"numbers.{i}")) for i, typed in enumerate(body.numbers)),
        *(
            Listed(_number(one.number, f"listed.{i}.number"), one.name.strip(), one.values)
            for i, one in enumerate(body.listed)
        ),
    ]
    return Audience(
        tuple(PersonId(key) for key in body.person_ids),
        tuple(GroupId(key) for key in body.group_ids),
        tuple(listed),
        body.values,
        body.person_values,
        reach(request.principal, Permission.SMS_SEND),
    )


def _number(typed: str, field: str) -> str:
    number = to_e164(typed)
    if not is_number(number):
        raise InvalidInput(f"not a phone number: {typed}", field=field)
    return number


async def _addressed(text: str, meant: Meant) -> tuple[list[Recipient], list[Missing]]:
    recipients: list[Recipient] = []
    missing: list[Missing] = []
    for index, one in enumerate(addressing.addressed(text, meant.members)):
        if isinstance(one, Missing):
            missing.append(one)
        else:
            recipients.append(one)
        if index % _AT_A_TIME == 0:
            await asyncio.sleep(0)  # the pages stay live while thousands are made
    return recipients, missing


async def _measured(request: _AnyDraft, text: str, recipients: Sequence[Recipient]) -> list[int]:
    """Segments for each recipient."""
    if not text:
        return [0] * len(recipients)
    costs: dict[str, int] = {}
    found: list[int] = []
    for index, one in enumerate(recipients):
        own = one.text or text
        if own not in costs:
            costs[own] = segments.preview(_wire(request, own)).segments
        found.append(costs[own])
        if index % _AT_A_TIME == 0:
            await asyncio.sleep(0)
    return found


async def _time(
    request: _AnyDraft, recipients: Sequence[Recipient], measure: Sequence[int]
) -> timedelta | None:
    """The longer of two: demo phones have modems of their own."""
    sms, by_kind = request.app.sms, {False: Counter[str](), True: Counter[str]()}
    async with request.read() as uow:
        carriers = await sms.carriers(uow, [one.number for one in recipients])
        for one, carrier, count in zip(recipients, carriers, measure, strict=True):
            by_kind[is_demo_number(one.number)][carrier] += count
        times = [
            await sms.time_to_send(uow, request.body.class_, wanted, is_demo=is_demo)
            for is_demo, wanted in by_kind.items()
            if wanted
        ]
    return None if not times or None in times else max(one for one in times if one is not None)


def _longest(measure: Sequence[int]) -> int:
    return max(range(len(measure)), key=lambda index: measure[index], default=0)


def _wire(request: _AnyDraft, text: str) -> str:
    draft = Submission(request.body.class_, text, (), "draft", is_drill=request.body.is_drill)
    return request.app.sms.full_text(draft)


def _shown(
    request: _AnyDraft,
    text: str,
    recipients: Sequence[Recipient],
    measure: Sequence[int],
    index: int,
) -> ShownRecipient | None:
    if index >= len(recipients):
        return None
    one = recipients[index]
    return ShownRecipient(
        index=index, name=one.name, number=masked(one.number),
        text=_wire(request, one.text or text), segments=measure[index],
    )  # fmt: skip


# -- sending -----------------------------------------------------------------------------------


async def submit(request: Request[None, NewMessage]) -> Accepted:
    """Store a message; it goes out at once, at its time, or when a second person agrees."""
    body, app = request.body, request.app
    async with request.write() as uow:
        unit = await app.directory.unit(uow, UnitId(body.unit_id))
        require_class(request, body.class_, unit.path)
        text, audience = await _text(uow, request), _audience(request)
        recipients = await _recipients(uow, request, text, audience)
        accepted = await send(
            uow, request,
            Submission(
                class_=body.class_, text=text, recipients=recipients,
                idempotency_key=f"user:{request.principal.user_id}:{body.key}",
                sender=request.principal.user_id, unit_path=unit.path,
                expects_reply=ReplySpec(body.choices) if body.choices else None,
                is_drill=body.is_drill, is_flash=body.is_flash,
            ),
            Terms(body.confirmed_count, body.due_at, body.repeat, body.repeat_until),
            audience,
        )  # fmt: skip
        target = f"message:{accepted.message_id}" if accepted.message_id else accepted.order_id
        await app.audit.append(
            uow, actor=request.principal.actor, action="sms.submit", target=target,
            detail={"class": body.class_.value, "recipients": len(recipients)},
        )  # fmt: skip
    return accepted


async def _recipients(
    uow: UnitOfWork, request: Request[None, NewMessage], text: str, audience: Audience
) -> tuple[Recipient, ...]:
    """Everybody with their own text. Raises: InvalidInput: out of reach, nobody, no value."""
    meant = await DirectoryPeople(request.app.directory).meant(uow, audience)
    if meant.out_of_reach:
        raise InvalidInput(f"out of your reach: {meant.out_of_reach[0]}", field="person_ids")
    if not meant.members:
        raise InvalidInput("nobody of these has a mobile number", field="person_ids")
    recipients, missing = await _addressed(text, meant)
    addressing.refuse_missing(missing)
    return tuple(recipients)


_SMS = "/api/v1/sms"
_SEND = Permission.SMS_SEND
ROUTES = [
    Route("POST", f"{_SMS}/preview", preview, permission=_SEND, body=PreviewQuery,
          response=MessagePreview, summary="What a text will cost on the air"),
    Route("POST", f"{_SMS}/draft", show_draft, permission=_SEND, body=DraftQuery,
          response=DraftOut, max_body_mib=8.0, deadline_s=60,
          summary="Who gets a draft, what each reads, what stands in the way"),
    Route("POST", f"{_SMS}/messages", submit, permission=_SEND, body=NewMessage,
          response=Accepted, status=201, max_body_mib=8.0, deadline_s=60, summary="Send a text"),
]  # fmt: skip
