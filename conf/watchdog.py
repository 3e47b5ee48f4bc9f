"""Is a child process hung, or has it only no core? Both are silent; only the first is ended.

A second of silence counts by as much of it as the process had a core for, or slept through. One
that is ready to run and gets no core (a flood, a backup, sixty joins at once) is late, not hung;
because even a true hang may look so on a full machine, silence of any kind has a longest end.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HUNG_AFTER_S: Final = 6.0
LONGEST_S: Final = 30


@dataclass(frozen=True)
class Ran:
    """Of a process's main thread so far: seconds on a core and ready without one."""

    ran_s: float
    waited_s: float
    is_ready: bool
    """It would run now if it could."""


@dataclass
class Silence:
    """Since the last word. `counted_s`: what can be blamed on the process."""

    counted_s: float = 0.0
    seconds: int = 0

    def another(self, before: Ran | None, now: Ran | None) -> None:
        """One more second; None where the system does not tell how processes ran."""
        self.seconds += 1
        if before is None or now is None:
            self.counted_s += 1.0
            return
        ran_s, waited_s = now.ran_s - before.ran_s, now.waited_s - before.waited_s
        if now.is_ready and not ran_s:
            return  # the wait under way is added to `waited_s` only when it ends
        self.counted_s += max(0.0, 1.0 - waited_s)

    @property
    def is_hang(self) -> bool:
        """Is the process to be ended?"""
        return self.counted_s >= HUNG_AFTER_S or self.seconds >= LONGEST_S


def how_it_ran(process_id: int) -> Ran | None:
    """From Linux' scheduler; None elsewhere, or when the process has gone."""
    process = Path(f"/proc/{process_id}")
    try:
        ran_ns, waited_ns, _ = (process / "schedstat").read_text().split()
        state = (process / "stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, ValueError):
        return None
    return Ran(int(ran_ns) / 1e9, int(waited_ns) / 1e9, state == "R")


async def until_hung(process_id: int, words: Callable[[], int]) -> Silence:
    """Wait until the process has said nothing for too long; `words`: how many it has said.

    Seconds are counted here, not read from a clock, so that a server that was stopped itself does
    not blame its child.
    """
    said, silence, before = words(), Silence(), how_it_ran(process_id)
    while not silence.is_hang:
        await asyncio.sleep(1.0)
        now = how_it_ran(process_id)
        if words() == said:
            silence.another(before, now)
        else:
            said, silence = words(), Silence()
        before = now
    return silence
