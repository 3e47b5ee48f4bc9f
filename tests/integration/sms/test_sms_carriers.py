"""Which SIM takes which number: real prefixes, ported numbers, the SIM's own carrier first."""

import asyncio
from collections.abc import Sequence

import pytest

from core.clock import MovableClock
from core.database import Database
from sms.carrier import Carrier
from sms.driver import SendOutcome, SendState
from sms.fleet import Fleet
from sms.inbox import Inbox
from sms.ledger import Ledger
from sms.model import MessageClass, Recipient, Submission
from sms.modem_view import ModemState
from sms.outbox import Outbox
from sms.polite import Polite
from sms.pool import ModemPool
from sms.progress import Progress
from sms.score import ELSEWHERE_HOLD_S, HOLD_S
from sms.service import SmsPlatform
from sms.settings import ModemSettings, SmsSettings
from sms.store.turns import Taker

FELL_SILENT = SendOutcome(SendState.UNKNOWN, needs_recovery=True)
MOBILE, UNICOM, TELECOM = "+8613812345678", "+8613012345678", "+8618912345678"


class Bench:
    """A platform and SIMs that only claim: nothing goes on the air."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.platform = SmsPlatform(SmsSettings(signature=""), database)
        self._ledger = Ledger(SmsSettings(), Progress())

    async def send(
        self, *numbers: str, class_: MessageClass = MessageClass.NOTICE, key: str = "k"
    ) -> None:
        people = tuple(Recipient(number) for number in numbers)
        async with self.database.write() as uow:
            await self.platform.submit(uow, Submission(class_, "今晚开会", people, key))

    async def takes(
        self, modem: str, serves: Sequence[str] | None = None, home: str | None = None
    ) -> list[str]:
        """Every number this SIM would send to, in order."""
        taker = Taker(
            modem, f"imsi-{modem}", is_simulated=False, ready=("m1", "m2"),
            serves=tuple(serves) if serves is not None else None, home=home,
        )  # fmt: skip
        taken = []
        while True:
            out = await self.database.at_once(lambda c, now: self._ledger.claim(c, now, taker))
            if out is None:
                return taken
            taken.append(out.number)


@pytest.fixture
def bench(database: Database) -> Bench:
    return Bench(database)


async def test_each_sim_takes_the_numbers_of_the_carriers_it_serves(bench: Bench) -> None:
    await bench.send(MOBILE, UNICOM, TELECOM)
    assert await bench.takes("m1", serves=("unicom",)) == [UNICOM]
    assert await bench.takes("m2", serves=("mobile", "telecom")) == [MOBILE, TELECOM]


async def test_a_ported_number_moves_to_its_new_carriers_sim(bench: Bench) -> None:
    """The prefix says Mobile, but the number went to Unicom."""
    async with bench.database.write() as uow:
        await bench.platform.set_number(
            uow, MOBILE, by="admin", is_blocked=False, carrier=Carrier.UNICOM
        )
    await bench.send(MOBILE)
    assert await bench.takes("m1", serves=("mobile",)) == []
    assert await bench.takes("m2", serves=("unicom",)) == [MOBILE]


async def test_a_sim_takes_its_own_carriers_numbers_first_and_then_all(bench: Bench) -> None:
    """A preference: while anything is queued, no SIM is idle for the sake of its network."""
    other = "+8613912345678"
    await bench.send(UNICOM, MOBILE, TELECOM, other)
    assert await bench.takes("m1", home="mobile") == [MOBILE, other, UNICOM, TELECOM]


async def test_an_alert_to_a_foreign_carrier_goes_before_a_notice_at_home(bench: Bench) -> None:
    await bench.send(MOBILE)
    await bench.send(UNICOM, class_=MessageClass.ALERT, key="a")
    assert await bench.takes("m1", home="mobile") == [UNICOM, MOBILE]


async def test_a_simulated_modem_takes_no_real_number_whatever_it_serves(bench: Bench) -> None:
    await bench.send(MOBILE)
    taker = Taker("m1", "imsi", is_simulated=True, ready=("m1",), serves=("mobile",))
    ledger = Ledger(SmsSettings(), Progress())
    assert await bench.database.at_once(lambda c, now: ledger.claim(c, now, taker)) is None


def _pool(database: Database, clock: MovableClock, *names: str) -> ModemPool:
    """Real modems that are ready and find nothing to send."""
    settings = SmsSettings(modems=tuple(ModemSettings(name=n, path=f"/dev/{n}") for n in names))
    progress = Progress()
    ledger = Ledger(settings, progress)
    inbox = Inbox(database, ledger, progress, Polite(settings, Outbox(settings, ledger)))
    pool = ModemPool(settings, database, ledger, inbox, progress, device_clock=clock)
    for name in names:
        pool.owner(name).panel.note(is_idle=True, state=ModemState.READY)
    return pool


async def test_a_weak_modem_leaves_a_text_to_a_better_idle_one_for_a_moment(
    sqlite_url: str,
) -> None:
    """It waits only while the better one has nothing to do, and then works as any other."""
    clock = MovableClock(frozen=True)
    async with Database(sqlite_url) as database:
        pool = _pool(database, clock, "weak", "good")
        pool.is_suspect("weak", FELL_SILENT)
        assert pool.score_of("weak") < pool.score_of("good")
        await pool.leave_to_better("good")
        waiting = asyncio.create_task(pool.leave_to_better("weak"))
        await asyncio.sleep(0)
        assert not waiting.done()
        clock.advance(HOLD_S)
        await waiting
        pool.owner("good").panel.note(is_idle=False)
        await pool.leave_to_better("weak")


async def test_a_weak_modem_leaves_a_text_to_a_better_idle_one_of_another_node(
    database: Database,
) -> None:
    """Of the other node's modems it knows what their row says; they look once a second."""
    clock = MovableClock(frozen=True)
    pool, other = _pool(database, clock, "weak"), _pool(database, clock, "good")
    pool.is_suspect("weak", FELL_SILENT)
    good = other.owner("good").panel
    for is_idle in (True, False):
        good.note(is_idle=is_idle)
        await Fleet(database, "other:1:1", 15).keep_in_touch([good.view])
        await pool.keep_house()
        waiting = asyncio.create_task(pool.leave_to_better("weak"))
        await asyncio.sleep(0)
        assert waiting.done() is not is_idle
        clock.advance(HOLD_S)
        await asyncio.sleep(0)
        assert waiting.done() is not is_idle
        clock.advance(ELSEWHERE_HOLD_S - HOLD_S)
        await waiting
