"""A modem has one driver at a time: a lease row per host and device, beside the `flock`.

The lock on the device keeps processes apart that see one device file; the row also those that see
it through different files (containers with one host name), and it shows who drives a modem.
"""

import os
import socket
from datetime import datetime, timedelta
from pathlib import Path

from core.database import Database
from sms.store import sims as store
from sms.store.turns import Connection

_HOST = socket.gethostname()


def _started(pid: int) -> str:
    """When a process of this machine started, so that a pid used again is not taken for it."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]


def this_process() -> str:
    """`host:pid:start`."""
    pid = os.getpid()
    return f"{_HOST}:{pid}:{_started(pid)}"


def is_gone(owner: str) -> bool:
    """Whether an owner was a process of this machine that has ended."""
    host, _, rest = owner.rpartition(":")[0].rpartition(":")
    pid, started = rest, owner.rpartition(":")[2]
    return host == _HOST and pid.isascii() and pid.isdigit() and _started(int(pid)) != started


class Lease:
    """The right of this process to drive one device. Owner: the modem's task."""

    def __init__(
        self, database: Database, path: str, lasts_s: float, owner: str | None = None
    ) -> None:
        self._database = database
        self._device = f"{_HOST}:{path}"
        self._lasts = timedelta(seconds=lasts_s)
        self._owner = owner or this_process()
        self._predecessor = ""

    @property
    def holders(self) -> tuple[str, str]:
        """This process and the one that had the device before."""
        return self._owner, self._predecessor

    async def take(self) -> str:
        """Take or renew it. Returns: "" if we have it, else who does. Raises: Unavailable."""
        return await self._database.at_once(self._take)

    async def give_back(self) -> None:
        """Let another process have it. Raises: Unavailable."""
        await self._database.at_once(
            lambda connection, _: store.end_lease(connection, self._device, self._owner)
        )

    def _take(self, connection: Connection, now: datetime) -> str:
        held = store.lease_holder(connection, self._device)
        before = None
        if held is not None:
            before, until = held
            if before != self._owner and until > now and not is_gone(before):
                return before
        until = now + self._lasts
        is_ours = store.write_lease(connection, self._device, self._owner, until, before)
        if is_ours and before not in (None, self._owner):
            self._predecessor = before or ""
        return "" if is_ours else "another process"
