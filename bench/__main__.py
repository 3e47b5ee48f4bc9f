"""Runs the benchmarks: `python -m bench` all of them, `python -m bench NAME …` one with options.

The long trials `soak` and `bridge_soak`, and `fuzz`, run only when named.
"""

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
LONG = {"soak", "bridge_soak", "fuzz"}


def names() -> list[str]:
    """Every benchmark here, in alphabetical order."""
    return sorted(file.stem for file in FOLDER.glob("*.py") if not file.stem.startswith("_"))


def main(words: list[str]) -> int:
    """Run what `words` name; returns 1 when one of them failed."""
    if words and words[0] not in names():
        print(f"There is no benchmark {words[0]!r}; there are: {', '.join(names())}")
        return 1
    runs = [words] if words else [[name] for name in names() if name not in LONG]
    failed = [run[0] for run in runs if _run(run)]
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


def _run(words: list[str]) -> int:
    print(f"== {' '.join(words)}", flush=True)
    command = [sys.executable, "-m", f"bench.{words[0]}", *words[1:]]
    return subprocess.run(command, cwd=FOLDER.parent, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
