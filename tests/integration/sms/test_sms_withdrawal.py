"""Taking back what is not on the air: thousands at once, and nobody's alert waits for it."""

import asyncio
from collections import Counter

import pytest
from sqlalchemy import event, update

from core.database import Database
from core.errors import Conflict
from sms.ledger import Ledger
from sms.model import MessageClass, Outgoing, Recipient, RecipientState, SegmentState, Submission
from sms.numbers import demo_number
from sms.progress import Progress
from sms.service import SmsPlatform
from sms.settings import SmsSettings
from sms.store import outbox as outbox_store
from sms.store.rows import RecipientRow, SegmentRow
from sms.store.turns import Taker
from sms.withdrawal import AT_A_TIME

LONG = "各乡镇立即转移危险区群众，落实责任到人，逐户清点。" * 7


@pytest.fixture
def platform(database: Database) -> SmsPlatform:
    return SmsPlatform(SmsSettings(signature=""), database)


async def _submit(
    platform: SmsPlatform, database: Database, class_: MessageClass, count: int, text: str = "文"
) -> str:
    people = tuple(Recipient(demo_number(n)) for n in range(count))
    async with database.write() as uow:
        return await platform.submit(uow, Submission(class_, text, people, f"{class_}-{text[:20]}"))


async def _claim(database: Database) -> Outgoing | None:
    ledger = Ledger(SmsSettings(), Progress())
    taker = Taker("m1", "imsi", is_simulated=True, ready=("m1",))
    return await database.at_once(lambda connection, now: ledger.claim(connection, now, taker))


async def _cancel(platform: SmsPlatform, database: Database, message_id: str) -> int:
    async with database.write() as uow:
        return await platform.cancel(uow, message_id)


async def _counts(platform: SmsPlatform, database: Database, message_id: str) -> dict[str, int]:
    async with database.read() as uow:
        counts = (await platform.message(uow, message_id)).counts
    return {state: count for state, count in counts.items() if count}


@pytest.mark.holds_loop
async def test_an_alert_goes_out_while_ten_thousand_are_taken_back(sqlite_url: str) -> None:
    """No transaction takes back more than a few hundred, and the writer is free between two."""
    changed: list[int] = []
    async with Database(sqlite_url) as database:
        platform = SmsPlatform(SmsSettings(signature=""), database)
        notice = await _submit(platform, database, MessageClass.NOTICE, 10_000)
        first = await _claim(database)
        engine = database.engine.sync_engine
        event.listen(engine, "begin", lambda _: changed.append(0))

        @event.listens_for(engine, "after_cursor_execute")
        def _count(*given: object) -> None:
            if str(given[2]).startswith("UPDATE sms_segment"):
                changed[-1] += given[1].rowcount  # type: ignore[attr-defined]

        assert await _cancel(platform, database, notice) == 9_999
        assert await _claim(database) is None  # from the mark on no modem takes any of it
        taking_back = asyncio.create_task(platform.withdraw(notice))
        await asyncio.sleep(0)
        alert = await _submit(platform, database, MessageClass.ALERT, 1)
        out = await _claim(database)
        async with database.write() as uow:  # in its turn behind what was begun before it
            left = (await platform.message(uow, notice)).counts["queued"]
        assert await taking_back == 9_999
        assert (out is not None and out.message_id) == alert
        assert left >= 9_999 - 4 * AT_A_TIME
        assert max(changed) <= AT_A_TIME
        assert await _counts(platform, database, notice) == {"sending": 1, "cancelled": 9_999}
        assert first is not None


async def test_what_is_partly_on_the_air_is_shown_as_it_is(
    platform: SmsPlatform, database: Database
) -> None:
    """A copy taken back leaves the first one unknown: a late report may still settle it."""
    message_id = await _submit(platform, database, MessageClass.ALERT, 3, LONG)
    async with database.write() as uow:
        rows = await platform.recipients(uow, message_id)
        values = {"attempts": 1, "unknown_since": uow.now, "copies": 1}
        await uow.session.execute(
            update(SegmentRow).where(SegmentRow.recipient_id == rows[0].id).values(**values)
        )
        on_air = (await outbox_store.segments_of(uow, rows[1].id))[0]
        on_air.state, on_air.sent_at, on_air.attempts = SegmentState.SENT, uow.now, 1
    await _cancel(platform, database, message_id)
    await platform.withdraw(message_id)
    async with database.read() as uow:
        states = [row.state for row in await platform.recipients(uow, message_id)]
        parts = Counter(
            [part.state for row in rows for part in await outbox_store.segments_of(uow, row.id)]
        )
    assert states == [RecipientState.UNKNOWN, RecipientState.CANCELLED, RecipientState.CANCELLED]
    count = sum(parts.values()) // 3
    assert parts == {"unknown": count, "sent": 1, "cancelled": 2 * count - 1}


async def test_what_a_crash_left_queued_is_taken_back_by_housekeeping(
    platform: SmsPlatform, database: Database
) -> None:
    """The mark counts: nothing is sent, and the rows follow whenever somebody gets to it."""
    message_id = await _submit(platform, database, MessageClass.NOTICE, 3)
    await _cancel(platform, database, message_id)
    for chore in platform.pool.chores:
        await chore()
    assert await _counts(platform, database, message_id) == {"cancelled": 3}
    assert await _cancel(platform, database, message_id) == 0  # once more changes nothing


async def test_nothing_of_a_withdrawn_message_is_sent_again(
    platform: SmsPlatform, database: Database
) -> None:
    message_id = await _submit(platform, database, MessageClass.ALERT, 1)
    async with database.write() as uow:
        (row,) = await platform.recipients(uow, message_id)
        values = {"attempts": 1, "unknown_since": uow.now, "state": SegmentState.UNKNOWN}
        await uow.session.execute(update(SegmentRow).values(**values))
        await uow.session.execute(update(RecipientRow).values(state=RecipientState.UNKNOWN))
    await _cancel(platform, database, message_id)
    async with database.write() as uow:
        with pytest.raises(Conflict):
            await platform.resend_unknown(uow, message_id, row.id)
    assert await _claim(database) is None
