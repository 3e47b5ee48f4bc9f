"""Messages that wait for a second person or for their time, and second sendings."""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.clock import MovableClock
from core.database import Database, UnitOfWork
from core.errors import Conflict, InvalidInput, NotAllowed
from core.timers import TimerRunner
from sms.audience import Audience, Meant, Member
from sms.model import MessageClass, OrderState, Recipient, RecipientState, ReplySpec, Submission
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


class _Group:
    """A directory with one group whose members change."""

    def __init__(self) -> None:
        self.size = 1

    async def meant(self, uow: UnitOfWork, audience: Audience) -> Meant:
        people = [Recipient(demo_number(n), f"人{n}") for n in range(self.size)]
        return Meant(tuple(Member(one, {"姓名": one.name}) for one in people))


async def test_a_group_that_has_grown_above_the_limit_waits_for_somebody_else(
    database: Database, clock: MovableClock
) -> None:
    group = _Group()
    settings = SmsSettings(signature="", approval_above=2)
    platform = SmsPlatform(settings, database, people=group)
    runner = TimerRunner(database, clock)
    platform.register(runner)
    async with database.write() as uow:
        order = await platform.orders.place(
            uow, replace(NOTICE, text="{姓名}值班"), due_at=clock.now() + timedelta(hours=1),
            repeat="daily", audience=Audience(scopes=("",)),
        )  # fmt: skip
    clock.advance(3601)
    await runner.fire_due()
    assert await _messages(platform, database) == 1
    group.size = 3
    clock.advance(86_400)
    await runner.fire_due()
    assert await _messages(platform, database) == 1
    async with database.write() as uow:
        waiting = await platform.orders.order(uow, order.id)
        assert (waiting.state, waiting.recipient_count) == (OrderState.WAITING, 3)
        await platform.orders.approve(uow, order.id, "user-2")
    assert await _messages(platform, database) == 2


async def test_a_second_sending_keeps_each_persons_own_words(
    platform: SmsPlatform, database: Database
) -> None:
    """Also where a question code stands behind them, which the new message has its own of."""
    asks = replace(
        NOTICE, text="{姓名}到会", expects_reply=ReplySpec({"1": "到", "2": "假"}),
        recipients=(Recipient(demo_number(1), "张三", text="张三到会"),),
    )  # fmt: skip
    async with database.write() as uow:
        await platform.submit(uow, replace(NOTICE, expects_reply=ReplySpec({"1": "到"})))
        first = await platform.submit(uow, replace(asks, idempotency_key="k2"))
        rows = await platform.recipients(uow, first)
        assert "本条" in (rows[0].text or "")
        again = await platform.again(uow, first, to="unconfirmed", sender="user-1", key="a3")
    assert [one.text for one in again.recipients] == ["张三到会"]
