"""One process works in a data folder."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from signaling.cli.folder import LOCK_FILE, sole_use
from signaling.settings import Settings, load


def _settings(folder: Path) -> Settings:
    return load({}, overrides={"data": {"dir": str(folder)}})


def test_the_second_is_told_who_works_there(tmp_path: Path) -> None:
    with sole_use(_settings(tmp_path / "var"), "serve"):
        for command in ("serve", "restore", "migrate"):
            with (
                pytest.raises(click.ClickException) as refused,
                sole_use(_settings(tmp_path / "var"), command),
            ):
                pass
            assert f"`{command}` cannot run now: `serve` (pid {os.getpid()})" in str(refused.value)
            assert "folder (data.dir) of its own" in str(refused.value)
        with sole_use(_settings(tmp_path / "second-node"), "serve"):
            pass
    with sole_use(_settings(tmp_path / "var"), "restore"):
        pass


def test_whoever_is_killed_leaves_the_folder_free(tmp_path: Path) -> None:
    """Also while a child of his lives on, as the modem simulator does."""
    script = (
        "import fcntl, os, subprocess, sys, time\n"
        f"file = open({str(tmp_path / LOCK_FILE)!r}, 'w')\n"
        "fcntl.flock(file, fcntl.LOCK_EX)\n"
        "child = subprocess.Popen(['sleep', '30'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(30)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        child = int(holder.stdout.readline())
        try:
            with pytest.raises(click.ClickException), sole_use(_settings(tmp_path), "serve"):
                pass
            holder.kill()
            holder.wait()
            with sole_use(_settings(tmp_path), "serve"):
                pass
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(click.ClickException, match=r"data\.dir cannot be used"),
        sole_use(_settings(tmp_path / "file" / "var"), "serve"),
    ):
        pass
