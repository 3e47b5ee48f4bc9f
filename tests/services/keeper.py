"""Runs one service for a test session and takes it and its folder away when the session ends.

`python -m services.keeper SESSION_PID FOLDER USER -- COMMAND…`: USER "" stays who we are. A kill -9
of the session ends it too: we watch the process, not an exit handler in it.
"""

import contextlib
import os
import pwd
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

STOP_WITHIN_S = 5.0


def _start(command: list[str], folder: Path, user: str) -> subprocess.Popen[bytes]:
    identity = {}
    if user:
        entry = pwd.getpwnam(user)
        identity = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    with (folder / "service.log").open("ab") as log:
        return subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            **identity,
        )


def _wait_for_either_end(service: subprocess.Popen[bytes], session_pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        watched = select.poll()
        watched.register(os.pidfd_open(session_pid), select.POLLIN)
        watched.register(os.pidfd_open(service.pid), select.POLLIN)
        watched.poll()


def main(session_pid: int, folder: Path, user: str, command: list[str]) -> None:
    service = _start(command, folder, user)
    _wait_for_either_end(service, session_pid)
    service.send_signal(signal.SIGINT)  # PostgreSQL: fast shutdown; Redis: shutdown
    try:
        service.wait(STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        service.kill()
        service.wait()
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[5:])
