"""The Python environment .venv: made, filled from requirements/, mended after a broken start."""

import shutil
import subprocess
import sys
from pathlib import Path

from tools import fingerprint
from tools.steps import ROOT, run, say

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UNFINISHED = VENV / "unfinished"
SOURCES = (
    "server.py",
    "core",
    "directory",
    "sms",
    "conf",
    "plans",
    "command",
    "signaling",
    "migrations",
)


def prepare(kind: str) -> None:
    """Fill .venv with requirements/`kind`.txt (`run`, or `dev`, which contains all of `run`).

    An install that was cut off leaves a marker; then the environment is made anew, because
    pip takes a half-copied package for an installed one.
    """
    wanted = ROOT / "requirements" / f"{kind}.txt"
    if _works() and _has(kind):
        say(f"Environment .venv: ready ({_version()})")
        return
    if VENV.exists() and (UNFINISHED.exists() or not _works()):
        say("Environment .venv: unfinished or made by a Python that is gone, making it anew")
        shutil.rmtree(VENV)
    if not VENV.exists():
        say(f"Environment .venv: making it with {sys.executable}")
        VENV.mkdir()
        UNFINISHED.touch()
        run([sys.executable, "-m", "venv", VENV], purpose="Making the environment .venv")
    count = sum(1 for line in wanted.read_text().splitlines() if "==" in line)
    say(f"Environment .venv: installing {count} packages (the first time: about a minute)")
    UNFINISHED.touch()
    fingerprint.forget("dev")
    fingerprint.forget("run")
    run(
        [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "-r", wanted],
        purpose="Installing the Python packages",
    )
    UNFINISHED.unlink()
    fingerprint.keep(kind, _fingerprint(kind))
    say("Environment .venv: installed")


def compile_sources() -> None:
    """Bytecode beside our sources, as pip makes it beside what it installs.

    The service may not write there (tools/fengsui.service): without it every process of ours would
    compile what it imports anew at each start, a second of a processor for the server.
    """
    found = [source for source in SOURCES if (ROOT / source).exists()]
    run([PYTHON, "-m", "compileall", "-q", *found], purpose="Compiling the sources", cwd=ROOT)


def make(folder: Path, requirements: Path, name: str) -> None:
    """A private environment in `folder` with `requirements`; nothing to do when it is current."""
    wanted = fingerprint.of_files([requirements])
    if (folder / "bin" / "python").exists() and fingerprint.is_current(name, wanted):
        return
    fingerprint.forget(name)
    shutil.rmtree(folder, ignore_errors=True)
    run([sys.executable, "-m", "venv", folder], purpose=f"Making the environment {folder.name}")
    run(
        [folder / "bin" / "python", "-m", "pip", "install", "--no-input", "-r", requirements],
        purpose=f"Installing {requirements.name}",
    )
    fingerprint.keep(name, wanted)


def _has(kind: str) -> bool:
    if UNFINISHED.exists():
        return False
    enough = (kind,) if kind == "dev" else ("run", "dev")
    return any(fingerprint.is_current(name, _fingerprint(name)) for name in enough)


def _fingerprint(kind: str) -> str:
    return fingerprint.of_files([ROOT / "requirements" / f"{kind}.txt"], str(VENV), _version())


def _works() -> bool:
    return _version() != ""


def _version() -> str:
    """`Python 3.x.y` of .venv, or nothing when it does not run, is too old or has no pip."""
    check = "import sys, pip; assert sys.version_info >= (3, 11); print(sys.version.split()[0])"
    try:
        done = subprocess.run([PYTHON, "-c", check], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"Python {done.stdout.strip()}"
