"""What the self-test makes of certificates, clocks and modems' answers: one line a case."""

import ast
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from signaling import selftest
from signaling.certificates import issue
from signaling.selftest import clocks, modems, storage
from signaling.selftest.certificates import check_certificate
from signaling.settings import Settings, load
from sms.at.probe import Look
from sms.driver import Registration
from sms.modem_view import ModemState, ModemView
from sms.settings import ModemSettings

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
NAMES = ("box.county.cn", "*.gov.cn", "192.168.1.10")
HTTPS = {"host": "192.168.1.10"}
Prepare = Callable[[Path], dict[str, Any]]


def _settings(tmp_path: Path, http: dict[str, Any]) -> Settings:
    return load({}, overrides={"data": {"dir": str(tmp_path)}, "http": http})


def _issued(tmp_path: Path, now: datetime = NOW, **http: Any) -> dict[str, Any]:
    made = issue(tmp_path / "tls", NAMES, now)
    return {**HTTPS, "tls_certificate": str(made.certificate), "tls_key": str(made.key), **http}


def _foreign_key(tmp_path: Path) -> dict[str, Any]:
    other = issue(tmp_path / "other", NAMES, NOW)
    return _issued(tmp_path, tls_key=str(other.key))


def _foreign_authority(tmp_path: Path) -> dict[str, Any]:
    http = _issued(tmp_path)
    other = issue(tmp_path / "other", NAMES, NOW)
    own = Path(http["tls_certificate"]).read_text().partition("-----END CERTIFICATE-----")
    Path(http["tls_certificate"]).write_text(own[0] + own[1] + "\n" + other.authority.read_text())
    return http


def _old_authority(tmp_path: Path) -> dict[str, Any]:
    issue(tmp_path / "tls", NAMES, NOW - timedelta(days=365 * 10 - 100))
    return _issued(tmp_path)


def _no_pem(tmp_path: Path) -> dict[str, Any]:
    file = tmp_path / "x.pem"
    file.write_text("nothing of the kind")
    return {**HTTPS, "tls_certificate": str(file)}


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        (lambda _: {"host": "127.0.0.1"}, "ok"),
        (lambda _: {"host": "0.0.0.0"}, "certificate.none"),
        (lambda _: {"host": "0.0.0.0", "public_url": "https://a.cn"}, "ok"),
        (_no_pem, "certificate.unreadable"),
        (lambda path: {**HTTPS, "tls_certificate": str(path / "none")}, "certificate.unreadable"),
        (_issued, "ok"),
        (lambda path: _issued(path, public_url="https://box.county.cn"), "ok"),
        (lambda path: _issued(path, public_url="https://BOX.county.cn:8443"), "ok"),
        (lambda path: _issued(path, public_url="https://fengsui.gov.cn"), "ok"),
        (lambda path: _issued(path, public_url="https://a.b.gov.cn"), "certificate.names"),
        (lambda path: _issued(path, public_url="https://other.cn"), "certificate.names"),
        (lambda path: _issued(path, host="10.0.0.7"), "certificate.names"),
        (lambda path: _issued(path, tls_key=None), "certificate.key"),
        (_foreign_key, "certificate.key"),
        (lambda path: _issued(path, NOW - timedelta(days=400)), "certificate.ends"),
        (lambda path: _issued(path, NOW - timedelta(days=380)), "certificate.ends"),
        (lambda path: _issued(path, NOW - timedelta(days=360)), "ok"),
        (lambda path: _issued(path, NOW + timedelta(days=2)), "certificate.early"),
        (_foreign_authority, "certificate.chain"),
        (_old_authority, "certificate.authority"),
    ],
)
async def test_what_browsers_will_think_of_the_certificate(
    tmp_path: Path, prepare: Prepare, code: str
) -> None:
    findings = await check_certificate(_settings(tmp_path, prepare(tmp_path)), NOW)
    assert code in {finding.code for finding in findings}
    assert all(finding.is_good == (finding.code == "ok") for finding in findings)


PIN = {"pin": "1234"}


@pytest.mark.parametrize(
    ("sim", "registration", "rssi", "more", "code"),
    [
        ("READY", Registration.HOME, -71, {}, "ok"),
        ("READY", Registration.ROAMING, None, {}, "ok"),
        ("READY", Registration.HOME, -109, {}, "modem.weak"),
        ("READY", Registration.DENIED, -71, {}, "modem.not_registered"),
        ("READY", Registration.SEARCHING, None, {}, "modem.not_registered"),
        ("SIM PIN", Registration.UNKNOWN, None, {}, "modem.pin_required"),
        ("SIM PIN", Registration.UNKNOWN, None, PIN, "ok"),
        ("SIM PUK", Registration.UNKNOWN, None, PIN, "modem.puk_required"),
        ("+CME ERROR: 10", Registration.UNKNOWN, None, {}, "modem.sim_missing"),
        ("", Registration.HOME, -71, {}, "modem.sim_missing"),
    ],
)
def test_what_a_modems_answers_mean(
    sim: str, registration: Registration, rssi: int | None, more: dict[str, Any], code: str
) -> None:
    modem = ModemSettings(name="m", path="/dev/m", **more)
    assert modems._judged(modem, Look(sim, registration, rssi)).code == code


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (None, "ok"),
        (ModemState.STARTING, "ok"),
        (ModemState.READY, "ok"),
        (ModemState.OFFLINE, "modem.offline"),
        (ModemState.FAULTED, "modem.faulted"),
        (ModemState.QUARANTINED, "modem.quarantined"),
    ],
)
def test_of_a_held_modem_the_running_servers_word_counts(
    state: ModemState | None, code: str
) -> None:
    view = state and ModemView("m", "/dev/m", False, state, NOW, "+CMS ERROR: 38")
    finding = modems._held("m", view)
    assert (finding.code, "held by the running server" in finding.text) == (code, True)
    assert finding.is_good or "+CMS ERROR: 38" in finding.text


@pytest.mark.parametrize(
    ("finding", "code"),
    [
        (clocks.judge_time(NOW), "ok"),
        (clocks.judge_time(datetime(2000, 1, 1, tzinfo=UTC)), "clock.wrong"),
        (clocks.judge_follows(0), "ok"),
        (clocks.judge_follows(5), "clock.ntp"),
        (clocks.judge_follows(-1), "ok"),
        (clocks.judge_database(NOW, NOW + timedelta(seconds=1)), "ok"),
        (clocks.judge_database(NOW, NOW - timedelta(seconds=3)), "clock.database"),
        (clocks.judge_log(NOW, NOW), "ok"),
        (clocks.judge_log(NOW, NOW + timedelta(minutes=2)), "clock.back"),
    ],
)
def test_what_a_clock_is_told_by(finding: Any, code: str) -> None:
    assert finding.code == code


def test_the_kernel_is_asked_whether_its_clock_follows_anything() -> None:
    assert clocks.kernel_state() in range(-1, 6)


def test_pages_that_were_not_built_are_named(tmp_path: Path) -> None:
    (found,) = storage.check_pages(tmp_path)
    assert (found.code, "make web" in found.mend) == ("pages.missing", True)
    for name in ("index.html", "room.html"):
        (tmp_path / name).touch()
    assert storage.check_pages(tmp_path)[0].is_good


def test_inner_loops_that_were_not_compiled_are_named(tmp_path: Path) -> None:
    """Meetings work without; who runs sixty sites on a small machine wants to know."""
    (found,) = storage.check_inner_loops(tmp_path / "libcompiled.so")
    assert (found.code, "make install" in found.mend) == ("loop.interpreted", True)
    assert storage.check_inner_loops()[0].is_good


@pytest.mark.parametrize(
    ("section", "code"), [("data", "disk.low"), ("recording", "recordings.low")]
)
def test_each_disk_has_its_own_least(tmp_path: Path, section: str, code: str) -> None:
    sections = {"data": {"dir": str(tmp_path)}, "recording": {}}
    least = {"min_free_mib": 9_000_000}
    roomy = {"data": {"min_free_mib": 10}, "recording": {"min_free_mib": 0}}
    given = {name: {**roomy[name], **values} for name, values in sections.items()}
    given[section] |= least
    (tmp_path / "recordings").mkdir()
    findings = storage.check_disks(load({}, overrides=given))
    assert [finding.code for finding in findings if not finding.is_good] == [code]


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_the_page_has_words_for_every_fault(language: str) -> None:
    """By code: the server's own text is English and for the terminal."""
    folder = Path(selftest.__file__).parent
    text = "".join(file.read_text("utf-8") + "\n" for file in folder.glob("*.py"))
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    made = [call.args[1] for call in calls if getattr(call.func, "id", "") == "Finding"]
    codes = {one.value for one in made if isinstance(one, ast.Constant)} - {"ok"}
    codes |= {f"certificate.{word}" for word in re.findall(r'_bad\("(\w+)"', text)}
    codes |= {f"modem.{reason.value}" for reason in modems._PORT_ADVICE}
    codes |= {f"modem.{state.value}" for state in modems._STATE_ADVICE}
    assert len(codes) > 30
    made = [call.args[0] for call in calls if getattr(call.func, "id", "") in {"Finding", "good"}]
    subjects = {one.value for one in made if isinstance(one, ast.Constant)}
    catalogue = (ROOT / "web" / "src" / "i18n" / language / "selftest.ts").read_text("utf-8")
    parts = {
        part: set(re.findall(r"^      (\w+):", _part(catalogue, part), re.MULTILINE))
        for part in ("subject", "what", "advice")
    }
    assert {subject.replace(".", "_") for subject in subjects} - parts["subject"] == set()
    for part in ("what", "advice"):
        assert {code.replace(".", "_") for code in codes} - parts[part] == set()


def _part(catalogue: str, name: str) -> str:
    return catalogue.partition(f"    {name}: {{")[2].partition("    },")[0]
