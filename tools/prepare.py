"""What the make targets need, one word each: `run`, `dev`, `pages`, `services`, `npm SCRIPT …`.

Called by the Makefile with any Python >= 3.11 (tools/python.sh finds it); standard library only.
"""

import fcntl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools import environment, native, pages, services
from tools.steps import STAMPS, Stop, fail, say


@contextmanager
def _alone() -> Iterator[None]:
    """Two `make` in one folder would install over each other: the second one waits."""
    STAMPS.mkdir(exist_ok=True)
    with (STAMPS / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another make is preparing this folder; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _prepare(step: str) -> None:
    match step:
        case "run" | "dev":
            environment.prepare(step)
            environment.compile_sources()
            native.prepare()
        case "pages":
            pages.prepare()
        case "services":
            services.prepare()
        case _:
            raise Stop(f"unknown step {step!r}")


def main(words: list[str]) -> None:
    """Do the steps in order; the first that cannot be done ends it with advice and status 1."""
    try:
        with _alone():
            if words[:1] == ["npm"]:
                sys.exit(pages.npm_run(words[1:]))
            for step in words:
                _prepare(step)
    except Stop as stop:
        fail(str(stop))
    except KeyboardInterrupt:
        fail("Stopped. Run the same command again to go on.")


if __name__ == "__main__":
    main(sys.argv[1:])
