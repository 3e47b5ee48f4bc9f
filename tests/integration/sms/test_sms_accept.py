"""Accepting a text for ten thousand people: one transaction, fast, each number once."""

import time
from dataclasses import replace

import pytest

from core.database import Database
from core.errors import InvalidInput
from sms.ledger import Ledger
from sms.model import MessageClass, Recipient, Submission
from sms.numbers import demo_number
from sms.progress import Progress
from sms.service import SmsPlatform
from sms.settings import SmsSettings
from sms.store.turns import Taker

MOST_CPU_S = 2.0
"""Processor time, which a busy machine does not lengthen; `bench.sms_accept` has the wall time."""


def _to(*numbers: str, key: str = "k", text: str = "今晚八点视频会商") -> Submission:
    people = tuple(Recipient(number) for number in numbers)
    return Submission(MessageClass.NOTICE, text, people, key)


async def test_ten_thousand_recipients_are_accepted_within_two_seconds(sqlite_url: str) -> None:
    numbers = [demo_number(n % 10_000) for n in range(10_500)]
    async with Database(sqlite_url) as database:
        platform = SmsPlatform(SmsSettings(), database)
        before = time.process_time()
        async with database.write() as uow:
            message_id = await platform.submit(uow, _to(*numbers))
        assert time.process_time() - before < MOST_CPU_S
        async with database.read() as uow:
            view = await platform.message(uow, message_id)
    assert (view.recipient_count, view.segment_count) == (10_000, 10_000)
    assert view.counts["queued"] == 10_000


@pytest.mark.parametrize("number", ["", "12", "+86 138", "1380013800a", "1" * 16, "＋８６１３８"])
async def test_what_is_no_number_is_refused_with_its_place(database: Database, number: str) -> None:
    platform = SmsPlatform(SmsSettings(), database)
    async with database.write() as uow:
        with pytest.raises(InvalidInput) as refused:
            await platform.submit(uow, _to(demo_number(1), number))
    assert refused.value.field == "recipients.1.number"


async def test_a_text_of_300_segments_is_refused(database: Database) -> None:
    platform = SmsPlatform(SmsSettings(), database)
    async with database.write() as uow:
        with pytest.raises(InvalidInput) as refused:
            await platform.submit(uow, _to(demo_number(1), text="字" * 66 * 300))
    assert refused.value.field == "text"


async def test_units_take_turns_within_a_lane(database: Database) -> None:
    """A unit with few texts is not behind all of another's thousands, nor before everybody."""
    platform = SmsPlatform(SmsSettings(), database)
    async with database.write() as uow:
        many = _to(*(demo_number(n) for n in range(200)), key="many")
        await platform.submit(uow, many)
        few = _to(*(demo_number(n) for n in range(200, 205)), key="few")
        await platform.submit(uow, replace(few, unit_path="county/t03/"))
    order = await _order(platform, database)
    places = [order.index(demo_number(n)) for n in range(200, 205)]
    assert places == sorted(places)
    assert 0 < places[0] < 5
    assert places[-1] < 15


async def _order(platform: SmsPlatform, database: Database) -> list[str]:
    """The numbers in the order in which one modem would send."""
    ledger = Ledger(SmsSettings(), Progress())
    taker = Taker("m1", "imsi", is_simulated=True, ready=("m1",))
    numbers = []
    while (out := await database.at_once(lambda c, now: ledger.claim(c, now, taker))) is not None:
        numbers.append(out.number)
    return numbers
