"""Which attempt a process gave its modem last, kept where a killed process leaves it.

An attempt journaled ahead (`sms.ahead`) looks in the database like the one on the air. The mark
tells them apart after a kill. It lies in memory (tmpfs), costs no disk write, and is gone after a
power cut: then every open attempt is of unknown outcome.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - opened 0600, never through a link
_OCTETS = 256


class AirMark:
    """One device's mark. Owner: the modem's task. `process`: as in the lease."""

    def __init__(self, device: str, process: str) -> None:
        name = hashlib.sha256(device.encode()).hexdigest()[:24]
        self._path = _SHARED_MEMORY / f"fengsui-{os.getuid()}-{name}.air"
        self._process = process
        self._descriptor = -1

    def put(self, attempt_id: str) -> None:
        """`attempt_id` is about to be given to the modem."""
        if self._descriptor < 0:
            with suppress(OSError):  # without it nothing is known after a kill, which is safe
                flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
                self._descriptor = os.open(self._path, flags, 0o600)
        if self._descriptor >= 0:
            record = f"{self._process} {attempt_id}".ljust(_OCTETS).encode()
            os.pwrite(self._descriptor, record, 0)

    def last_of(self, *processes: str) -> str:
        """The attempt one of `processes` gave the modem last; empty if that is not known."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return ""
        try:
            is_ours = os.fstat(descriptor).st_uid == os.getuid()
            words = os.read(descriptor, _OCTETS).decode("utf-8", "replace").split()
        finally:
            os.close(descriptor)
        return words[1] if is_ours and len(words) == 2 and words[0] in processes else ""

    def close(self) -> None:
        """Nothing is on the air any more. Idempotent."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
            self._path.unlink(missing_ok=True)
