"""Lists of a big database: conversations, a board of 10 000, messages, the inbox.

    python -m bench.sms_lists [--texts 100000] [--record]

Each list is read as the page reads it; shown are milliseconds (the best of three: what the query
costs, not what else the machine did) and statements, on SQLite and on PostgreSQL.
"""

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import event, insert, text

from bench._databases import KINDS, new_database
from bench._document import write_section
from core.database import Database, UnitOfWork
from core.ids import new_id
from sms import threads
from sms.model import (
    BoardFilter,
    InboundKind,
    InboundState,
    MessageClass,
    RecipientState,
)
from sms.numbers import demo_number
from sms.service import SmsPlatform
from sms.settings import SmsSettings
from sms.store.rows import InboundRow, MessageRow, RecipientRow

BOARD, NUMBERS, ROWS = 10_000, 5_000, 2_000
BIG = "big"
_STATES = (RecipientState.SENT, RecipientState.DELIVERED)


def _message(key: str, at: datetime, recipients: int) -> dict[str, Any]:
    return {
        "id": new_id() if key != BIG else BIG, "idempotency_key": key,
        "class": MessageClass.NOTICE, "text": f"通知 {key}", "wire_text": f"通知 {key}",
        "sender": "duty", "unit_path": "/county/", "is_drill": False, "is_flash": False,
        "context": {}, "recipient_count": recipients, "segment_count": recipients,
        "created_at": at, "expires_at": at + timedelta(hours=24),
    }  # fmt: skip


def _recipient(message_id: str, position: int, number: str, at: datetime) -> dict[str, Any]:
    state = _STATES[position % 2]
    return {
        "id": new_id(), "message_id": message_id, "position": position, "number": number,
        "name": "", "is_demo": True, "concat_reference": 0, "state": state, "sent_at": at,
        "reported_at": at if state is RecipientState.DELIVERED else None,
    }  # fmt: skip


def _inbound(number: str, at: datetime) -> dict[str, Any]:
    return {
        "id": new_id(), "number": number, "text": "收到", "modem": "m1", "received_at": at,
        "is_complete": True, "state": InboundState.MATCHED, "kind": InboundKind.ANSWER,
    }  # fmt: skip


async def fill(database: Database, texts: int) -> None:
    """One message to 10 000, a month old; the rest to one each, over 80 days; a fifth answered."""
    now, chance = database.clock.now(), random.Random(1)
    month_ago = now - timedelta(days=30)
    messages = [_message(BIG, month_ago, BOARD)]
    recipients = [_recipient(BIG, n, demo_number(n), month_ago) for n in range(BOARD)]
    answers = []
    for n in range(max(0, texts - BOARD)):
        at = now - timedelta(days=80) * (1 - n / (texts - BOARD)) - timedelta(minutes=2)
        number = demo_number(chance.randrange(NUMBERS))
        messages.append(_message(f"m{n}", at, 1))
        recipients.append(_recipient(messages[-1]["id"], 0, number, at))
        if n % 5 == 0:
            answers.append(_inbound(number, at + timedelta(minutes=1)))
    async with database.write() as uow:
        connection = await uow.session.connection()
        tables = ((MessageRow, messages), (RecipientRow, recipients), (InboundRow, answers))
        for table, rows in tables:
            for start in range(0, len(rows), ROWS):
                await connection.execute(insert(table), rows[start : start + ROWS])
    async with database.write() as uow:
        await uow.session.execute(text("ANALYZE"))


async def measure(
    database: Database, read: Callable[[UnitOfWork], Awaitable[object]]
) -> tuple[float, int]:
    """Milliseconds, best of three, and statements."""
    best, statements = float("inf"), [0]

    def count(*_: object) -> None:
        statements[0] += 1

    for _ in range(3):
        statements[0] = 0
        async with database.read() as uow:
            connection = (await uow.session.connection()).sync_connection
            event.listen(connection, "before_cursor_execute", count)
            began = time.perf_counter()
            await read(uow)
            best = min(best, time.perf_counter() - began)
            event.remove(connection, "before_cursor_execute", count)
    return best * 1000, statements[0]


async def lists(url: str, texts: int) -> dict[str, tuple[float, int]]:
    """Every list of the pages."""
    async with Database(url) as database:
        await fill(database, texts)
        sms = SmsPlatform(SmsSettings(), database)
        reads: dict[str, Callable[[UnitOfWork], Awaitable[object]]] = {
            "conversations, first page": threads.threads,
            "conversations, page 20": lambda uow: threads.threads(uow, offset=1000),
            "one conversation": lambda uow: threads.lines(uow, demo_number(7)),
            "board of 10 000, first page": lambda uow: sms.recipients(uow, BIG, limit=200),
            "board, last page": lambda uow: sms.recipients(uow, BIG, after=9_799, limit=200),
            "board, one outcome": lambda uow: sms.recipients(
                uow, BIG, which=BoardFilter.DELIVERED, after=5_000, limit=200
            ),
            "board, counts": lambda uow: sms.message(uow, BIG),
            "messages, first page": lambda uow: sms.messages(uow, ("/county/",)),
            "messages, searched": lambda uow: sms.messages(uow, ("/county/",), q="m777"),
            "inbox, first page": sms.inbound,
            "inbox, to be handled": lambda uow: sms.inbound(uow, state=InboundState.UNMATCHED),
        }
        return {name: await measure(database, read) for name, read in reads.items()}


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=100_000)
    parser.add_argument("--record", action="store_true")
    given = parser.parse_args()
    found = {}
    for kind in KINDS:
        with new_database(kind) as url:
            found[kind] = asyncio.run(lists(url, given.texts))
    lines = [f"| list | {' | '.join(f'{kind}, ms | statements' for kind in KINDS)} |"]
    lines.append("| --- |" + " --- | --- |" * len(KINDS))
    for name in found[KINDS[0]]:
        cells = " | ".join(f"{found[k][name][0]:.0f} | {found[k][name][1]}" for k in KINDS)
        lines.append(f"| {name} | {cells} |")
    print("\n".join(lines))
    if given.record:
        head = (
            "## Lists of a big database\n\n`python -m bench.sms_lists --record`: "
            f"{given.texts} texts, one of them to 10 000, a fifth answered; best of three.\n\n"
        )
        write_section("sms-measurements.md", "lists", head + "\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
