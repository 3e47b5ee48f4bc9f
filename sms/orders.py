"""Submissions that do not go out at once: for a second person to approve, or for their time.

An order keeps the whole submission, and whom it means as people and groups: they are looked up at
each run, so who joined a group since gets it and who left does not. What a run makes is keyed by
order and run, so a timer that fires twice makes one message.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from core import changes, timers
from core.database import UnitOfWork
from core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from core.ids import new_id
from sms import planning
from sms.audience import Audience, Meant, Missing, addressed
from sms.model import MessageClass, OrderState, Recipient, Submission
from sms.outbox import Outbox
from sms.planning import next_due
from sms.ports import People
from sms.store import content as store
from sms.store.book import OrderRow

ORDER_TIMER = "sms.order"
_SUBMISSION = TypeAdapter(Submission)
_RECIPIENT = TypeAdapter(Recipient)
_AUDIENCE = TypeAdapter(Audience)
_OPEN = (OrderState.WAITING, OrderState.SCHEDULED)


class Orders:
    """Keeps, decides and carries out orders.

    `approval_above`: a run to more than so many needs an approval even if the order did not.
    """

    def __init__(
        self, outbox: Outbox, approval_above: int = 500, people: People | None = None
    ) -> None:
        self._outbox = outbox
        self._approval_above = approval_above
        self._people = people

    async def place(
        self,
        uow: UnitOfWork,
        submission: Submission,
        *,
        due_at: datetime | None = None,
        repeat: str | None = None,
        repeat_until: datetime | None = None,
        needs_approval: bool = False,
        audience: Audience | None = None,
    ) -> OrderRow:
        """Keep a submission until it is approved and due.

        `audience`: whom it means, looked up again at each run; None: its recipients for ever.
        Raises: InvalidInput.
        """
        known = await store.order_by_key(uow, submission.idempotency_key)
        if known is not None:
            return known
        if repeat is not None:
            if due_at is None:
                raise InvalidInput("a repetition needs a first time", field="due_at")
            next_due(due_at, repeat, due_at)
        if due_at is not None and due_at <= uow.now:
            raise InvalidInput("this time is over", field="due_at")
        self._outbox.check(submission)
        state = OrderState.WAITING if needs_approval else OrderState.SCHEDULED
        row = OrderRow(
            id=new_id(), idempotency_key=submission.idempotency_key, state=state,
            submission=_kept(submission, audience), audience=_kept_audience(audience),
            recipient_count=len(submission.recipients), unit_path=submission.unit_path,
            sender=submission.sender, created_at=uow.now,
            due_at=due_at or (None if needs_approval else uow.now), repeat=repeat,
            repeat_until=repeat_until, runs=0, reason="",
        )  # fmt: skip
        uow.session.add(row)
        await uow.session.flush()
        await self._schedule(uow, row)
        await _show(uow, row)
        return row

    async def approve(self, uow: UnitOfWork, order_id: str, user_id: str) -> OrderRow:
        """A second person agrees; what is due goes out now.

        Raises: NotFound, Conflict: not waiting; NotAllowed: one's own order.
        """
        row = await self._waiting(uow, order_id, user_id)
        row.decided_by, row.decided_at = user_id, uow.now
        if row.due_at is not None and row.due_at > uow.now:
            row.state = OrderState.SCHEDULED
            await self._schedule(uow, row)
        else:
            row.due_at = row.due_at or uow.now
            await self._carry_out(uow, row)
        await _show(uow, row)
        return row

    async def refuse(self, uow: UnitOfWork, order_id: str, user_id: str, reason: str) -> OrderRow:
        """It shall not go out. Raises as `approve` does."""
        row = await self._waiting(uow, order_id, user_id)
        row.state, row.reason = OrderState.REFUSED, reason[:200]
        row.decided_by, row.decided_at = user_id, uow.now
        await _show(uow, row)
        return row

    async def cancel(self, uow: UnitOfWork, order_id: str, user_id: str) -> OrderRow:
        """Take an order back, or end its repetition. Raises: NotFound, Conflict: it is over."""
        row = await self.order(uow, order_id)
        if row.state not in _OPEN:
            raise Conflict("this order is over")
        row.state, row.decided_by, row.decided_at = OrderState.CANCELLED, user_id, uow.now
        await timers.cancel(uow, ORDER_TIMER, row.id)
        await _show(uow, row)
        return row

    async def order(self, uow: UnitOfWork, order_id: str) -> OrderRow:
        """One order. Raises: NotFound."""
        row = await store.order(uow, order_id)
        if row is None:
            raise NotFound("there is no such order")
        return row

    async def on_timer(self, uow: UnitOfWork, timer: timers.Timer) -> None:
        """Its time has come."""
        row = await store.order(uow, timer.key)
        if row is None or row.state is not OrderState.SCHEDULED:
            return
        await self._carry_out(uow, row)
        await _show(uow, row)

    async def _waiting(self, uow: UnitOfWork, order_id: str, user_id: str) -> OrderRow:
        row = await self.order(uow, order_id)
        if row.state is not OrderState.WAITING:
            raise Conflict("this order does not wait for an approval")
        if row.sender == user_id:
            raise NotAllowed("somebody else has to decide about it")
        return row

    async def _carry_out(self, uow: UnitOfWork, row: OrderRow) -> None:
        recipients, row.reason = await self._recipients(uow, row)
        row.recipient_count = len(recipients)
        class_ = MessageClass(row.submission["class_"])
        grown = planning.needs_approval(class_, len(recipients), self._approval_above)
        if row.decided_by is None and grown:
            row.state = OrderState.WAITING  # a group has grown; somebody has to agree first
            return
        row.runs += 1
        if recipients:
            made: dict[str, Any] = {
                **row.submission, "recipients": recipients, "expires_at": None,
                "idempotency_key": f"order:{row.id}:{row.runs}",
            }  # fmt: skip
            row.message_id = await self._outbox.accept(uow, _SUBMISSION.validate_python(made))
        row.state = OrderState.DONE
        if row.repeat is None or row.due_at is None:
            return
        due_at = next_due(row.due_at, row.repeat, uow.now)
        if row.repeat_until is None or due_at <= row.repeat_until:
            row.state, row.due_at = OrderState.SCHEDULED, due_at
            await self._schedule(uow, row)

    async def _recipients(self, uow: UnitOfWork, row: OrderRow) -> tuple[list[Recipient], str]:
        """Who is meant now, and whom the run leaves out."""
        if row.audience is None or self._people is None:
            return [_RECIPIENT.validate_python(one) for one in row.submission["recipients"]], ""
        meant = await self._people.meant(uow, _AUDIENCE.validate_python(row.audience))
        reached: list[Recipient] = []
        missing: list[Missing] = []
        for index, one in enumerate(addressed(str(row.submission["text"]), meant.members)):
            if isinstance(one, Missing):
                missing.append(one)
            else:
                reached.append(one)
            if index % 200 == 0:
                await asyncio.sleep(0)
        return reached, left_out(meant, missing, any_reached=bool(reached))

    async def _schedule(self, uow: UnitOfWork, row: OrderRow) -> None:
        if row.state is OrderState.SCHEDULED and row.due_at is not None:
            await timers.schedule(uow, ORDER_TIMER, row.id, row.due_at, is_duration=False)


def left_out(meant: Meant, missing: Sequence[Missing], *, any_reached: bool) -> str:
    """Whom a run did not go to and why, in words; empty: it went to everybody."""
    parts = [
        f"{why}：{'、'.join(names[:5])}{'…' if len(names) > 5 else ''}"
        for why, names in (
            ("无手机号", meant.without_mobile),
            ("不在管辖范围", meant.out_of_reach),
            ("缺少变量", [f"{one.recipient.name}{{{one.variable}}}" for one in missing]),
        )
        if names
    ]
    return "；".join([*([] if any_reached else ["本次无人可发"]), *parts])[:200]


def _kept(submission: Submission, audience: Audience | None) -> dict[str, Any]:
    kept = replace(submission, recipients=()) if audience is not None else submission
    found: dict[str, Any] = _SUBMISSION.dump_python(kept, mode="json")
    return found


def _kept_audience(audience: Audience | None) -> dict[str, Any] | None:
    if audience is None:
        return None
    found: dict[str, Any] = _AUDIENCE.dump_python(audience, mode="json")
    return found


async def _show(uow: UnitOfWork, row: OrderRow) -> None:
    data = {"order_id": row.id, "state": row.state.value, "message_id": row.message_id}
    await changes.publish(uow, "sms", "order.changed", data)
