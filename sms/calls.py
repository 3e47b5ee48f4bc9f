"""Ring-outs: a modem dials a number to wake somebody; the ring is the message.

A lane of their own between replies and notices: a modem rings when no alert, command or reply is
due on it, and while others can send at most half of them ring. A call cut off by a crash ends as
failed; whether to ring again is the caller's business (it may have rung). A ring that an alert
ended early (`sms.ringing`) waits again, first in its lane, and is not ended early a second time.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from core import changes, events
from core.database import UnitOfWork
from core.errors import InvalidInput
from core.ids import new_id
from sms.driver import CallResult
from sms.model import CallEnded, CallState, PendingCall
from sms.numbers import is_demo_number, is_number
from sms.store import calls as store
from sms.store.book import CallRow

CALLS = "sms.calls"
"""Signal: somebody is to be rung."""
LATE = "not rung in time"
WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class CallOrder:
    """Ring `number` (E.164) for at most `ring_s`; given up after `expires_minutes`."""

    number: str
    idempotency_key: str
    name: str = ""
    unit_path: str = ""
    ring_s: int = 30
    expires_minutes: int = 30
    context: dict[str, Any] = field(default_factory=dict)


async def order(uow: UnitOfWork, wanted: CallOrder) -> str:
    """Queue a ring-out. The same key gives the same call. Raises: InvalidInput."""
    known = await store.call_by_key(uow, wanted.idempotency_key)
    if known is not None:
        return known.id
    if not is_number(wanted.number):
        raise InvalidInput("not a phone number", field="number")
    if not 5 <= wanted.ring_s <= 120:
        raise InvalidInput("5 to 120 seconds", field="ring_s")
    row = CallRow(
        id=new_id(), idempotency_key=wanted.idempotency_key, number=wanted.number,
        name=wanted.name, is_demo=is_demo_number(wanted.number), unit_path=wanted.unit_path,
        context=wanted.context, ring_s=wanted.ring_s, state=CallState.QUEUED, created_at=uow.now,
        expires_at=uow.now + timedelta(minutes=wanted.expires_minutes),
    )  # fmt: skip
    uow.session.add(row)
    uow.signal(CALLS)
    return row.id


async def waiting(uow: UnitOfWork) -> set[bool]:
    """Whether demo phones (True) and real ones (False) wait to be rung."""
    return set(await store.waiting(uow))


async def claim(uow: UnitOfWork, modem: str, *, is_simulated: bool) -> PendingCall | None:
    """The next call, now ringing through `modem`."""
    row = await store.next_waiting(uow, is_simulated=is_simulated)
    if row is None:
        return None
    row.state, row.modem, row.started_at = CallState.RINGING, modem, uow.now
    await _show(uow, row)
    return PendingCall(row.id, row.number, row.ring_s, gives_way=row.interruptions == 0)


async def put_back(uow: UnitOfWork, call_id: str) -> None:
    """A ring was ended early, nobody was woken: it waits again, in full."""
    row = await store.call(uow, call_id)
    if row is None or row.state is not CallState.RINGING:
        return
    row.state, row.modem, row.started_at = CallState.QUEUED, None, None
    row.interruptions += 1
    uow.signal(CALLS)
    await _show(uow, row)


async def end(uow: UnitOfWork, call_id: str, result: str) -> None:
    """Store how a call ended and tell who ordered it."""
    row = await store.call(uow, call_id)
    if row is None or row.state is CallState.DONE:
        return
    row.state, row.result, row.ended_at = CallState.DONE, result, uow.now
    fact = CallEnded(row.id, row.number, row.result, row.context, at=uow.now)
    await events.record(uow, fact, key=f"call:{row.id}")
    await _show(uow, row)


async def withdraw(uow: UnitOfWork, key: str) -> None:
    """Take back the call ordered with this key, if it only waits."""
    row = await store.call_by_key(uow, key)
    if row is not None and row.state is CallState.QUEUED:
        await end(uow, row.id, WITHDRAWN)


async def end_cut_off(uow: UnitOfWork, modem: str) -> None:
    """After a start: what this modem was ringing when the process ended."""
    for row in await store.over(uow, modem):
        await end(uow, row.id, CallResult.FAILED)


async def end_late(uow: UnitOfWork) -> None:
    """Give up calls that no modem could make in time."""
    for row in await store.over(uow):
        await end(uow, row.id, LATE[:20])


async def _show(uow: UnitOfWork, row: CallRow) -> None:
    data = {
        "call_id": row.id, "state": row.state.value, "result": row.result,
        "interruptions": row.interruptions,
    }  # fmt: skip
    await changes.publish(uow, "sms", "call.changed", data)
