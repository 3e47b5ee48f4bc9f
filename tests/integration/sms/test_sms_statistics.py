"""A month in figures: the county's month, within one's reach, each recipient once."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from core.database import Database
from sms import statistics
from sms.meter import COUNTY_TIME
from sms.model import MessageClass, Recipient, StatisticsBy, Submission
from sms.numbers import demo_number
from sms.service import SmsPlatform
from sms.settings import SmsSettings
from sms.store.rows import MessageRow

NEW_YEAR = datetime(2027, 1, 1, tzinfo=COUNTY_TIME)
LONG = "各乡镇立即转移危险区群众，落实责任到人，逐户清点。" * 7


async def _sent(database: Database, unit: str, at: datetime, text: str = "开会") -> None:
    platform = SmsPlatform(SmsSettings(signature=""), database)
    people = (Recipient(demo_number(1)), Recipient(demo_number(2)))
    key = f"{unit} {at}"
    async with database.write() as uow:
        order = Submission(MessageClass.NOTICE, text, people, key, unit_path=unit)
        made = await platform.submit(uow, order)
        await uow.session.flush()
        await uow.session.execute(
            update(MessageRow).where(MessageRow.id == made).values(created_at=at)
        )


@pytest.mark.parametrize("by", list(StatisticsBy))
async def test_a_month_begins_and_ends_at_the_countys_midnight(
    database: Database, by: StatisticsBy
) -> None:
    """The last minute of December and the first of January, of two townships."""
    await _sent(database, "county/a/", NEW_YEAR - timedelta(minutes=1), LONG)
    await _sent(database, "county/b/", NEW_YEAR - timedelta(minutes=1))
    await _sent(database, "county/a/", NEW_YEAR)
    found = {}
    async with database.read() as uow:
        for scope, year, month in (
            ("county/", 2026, 12), ("county/a/", 2026, 12), ("county/", 2027, 1),
            ("county/", 2026, 11), ("county/b/", 2027, 1),
        ):  # fmt: skip
            rows = await statistics.month(uow, (scope,), year, month, by)
            found[scope, month] = tuple(
                sum(getattr(row, what) for row in rows)
                for what in ("messages", "recipients", "segments")
            )
    parts = 3
    assert found == {
        ("county/", 12): (2, 4, 2 * parts + 2), ("county/a/", 12): (1, 2, 2 * parts),
        ("county/", 1): (1, 2, 2), ("county/", 11): (0, 0, 0), ("county/b/", 1): (0, 0, 0),
    }  # fmt: skip
