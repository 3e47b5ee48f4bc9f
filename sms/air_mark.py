"""Which attempt a process gave its modem last, kept where a killed process leaves it.

An attempt journaled ahead (`sms.ahead`) looks in the database like the one on the air. The mark
tells them apart after a kill. It lies in memory (tmpfs), costs no disk write, and is gone after a
power cut: then every open attempt is of unknown outcome.
"""

import hashlib
import os
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from sms.lease import is_gone

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - opened 0600, never through a link
_OCTETS = 512
_KEPT_S = 86_400.0


def _place(device: str) -> Path:
    name = hashlib.sha256(device.encode()).hexdigest()[:24]
    return _SHARED_MEMORY / f"fengsui-{os.getuid()}-{name}.air"


def clear_away(used: Collection[str]) -> int:
    """Remove what killed processes left. Returns: how many marks.

    Kept: the marks of devices in `used`, of living processes and of other machines; for a day also
    those of devices that are still there, for whoever takes them over. A mark lost costs no
    promise: more is of unknown outcome.
    """
    kept = {_place(device) for device in used}
    marks = set(_SHARED_MEMORY.glob(f"fengsui-{os.getuid()}-*.air")) - kept
    gone = [path for path in marks if _is_left(path)]
    for path in gone:
        path.unlink(missing_ok=True)
    return len(gone)


def _is_left(path: Path) -> bool:
    words = _read(path)
    if not words or not is_gone(words[0]):
        return False
    device = Path(words[2]) if len(words) > 2 else None
    with suppress(OSError):
        is_old = time.time() - path.lstat().st_mtime > _KEPT_S
        return is_old or (device is not None and device.is_absolute() and not device.exists())
    return False


def _read(path: Path) -> list[str]:
    """Process, attempt and, if it fits, device; nothing if it is no mark of ours."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        is_ours = os.fstat(descriptor).st_uid == os.getuid()
        words = os.read(descriptor, _OCTETS).decode("utf-8", "replace").strip().split(" ", 2)
    finally:
        os.close(descriptor)
    return words if is_ours and len(words) > 1 else []


class AirMark:
    """One device's mark. Owner: the modem's task. `process`: as in the lease."""

    def __init__(self, device: str, process: str) -> None:
        self._path = _place(device)
        self._process, self._device = process, device
        self._descriptor = -1

    def put(self, attempt_id: str) -> None:
        """`attempt_id` is about to be given to the modem."""
        if self._descriptor < 0:
            with suppress(OSError):  # without it nothing is known after a kill, which is safe
                flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
                self._descriptor = os.open(self._path, flags, 0o600)
        if self._descriptor >= 0:
            record = f"{self._process} {attempt_id}".encode()
            whole = record + f" {self._device}".encode()
            fits = whole if len(whole) <= _OCTETS else record
            os.pwrite(self._descriptor, fits.ljust(_OCTETS), 0)

    def last_of(self, *processes: str) -> str:
        """The attempt one of `processes` gave the modem last; empty if that is not known."""
        words = _read(self._path)
        return words[1] if words and words[0] in processes else ""

    def close(self) -> None:
        """Nothing is on the air any more. Idempotent."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
            self._path.unlink(missing_ok=True)
