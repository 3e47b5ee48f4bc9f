"""What an operator does with a modem: trace, test message, balance, raw state."""

from datetime import datetime

from pydantic import Field

from core.auth.model import Permission
from core.errors import InvalidInput
from core.ids import new_id
from signaling.api import ApiModel, Empty
from signaling.http import Request, Route
from signaling.routes.sms_sending import Accepted
from sms.model import MessageClass, Recipient, Submission
from sms.numbers import is_demo_number, is_number, to_e164


class TraceLineOut(ApiModel):
    """One line on the wire; message bodies and secrets are hidden."""

    at: datetime
    sent: bool
    text: str


class Trace(ApiModel):
    """Oldest first."""

    items: tuple[TraceLineOut, ...]


class TestMessage(ApiModel):
    """To whom a test text goes."""

    __test__ = False  # pytest: this is no test

    number: str = Field(min_length=3, max_length=25)


class Balance(ApiModel):
    """What the network answered, as it wrote it."""

    text: str


class ModemDetail(ApiModel):
    """Counters and quota of a modem's SIM. `quota_share`: of the fuller quota; warn from 0.8."""

    name: str
    state: str
    reason: str
    sent_today: int
    sent_this_month: int
    per_day: int
    per_month: int
    quota_share: float
    balance: str
    balance_yuan: float | None
    balance_at: datetime | None
    is_balance_low: bool


async def trace(request: Request[None, None]) -> Trace:
    """The last lines on the wire, for support."""
    lines = request.app.sms.trace(request.path["name"])
    return Trace(
        items=tuple(TraceLineOut(at=line.at, sent=line.sent, text=line.text) for line in lines)
    )


async def test_message(request: Request[None, TestMessage]) -> Accepted:
    """A short text through this modem."""
    name, number = request.path["name"], to_e164(request.body.number)
    view = request.app.sms.modem(name)
    if not is_number(number):
        raise InvalidInput("not a phone number", field="number")
    if view.is_simulated is not is_demo_number(number):
        raise InvalidInput("a simulated modem reaches demo phones only", field="number")
    async with request.write() as uow:
        message_id = await request.app.sms.submit(
            uow,
            Submission(
                MessageClass.REPLY, f"测试短信：{name}", (Recipient(number),),
                f"test:{new_id()}", sender=request.principal.user_id, via_modem=name,
            ),
        )  # fmt: skip
        await request.app.audit.append(
            uow, actor=request.principal.actor, action="sms.test", target=f"modem:{name}",
            detail={"message_id": message_id},
        )  # fmt: skip
    return Accepted(message_id=message_id)


async def ask_balance(request: Request[None, Empty]) -> Balance:
    """Ask the network now what is left on the SIM."""
    name = request.path["name"]
    request.app.sms.modem(name)
    async with request.write() as uow:
        await request.app.audit.append(
            uow, actor=request.principal.actor, action="sms.ask_balance", target=f"modem:{name}"
        )
    return Balance(text=await request.app.sms.ask_balance(name))


async def detail(request: Request[None, None]) -> ModemDetail:
    """Counters and quota."""
    view = request.app.sms.modem(request.path["name"])
    return ModemDetail(
        name=view.name, state=view.state.value, reason=view.reason, sent_today=view.sent_today,
        sent_this_month=view.sent_this_month, per_day=view.per_day, per_month=view.per_month,
        quota_share=view.quota_share, balance=view.balance,
        balance_yuan=view.balance_fen / 100 if view.balance_fen is not None else None,
        balance_at=view.balance_at, is_balance_low=view.is_balance_low,
    )  # fmt: skip


_MODEM = "/api/v1/sms/modems/{name}"
_MANAGE = Permission.MODEM_MANAGE
ROUTES = [
    Route("GET", _MODEM, detail, Permission.SMS_READ, response=ModemDetail, is_county_wide=True,
          summary="Counters and quota of a modem"),
    Route("GET", f"{_MODEM}/trace", trace, _MANAGE, response=Trace, is_county_wide=True,
          summary="The last lines on the wire, secrets hidden"),
    Route("POST", f"{_MODEM}/test", test_message, _MANAGE, body=TestMessage, response=Accepted,
          status=201, rate="10/minute", is_county_wide=True,
          summary="Send a test text through this modem"),
    Route("POST", f"{_MODEM}/balance", ask_balance, _MANAGE, body=Empty, response=Balance,
          deadline_s=60, rate="10/minute", is_county_wide=True,
          summary="Ask the network for the balance"),
]  # fmt: skip
