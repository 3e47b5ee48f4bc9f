"""A receipt over a carrier's line settles the text it is of, and no other."""

import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text as sql

from core.clock import MovableClock
from core.database import Database
from core.ids import new_id
from sms.model import MessageClass, Recipient, Submission
from sms.modem_view import ModemState
from sms.numbers import demo_number
from sms.service import SmsPlatform
from sms.settings import ModemSettings, SmsSettings
from tests.support.carrier import Carrier, carrier
from tests.support.county import until
from tests.support.sms_world import quick, running

ALICE, BOB = demo_number(1), demo_number(2)
HEX_ANSWERS = {"answer_ids": "{:X}", "receipt_ids": "{:010}"}


class Line:
    """A platform whose only way out is a carrier's line."""

    def __init__(self, platform: SmsPlatform, database: Database, smsc: Carrier) -> None:
        self.platform, self.database, self.smsc = platform, database, smsc

    async def send(self, number: str, *, class_: MessageClass = MessageClass.NOTICE) -> str:
        """Queue a text. Returns: its id."""
        async with self.database.write() as uow:
            order = Submission(class_, "防汛通知", (Recipient(number),), new_id())
            return await self.platform.submit(uow, order)

    async def sent(self, number: str, as_number: int) -> str:
        """Have a text taken under a number of ours; no receipt comes by itself."""
        self.smsc.count = as_number - 1
        message_id = await self.send(number)
        await self.becomes(message_id, "sent")
        return message_id

    async def state(self, message_id: str) -> str:
        async with self.database.read() as uow:
            (row,) = await self.platform.recipients(uow, message_id)
        return row.state.value

    async def becomes(self, message_id: str, state: str) -> None:
        async def is_so() -> bool:
            return await self.state(message_id) == state

        await until(is_so)

    async def told(self, count: int, number: str, word: str = "DELIVRD") -> None:
        """Deliver a receipt and wait until it is acknowledged: what it settles, it has settled."""

        async def is_bound() -> bool:
            return self.platform.modems()[0].state is ModemState.READY

        await until(is_bound)
        before = len(self.smsc.stored)
        self.smsc.receipt(count, number, word)

        async def is_stored() -> bool:
            return len(self.smsc.stored) > before

        await until(is_stored)


@asynccontextmanager
async def line(
    url: str,
    *,
    ids: str = "",
    answer_ids: str = "id-{}",
    receipt_ids: str = "id-{}",
    at_bind: Sequence[tuple[int, str]] = (),
) -> AsyncIterator[Line]:
    clock = MovableClock()
    async with carrier() as smsc, Database(url, clock=clock) as database:
        smsc.sends_receipts, smsc.at_bind = False, list(at_bind)
        smsc.answer_ids, smsc.receipt_ids = answer_ids, receipt_ids
        path = f"smpp://county@127.0.0.1:{smsc.port}?source=10690000{ids and f'&ids={ids}'}"
        modem = ModemSettings(
            name="line", path=path, driver="smpp", pin="secret", is_simulated=True
        )
        platform = SmsPlatform(SmsSettings(signature="", modems=(modem,)), database, quick)
        async with running(platform, database, clock):
            yield Line(platform, database, smsc)


def _same_by_eight_bits() -> tuple[int, int]:
    seen: dict[int, int] = {}
    for count in range(1, 300):
        low = zlib.crc32(f"id-{count}".encode()) & 0xFF
        if low in seen:
            return seen[low], count
        seen[low] = count
    raise AssertionError("300 ids, 256 values")


@pytest.mark.timeout(60)
async def test_ids_that_end_alike_are_told_apart(database_url: str) -> None:
    """Two texts to one phone whose ids agree in eight bits of their sum, as a TP-MR would."""
    first, second = _same_by_eight_bits()
    async with line(database_url) as county:
        older, newer = await county.sent(ALICE, first), await county.sent(ALICE, second)
        await county.told(first, ALICE)
        assert (await county.state(older), await county.state(newer)) == ("delivered", "sent")
        await county.told(second, ALICE, "UNDELIV")
        assert (await county.state(older), await county.state(newer)) == ("delivered", "failed")
        assert set(county.smsc.stored) == {0}


@pytest.mark.timeout(60)
async def test_answers_in_hex_and_receipts_in_decimal_are_learnt(database_url: str) -> None:
    """ "16" then means the text answered as "10", not the one answered as "16"; also after a start.

    Until the line has shown what it does nothing is settled on a guess.
    """
    async with line(database_url, **HEX_ANSWERS) as county:
        ten, sixteen = await county.sent(ALICE, 0x10), await county.sent(ALICE, 0x16)
        await county.told(0x10, ALICE)
        assert (await county.state(ten), await county.state(sixteen)) == ("sent", "sent")
        other = await county.sent(BOB, 0x1A)
        await county.told(0x1A, BOB)
        assert await county.state(other) == "delivered"
        await county.told(0x10, ALICE, "UNDELIV")
        assert (await county.state(ten), await county.state(sixteen)) == ("failed", "sent")
    async with line(database_url, **HEX_ANSWERS) as county:
        twenty = await county.sent(ALICE, 0x22)  # decimal 34; 22 is the text answered as "16"
        await county.told(0x16, ALICE)
        assert (await county.state(sixteen), await county.state(twenty)) == ("delivered", "sent")


@pytest.mark.timeout(60)
async def test_the_settings_may_say_how_a_line_writes_its_ids(database_url: str) -> None:
    async with line(
        database_url, ids="decimal-hex", answer_ids="{:08}", receipt_ids="{:x}"
    ) as county:
        ten, sixteen = await county.sent(ALICE, 10), await county.sent(ALICE, 16)
        await county.told(16, ALICE)  # told as "10"
        assert (await county.state(ten), await county.state(sixteen)) == ("sent", "delivered")


def test_a_form_nobody_knows_is_refused_in_the_settings() -> None:
    with pytest.raises(ValueError, match="octal"):
        ModemSettings(name="line", path="smpp://a@b:2775?ids=octal", driver="smpp")


@pytest.mark.timeout(60)
async def test_a_receipt_before_its_answer_settles_its_text(database_url: str) -> None:
    """An older text to the same phone, its answer lost, stays as it is."""
    async with line(database_url) as county:
        county.smsc.drops = True
        lost = await county.send(ALICE)
        await county.becomes(lost, "unknown")
        county.smsc.drops, county.smsc.receipt_first = False, True
        later = await county.send(ALICE)
        await county.becomes(later, "delivered")
        assert await county.state(lost) == "unknown"


@pytest.mark.timeout(60)
async def test_a_receipt_nobody_knows_is_of_the_one_text_whose_answer_was_lost(
    database_url: str,
) -> None:
    """Of two it settles none; told again it changes nothing else."""
    async with line(database_url) as county:
        county.smsc.drops = True
        first, second = await county.send(ALICE), await county.send(BOB)
        await county.becomes(first, "unknown")
        await county.becomes(second, "unknown")
        await county.told(1, ALICE)
        assert (await county.state(first), await county.state(second)) == ("delivered", "unknown")
        third, fourth = await county.send(ALICE), await county.send(ALICE)
        await county.becomes(third, "unknown")
        await county.becomes(fourth, "unknown")
        await county.told(1, ALICE)
        await county.told(3, ALICE)
        assert [await county.state(one) for one in (third, fourth)] == ["unknown", "unknown"]


@pytest.mark.timeout(60)
async def test_what_the_last_process_had_on_the_air_is_settled_by_a_receipt_at_once(
    database_url: str,
) -> None:
    """The carrier delivers right after the bind; the killed process left its attempt open."""
    async with line(database_url) as county:
        county.smsc.drops = True
        text = await county.send(ALICE, class_=MessageClass.ALERT)
        await county.becomes(text, "unknown")
    async with Database(database_url) as database, database.write() as uow:
        await uow.session.execute(sql("UPDATE sms_segment SET state = 'sending'"))
        await uow.session.execute(sql("UPDATE sms_attempt SET state = 'started', ended_at = NULL"))
    async with line(database_url, at_bind=[(1, ALICE)]) as county:
        await county.becomes(text, "delivered")
        assert county.smsc.submitted == []
