"""Submissions that do not go out at once: for a second person to approve, or for their time.

An order keeps the whole submission. What it makes is keyed by order and run, so a timer that fires
twice makes one message.
"""

from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from core import changes, timers
from core.database import UnitOfWork
from core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from core.ids import new_id
from sms.model import OrderState, Submission
from sms.outbox import Outbox
from sms.planning import next_due
from sms.store import content as store
from sms.store.book import OrderRow

ORDER_TIMER = "sms.order"
_SUBMISSION = TypeAdapter(Submission)
_OPEN = (OrderState.WAITING, OrderState.SCHEDULED)


class Orders:
    """Keeps, decides and carries out orders."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    async def place(
        self,
        uow: UnitOfWork,
        submission: Submission,
        *,
        due_at: datetime | None = None,
        repeat: str | None = None,
        repeat_until: datetime | None = None,
        needs_approval: bool = False,
    ) -> OrderRow:
        """Keep a submission until it is approved and due. Raises: InvalidInput."""
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
            submission=_SUBMISSION.dump_python(submission, mode="json"),
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
            row.due_at = uow.now
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
        row.runs += 1
        made: dict[str, Any] = {
            **row.submission, "idempotency_key": f"order:{row.id}:{row.runs}", "expires_at": None,
        }  # fmt: skip
        row.message_id = await self._outbox.accept(uow, _SUBMISSION.validate_python(made))
        row.state = OrderState.DONE
        if row.repeat is None or row.due_at is None:
            return
        due_at = next_due(row.due_at, row.repeat, uow.now)
        if row.repeat_until is None or due_at <= row.repeat_until:
            row.state, row.due_at = OrderState.SCHEDULED, due_at
            await self._schedule(uow, row)

    async def _schedule(self, uow: UnitOfWork, row: OrderRow) -> None:
        if row.state is OrderState.SCHEDULED and row.due_at is not None:
            await timers.schedule(uow, ORDER_TIMER, row.id, row.due_at, is_duration=False)


async def _show(uow: UnitOfWork, row: OrderRow) -> None:
    data = {"order_id": row.id, "state": row.state.value, "message_id": row.message_id}
    await changes.publish(uow, "sms", "order.changed", data)
