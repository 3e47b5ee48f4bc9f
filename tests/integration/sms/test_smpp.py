"""A carrier's SMPP line as one of the pool, over TCP, against a server of another hand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from core.clock import MovableClock, SystemClock
from core.database import Database
from sms.driver import IncomingPdu, ModemPort
from sms.drivers import make_driver
from sms.model import MessageClass
from sms.numbers import demo_number
from sms.service import SmsPlatform
from sms.settings import ModemSettings, SmsSettings
from tests.support.carrier import BIND, ENQUIRE, UNBIND, Carrier, carrier
from tests.support.driver_cases import QUICK
from tests.support.modem_sim import modem_sim
from tests.support.sms_world import SmsWorld, quick, running

LONG = "各乡镇立即转移危险区群众，落实责任到人，逐户清点。" * 4
ALICE = demo_number(1)


@asynccontextmanager
async def line(
    url: str, directory: Path, *, password: str = "secret"
) -> AsyncIterator[tuple[SmsWorld, Carrier]]:
    """A platform with an SMPP line, and a modem that takes over when the line is cut."""
    clock = MovableClock()
    async with (
        carrier() as smsc,
        modem_sim(directory, radio_s=0.03, keeps_journal=True) as air,
        Database(url, clock=clock) as database,
    ):
        path = f"smpp://county@127.0.0.1:{smsc.port}?source=10690000"
        settings = SmsSettings(
            signature="",
            modems=(
                ModemSettings(
                    name="line", path=path, driver="smpp", pin=password, is_simulated=True
                ),
                ModemSettings(
                    name="modem-1", path=air.path(), is_simulated=True, serves=("unicom",)
                ),
            ),
        )  # fmt: skip
        platform = SmsPlatform(settings, database, quick)
        async with running(platform, database, clock) as events:
            world = SmsWorld(platform, database, clock, air, events)
            await world.until(lambda: _ready(world, 2 if password == "secret" else 1))
            yield world, smsc


async def _ready(world: SmsWorld, count: int) -> bool:
    return sum(view.state.value == "ready" for view in world.platform.modems()) == count


async def _states(world: SmsWorld) -> list[str]:
    return [claim.state for claim in await world.claims()]


@pytest.mark.timeout(60)
async def test_texts_and_receipts_go_over_the_line(sqlite_url: str, tmp_path: Path) -> None:
    """The modem serves another carrier's numbers only, so the line takes these."""
    async with line(sqlite_url, tmp_path) as (world, smsc):
        await world.send("hello", ALICE)
        await world.send(LONG, ALICE, key="long")
        await world.until(lambda: world.all_in("delivered"))
        assert smsc.submitted[0].destination == ALICE.lstrip("+")
        assert (smsc.submitted[0].coding, smsc.submitted[0].content) == (0, b"hello")
        assert smsc.submitted[0].wants_receipt
        assert smsc.submitted[0].validity.endswith("000R")
        parts = smsc.submitted[1:]
        assert "".join(part.text for part in parts) == LONG
        assert [part.content[:3] for part in parts] == [b"\x06\x08\x04"] * len(parts)
        assert set(smsc.stored) == {0}


@pytest.mark.timeout(60)
async def test_a_text_from_a_phone_comes_in(sqlite_url: str, tmp_path: Path) -> None:
    async with line(sqlite_url, tmp_path) as (world, smsc):
        smsc.says(ALICE, "水情 3.2")

        async def is_here() -> bool:
            async with world.database.read() as uow:
                rows = await world.platform.inbound(uow)
            return [(row.number, row.text) for row in rows] == [(ALICE, "水情 3.2")]

        await world.until(is_here)


async def _came(world: SmsWorld) -> list[str]:
    async with world.database.read() as uow:
        return [row.text for row in await world.platform.inbound(uow)]


@pytest.mark.timeout(60)
async def test_what_a_phone_can_write_never_ends_the_line(sqlite_url: str, tmp_path: Path) -> None:
    """A long English text; a header that is none; octets that are no text; then an answer."""
    async with line(sqlite_url, tmp_path) as (world, smsc):
        smsc.says_octets(ALICE, b"x" * 160)
        smsc.says_octets(ALICE, b"\x09\x00", esm_class=0x40)
        smsc.says_octets(ALICE, b"\x01\x02", coding=4)
        smsc.says(ALICE, "收到")

        async def all_are_here() -> bool:
            return len(await _came(world)) == 4

        await world.until(all_are_here)
        newest, octets, header, long = await _came(world)
        assert (newest, long) == ("收到", "x" * 160)
        assert octets.startswith("[无法解码]")
        assert header.startswith("[无法解码]")
        assert set(smsc.stored) == {0}
        await world.send("still there", ALICE)
        await world.until(lambda: world.all_in("delivered"))


@pytest.mark.timeout(60)
async def test_an_alert_to_be_shown_at_once_keeps_its_alphabet(
    sqlite_url: str, tmp_path: Path
) -> None:
    """TS 23.038 §4: class 0 lies in the coding's group; half an hour to live goes with it."""
    async with line(sqlite_url, tmp_path) as (world, smsc):
        until = world.clock.now() + timedelta(minutes=29, seconds=30)
        alert = {"class_": MessageClass.ALERT, "is_flash": True, "expires_at": until}
        await world.send("立即转移", ALICE, **alert)
        await world.send("leave now", ALICE, key="latin", **alert)
        await world.until(lambda: world.all_in("delivered"))
    seen = {(one.coding, one.validity[:10]) for one in smsc.submitted}
    assert seen == {(0x18, "0000000030"), (0x10, "0000000030")}
    assert {one.content for one in smsc.submitted} == {
        "立即转移".encode("utf-16-be"), b"leave now",
    }  # fmt: skip


@pytest.mark.timeout(60)
async def test_the_carrier_asks_whether_we_are_there_and_may_send_us_away(
    sqlite_url: str, tmp_path: Path
) -> None:
    """Enquire link is answered; after an unbind the line is bound anew and used; we unbind too."""
    async with line(sqlite_url, tmp_path) as (world, smsc):
        smsc.request(ENQUIRE)
        smsc.request(UNBIND)

        async def is_bound_again() -> bool:
            return smsc.asked.count(BIND) == 2 and await _ready(world, 2)

        await world.until(is_bound_again)
        assert smsc.answered == [ENQUIRE, UNBIND]
        await world.send("again", ALICE)
        await world.until(lambda: world.all_in("delivered"))
        assert len(smsc.submitted) == 1
    assert smsc.asked[-1] == UNBIND


@pytest.mark.timeout(60)
async def test_whatever_a_phone_sends_the_line_goes_on(sqlite_url: str, tmp_path: Path) -> None:
    """Long texts in the GSM alphabet, a sender with a name, and a header that is none."""
    async with line(sqlite_url, tmp_path) as (world, smsc):
        smsc._deliver(ALICE, b"x" * 150, 0, 0)
        smsc._deliver(ALICE, b"y" * 250, 0, 0)
        smsc._deliver(ALICE, b"\x05\0\x09\1\1\1" + b"z" * 20, 0, 0x40)
        smsc._deliver("BANK", b"code 1234", 0, 0, ton=5)
        smsc._deliver(ALICE, "a\0b".encode("utf-16-be"), 8, 0)
        smsc.says(ALICE, "水情 3.2")

        async def all_here() -> bool:
            async with world.database.read() as uow:
                rows = await world.platform.inbound(uow)
            texts = {row.text for row in rows}
            unread = sum(text.startswith("[无法解码]") for text in texts)
            wanted = {"x" * 150, "y" * 250, "code 1234", "a\ufffdb", "水情 3.2"}
            return unread == 1 and wanted <= texts

        await world.until(all_here)


@pytest.mark.timeout(60)
async def test_when_the_line_is_cut_the_modem_takes_over(sqlite_url: str, tmp_path: Path) -> None:
    """What the line may have taken is unknown and not sent again; the rest goes by the modem."""
    async with line(sqlite_url, tmp_path) as (world, smsc):
        smsc.drops = True
        smsc.password = "changed"  # it will not bind again
        await world.send("one", ALICE)
        await world.until(lambda: world.all_in("unknown"))
        await world.send("two", ALICE, key="two")

        async def two_arrived() -> bool:
            return await world.air.texts_of(ALICE) == ["two"]

        await world.until(two_arrived)
        assert len(smsc.submitted) == 1


@pytest.mark.timeout(60)
async def test_a_busy_carrier_is_tried_again_or_left_to_the_modem(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with line(sqlite_url, tmp_path) as (world, smsc):
        smsc.refuse = 0x58
        await world.send("busy", ALICE)

        async def was_refused() -> bool:
            return world.platform.modems()[0].failed > 0

        await world.until(was_refused)
        smsc.refuse = 0
        world.clock.advance(10)

        async def is_out() -> bool:
            world.clock.advance(5)
            return await world.all_in("delivered", "sent")

        await world.until(is_out, within_s=20)


@pytest.mark.timeout(60)
async def test_a_wrong_password_is_shown_and_nothing_is_lost(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with line(sqlite_url, tmp_path, password="wrong") as (world, smsc):
        await world.send("by modem", ALICE, class_=MessageClass.ALERT)
        await world.until(lambda: world.all_in("delivered"))
        shown = world.platform.modems()[0]
        assert (shown.state.value, smsc.submitted) == ("faulted", [])
        assert "refused to bind" in shown.reason


async def test_what_still_ends_of_a_lost_line_does_not_end_the_next(tmp_path: Path) -> None:
    """A text that was being stored when the line broke is undone later than the line is back."""
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def store(_: IncomingPdu) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await may_end.wait()  # a database on a busy machine

    async with carrier() as smsc:
        path = f"smpp://county@127.0.0.1:{smsc.port}?source=10690000"
        port = ModemPort("line", path, pin="secret")
        driver = make_driver("smpp", port, store, SystemClock(), QUICK)
        await driver.open()
        await driver.sweep()
        smsc.says(ALICE, "hello")
        await begun.wait()
        handing: asyncio.Task[None] = driver._handing  # type: ignore[attr-defined]
        smsc.request(UNBIND)
        async with asyncio.timeout(20):
            while driver.is_ready:  # noqa: ASYNC110 - the carrier is at the other end of a line
                await asyncio.sleep(0.01)
        await driver.recover()
        may_end.set()
        await asyncio.wait({handing})
        assert driver.is_ready
        await driver.status()
        await driver.close()
