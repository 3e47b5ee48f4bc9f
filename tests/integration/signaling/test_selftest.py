"""The self-test beside what it looks at: running servers, modems, a carrier, Redis."""

import fcntl
import os
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from core.clock import SystemClock
from core.database import Database
from signaling.certificates import issue
from signaling.selftest import modems, network
from signaling.selftest.clocks import check_clock
from signaling.selftest.service import run
from signaling.settings import Settings, load
from sms.fleet import Fleet
from sms.modem_view import ModemState, ModemView
from tests.support.carrier import carrier
from tests.support.modem_sim import modem_sim


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modems, "_PATIENCE_S", 1.0)
    monkeypatch.setattr(network, "_PATIENCE_S", 5.0)


@pytest.mark.parametrize("is_https", [False, True])
async def test_the_ports_of_a_running_server_are_its_own(
    sqlite_url: str, make_settings: Callable[..., Settings], edge: Any, tmp_path: Path,
    is_https: bool,
) -> None:  # fmt: skip
    made = issue(tmp_path / "tls", ("127.0.0.1",), SystemClock().now())
    tls = {"tls_certificate": str(made.certificate), "tls_key": str(made.key)}
    settings = make_settings(sqlite_url, http=tls if is_https else {})
    assert not await network.is_serving(settings.http)
    async with edge(settings):
        assert await network.is_serving(settings.http)
        found = await network.check_ports(settings, serves=True)
        assert found[0].is_good
        assert "by the running server" in found[0].text
        assert {finding.code for finding in found[1:]} == {"port.unused"}, "no worker runs here"


async def test_a_port_that_another_program_holds_is_not_taken_for_ours(
    sqlite_url: str, make_settings: Callable[..., Settings]
) -> None:
    settings = make_settings(sqlite_url)
    with socket.create_server(("127.0.0.1", settings.http.port)):
        found = await network.check_ports(settings, serves=False)
    assert found[0].code == "port.taken"
    assert "ss -lnp" in found[0].mend


def _pool(*pool: dict[str, Any]) -> Settings:
    return load({}, overrides={"sms": {"modems": list(pool)}})


async def _only(settings: Settings, *, serves: bool = False) -> str:
    (found,) = await modems.check_modems(settings, serves)
    return found.code if not found.is_good else found.text


async def test_a_modem_is_asked_for_sim_network_and_signal(tmp_path: Path) -> None:
    async with modem_sim(tmp_path) as sim:
        settings = _pool({"name": "m", "path": sim.path(), "is_simulated": True})
        assert "SIM ready, home, -" in await _only(settings)
        await sim.fault("network_lost", seconds=600)
        assert await _only(settings) == "modem.not_registered"
        await sim.fault("sim_removed", seconds=600)
        assert await _only(settings) == "modem.sim_missing"
        held = os.open(sim.path(), os.O_RDWR | os.O_NOCTTY)
        fcntl.flock(held, fcntl.LOCK_EX)
        assert await _only(settings) == "modem.port_busy"
        os.close(held)
        await sim.fault("deaf", seconds=600)
        assert await _only(settings) == "modem.silent"
        await sim.fault("unplug")
        assert await _only(settings) == "modem.port_missing"


async def test_a_modem_the_server_holds_is_as_the_server_says(
    database_url: str, tmp_path: Path
) -> None:
    async with modem_sim(tmp_path) as sim, Database(database_url) as database:
        modem = {"name": "m", "path": sim.path(), "is_simulated": True}
        settings = load(
            {}, overrides={"sms": {"modems": [modem]}, "database": {"url": database_url}}
        )
        held = os.open(sim.path(), os.O_RDWR | os.O_NOCTTY)
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "see its modem page" in await _only(settings, serves=True)
        view = ModemView("m", sim.path(), True, ModemState.QUARANTINED, database.clock.now())
        async with database.write() as uow:
            await Fleet(database, "the server", 60).show(uow, view)
        assert await _only(settings, serves=True) == "modem.quarantined"
        os.close(held)


async def test_a_sim_that_wants_its_pin_is_told_before_the_night_it_is_needed(
    tmp_path: Path,
) -> None:
    async with modem_sim(tmp_path, pin="1234") as sim:
        modem = {"name": "m", "path": sim.path(), "is_simulated": True}
        assert await _only(_pool(modem)) == "modem.pin_required"
        assert "will enter" in await _only(_pool({**modem, "pin": "1234"}))


async def test_a_carriers_line_is_an_address_not_a_file(free_port: Callable[[], int]) -> None:
    async with carrier() as smsc:
        path = f"smpp://county@127.0.0.1:{smsc.port}?source=10690000"
        line = {"name": "line", "path": path, "driver": "smpp", "pin": "secret"}
        assert "answers" in await _only(_pool(line))
    line["path"] = f"smpp://county@127.0.0.1:{free_port()}?source=1"
    assert await _only(_pool(line)) == "modem.carrier_silent"


async def test_redis_is_asked_where_one_is_set(redis_url: str, free_port: Any) -> None:
    assert await network.check_redis(load({})) == []
    (found,) = await network.check_redis(load({}, overrides={"redis": {"url": redis_url}}))
    assert found.is_good
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    (found,) = await network.check_redis(load({}, overrides={"redis": {"url": nowhere}}))
    assert found.code == "redis.silent"


async def test_the_clock_is_held_against_the_database_and_the_log(
    database_url: str, make_settings: Callable[..., Settings], edge: Any
) -> None:
    settings = make_settings(database_url)
    async with edge(settings) as server:
        await server.add_user("boss")
        subjects = {finding.subject for finding in await check_clock(settings)}
        assert {"clock", "clock.ntp", "clock.log"} <= subjects
        assert ("clock.database" in subjects) == database_url.startswith("postgresql")
    if not database_url.startswith("sqlite"):
        return
    with closing(sqlite3.connect(database_url.partition("///")[2])) as database, database:
        database.execute("UPDATE audit_entry SET at = '2999-01-01 00:00:00.000000'")
    assert "clock.back" in {finding.code for finding in await check_clock(settings)}


async def test_every_fault_says_how_to_mend_it_also_on_the_page(county: Any) -> None:
    findings = await run(county.app.settings)
    assert {"settings", "database", "audit", "http.port", "modems", "disk", "pages"} <= {
        finding.subject for finding in findings
    }
    admin = await county.signed_in("admin")
    status, answer = await admin.call("GET", "/api/v1/system/check")
    assert status == 200
    told = {(one["subject"], one["code"]): one for one in answer["findings"]}
    assert told["modems", "modem.none"]["mend"]
    assert told["http.port", "ok"]["is_good"]
    assert (await (await county.signed_in("chair")).call("GET", "/api/v1/system/check"))[0] == 403
