"""What happened on the air, in order: the truth an independent checker reads.

Kinds: `submitted` (the network accepted a PDU: it is on the air), `received` (a handset has a
whole message), `reported` (a delivery report left for a modem), `replied` (a handset sent
something), `handed` (a modem got a PDU), `called`, `fault`.
"""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

Entry = dict[str, Any]


class Journal:
    """Entries numbered from 1; kept in `path` as JSON lines if given, and read back at start."""

    def __init__(self, now: Callable[[], datetime], path: Path | None = None) -> None:
        self._now = now
        self._watchers: set[Callable[[Entry], None]] = set()
        self.entries: list[Entry] = []
        self._file = None
        if path is not None:
            before = path.read_text() if path.exists() else ""
            self.entries = [entry for line in before.split("\n") if (entry := _parsed(line))]
            self._file = path.open("a", buffering=1)
            if before and not before.endswith("\n"):
                self._file.write("\n")  # a line cut off by a crash ends here

    def add(self, kind: str, **facts: Any) -> Entry:
        """Append an entry and tell the watchers."""
        number = self.entries[-1]["seq"] + 1 if self.entries else 1
        entry: Entry = {"seq": number, "at": self._now().isoformat(), "kind": kind, **facts}
        self.entries.append(entry)
        if self._file is not None:
            self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        for watcher in tuple(self._watchers):
            watcher(entry)
        return entry

    def after(self, seq: int) -> list[Entry]:
        """Entries with a number above `seq`."""
        return [entry for entry in self.entries if entry["seq"] > seq]

    def watch(self, watcher: Callable[[Entry], None]) -> Callable[[], None]:
        """Call `watcher` for each new entry; returns what ends it."""
        self._watchers.add(watcher)
        return lambda: self._watchers.discard(watcher)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _parsed(line: str) -> Entry | None:
    """A line, or None for one cut off by a crash."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
