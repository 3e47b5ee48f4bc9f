"""Settings: from file and environment; every fault is named by its path."""

import itertools
import re
import tomllib
from pathlib import Path

import pytest

from signaling.settings import BadSettings, load, sample, variables

ROOT = Path(__file__).resolve().parents[3]


def _file(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "fengsui.toml"
    file.write_text(text, "utf-8")
    return file


def _faults(environ: dict[str, str], config: Path | None = None) -> list[str]:
    with pytest.raises(BadSettings) as fault:
        load(environ, config)
    return fault.value.faults


def test_without_anything_the_defaults_are_good() -> None:
    settings = load({})
    assert (settings.http.host, settings.http.port) == ("127.0.0.1", 8080)
    assert settings.database_url.startswith("sqlite+aiosqlite:///")


def test_the_environment_wins_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    file = _file(tmp_path, "[http]\nport = 8001\n[auth]\nidle_minutes = 60\n")
    settings = load({"FENGSUI_HTTP__PORT": "8002"}, file)
    assert (settings.http.port, settings.auth.idle_minutes) == (8002, 60)
    assert load({"FENGSUI_CONFIG": str(file)}).http.port == 8001
    assert load({}, file, {"http": {"port": 8003}}).auth.idle_minutes == 60


def test_a_nested_setting_of_one_section_leaves_its_neighbours(tmp_path: Path) -> None:
    file = _file(tmp_path, '[media]\nport = 7100\n[media.turn]\nsecret = "s"\n')
    settings = load({"FENGSUI_MEDIA__TURN__LIFETIME_S": "600"}, file)
    assert settings.media.port == 7100
    assert settings.media.turn.lifetime_s == 600
    assert settings.media.turn.secret.get_secret_value() == "s"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("[http]\nprot = 1\n", "http.prot"),
        ("[http]\nport = 70000\n", "http.port"),
        ("[nothing]\nx = 1\n", "nothing"),
        ("[sms]\n[[sms.modems]]\nname = 'a'\nspeed = 1\n", "sms.modems.0.path"),
        ("[auth]\nidle_minutes = 1\n", "auth.idle_minutes"),
        ("not toml", "fengsui.toml"),
    ],
)
def test_a_bad_key_in_the_file_is_named(tmp_path: Path, text: str, path: str) -> None:
    assert any(path in fault for fault in _faults({}, _file(tmp_path, text)))


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("FENGSUI_HTTP__PROT", "1", "FENGSUI_HTTP__PROT: unknown"),
        ("FENGSUI_HTPP__PORT", "1", "FENGSUI_HTPP__PORT: unknown"),
        ("FENGSUI_PORT", "1", "FENGSUI_PORT: unknown"),
        ("FENGSUI_HTTP__PORT", "eighty", "http.port"),
        ("FENGSUI_HTTP__PORT", "0", "variable FENGSUI_HTTP__PORT"),
        ("FENGSUI_SMS__MODEMS", "[", "sms"),
    ],
)
def test_a_bad_variable_is_named(name: str, value: str, told: str) -> None:
    assert any(told in fault for fault in _faults({name: value}))


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    file = _file(tmp_path, "[http]\nport = 0\n[auth]\nidle_minutes = 1\n")
    assert len(_faults({}, file)) == 2


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    (fault,) = _faults({}, tmp_path / "none.toml")
    assert "none.toml" in fault


def test_a_secret_is_not_in_what_is_printed() -> None:
    settings = load({"FENGSUI_DATABASE__URL": "postgresql+asyncpg://f:hunter2@db/f"})
    assert "hunter2" not in repr(settings)
    assert "hunter2" in settings.database_url


def test_the_committed_sample_is_that_of_the_settings() -> None:
    assert (ROOT / "config-sample.toml").read_text("utf-8") == sample(), (
        "run: python server.py config-sample --write config-sample.toml"
    )


def test_the_sample_loads_as_it_is_and_with_every_line_in_force(tmp_path: Path) -> None:
    load({}, _file(tmp_path, sample()))
    every = re.sub(r"^#(\[|\w+ = (?!\(none\)))", r"\1", sample(), flags=re.MULTILINE)
    every = re.sub(r"^\[\[.*\]\]$(\n.+)*", "", every, flags=re.MULTILINE)
    settings = load({}, _file(tmp_path, every))
    assert settings.http.port == 8080


def test_the_sample_shows_every_setting() -> None:
    shown = sample()
    tomllib.loads(shown)
    for _variable, path in variables():
        name = path.rpartition(".")[2]
        assert re.search(rf"\b{name}\b", shown), path


def test_every_setting_says_what_it_is() -> None:
    lines = sample().splitlines()
    for above, line in itertools.pairwise(lines):
        if re.match(r"#\w+ =", line):
            assert above.startswith("# "), line
            assert len(above) > 5, f"describe {line}"
