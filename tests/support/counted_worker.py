"""A media worker that counts its own objects when it gets SIGUSR1: what leaks shows by its name.

    python -m tests.support.counted_worker COUNTS --index I --socket PATH [--settings JSON]

COUNTS is replaced by the JSON of a `Living`; everything else is the worker, but for its days, which
last three minutes, so that its certificate is made anew again and again, and a clock beside each
order.
"""

import asyncio
import ctypes
import functools
import gc
import json
import os
import signal
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

from conf.media import worker
from conf.media.dtls import CertificateStore
from conf.media.layer import HISTORY, Layer
from conf.settings import MediaSettings

OURS = ("conf.media.", "aiortc.", "OpenSSL.", "pylibsrtp")
DAYS_FASTER = 480
PATIENCE_S = 300.0  # a second of counting is a minute of a machine that twenty others use too
_BEGAN = datetime.now(UTC)
_handle = worker._handle
_longest_ms: dict[str, float] = {}


@dataclass(frozen=True)
class Living:
    """What lives in the worker. `objects`: class name → how many, `all` with foreign ones.

    `held`: memory given out to Python, see `_held`. `stores`: what is bounded by
    its size: name → (held, room). `longest_ms`: of the processor for one order, by its kind; media
    wait so long, on however busy a machine.
    """

    objects: dict[str, int]
    held: int = 0
    stores: dict[str, tuple[int, int]] = field(default_factory=dict)
    longest_ms: dict[str, float] = field(default_factory=dict)

    @property
    def full(self) -> set[str]:
        """The stores that hold all they can."""
        return {name for name, (held, room) in self.stores.items() if held >= room}


def command(counts: Path, settings: MediaSettings) -> list[str]:
    """For `MediaWorker(command=…)`."""
    given = settings.model_dump_json(exclude={"turn"})
    return [sys.executable, "-m", "tests.support.counted_worker", str(counts), "--settings", given]


async def count(process_id: int, counts: Path) -> Living:
    """Ask the worker for what lives in it."""
    _read(counts)
    os.kill(process_id, signal.SIGUSR1)
    async with asyncio.timeout(PATIENCE_S):
        while (found := _read(counts)) is None:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.05)
    return found


def _read(counts: Path) -> Living | None:
    """The figures, once: the file is removed."""
    if not counts.exists():
        return None
    found = json.loads(counts.read_text())
    counts.unlink()
    stores = {name: (held, room) for name, (held, room) in found["stores"].items()}
    return Living(found["objects"], found["held"], stores, found["longest_ms"])


def _name(one: object) -> str:
    """Its class; with the package before it when that is not ours, "" when it does not matter."""
    kind = type(one)
    module = str(kind.__module__)
    if not module.startswith(OURS):
        return ""
    package = module.partition(".")[0]
    return kind.__qualname__ if package == "conf" else f"{package}.{kind.__qualname__}"


def _stores(objects: list[object]) -> dict[str, tuple[int, int]]:
    """Rings of the layers somebody is sent, and remembered results of functions."""
    stores = {}
    for layer in (one for one in objects if isinstance(one, Layer) and one.groups):
        name = f"ring:{layer.track.owner}:{layer.track.kind.value}:{layer.rid}"
        held = min(sum(sent is not None for sent in ring) for ring in layer.rings.values())
        stores[name] = held, HISTORY
    for module in [m for name, m in sys.modules.items() if name.startswith("conf.media")]:
        for function in vars(module).values():
            if isinstance(function, functools._lru_cache_wrapper):
                known = function.cache_info()
                stores[f"{module.__name__}:{function.__name__}"] = (
                    known.currsize,
                    known.maxsize or 0,
                )
    return stores


_MALLINFO = (
    "arena", "ordblks", "smblks", "hblks", "hblkhd",
    "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
)  # fmt: skip


class _MallInfo(ctypes.Structure):
    """`struct mallinfo2` of glibc (mallinfo(3))."""

    _fields_ = tuple((name, ctypes.c_size_t) for name in _MALLINFO)


def _held() -> int:
    """Pieces of Python's own allocator; where glibc's serves in its place, bytes of that."""
    pieces = sys.getallocatedblocks()
    if pieces:
        return pieces
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = _MallInfo
    info = mallinfo2()
    return int(info.uordblks + info.hblkhd)


def _write(counts: Path) -> None:
    """Nothing is collected before: what hangs in circles is kept in a real worker too."""
    objects = gc.get_objects()
    kinds = Counter(map(_name, objects))
    del kinds[""]
    found = Living({**kinds, "all": len(objects)}, _held(), _stores(objects), _longest_ms)
    draft = counts.with_suffix(".new")
    draft.write_text(json.dumps(asdict(found)))
    draft.replace(counts)


async def _timed(one: worker.Worker, op: str, args: dict[str, Any]) -> dict[str, Any]:
    """As the worker does it; what an order waits for is none of the worker's work."""
    begun = time.thread_time()
    try:
        return await _handle(one, op, args)
    finally:
        took_ms = round((time.thread_time() - begun) * 1000, 1)
        _longest_ms[op] = max(_longest_ms.get(op, 0.0), took_ms)


def _soon_tomorrow() -> datetime:
    return _BEGAN + DAYS_FASTER * (datetime.now(UTC) - _BEGAN)


if __name__ == "__main__":
    target = Path(sys.argv.pop(1))
    signal.signal(signal.SIGUSR1, lambda *_: _write(target))
    quick_days = functools.partial(CertificateStore, _soon_tomorrow)
    with (
        patch.object(worker, "CertificateStore", quick_days),
        patch.object(worker, "_handle", _timed),
    ):
        worker.main()
