"""The list of conversations: the newest text first, in a fixed number of statements."""

from datetime import UTC, datetime

from sqlalchemy import event

from core.clock import MovableClock
from core.database import Database
from sms import threads
from sms.model import MessageClass, Recipient, Submission
from sms.numbers import demo_number
from sms.service import SmsPlatform
from sms.settings import SmsSettings
from sms.threads import Thread

AT = datetime(2026, 11, 1, 8, tzinfo=UTC)
MOST_STATEMENTS = 6
DAY_S = 86_400


async def _page(database: Database, *, offset: int, limit: int) -> tuple[list[Thread], int]:
    statements = 0

    def count(*_: object) -> None:
        nonlocal statements
        statements += 1

    async with database.read() as uow:
        connection = (await uow.session.connection()).sync_connection
        event.listen(connection, "before_cursor_execute", count)
        found = await threads.threads(uow, offset=offset, limit=limit)
        event.remove(connection, "before_cursor_execute", count)
    return found, statements


async def test_pages_of_conversations_cost_the_same_however_many_there_are(
    database: Database,
) -> None:
    """Thirty numbers got a text three weeks ago; twenty of them and twenty others one now."""
    database.clock = clock = MovableClock(AT, frozen=True)
    platform = SmsPlatform(SmsSettings(signature=""), database)

    async def send(text: str, *numbers: int) -> None:
        people = tuple(Recipient(demo_number(n)) for n in numbers)
        async with database.write() as uow:
            await platform.submit(uow, Submission(MessageClass.NOTICE, text, people, text))

    await send("old", *range(30))
    clock.advance(21 * DAY_S)
    for n in range(10, 50):
        clock.advance(1)
        await send(f"new {n}", n)
    expected = [(demo_number(n), f"new {n}") for n in range(49, 9, -1)]
    expected += [(demo_number(n), "old") for n in range(10)]
    seen = []
    for offset in (0, 20, 40):
        found, statements = await _page(database, offset=offset, limit=20)
        assert statements <= MOST_STATEMENTS
        seen += [(one.number, one.last.text) for one in found]
    assert seen == expected
