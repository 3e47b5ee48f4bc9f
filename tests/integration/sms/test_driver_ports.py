"""Both drivers and the port: missing, taken, locked by a PIN, gone under their hands."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.clock import SystemClock
from sms.driver import IncomingPdu, ModemPort, ModemUnavailable, Reason, SendState
from sms.drivers import DriverKind, make_driver
from tests.support.driver_cases import QUICK, Bench
from tests.support.modem_sim import ModemSim, modem_sim

NUMBER = "+8610055500001"
KINDS: tuple[DriverKind, ...] = ("at", "gsmmodem")


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[ModemSim]:
    async with modem_sim(tmp_path) as running:
        yield running


@pytest.fixture
async def bench(request: pytest.FixtureRequest, sim: ModemSim) -> AsyncIterator[Bench]:
    async with Bench(sim, request.param, QUICK) as opened:
        await opened.driver.open()
        yield opened


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("kind", KINDS)
async def test_no_such_device(tmp_path: Path, kind: DriverKind) -> None:
    async def sink(_pdu: IncomingPdu) -> None:
        raise AssertionError

    port = ModemPort("none", str(tmp_path / "nothing"))
    driver = make_driver(kind, port, sink, SystemClock(), QUICK)
    with pytest.raises(ModemUnavailable) as missing:
        await driver.open()
    assert missing.value.reason is Reason.PORT_MISSING
    await driver.close()


@pytest.mark.parametrize("second", KINDS)
async def test_one_modem_has_one_owner(sim: ModemSim, second: DriverKind) -> None:
    """flock: a second driver, also of another process, is told who is there."""
    async with Bench(sim, "at", QUICK) as first:
        await first.driver.open()
        async with Bench(sim, second, QUICK) as other:
            with pytest.raises(ModemUnavailable) as busy:
                await other.driver.open()
            assert busy.value.reason is Reason.PORT_BUSY
        assert (await first.send("still mine", NUMBER)).state is SendState.SENT


@pytest.mark.parametrize("kind", KINDS)
async def test_pin(tmp_path: Path, kind: DriverKind) -> None:
    """Entered if known; a wrong one is tried once only; without one it says so."""
    async with modem_sim(tmp_path, pin="4711") as sim:
        async with Bench(sim, kind, QUICK) as bench:
            with pytest.raises(ModemUnavailable) as required:
                await bench.driver.open()
            assert required.value.reason is Reason.PIN_REQUIRED
        async with Bench(sim, kind, QUICK, pin="9999") as bench:
            for _ in range(3):
                with pytest.raises(ModemUnavailable) as wrong:
                    await bench.driver.open()
                assert wrong.value.reason is Reason.PIN_WRONG
            tries = [line for line in bench.driver.trace() if line.sent and "CPIN=" in line.text]
            assert len(tries) <= 1
        async with Bench(sim, kind, QUICK, pin="4711") as bench:
            await bench.driver.open()
            assert (await bench.send("unlocked", NUMBER)).state is SendState.SENT
            assert not any("4711" in line.text for line in bench.driver.trace())


@pytest.mark.parametrize("kind", KINDS)
async def test_no_sim(sim: ModemSim, kind: DriverKind) -> None:
    await sim.fault("sim_removed", seconds=60)
    async with Bench(sim, kind, QUICK) as bench:
        with pytest.raises(ModemUnavailable) as missing:
            await bench.driver.open()
        assert missing.value.reason is Reason.SIM_MISSING


@pytest.mark.parametrize("way", ["closed", "unplugged"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_port_that_goes_ends_a_question_to_the_network(
    sim: ModemSim, kind: DriverKind, way: str
) -> None:
    """It is not waited for until the network might have answered."""
    patient = replace(QUICK, ussd_s=3600.0)
    async with Bench(sim, kind, patient) as bench:
        await bench.driver.open()
        await sim.fault("network_lost", seconds=3600)
        asking = asyncio.create_task(bench.driver.ussd("*100#"))
        await until(lambda: any("AT+CUSD=1" in line.text for line in bench.driver.trace()))
        await (bench.driver.close() if way == "closed" else sim.fault("unplug"))
        with pytest.raises(ModemUnavailable):
            await asking


@pytest.mark.parametrize("bench", ["gsmmodem"], indirect=True)
async def test_a_port_the_last_drivers_reader_still_holds_is_waited_for_too(bench: Bench) -> None:
    """Modems are taken up anew after a wrong PIN, or when the settings change."""
    await bench.driver.close()
    held = os.open(bench.sim.path(), os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(held, fcntl.LOCK_EX)
    asyncio.get_running_loop().call_later(0.3, os.close, held)
    async with Bench(bench.sim, "gsmmodem", QUICK) as second:
        await second.driver.open()
        assert second.driver.is_ready


@pytest.mark.parametrize("bench", ["gsmmodem"], indirect=True)
async def test_a_port_its_own_last_reader_still_holds_is_waited_for(bench: Bench) -> None:
    """A thread that is slow to let go is not "in use by another"; what stays locked still is."""
    bench.driver._drop("lost")  # type: ignore[attr-defined]
    held = os.open(bench.sim.path(), os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(held, fcntl.LOCK_EX)
    asyncio.get_running_loop().call_later(0.3, os.close, held)
    await bench.driver.recover()
    assert bench.driver.is_ready
