"""Long texts through the inbox: what `sms.reassembly` decides is what a person reads."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from core.clock import MovableClock
from core.database import Database
from sms.driver import IncomingPdu
from sms.inbox import Inbox
from sms.ledger import Ledger
from sms.numbers import demo_number
from sms.outbox import Outbox
from sms.pdu.addresses import Address
from sms.pdu.deliver import encode_deliver
from sms.pdu.user_data import Alphabet, Concatenation
from sms.polite import Polite
from sms.progress import Progress
from sms.reassembly import Part, collect, key_of
from sms.settings import SmsSettings
from sms.store import inbox as store
from sms.store.rows import IncomingPduRow

AT = datetime(2026, 11, 21, 8, tzinfo=UTC)
SETTINGS = SmsSettings(signature="", polite_per_day=0)
_SENDERS = count(1)


class Desk:
    """An inbox whose modem is the test itself, and one handset that writes to it."""

    def __init__(self, database: Database) -> None:
        ledger = Ledger(SETTINGS, Progress())
        polite = Polite(SETTINGS, Outbox(SETTINGS, ledger))
        self.inbox = Inbox(database, ledger, Progress(), polite)
        self._database = database
        self._sender = demo_number(next(_SENDERS))
        self._seconds = count()

    async def comes(self, text: str, part: int, parts: int, *, is_wide: bool = True) -> None:
        """One segment; each PDU has a time stamp of its own, so that a repeated one is new."""
        sent_at = AT + timedelta(seconds=next(self._seconds))
        pdu = encode_deliver(
            Address.parse(self._sender), text, sent_at, alphabet=Alphabet.UCS2,
            concatenation=Concatenation(7, parts, part, is_wide),
        )  # fmt: skip
        await self.inbox.take("m1", "460001", IncomingPdu(pdu, "SM:1", sent_at))

    async def kinds(self) -> list[str]:
        """Of the PDUs, as they came."""
        async with self._database.read() as uow:
            mine = select(IncomingPduRow.kind).where(IncomingPduRow.sender == self._sender)
            return list(await uow.session.scalars(mine.order_by(IncomingPduRow.id)))

    async def read(self) -> list[tuple[str, bool]]:
        """Texts and whether they are whole, oldest first."""
        async with self._database.read() as uow:
            rows = await store.inbound_of(uow, self._sender, 100)
        return [(row.text, row.is_complete) for row in sorted(rows, key=lambda row: row.id)]


@st.composite
def _arrivals(draw: st.DrawFn) -> tuple[int, list[tuple[int, str]]]:
    """Parts in any order, some twice, some of another text under the same reference, some never."""
    parts = draw(st.integers(2, 4))
    number = st.integers(1, parts)
    text = st.sampled_from(["甲", "乙", "𠮷丙"])
    return parts, draw(st.lists(st.tuples(number, text), min_size=1, max_size=9))


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(_arrivals())
@pytest.mark.timeout(120)
def test_the_inbox_joins_as_the_pure_rule_says(
    sqlite_url: str, arrivals: tuple[int, list[tuple[int, str]]]
) -> None:
    parts, pieces = arrivals

    async def through_the_inbox() -> list[tuple[str, bool]]:
        clock = MovableClock(AT, frozen=True)
        async with Database(sqlite_url, clock=clock) as database:
            desk = Desk(database)
            for number, text in pieces:
                await desk.comes(text, number, parts)
                clock.advance(1)
            clock.advance(25 * 3600)
            await desk.inbox.join_stale()
            return await desk.read()

    key = key_of("460001", "x", Concatenation(7, parts, 1))
    sets = collect(key, [Part(number, text, AT) for number, text in pieces])
    assert asyncio.run(through_the_inbox()) == [(one.text(), one.is_complete) for one in sets]


async def test_a_part_that_comes_a_day_late_is_a_text_of_its_own(database: Database) -> None:
    """The first is shown with its gap, also when the late one comes before the housekeeping."""
    database.clock = clock = MovableClock(AT, frozen=True)
    desk = Desk(database)
    await desk.comes("前", 1, 2)
    clock.advance(24 * 3600)
    await desk.comes("后", 2, 2)
    assert await desk.read() == [("前【缺第2段】", False)]
    clock.advance(24 * 3600)
    assert await desk.inbox.join_stale() == 1
    assert await desk.read() == [("前【缺第2段】", False), ("【缺第1段】后", False)]


async def test_a_part_repeated_after_its_text_was_shown_is_known_at_once_and_never_shown(
    database: Database,
) -> None:
    database.clock = clock = MovableClock(AT, frozen=True)
    desk = Desk(database)
    for part in (1, 2, 1):
        await desk.comes(f"第{part}段", part, 2)
    assert await desk.kinds() == ["deliver", "deliver", "echo"]
    clock.advance(25 * 3600)
    assert await desk.inbox.join_stale() == 1
    assert await desk.inbox.join_stale() == 0
    assert await desk.read() == [("第1段第2段", True)]


async def test_a_new_text_that_begins_like_the_last_one_under_its_reference_is_whole(
    database: Database,
) -> None:
    """A handset that never changes its reference sends the same report form with a new figure."""
    desk = Desk(database)
    for text, part in (("水情日报", 1), ("3.2", 2), ("水情日报", 1), ("3.4", 2)):
        await desk.comes(text, part, 2)
    assert await desk.read() == [("水情日报3.2", True), ("水情日报3.4", True)]


async def test_references_of_8_and_of_16_bits_are_not_the_same(database: Database) -> None:
    desk = Desk(database)
    await desk.comes("窄一", 1, 2, is_wide=False)
    await desk.comes("宽二", 2, 2)
    assert await desk.read() == []
    await desk.comes("宽一", 1, 2)
    await desk.comes("窄二", 2, 2, is_wide=False)
    assert await desk.read() == [("宽一宽二", True), ("窄一窄二", True)]
