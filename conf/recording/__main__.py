"""`python -m conf.recording --socket PATH --folder PATH --data PATH [--settings JSON]`."""

import argparse
import asyncio
import signal
from pathlib import Path

from conf.recording.recorder import run_recorder
from conf.settings import RecordingSettings


def main() -> None:
    """Record until the server hangs up."""
    parser = argparse.ArgumentParser(description="Fengsui recorder")
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--settings", default="{}")
    given = parser.parse_args()
    settings = RecordingSettings.model_validate_json(given.settings)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server; it then hangs up
    asyncio.run(run_recorder(settings, given.folder, given.socket, given.data))


if __name__ == "__main__":
    main()
