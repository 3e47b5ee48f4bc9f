"""`python -m conf.cameras --socket PATH`."""

import argparse
import asyncio
import signal
from pathlib import Path

from conf.cameras.process import run_cameras


def main() -> None:
    """Read cameras until the server hangs up."""
    parser = argparse.ArgumentParser(description="Fengsui cameras")
    parser.add_argument("--socket", type=Path, required=True)
    given = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server; it then hangs up
    asyncio.run(run_cameras(given.socket))


if __name__ == "__main__":
    main()
