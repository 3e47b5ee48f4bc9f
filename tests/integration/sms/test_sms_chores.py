"""Whether housekeeping of the pool has anything to do: each kind of work is seen, nothing else."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from core.database import Database, UnitOfWork
from core.ids import new_id
from sms.calls import CallOrder
from sms.model import MessageClass, Recipient, Submission
from sms.numbers import demo_number
from sms.service import SmsPlatform
from sms.settings import SmsSettings
from sms.store import chores
from sms.store.rows import IncomingPduRow, MessageRow, SegmentRow

WORK = ("expired", "stranded", "withdrawn", "call", "part")


@pytest.mark.parametrize("work", [None, *WORK])
async def test_each_kind_of_work_is_seen(work: str | None, database: Database) -> None:
    platform = SmsPlatform(SmsSettings(), database)
    async with database.write() as uow:
        people = (Recipient(demo_number(1)),)
        await platform.submit(uow, Submission(MessageClass.NOTICE, "notice", people, "n"))
        await uow.session.flush()
        await uow.session.execute(update(SegmentRow).values(pinned_modem="here"))
        await _make(uow, platform, work)
    waits = await database.at_once(
        lambda connection, now: chores.wait(connection, now, ["here"], now - timedelta(hours=1))
    )
    assert waits is (work is not None)


async def _make(uow: UnitOfWork, platform: SmsPlatform, work: str | None) -> None:
    long_ago = uow.now - timedelta(hours=2)
    match work:
        case "expired":
            await uow.session.execute(update(SegmentRow).values(expires_at=long_ago))
        case "stranded":
            await uow.session.execute(update(SegmentRow).values(pinned_modem="away"))
        case "withdrawn":
            await uow.session.execute(update(MessageRow).values(cancelled_at=long_ago))
        case "call":
            await platform.ring(uow, CallOrder(demo_number(2), "wake-1"))
        case "part":
            uow.session.add(
                IncomingPduRow(
                    id=new_id(), modem="here", imsi="1", hex="00", received_at=long_ago,
                    kind="deliver", is_joined=False, part=1, parts=2, concat_reference=7,
                )
            )  # fmt: skip
        case _:
            pass
