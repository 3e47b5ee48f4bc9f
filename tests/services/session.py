"""One instance of a service for all worker processes of a test session."""

import fcntl
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
START_WITHIN_S = 30.0

_keepers: list[subprocess.Popen[bytes]] = []  # outlive us: nobody waits for them


class ServiceMissing(Exception):
    """A program the tests need is not here, or did not start; never a reason to skip."""


@dataclass(frozen=True)
class Session:
    """What the workers share: the process that outlives them all and a folder for notes."""

    pid: int
    folder: Path

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Hold the lock `name` against the other workers."""
        with (self.folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def once(self, name: str, start: Callable[[], dict[str, str]]) -> dict[str, str]:
        """The result of `start`, which only the first worker that asks for `name` runs."""
        with self.locked(name):
            note = self.folder / f"{name}.json"
            if not note.exists():
                note.write_text(json.dumps(start()))
            found: dict[str, str] = json.loads(note.read_text())
            return found


def new_folder(name: str, *, owner: int | None = None) -> Path:
    """A temporary folder of its own (0700); the keeper removes it."""
    folder = Path(tempfile.mkdtemp(prefix=f"fengsui-{name}-"))
    if owner is not None:
        os.chown(folder, owner, -1)
    return folder


def keep(session: Session, folder: Path, command: Sequence[str], *, user: str = "") -> None:
    """Start `command` under a keeper that ends it with the session."""
    keeper = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "services.keeper",
            str(session.pid),
            str(folder),
            user,
            "--",
            *command,
        ],
        cwd=TESTS,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    _keepers.append(keeper)


def wait_until(is_ready: Callable[[], bool], folder: Path, name: str) -> None:
    """Wait for a started service.

    Raises: ServiceMissing: it does not answer; with the end of its log.
    """
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline:
        if is_ready():
            return
        time.sleep(0.05)
    log = folder / "service.log"
    tail = log.read_text(errors="replace")[-2000:] if log.exists() else "(no log)"
    raise ServiceMissing(f"{name} did not start within {START_WITHIN_S:.0f} s:\n{tail}")
