"""A media worker that counts its own objects when it gets SIGUSR1: what leaks shows by its name.

    python -m tests.support.counted_worker COUNTS --index I --socket PATH [--settings JSON]

COUNTS is replaced by a JSON object, class name → living instances; everything else is the worker.
"""

import asyncio
import gc
import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path

from conf.media import worker
from conf.settings import MediaSettings

OURS = ("conf.media.", "aiortc.", "OpenSSL.", "pylibsrtp")


def command(counts: Path, settings: MediaSettings) -> list[str]:
    """For `MediaWorker(command=…)`."""
    given = settings.model_dump_json(exclude={"turn"})
    return [sys.executable, "-m", "tests.support.counted_worker", str(counts), "--settings", given]


async def count(process_id: int, counts: Path) -> dict[str, int]:
    """Ask the worker for its living objects; `all` is the sum, foreign ones included."""
    _read(counts)
    os.kill(process_id, signal.SIGUSR1)
    async with asyncio.timeout(60):
        while (found := _read(counts)) is None:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.05)
    return found


def _read(counts: Path) -> dict[str, int] | None:
    """The figures, once: the file is removed."""
    if not counts.exists():
        return None
    found: dict[str, int] = json.loads(counts.read_text())
    counts.unlink()
    return found


def _name(one: object) -> str:
    """Its class; with the package before it when that is not ours, "" when it does not matter."""
    kind = type(one)
    module = str(kind.__module__)
    if not module.startswith(OURS):
        return ""
    package = module.partition(".")[0]
    return kind.__qualname__ if package == "conf" else f"{package}.{kind.__qualname__}"


def _write(counts: Path) -> None:
    gc.collect()
    objects = gc.get_objects()
    kinds = Counter(map(_name, objects))
    del kinds[""]
    draft = counts.with_suffix(".new")
    draft.write_text(json.dumps({**kinds, "all": len(objects)}))
    draft.replace(counts)


if __name__ == "__main__":
    target = Path(sys.argv.pop(1))
    signal.signal(signal.SIGUSR1, lambda *_: _write(target))
    worker.main()
