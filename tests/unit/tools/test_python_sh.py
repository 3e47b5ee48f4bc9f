"""tools/python.sh on machines of all kinds: a PATH with nothing but what the test puts there."""

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "tools" / "python.sh"
NEEDED = ("sh", "sed", "cat", "touch")


@dataclass
class Machine:
    """A folder of commands. `is_root`: what `id -u` says."""

    folder: Path
    is_root: bool = False
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in NEEDED:
            found = shutil.which(name)
            assert found is not None
            (self.folder / name).symlink_to(found)
        self.command("id", f"echo {0 if self.is_root else 1000}")

    def command(self, name: str, body: str) -> Path:
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path

    def python(self, name: str, version: str, *, has_venv: bool = True) -> Path:
        """A Python of that version; without venv it gets it once `installed` is there."""
        minor = int(version.partition(".")[2])
        venv = "exit 0" if has_venv else f"test -e {self.folder}/installed; exit"
        return self.command(
            name,
            'case "$2" in\n'
            f'*"version_info <"*) exit {int(minor < 11)};;\n'
            f"*ensurepip*) {venv};;\n"
            f"*sys.executable*) echo {self.folder}/{name};;\n"
            f"*-venv*) echo python{version}-venv;;\nesac",
        )

    def apt(self, *, offers: str, works: bool = True) -> None:
        """apt-get notes what it is asked for; its standard input must be empty."""
        self.command("apt-cache", f'echo "  Candidate: {offers}"')
        done = f"touch {self.folder}/installed" if works else "exit 100"
        self.command("apt-get", f'cat; echo "$@" >> {self.folder}/asked; {done}')

    @property
    def asked(self) -> str:
        path = self.folder / "asked"
        return path.read_text() if path.exists() else ""

    def run(self, **environ: str) -> subprocess.CompletedProcess[str]:
        kept = {"PATH": str(self.folder), "SYSTEM_PYTHON": "/nowhere/python3"}
        return subprocess.run(
            [self.folder / "sh", SCRIPT],
            env=kept | environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def roots_machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path, is_root=True)


def test_the_machines_own_python_is_taken(machine: Machine) -> None:
    own = machine.python("python3", "3.11")
    machine.python("python3.13", "3.13")
    assert machine.run().stdout == f"{own}\n"


def test_a_newer_one_beside_an_old_one_is_found(machine: Machine) -> None:
    machine.python("python3", "3.9")
    newer = machine.python("python3.12", "3.12")
    assert machine.run().stdout == f"{newer}\n"


def test_a_shim_that_does_not_run_is_passed_over(machine: Machine) -> None:
    machine.command("python3", "echo 'pyenv: version not installed' >&2; exit 127")
    behind = machine.python("python3.11", "3.11")
    done = machine.run()
    assert (done.stdout, done.stderr) == (f"{behind}\n", "")
    (machine.folder / "python3.11").unlink()
    system = machine.python("system-python3", "3.13")
    assert machine.run(SYSTEM_PYTHON=str(system)).stdout == f"{system}\n"


def test_one_that_makes_environments_is_preferred(machine: Machine) -> None:
    machine.python("python3", "3.11", has_venv=False)
    complete = machine.python("python3.12", "3.12")
    assert machine.run().stdout == f"{complete}\n"


@pytest.mark.parametrize(
    ("offers", "packages"),
    [
        ("3.13.5-1", "python3 python3-venv"),
        ("3.11.2-1+b1", "python3 python3-venv"),
        ("3.10.6-1~22.04", "python3.11 python3.11-venv"),
        ("3.9.2-3", "python3.11 python3.11-venv"),
    ],
)
def test_without_a_python_a_user_is_told_what_to_type(
    machine: Machine, offers: str, packages: str
) -> None:
    machine.python("python3", "3.9")
    machine.apt(offers=offers)
    done = machine.run()
    assert done.returncode == 1
    assert "needs Python 3.11 or newer, and none was found" in done.stderr
    assert f"sudo apt-get install {packages}\n" in done.stderr
    assert "make run PYTHON=" in done.stderr
    assert (done.stdout, machine.asked) == ("", "")


def test_without_its_venv_module_a_user_is_told_the_package(machine: Machine) -> None:
    machine.python("python3", "3.12", has_venv=False)
    machine.apt(offers="3.12.3-0ubuntu2")
    done = machine.run()
    assert done.returncode == 1
    assert "Python is here, but its venv module is not." in done.stderr
    assert "sudo apt-get install python3.12-venv\n" in done.stderr
    assert machine.asked == ""


def test_root_gets_it_installed_and_is_asked_nothing(roots_machine: Machine) -> None:
    own = roots_machine.python("python3", "3.11", has_venv=False)
    roots_machine.apt(offers="3.11.2-1+b1")
    done = roots_machine.run()
    assert (done.returncode, done.stdout) == (0, f"{own}\n"), done.stderr
    assert roots_machine.asked.splitlines() == [
        "update -q",
        "install -y -q --no-install-recommends python3.11-venv",
    ]


def test_root_is_told_too_when_apt_fails_or_is_not_there(roots_machine: Machine) -> None:
    roots_machine.python("python3", "3.11", has_venv=False)
    assert roots_machine.run().returncode == 1
    roots_machine.apt(offers="3.11.2-1", works=False)
    done = roots_machine.run()
    assert (done.returncode, done.stdout) == (1, "")
    assert "sudo apt-get install python3.11-venv" in done.stderr


def test_a_python_that_was_named_and_will_not_do_is_named(machine: Machine) -> None:
    machine.python("python3", "3.12")
    old = machine.python("python3.9", "3.9")
    done = machine.run(PYTHON=str(old))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"PYTHON={old} is not a Python 3.11 or newer." in done.stderr
    other = machine.python("mine", "3.13")
    assert machine.run(PYTHON=str(other)).stdout == f"{other}\n"


def test_no_standard_input_is_no_obstacle(machine: Machine) -> None:
    own = machine.python("python3", "3.11")
    command = f"{machine.folder}/sh {SCRIPT} <&-"
    environ = {"PATH": str(machine.folder), "SYSTEM_PYTHON": "/nowhere"}
    done = subprocess.run(
        ["/bin/sh", "-c", command], env=environ, capture_output=True, text=True, check=False
    )
    assert done.stdout == f"{own}\n"
    assert os.access(SCRIPT, os.X_OK)
