"""Conversations over REST: one thread a person or number, also for who never wrote."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import Field

from core.auth.model import Permission, reach
from core.database import UnitOfWork
from core.errors import InvalidInput, NotFound
from core.ids import PersonId, UnitId
from directory.model import Person
from signaling.api import ApiModel
from signaling.http import AnyRequest, Request, Route
from signaling.routes.sms import closed
from signaling.routes.sms_sending import Accepted, Terms, send
from sms import threads
from sms.model import MessageClass, Recipient, Submission
from sms.numbers import masked
from sms.threads import Thread


class ThreadPage(ApiModel):
    """`q`: people by name, pinyin, unit or number, also those without a text so far."""

    q: str = Field("", max_length=40)
    offset: int = Field(0, ge=0, le=10_000)
    limit: int = Field(50, ge=1, le=100)


class ThreadItem(ApiModel):
    """`key`: opens the conversation. `at`: of the newest text, None: none so far."""

    key: str
    name: str
    unit: str
    number: str
    text: str
    at: datetime | None
    is_ours: bool
    waiting: int


class ThreadList(ApiModel):
    """The one with the newest text first; people without any last."""

    items: tuple[ThreadItem, ...]


class ThreadLine(ApiModel):
    """One text of a conversation."""

    id: str
    is_ours: bool
    text: str
    at: datetime
    state: str
    message_id: str | None


class ThreadOut(ApiModel):
    """Oldest first; the number is masked. `can_answer`: there is a number to write to."""

    key: str
    name: str
    unit: str
    title: str
    number: str
    can_answer: bool
    items: tuple[ThreadLine, ...]


class ThreadReply(ApiModel):
    """A text to the other side."""

    key: str = Field(min_length=8, max_length=100)
    unit_id: str = Field(min_length=1, max_length=26)
    text: str = Field(min_length=1, max_length=500)


@dataclass(frozen=True)
class _Other:
    """The other side of a conversation. `number`: empty, if the person has no mobile."""

    number: str
    person: Person | None


async def list_threads(request: Request[ThreadPage, None]) -> ThreadList:
    """Conversations, the newest text first."""
    query, directory = request.query, request.app.directory
    async with request.read() as uow:
        people: list[Person] = []
        if query.q.strip():
            scopes = reach(request.principal, Permission.SMS_READ)
            people = await directory.search(uow, query.q, scopes, limit=query.limit)
        by_number = {one.mobile.number: one for one in people if one.mobile is not None}
        found = await threads.threads(
            uow, list(by_number) if query.q.strip() else None, offset=query.offset,
            limit=query.limit,
        )  # fmt: skip
        owners = by_number or await directory.owners_of(uow, [one.number for one in found])
    items = [_item(one, owners.get(one.number)) for one in found]
    begun = {one.number for one in found}
    if query.offset == 0:
        items += [_unbegun(one) for number, one in by_number.items() if number not in begun]
    return ThreadList(items=tuple(items))


def _item(thread: Thread, owner: Person | None) -> ThreadItem:
    last = thread.last
    key = f"p-{owner.id}" if owner else f"{'r' if last.is_ours else 'i'}-{last.id}"
    return ThreadItem(
        key=key, name=owner.name if owner else "", unit=owner.unit_name if owner else "",
        number=masked(thread.number), text=closed(last.text), at=last.at, is_ours=last.is_ours,
        waiting=thread.waiting,
    )  # fmt: skip


def _unbegun(person: Person) -> ThreadItem:
    return ThreadItem(
        key=f"p-{person.id}", name=person.name, unit=person.unit_name,
        number=masked(person.mobile.number if person.mobile else ""), text="", at=None,
        is_ours=False, waiting=0,
    )  # fmt: skip


async def show_thread(request: Request[None, None]) -> ThreadOut:
    """Everything exchanged with one person or number."""
    async with request.read() as uow:
        other = await _other(uow, request)
        found = await threads.lines(uow, other.number) if other.number else []
    person = other.person
    return ThreadOut(
        key=request.path["thread_key"], name=person.name if person else "",
        unit=person.unit_name if person else "", title=person.title if person else "",
        number=masked(other.number), can_answer=bool(other.number),
        items=tuple(
            ThreadLine(
                id=line.id, is_ours=line.is_ours, text=closed(line.text), at=line.at,
                state=line.state, message_id=line.message_id,
            )
            for line in found
        ),
    )  # fmt: skip


async def reply(request: Request[None, ThreadReply]) -> Accepted:
    """Write to the other side; what they wrote last counts as dealt with.

    Through the SIM they wrote to. Who never wrote gets an ordinary notice, for which a stop word
    and the quiet hours count.
    """
    body, sms = request.body, request.app.sms
    async with request.write() as uow:
        unit = await request.app.directory.unit(uow, UnitId(body.unit_id))
        request.require(Permission.SMS_SEND, unit.path)
        other = await _other(uow, request)
        if not other.number:
            raise InvalidInput("this person has no mobile number", field="thread_key")
        user_id, person = request.principal.user_id, other.person
        last = await threads.last_inbound(uow, other.number)
        if last is not None:
            accepted = Accepted(
                message_id=await sms.reply(
                    uow, last.id, body.text, sender=user_id, unit_path=unit.path,
                    key=f"{user_id}:{body.key}",
                )
            )  # fmt: skip
        else:
            to = Recipient(
                other.number, person.name if person else "", person.id if person else None
            )
            submission = Submission(
                MessageClass.NOTICE, body.text, (to,), f"thread:{user_id}:{body.key}",
                sender=user_id, unit_path=unit.path,
            )  # fmt: skip
            accepted = await send(uow, request, submission, Terms())
        await request.app.audit.append(
            uow, actor=request.principal.actor, action="sms.write",
            target=f"conversation:{request.path['thread_key']}",
            detail={"message_id": accepted.message_id},
        )  # fmt: skip
    return accepted


async def _other(uow: UnitOfWork, request: AnyRequest) -> _Other:
    """Who a key means: `p-` a person, `i-` a text received, `r-` a recipient. Raises: NotFound."""
    kind, _, key = request.path["thread_key"].partition("-")
    if kind == "p":
        person = await request.app.directory.person(uow, PersonId(key))
        return _Other(person.mobile.number if person.mobile else "", person)
    if kind not in ("i", "r"):
        raise NotFound("there is no such conversation")
    number = await threads.number_of(uow, key, is_ours=kind == "r")
    owners = await request.app.directory.owners_of(uow, [number])
    return _Other(number, owners.get(number))


_TALK = "/api/v1/sms/conversations"
_READ, _SEND = Permission.SMS_READ, Permission.SMS_SEND
ROUTES = [
    Route("GET", _TALK, list_threads, _READ, query=ThreadPage, response=ThreadList,
          is_county_wide=True, summary="Conversations, the newest text first"),
    Route("GET", f"{_TALK}/{{thread_key}}", show_thread, _READ, response=ThreadOut,
          is_county_wide=True, summary="Everything exchanged with one person or number"),
    Route("POST", f"{_TALK}/{{thread_key}}/reply", reply, _SEND, body=ThreadReply,
          response=Accepted, status=201, is_county_wide=True, rate="60/minute",
          summary="Write to the other side of a conversation"),
]  # fmt: skip
