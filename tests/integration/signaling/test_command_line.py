"""server.py as an operator runs it: real processes."""

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from core.version import VERSION
from signaling.control import ask
from sms.simulator.client import SimulatorClient
from tests.support.county import until

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.timeout(120)


@dataclass
class Box:
    """A folder, free ports and the processes started there."""

    folder: Path
    http_port: int
    media_port: int
    template: str
    started: list[asyncio.subprocess.Process] = field(default_factory=list)

    @property
    def environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if "FENGSUI" not in name}
        return kept | {
            "FENGSUI_DATA__DIR": str(self.folder),
            "FENGSUI_HTTP__PORT": str(self.http_port),
            "FENGSUI_MEDIA__PORT": str(self.media_port),
            "FENGSUI_MEDIA__LISTEN": "127.0.0.1",
        }

    def migrated(self) -> None:
        """The folder as `migrate` leaves it, at the price of a copy."""
        shutil.copyfile(self.template, self.folder / "fengsui.sqlite3")

    async def run(self, *arguments: str, stdin: str = "", **environ: str) -> tuple[int, str]:
        """Exit code and everything printed."""
        process = await self.start(*arguments, **environ)
        out, _ = await process.communicate(stdin.encode())
        return process.returncode or 0, out.decode()

    async def start(self, *arguments: str, **environ: str) -> asyncio.subprocess.Process:
        """A process, at its very beginning."""
        return await asyncio.create_subprocess_exec(
            sys.executable, str(ROOT / "server.py"), *arguments,
            env=self.environ | environ, cwd=self.folder, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip

    async def serve(self, *arguments: str) -> asyncio.subprocess.Process:
        """A server that answers /readyz with 200."""
        process = await self.start(*arguments)
        self.started.append(process)
        async with asyncio.timeout(60):
            while await self.status("/readyz", is_https="--lan" in arguments) != 200:
                assert process.returncode is None, (await process.communicate())[0].decode()
                await asyncio.sleep(0.1)
        return process

    async def status(self, path: str, *, is_https: bool = False) -> int:
        """The status of an answer; 0: none."""
        address = f"{'https' if is_https else 'http'}://127.0.0.1:{self.http_port}{path}"
        async with aiohttp.ClientSession() as http:
            try:
                async with http.get(address, ssl=False) as response:
                    return response.status
            except aiohttp.ClientError:
                return 0


@pytest.fixture
async def box(tmp_path: Path, free_port: Callable[[], int], sqlite_url: str) -> AsyncIterator[Box]:
    box = Box(tmp_path, free_port(), free_port(), sqlite_url.removeprefix("sqlite+aiosqlite:///"))
    yield box
    for process in box.started:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    simulator = _simulator_pid(box)
    if simulator is not None:
        os.kill(simulator, signal.SIGTERM)


def _simulator_pid(box: Box) -> int | None:
    """The simulator of this folder, by what it was started with."""
    for found in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = found.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"modem-sim" in words and str(box.folder).encode() in words:
            return int(found.parent.name)
    return None


async def test_help_names_every_command(box: Box) -> None:
    code, text = await box.run("--help")
    assert code == 0
    for command in (
        "serve", "worker", "migrate", "create-admin", "cert", "check", "seed-demo", "backup",
        "restore", "audit", "modem-sim", "config-sample", "openapi",
    ):  # fmt: skip
        assert re.search(rf"^  {command}\b", text, re.MULTILINE), command


async def test_the_version_is_told_from_a_bare_checkout_too(box: Box) -> None:
    assert await box.run("--version") == (0, f"{VERSION}\n")


async def test_a_bad_setting_is_named_and_nothing_starts(box: Box) -> None:
    code, text = await box.run("serve", FENGSUI_HTTP__PROT="1")
    assert code == 1
    assert "FENGSUI_HTTP__PROT" in text
    assert "Traceback" not in text


async def test_a_port_in_use_names_port_setting_and_the_way_on(box: Box) -> None:
    with socket.create_server(("127.0.0.1", box.http_port)):
        code, text = await box.run("serve")
    assert code == 1
    assert f"port {box.http_port} (setting http.port) is in use" in text
    way_on = re.search(r"FENGSUI_HTTP__PORT=(\d+) python server.py serve", text)
    assert way_on is not None
    assert int(way_on[1]) > box.http_port


async def test_a_media_port_in_use_is_named_too(box: Box) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", box.media_port))
        code, text = await box.run("serve")
    assert code == 1
    assert "media.port" in text


async def test_an_old_schema_says_what_to_run(box: Box) -> None:
    code, text = await box.run("serve")
    assert code == 1
    assert "server.py migrate" in text


@pytest.mark.parametrize("command", ["serve", "demo"])
async def test_a_folder_of_another_build_is_named_with_the_way_on(box: Box, command: str) -> None:
    """The baseline changes in place until the first release: no migration leads from there."""
    box.migrated()
    with closing(sqlite3.connect(box.folder / "fengsui.sqlite3")) as database:
        database.execute("ALTER TABLE sms_recipient RENAME COLUMN cause TO why")
        database.commit()
    code, text = await box.run(command)
    assert code == 1
    assert "another build" in text
    assert "sms_recipient.cause, sms_recipient.why" in text
    assert f"move {box.folder} away" in text
    assert "Traceback" not in text


async def test_from_nothing_to_an_administrator_and_a_verified_log(box: Box) -> None:
    assert (await box.run("migrate"))[0] == 0
    assert (await box.run("migrate"))[0] == 0
    code, text = await box.run("create-admin", "boss")
    assert code != 0
    assert "--county" in text
    code, text = await box.run("create-admin", "boss", "--county", "青澜县")
    assert code == 0, text
    assert re.search(r"password .*: \w{12}", text)
    again = await box.run("create-admin", "boss")
    assert again[0] == 1
    assert "taken" in again[1]
    secret = "灯下黑的地方也要看得见\n"
    assert (await box.run("create-admin", "second", "--password-stdin", stdin=secret))[0] == 0
    assert "whole" in (await box.run("audit", "verify"))[1]
    with sqlite3.connect(box.folder / "fengsui.sqlite3") as database:
        database.execute("UPDATE audit_entry SET actor_name = 'x' WHERE seq = 1")
    code, text = await box.run("audit", "verify")
    assert code == 1
    assert "altered at entry 1" in text


async def test_check_says_what_is_wrong_and_how_to_mend_it(box: Box) -> None:
    code, text = await box.run("check")
    assert code == 1
    assert re.search(r"BAD +database .*\n.*→ run `python server.py migrate`", text)
    assert re.search(r"BAD +modems", text)
    assert re.search(r"ok +clock", text)
    assert re.search(r"ok +disk", text)


async def test_what_the_server_writes_is_nobody_elses(box: Box) -> None:
    """Numbers, texts, session hashes: other accounts of the machine do not read them."""
    folder = box.folder / "var"
    there = {"FENGSUI_DATA__DIR": str(folder)}
    assert (await box.run("migrate", **there))[0] == 0
    for written in (folder, folder / "fengsui.sqlite3"):
        assert written.stat().st_mode & 0o077 == 0, written
    folder.chmod(0o755)
    code, text = await box.run("check", **there)
    assert code == 1
    assert f"chmod -R go-rwx {folder}" in text


async def test_cert_names_what_to_install_and_to_set(box: Box) -> None:
    code, text = await box.run("cert", "--name", "fengsui.county.cn")
    assert code == 0
    assert "fengsui.county.cn" in text
    assert "tls_certificate" in text
    assert (box.folder / "tls" / "ca.pem").exists()


async def test_sigterm_ends_a_server_in_order_and_a_kill_leaves_it_able_to_start(box: Box) -> None:
    box.migrated()
    first = await box.serve("serve")
    first.send_signal(signal.SIGTERM)
    out, _ = await first.communicate()
    assert first.returncode == 0, out.decode()
    stopped = re.findall(r'"component": "([\w-]+)", "event": "stopped"', out.decode())
    assert stopped.index("http") < stopped.index("events") < stopped.index("modems")
    second = await box.serve("serve")
    second.kill()
    await second.communicate()
    third = await box.serve("serve")
    third.terminate()
    await third.communicate()
    assert third.returncode == 0


async def test_a_running_server_keeps_a_restore_out_of_its_folder(box: Box) -> None:
    box.migrated()
    file = box.folder / "county.tar.gz"
    file.touch()
    server = await box.serve("serve")
    code, text = await box.run("restore", "--replace", str(file))
    assert code == 1
    assert f"`serve` (pid {server.pid}) works in {box.folder}" in text
    assert await box.status("/readyz") == 200


async def test_the_demo_starts_twice_and_its_modems_outlive_the_server(box: Box) -> None:
    first = await box.serve("demo")
    air = SimulatorClient(box.folder / "modem-sim.sock")
    pid = _simulator_pid(box)
    assert pid is not None
    before = await ask(box.folder, {"do": "advance", "seconds": 3600})
    assert "now" in before
    assert (box.folder / "control.sock").stat().st_mode & 0o077 == 0
    first.kill()
    out, _ = await first.communicate()
    assert re.search(r"duty +\S+ +县值班员", out.decode()), "the logins are printed"
    assert await air.do("ping") == "pong"
    second = await box.serve("demo")
    assert _simulator_pid(box) == pid, "the running simulator is used again"
    after = await ask(box.folder, {"do": "now"})
    assert after["now"] > before["now"], "what the clock was moved survives the restart"
    assert (await ask(box.folder, {"do": "advance", "seconds": -1}))["error"]
    assert (await ask(box.folder, {"do": "dance"}))["error"]
    second.terminate()
    await second.communicate()
    await air.close()
    assert second.returncode == 0


async def test_a_demo_told_to_end_while_it_starts_leaves_no_modem_behind(box: Box) -> None:
    """SIGTERM before the server listens for it: the simulator just started ends as well."""
    await box.run("seed-demo")
    process = await box.start("demo")
    box.started.append(process)

    async def has_modems() -> bool:
        return _simulator_pid(box) is not None

    async def has_none() -> bool:
        return not await has_modems()

    await until(has_modems, within_s=60)
    process.terminate()
    await process.communicate()
    await until(has_none, within_s=20)


async def test_config_sample_and_openapi_print_what_is_committed(box: Box) -> None:
    code, text = await box.run("config-sample")
    assert (code, text) == (0, (ROOT / "config-sample.toml").read_text("utf-8"))
    code, text = await box.run("openapi")
    assert code == 0
    assert json.loads(text)["openapi"] == "3.1.0"


@pytest.mark.parametrize(("options", "status"), [((), 401), (("--lan",), 404)])
async def test_the_phones_page_is_for_the_loopback_only(
    box: Box, options: tuple[str, ...], status: int
) -> None:
    """Whoever can answer for a handset can forge an acknowledgement (decision 0006)."""
    box.migrated()
    await box.serve("serve", "--demo", *options)
    phones = "/api/v1/demo/phones"
    assert await box.status(phones, is_https=bool(options)) == status
