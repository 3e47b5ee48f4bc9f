"""The demo's phones page: what each simulated handset received, and its answer.

Exists in demo mode only. A handset can only answer a number it has heard from; moving the clock,
injecting messages and faults go through the simulator's Unix socket alone, never through a route.
"""

from datetime import datetime

from pydantic import Field

from core.auth.model import Permission
from core.errors import InvalidInput, NotFound
from signaling.api import ApiModel
from signaling.http import Request, Route
from sms.numbers import is_demo_number


class PhoneText(ApiModel):
    """One text on a handset's screen; `is_mine`: written by its owner."""

    text: str
    at: datetime
    is_mine: bool


class Phone(ApiModel):
    """One handset that has received something."""

    number: str
    name: str
    title: str
    unit: str
    texts: tuple[PhoneText, ...]


class PhoneList(ApiModel):
    """Most recently used first."""

    items: tuple[Phone, ...]


class PhoneAnswer(ApiModel):
    """What the handset's owner writes."""

    text: str = Field(min_length=1, max_length=300)


async def list_phones(request: Request[None, None]) -> PhoneList:
    """Every handset that has received something, with its owner."""
    handsets = [
        handset
        for handset in await request.app.part("simulator").do("handsets")
        if handset["received"] and is_demo_number(handset["number"])
    ]
    directory = request.app.directory
    phones: list[Phone] = []
    async with request.read() as uow:
        owners = await directory.owners_of(uow, [handset["number"] for handset in handsets])
        units = await directory.units(uow, {person.unit_id for person in owners.values()})
    names = {unit.id: unit.name for unit in units}
    for handset in handsets:
        owner = owners.get(handset["number"])
        phones.append(
            Phone(
                number=handset["number"],
                name=owner.name if owner else "",
                title=owner.title if owner else "",
                unit=names.get(owner.unit_id, "") if owner else "",
                texts=tuple(_texts(handset)),
            )
        )
    phones.sort(key=lambda phone: phone.texts[-1].at, reverse=True)
    return PhoneList(items=tuple(phones))


def _texts(handset: dict[str, list[dict[str, str]]]) -> list[PhoneText]:
    received = [
        PhoneText(text=text["text"], at=datetime.fromisoformat(text["at"]), is_mine=False)
        for text in handset["received"]
    ]
    sent = [
        PhoneText(text=text["text"], at=datetime.fromisoformat(text["at"]), is_mine=True)
        for text in handset["sent"]
    ]
    return sorted((*received, *sent), key=lambda text: text.at)


async def answer(request: Request[None, PhoneAnswer]) -> None:
    """The handset answers whom it heard from last."""
    number = request.path["number"]
    if not is_demo_number(number):
        raise NotFound("no such demo phone")
    simulator = request.app.part("simulator")
    handset = await simulator.do("handset", number=number)
    if not handset["received"]:
        raise InvalidInput("this phone has received nothing it could answer", field="number")
    await simulator.do("reply", number=number, text=request.body.text)


ROUTES = [
    Route("GET", "/api/v1/demo/phones", list_phones, permission=Permission.DEMO,
          response=PhoneList, demo_only=True, summary="Demo: what handsets received"),
    Route("POST", "/api/v1/demo/phones/{number}/answers", answer, permission=Permission.DEMO,
          body=PhoneAnswer, demo_only=True, summary="Demo: a handset answers"),
]  # fmt: skip
