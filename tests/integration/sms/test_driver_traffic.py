"""Both drivers, everything but send faults and ports: what comes in, calls, USSD, leaving."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from core.clock import SystemClock
from core.errors import InvalidInput
from sms.driver import (
    CallResult,
    IncomingCall,
    IncomingPdu,
    MessageWaiting,
    ModemPort,
    ModemRestarted,
    ModemUnavailable,
    PortLost,
    Reason,
    Registration,
    RegistrationChanged,
    SendState,
    SimChanged,
)
from sms.drivers import DriverKind, make_driver
from sms.pdu import Deliver, ReportState, StatusReport, decode_incoming
from sms.reassembly import Part, collect, key_of
from tests.support.driver_cases import QUICK, Bench
from tests.support.modem_sim import ModemSim, modem_sim

NUMBER = "+8610055500001"
KINDS: tuple[DriverKind, ...] = ("at", "gsmmodem")


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[ModemSim]:
    async with modem_sim(tmp_path) as running:
        yield running


@pytest.fixture(params=KINDS)
async def bench(request: pytest.FixtureRequest, sim: ModemSim) -> AsyncIterator[Bench]:
    async with Bench(sim, request.param, QUICK) as opened:
        await opened.driver.open()
        yield opened


async def until(is_so: Callable[[], bool], limit_s: float = 30.0) -> None:
    async with asyncio.timeout(limit_s):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def sweep_until(bench: Bench, count: int, limit_s: float = 30.0) -> None:
    async with asyncio.timeout(limit_s):
        while len(bench.incoming) < count:
            await bench.driver.sweep()
            await asyncio.sleep(0.05)


def texts(incoming: list[IncomingPdu]) -> list[str]:
    decoded = [decode_incoming(pdu.hex) for pdu in incoming]
    return [d.text for d in decoded if isinstance(d, Deliver)]


def reports(incoming: list[IncomingPdu]) -> list[tuple[int, ReportState]]:
    decoded = [decode_incoming(pdu.hex) for pdu in incoming]
    return [(d.reference, d.state) for d in decoded if isinstance(d, StatusReport)]


DELIVERED, TRYING, FAILED = ReportState.DELIVERED, ReportState.TRYING, ReportState.FAILED


@pytest.mark.parametrize(
    ("mode", "states"),
    [
        ("normal", [DELIVERED]),
        ("early", [DELIVERED]),
        ("late", [DELIVERED]),
        ("twice", [DELIVERED, DELIVERED]),
        ("interim", [TRYING, DELIVERED]),
        ("expired", [FAILED]),
    ],
)
async def test_delivery_reports(bench: Bench, mode: str, states: list[ReportState]) -> None:
    """Every report arrives with the reference of its message, an interim one as interim."""
    await bench.sim.do("behave", number=NUMBER, report=mode, report_delay_s=0.05)
    outcome = await bench.send("hello", NUMBER)
    await sweep_until(bench, len(states))
    assert reports(bench.incoming) == [(outcome.reference, state) for state in states]


async def test_no_report_is_no_report(bench: Bench) -> None:
    await bench.sim.do("behave", number=NUMBER, report="never")
    await bench.send("hello", NUMBER)
    await asyncio.sleep(0.2)
    assert await bench.driver.sweep() == 0


async def test_replies_of_a_crowd_while_sending(bench: Bench) -> None:
    """15 replies, one of them long, into a modem with 8 places, while 20 go out: all arrive."""
    await bench.sim.fault("storage", code=8)
    await bench.sim.do("behave", number=NUMBER, report="never")
    await bench.send("who is there?", NUMBER)
    me = bench.driver.info.own_number
    long_text = "已到岗，人员齐备。" * 20
    for i in range(14):
        await bench.sim.do("reply", number=f"+861005550{i:04d}", text=f"收到{i}", to=me)
    await bench.sim.do("reply", number=NUMBER, text=long_text, to=me)
    for i in range(20):
        assert (await bench.send(f"notice {i}", NUMBER)).state is SendState.SENT
        if i % 5 == 4:
            await bench.driver.sweep()
    await sweep_until(bench, 17)
    assert await bench.driver.sweep() == 0
    decoded = [decode_incoming(pdu.hex) for pdu in bench.incoming]
    delivers = [d for d in decoded if isinstance(d, Deliver)]
    short = [d.text for d in delivers if d.concatenation is None]
    assert sorted(short) == sorted(f"收到{i}" for i in range(14))
    joined = [d for d in delivers if d.concatenation is not None]
    first = joined[0].concatenation
    assert first is not None
    parts = [
        Part(d.concatenation.number, d.user_data.text, bench.incoming[0].received_at)
        for d in joined
        if d.concatenation
    ]
    (whole,) = collect(key_of("", NUMBER, first), parts)
    assert whole.text() == long_text


async def test_notifications_inside_answers_lose_nothing(bench: Bench) -> None:
    """RING, RSSI and +CREG lines inside every answer, messages arriving all the time."""
    await bench.sim.fault("noise", share=1.0)
    await bench.sim.do("behave", number=NUMBER, auto_reply="1", auto_reply_delay_s=0.01)
    for i in range(10):
        assert (await bench.send(f"question {i}", NUMBER)).state is SendState.SENT
    await sweep_until(bench, 20)
    assert texts(bench.incoming) == ["1"] * 10
    assert [state for _, state in reports(bench.incoming)] == [DELIVERED] * 10


async def test_a_pdu_that_is_none_is_handed_over_raw_and_deleted(bench: Bench) -> None:
    """Storage cannot be blocked by rubbish from the air."""
    for pdu in ("00", "0004FF", "07911326040000F0040B91134661"):
        await bench.sim.do("inject", modem="modem-1", pdu=pdu)
    await sweep_until(bench, 3)
    assert [p.hex for p in bench.incoming] == ["00", "0004FF", "07911326040000F0040B91134661"]
    assert await bench.driver.sweep() == 0


async def test_what_could_not_be_stored_stays_in_the_modem(sim: ModemSim) -> None:
    """The sink fails: nothing is deleted, the next sweep brings it again."""
    stored: list[str] = []
    fails = [True]

    async def sink(pdu: IncomingPdu) -> None:
        if fails.pop() if fails else False:
            raise OSError("disk full")
        stored.append(pdu.hex)

    driver = make_driver("at", ModemPort("m", sim.path()), sink, SystemClock(), QUICK)
    await driver.open()
    await sim.do("inject", modem="modem-1", pdu="0001")
    with pytest.raises(OSError, match="disk full"):
        await driver.sweep()
    assert await driver.sweep() == 1
    assert stored == ["0001"]
    await driver.close()


async def test_stored_messages_announce_themselves(bench: Bench) -> None:
    await bench.send("hello", NUMBER)
    await bench.sim.do("reply", number=NUMBER, text="1")
    await until(lambda: any(isinstance(e, MessageWaiting) for e in bench.events))


@pytest.mark.parametrize(
    ("mode", "result"),
    [
        ("answer", CallResult.ANSWERED),
        ("busy", CallResult.BUSY),
        ("no_answer", CallResult.NO_ANSWER),
        ("unreachable", CallResult.REJECTED),
    ],
)
async def test_ring_out(bench: Bench, mode: str, result: CallResult) -> None:
    await bench.sim.do("behave", number=NUMBER, call=mode)
    ring_s = 1.6 if result is CallResult.NO_ANSWER else 20.0  # the others end it before
    assert await bench.driver.dial(NUMBER, ring_s) is result
    assert (await bench.send("after the call", NUMBER)).state is SendState.SENT


async def test_what_comes_while_it_rings_is_handed_over_meanwhile(bench: Bench) -> None:
    """A text and the report of one sent before: the ring is ended only once both are here."""
    await bench.sim.do("behave", number=NUMBER, report_delay_s=1.0)
    outcome = await bench.send("before", NUMBER)
    await bench.sim.do("reply", number=NUMBER, text="收到")
    result = await bench.driver.dial(NUMBER, 15.0, lambda: len(bench.incoming) == 2)
    assert result is CallResult.INTERRUPTED
    assert texts(bench.incoming) == ["收到"]
    assert reports(bench.incoming) == [(outcome.reference, DELIVERED)]


async def test_what_cannot_be_stored_while_it_rings_ends_no_ring_and_is_kept(bench: Bench) -> None:
    await bench.sim.do("behave", number=NUMBER, report="never")
    await bench.send("before", NUMBER)
    await bench.sim.do("reply", number=NUMBER, text="收到")
    bench.cannot_store = 100
    result = await bench.driver.dial(NUMBER, 15.0, lambda: bench.cannot_store < 100)
    assert (result, bench.incoming) == (CallResult.INTERRUPTED, [])
    bench.cannot_store = 0
    await sweep_until(bench, 1)
    assert texts(bench.incoming) == ["收到"]


async def test_ringing_without_a_network_is_refused_at_once(sim: ModemSim) -> None:
    async with Bench(sim, "at", QUICK) as bench:
        await bench.driver.open()
        await sim.fault("network_lost", seconds=30)
        assert await bench.driver.dial(NUMBER, 1.0) is CallResult.REJECTED
        assert bench.driver.is_ready


async def test_an_incoming_call_is_one_event(sim: ModemSim) -> None:
    async with Bench(sim, "at", QUICK) as bench:
        await bench.driver.open()
        await sim.do("call", number=NUMBER, modem="modem-1", rings=2)
        heard = bench.driver.trace
        await until(lambda: sum(line.text.count("RING") for line in heard()) == 2)
        assert [e for e in bench.events if isinstance(e, IncomingCall)] == [IncomingCall(NUMBER)]


async def test_ussd(bench: Bench) -> None:
    assert (await bench.driver.ussd("*100#")).text == "您的余额为 86.50 元"
    assert (await bench.driver.ussd("*101#")).text == "Balance 86.50 CNY"


async def test_status_and_identity(bench: Bench) -> None:
    status = await bench.driver.status()
    assert (status.registration, status.rssi_dbm, status.operator) == (
        Registration.HOME, -71, "46000",
    )  # fmt: skip
    assert bench.driver.info.imsi == "460000000000001"
    assert bench.driver.info.smsc == "+8613800100500"


async def test_registration_lost_and_found_are_events(bench: Bench) -> None:
    await bench.sim.fault("network_lost", seconds=0.3)
    expected = [
        RegistrationChanged(Registration.SEARCHING),
        RegistrationChanged(Registration.HOME),
    ]
    await until(lambda: [e for e in bench.events if isinstance(e, RegistrationChanged)] == expected)


async def test_sim_taken_out_and_put_back_are_events(bench: Bench) -> None:
    await bench.sim.fault("sim_removed", seconds=0.3)
    await until(
        lambda: [e.is_present for e in bench.events if isinstance(e, SimChanged)] == [False, True]
    )


async def test_restart_while_idle(bench: Bench) -> None:
    """Settings are lost with it: not ready until recovered."""
    await bench.sim.fault("restart", seconds=0.2)
    await until(lambda: any(isinstance(e, ModemRestarted) for e in bench.events))
    assert not bench.driver.is_ready
    await bench.driver.recover()
    assert (await bench.send("again", NUMBER)).state is SendState.SENT


async def test_a_silent_restart_is_noticed_by_the_next_status(bench: Bench) -> None:
    """No RDY, but text mode again: nothing is sent or read wrongly until recovered."""
    await bench.sim.fault("restart", seconds=0.05, mode="silent")
    await bench.sim.do("advance", seconds=0.05)
    await bench.driver.status()
    assert not bench.driver.is_ready
    await bench.driver.recover()
    assert (await bench.send("again", NUMBER)).state is SendState.SENT


async def test_a_silent_restart_is_noticed_by_the_next_send(bench: Bench) -> None:
    await bench.sim.fault("restart", seconds=0.05, mode="silent")
    await bench.sim.do("advance", seconds=0.05)
    outcome = await bench.send("first", NUMBER)
    assert outcome.is_surely_not_sent
    assert outcome.needs_recovery
    await bench.driver.recover()
    assert (await bench.send("again", NUMBER)).state is SendState.SENT
    assert [e["text"] for e in await bench.sim.on_air(NUMBER)] == ["again"]


async def test_a_cancelled_call_does_not_shift_the_answers(bench: Bench) -> None:
    """The answer of a command nobody waits for is not taken for the next one's."""
    for _ in range(5):
        asking = asyncio.create_task(bench.driver.status())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait({asking})
        if not bench.driver.is_ready:
            await bench.driver.recover()
        assert (await bench.driver.status()).operator == "46000"
    assert (await bench.send("after", NUMBER)).state is SendState.SENT


async def test_unplugged_while_idle_and_back(bench: Bench) -> None:
    """The device path vanishes and returns as another device under the same link."""
    await bench.send("before", NUMBER)
    await bench.sim.fault("unplug", seconds=0.7)
    await until(lambda: not bench.driver.is_ready)
    started = time.monotonic()
    assert (await bench.send("meanwhile", NUMBER)).state is SendState.NOT_SENT
    await bench.driver.recover()
    assert (await bench.send("after", NUMBER)).state is SendState.SENT
    assert time.monotonic() - started < 0.7 + 10  # design: after the fault has ended
    assert [e["text"] for e in await bench.sim.on_air(NUMBER)] == ["before", "after"]


async def test_a_modem_gone_for_good_ends_recover_in_time(sim: ModemSim) -> None:
    async with Bench(sim, "at", QUICK) as bench:
        await bench.driver.open()
        await sim.fault("unplug")
        await until(lambda: any(isinstance(e, PortLost) for e in bench.events))
        started = time.monotonic()
        with pytest.raises(ModemUnavailable) as gone:
            await bench.driver.recover()
        assert gone.value.reason is Reason.PORT_MISSING
        assert time.monotonic() - started < 2 * QUICK.recover_s  # not for ever


@pytest.mark.parametrize("family", ["sim800", "huawei", "quectel", "generic"])
@pytest.mark.parametrize("kind", KINDS)
async def test_families(tmp_path: Path, kind: DriverKind, family: str) -> None:
    """Start-up suits each; SIM800 hands reports over directly (+CDS), and they arrive too."""
    async with (
        modem_sim(tmp_path, family=family) as sim,
        Bench(sim, kind, QUICK) as bench,
    ):
        info = await bench.driver.open()
        assert info.family == family
        await sim.do("behave", number=NUMBER, report_delay_s=0.1)
        outcome = await bench.send("hello", NUMBER)
        await sweep_until(bench, 1)
        assert reports(bench.incoming) == [(outcome.reference, DELIVERED)]
        assert await bench.driver.sweep() == 0  # deleted once it is stored
        source = bench.incoming[0].source
        assert source == {"sim800": "direct", "huawei": "SR:1"}.get(family, "SM:1")


async def test_a_modem_left_in_the_prompt_is_freed(sim: ModemSim) -> None:
    """The server was killed between prompt and text: the next start gets the modem back."""
    device = os.open(sim.path(), os.O_RDWR | os.O_NOCTTY)
    os.write(device, b"AT+CMGF=0\rAT+CMGS=20\r")
    await asyncio.sleep(0.1)
    os.close(device)
    async with Bench(sim, "at", QUICK) as bench:
        await bench.driver.open()
        assert (await bench.send("hello", NUMBER)).state is SendState.SENT
        assert [e["text"] for e in await sim.on_air()] == ["hello"]


async def test_close_ends_a_running_send_at_once(sim: ModemSim) -> None:
    """Past Ctrl-Z: unknown, never sent."""
    await sim.do("radio", modem="modem-1", seconds=30)
    async with Bench(sim, "at", QUICK) as bench:
        await bench.driver.open()
        sending = asyncio.create_task(bench.send("slow", NUMBER))
        await until(lambda: any(line.text.endswith("\x1a") for line in bench.driver.trace()))
        await bench.driver.close()
        outcome = await asyncio.wait_for(sending, 10)
    assert outcome.state is SendState.UNKNOWN


async def test_two_late_answers_are_told_apart(sim: ModemSim) -> None:
    """The late +CMGS comes after the next message has got its own."""
    await sim.do("behave", number=NUMBER, report="never")
    async with Bench(sim, "at", QUICK) as bench:
        await bench.driver.open()
        await bench.send("one", NUMBER)
        await sim.fault("answer_late_alive", seconds=5.0)  # `three` is answered long before
        assert (await bench.send("two", NUMBER, "two")).state is SendState.UNKNOWN
        assert (await bench.send("three", NUMBER)).reference == 2
        late = await bench.until_late("two", 15.0)
        assert late is not None
        assert (late.state, late.reference) == (SendState.SENT, 1)
        assert bench.late("three") is None


async def test_the_simulator_remembers_across_its_own_restart(tmp_path: Path) -> None:
    async with modem_sim(tmp_path, keeps_journal=True) as sim, Bench(sim, "at", QUICK) as bench:
        await bench.driver.open()
        assert (await bench.send("before", NUMBER)).reference == 0
    async with modem_sim(tmp_path, keeps_journal=True) as sim:
        assert await sim.texts_of(NUMBER) == ["before"]
        async with Bench(sim, "at", QUICK) as bench:
            await bench.driver.open()
            assert (await bench.send("after", NUMBER)).reference == 1
        assert [e["text"] for e in await sim.on_air()] == ["before", "after"]


async def test_an_order_nobody_waits_for_does_not_shift_the_answers(sim: ModemSim) -> None:
    """A page that is closed meanwhile leaves the next one its own answers."""
    for turns in range(12):
        asking = asyncio.create_task(sim.do("ping"))
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait({asking})
        assert (await sim.do("handset", number=NUMBER))["number"] == NUMBER


async def test_the_control_socket_is_private_and_answers_nonsense(sim: ModemSim) -> None:
    assert (sim.directory / "modem-sim.sock").stat().st_mode & 0o777 == 0o700
    for order, arguments in (
        ("nothing", {}),
        ("reply", {"number": NUMBER, "text": "1"}),
        ("fault", {"modem": "modem-1", "fault": "none"}),
        ("fault", {"modem": "modem-9", "fault": "deaf"}),
        ("behave", {"number": NUMBER, "report": "sometimes"}),
        ("handset", {}),
    ):
        with pytest.raises(InvalidInput):
            await sim.do(order, **arguments)
    assert await sim.do("ping") == "pong"
