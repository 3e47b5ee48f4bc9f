"""Coverage-guided fuzzing of one parser: `python -m bench.fuzz PARSER [--minutes 3]`.

Needs atheris, which the development environment lacks (CONTRIBUTING.md). Begins with our vectors
and what a run before left in --corpus. Stops at the first input that raises what the parser does
not declare, breaks a law or is slow, and prints it for tests/vectors/fuzz/finds.toml.
"""

import argparse
import importlib
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

MAX_S = 0.5  # of processor time for one input, under instrumentation
MAX_INPUT = {"sdp": 24_000}
PACKAGES = ["conf", "sms", "aioice", "core.errors"]


class SlowInput(Exception):
    """One input took more than MAX_S."""


def parse(words: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parser", help="a name in bench/_fuzz_targets.py")
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--corpus", type=Path, help="kept between runs; else thrown away")
    return parser.parse_args(words)


def fuzz(atheris: Any, given: argparse.Namespace, folder: Path) -> None:
    """Never returns: libFuzzer ends the process."""
    with atheris.instrument_imports(include=PACKAGES, enable_loader_override=False):
        targets = importlib.import_module("bench._fuzz_targets")
    target = targets.TARGETS[given.parser]
    for number, seed in enumerate((*target.seeds(), *targets.finds(given.parser))):
        (folder / f"seed-{number}").write_bytes(seed)

    def run(data: bytes) -> None:
        began = time.thread_time()
        try:
            target.run(data)
            took = time.thread_time() - began
            if took > MAX_S:
                raise SlowInput(f"{took:.2f} s for {len(data)} octets")
        except BaseException:
            print(f'\n[[find]]\nparser = "{given.parser}"\nhex = "{data.hex()}"\n', flush=True)
            raise

    options = [f"-max_total_time={round(given.minutes * 60)}", "-print_final_stats=1"]
    options.append(f"-max_len={MAX_INPUT.get(given.parser, 1500)}")
    options.append(f"-artifact_prefix={folder}/")
    atheris.Setup([sys.argv[0], *options, str(folder)], run)
    atheris.Fuzz()


def main() -> int:
    """Returns: 2 when atheris is missing."""
    given = parse(sys.argv[1:])
    try:
        atheris = importlib.import_module("atheris")
    except ImportError:
        print("atheris is not installed here; CONTRIBUTING.md says how to get it")
        return 2
    with tempfile.TemporaryDirectory(prefix="fengsui-fuzz-") as scratch:
        folder = given.corpus or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        fuzz(atheris, given, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
