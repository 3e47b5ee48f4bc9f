"""Messages that wait for a second person or for their time, and second sendings."""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.clock import MovableClock
from core.database import Database
from core.errors import Conflict, InvalidInput, NotAllowed
from core.timers import TimerRunner
from sms.model import MessageClass, OrderState, Recipient, RecipientState, Submission
from sms.numbers import demo_number
from sms.service import SmsPlatform
from sms.settings import SmsSettings
from sms.store import outbox as outbox_store

NOTICE = Submission(
    MessageClass.NOTICE, "今晚八点开会", (Recipient(demo_number(1), "张三"),), "k1",
    sender="user-1", unit_path="county/",
)  # fmt: skip


@pytest.fixture
def clock(database: Database) -> MovableClock:
    database.clock = MovableClock()
    return database.clock


@pytest.fixture
def platform(database: Database, clock: MovableClock) -> SmsPlatform:
    return SmsPlatform(SmsSettings(signature=""), database)


@pytest.fixture
def timers(platform: SmsPlatform, database: Database, clock: MovableClock) -> TimerRunner:
    runner = TimerRunner(database, clock)
    platform.register(runner)
    return runner


async def _messages(platform: SmsPlatform, database: Database) -> int:
    async with database.read() as uow:
        return len(await platform.messages(uow, ("",)))


async def test_an_order_goes_out_only_when_somebody_else_agrees(
    platform: SmsPlatform, database: Database
) -> None:
    async with database.write() as uow:
        order = await platform.orders.place(uow, NOTICE, needs_approval=True)
        assert (await platform.orders.place(uow, NOTICE, needs_approval=True)).id == order.id
    assert await _messages(platform, database) == 0
    async with database.write() as uow:
        with pytest.raises(NotAllowed):
            await platform.orders.approve(uow, order.id, "user-1")
        done = await platform.orders.approve(uow, order.id, "user-2")
    assert (done.state, done.decided_by) == (OrderState.DONE, "user-2")
    assert await _messages(platform, database) == 1
    async with database.write() as uow:
        with pytest.raises(Conflict):
            await platform.orders.refuse(uow, order.id, "user-2", "晚了")


async def test_a_refused_or_withdrawn_order_never_goes_out(
    platform: SmsPlatform, database: Database, timers: TimerRunner, clock: MovableClock
) -> None:
    due_at = clock.now() + timedelta(hours=1)
    async with database.write() as uow:
        first = await platform.orders.place(uow, NOTICE, due_at=due_at, needs_approval=True)
        await platform.orders.refuse(uow, first.id, "user-2", "错字")
        other = replace(NOTICE, idempotency_key="k2")
        second = await platform.orders.place(uow, other, due_at=due_at)
        await platform.orders.cancel(uow, second.id, "user-1")
    clock.advance(7200)
    await timers.fire_due()
    assert await _messages(platform, database) == 0


async def test_a_repetition_goes_out_each_day_until_it_ends(
    platform: SmsPlatform, database: Database, timers: TimerRunner, clock: MovableClock
) -> None:
    due_at = clock.now() + timedelta(hours=1)
    async with database.write() as uow:
        order = await platform.orders.place(
            uow, NOTICE, due_at=due_at, repeat="daily", repeat_until=due_at + timedelta(days=1)
        )
    sent = []
    for hours in (0.5, 1, 24, 24):
        clock.advance(hours * 3600)
        await timers.fire_due()
        sent.append(await _messages(platform, database))
    assert sent == [0, 1, 2, 2]
    async with database.write() as uow:
        assert (await platform.orders.order(uow, order.id)).state is OrderState.DONE


async def test_a_bad_order_is_refused_at_once(
    platform: SmsPlatform, database: Database, clock: MovableClock
) -> None:
    hour = timedelta(hours=1)
    async with database.write() as uow:
        for bad in (
            {"due_at": clock.now() - hour},
            {"repeat": "daily"},
            {"due_at": clock.now() + hour, "repeat": "hourly"},
        ):
            with pytest.raises(InvalidInput):
                await platform.orders.place(uow, NOTICE, **bad)
        with pytest.raises(InvalidInput):
            await platform.orders.place(uow, replace(NOTICE, text="字" * 2000))


async def test_a_second_sending_goes_only_to_those_not_reached(
    platform: SmsPlatform, database: Database
) -> None:
    people = tuple(Recipient(demo_number(n), f"人{n}") for n in range(4))
    async with database.write() as uow:
        first = await platform.submit(uow, replace(NOTICE, recipients=people))
        rows = await outbox_store.recipients_of(uow, first)
        rows[0].state, rows[0].cause = RecipientState.FAILED, "refused"
        rows[1].state, rows[1].reported_at = RecipientState.DELIVERED, uow.now
        rows[1].answer, rows[1].answered_at = "1", uow.now
        rows[2].state = RecipientState.EXPIRED
    async with database.write() as uow:
        again = await platform.again(uow, first, to="undelivered", sender="user-1", key="a1")
        nobody = await platform.again(uow, first, to="unconfirmed", sender="user-1", key="a2")
    assert [person.name for person in again.recipients] == ["人0", "人2"]
    assert [person.name for person in nobody.recipients] == ["人0", "人2", "人3"]
