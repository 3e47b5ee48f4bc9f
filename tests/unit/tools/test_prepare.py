"""The preparation steps: skip what is current, mend what is half done, say what is missing."""

import sys
from pathlib import Path

import pytest

from tools import environment, fingerprint, pages, services, steps


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project's shape in which the steps work instead of the real one."""
    (tmp_path / "requirements").mkdir()
    for kind in ("run", "dev"):
        (tmp_path / "requirements" / f"{kind}.txt").write_text("# nothing\n")
    venv = tmp_path / ".venv"
    for module in (steps, fingerprint, environment):
        if hasattr(module, "ROOT"):
            monkeypatch.setattr(module, "ROOT", tmp_path)
        if hasattr(module, "STAMPS"):
            monkeypatch.setattr(module, "STAMPS", tmp_path / ".stamps")
    monkeypatch.setattr(steps, "LOG", tmp_path / ".stamps" / "prepare.log")
    monkeypatch.setattr(environment, "VENV", venv)
    monkeypatch.setattr(environment, "PYTHON", venv / "bin" / "python")
    monkeypatch.setattr(environment, "UNFINISHED", venv / "unfinished")
    return tmp_path


@pytest.mark.parametrize(
    ("version", "is_recent"),
    [
        ("v18.20.0", False),
        ("v20.18.3", False),
        ("v20.19.0", True),
        ("v21.7.3", False),
        ("v22.11.0", False),
        ("v22.12.0", True),
        ("v24.1.0", True),
        ("", False),
    ],
)
def test_which_node_can_build_the_pages(version: str, is_recent: bool) -> None:
    assert pages.is_recent(version) is is_recent


@pytest.mark.timeout(120)
def test_the_environment_is_made_once_and_mended(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.prepare("run")
    assert (folder / ".venv" / "bin" / "python").exists()
    capsys.readouterr()

    environment.prepare("run")
    assert "ready" in capsys.readouterr().out

    (folder / ".venv" / "unfinished").touch()  # as a cut-off install leaves it
    (folder / ".venv" / "trace").touch()
    environment.prepare("run")
    assert not (folder / ".venv" / "trace").exists()

    (folder / ".venv" / "bin" / "python").unlink()  # as an upgrade of the system's Python leaves it
    environment.prepare("run")
    assert (folder / ".venv" / "bin" / "python").exists()


def test_changed_requirements_are_installed_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed: list[str] = []
    monkeypatch.setattr(environment, "run", lambda command, **_: installed.append(command[-1].name))
    monkeypatch.setattr(environment, "_version", lambda: "Python 3.11.7")
    (folder / ".venv").mkdir()
    environment.prepare("run")
    environment.prepare("run")
    (folder / "requirements" / "run.txt").write_text("# something else\n")
    environment.prepare("run")
    environment.prepare("dev")
    environment.prepare("run")  # dev contains run
    assert installed == ["run.txt", "run.txt", "dev.txt"]


def test_a_failed_download_is_explained(folder: Path) -> None:
    script = "print('Temporary failure in name resolution'); raise SystemExit(1)"
    with pytest.raises(steps.Stop, match="no way to the package servers"):
        steps.run([sys.executable, "-c", script], purpose="Trying")
    assert "name resolution" in (folder / ".stamps" / "prepare.log").read_text()


def test_an_unknown_certificate_is_explained(folder: Path) -> None:
    script = "print('npm error code SELF_SIGNED_CERT_IN_CHAIN'); raise SystemExit(1)"
    with pytest.raises(steps.Stop, match="NODE_EXTRA_CA_CERTS"):
        steps.run([sys.executable, "-c", script], purpose="Trying")


def test_another_failure_shows_its_last_lines(folder: Path) -> None:
    script = "print('disk full'); raise SystemExit(1)"
    with pytest.raises(steps.Stop, match="disk full") as stopped:
        steps.run([sys.executable, "-c", script], purpose="Trying")
    assert "package servers" not in str(stopped.value)


def test_what_is_missing_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "missing", lambda: {"redis-server": "Redis"})
    monkeypatch.setattr(services.os, "geteuid", lambda: 1000)
    with pytest.raises(steps.Stop, match="sudo apt-get install redis-server"):
        services.prepare()


@pytest.mark.parametrize("before", [None, "of the machine\n"])
def test_a_replaced_file_comes_back_as_it_was(tmp_path: Path, before: str | None) -> None:
    file = tmp_path / "policy-rc.d"
    if before is not None:
        file.write_text(before)
        file.chmod(0o640)
    with services._replaced(file, "exit 101", 0o755):
        assert file.read_text() == "exit 101"
        assert file.stat().st_mode & 0o777 == 0o755
    assert (file.read_text() if file.exists() else None) == before
    if before is not None:
        assert file.stat().st_mode & 0o777 == 0o640


def test_fingerprints_see_names_and_contents(folder: Path) -> None:
    first, second = folder / "a", folder / "b"
    first.write_text("1")
    second.write_text("2")
    before = fingerprint.of_files([first, second])
    assert before == fingerprint.of_files([second, first])
    second.rename(folder / "c")
    assert before != fingerprint.of_files([first, folder / "c"])
