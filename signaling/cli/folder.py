"""One process works in a data folder: serve, restore and migrate keep each other out."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

import click

from signaling.opening import prepare_folders
from signaling.settings import Settings

LOCK_FILE = "in-use"


@contextmanager
def sole_use(settings: Settings, command: str) -> Iterator[None]:
    """Hold data.dir for `command`; the kernel lets go of it however this process ends.

    Raises: click.ClickException: names who works there.
    """
    try:
        prepare_folders(settings)
        path = settings.data.dir / LOCK_FILE
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise click.ClickException(f"data.dir cannot be used: {error}") from error
    with os.fdopen(descriptor, "r+") as file:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = file.read().strip() or "another process"
            raise click.ClickException(
                f"`{command}` cannot run now: {holder} works in {settings.data.dir}.\n"
                "Stop that one first; a second node needs a folder (data.dir) of its own"
            ) from None
        file.truncate(0)
        file.write(f"`{command}` (pid {os.getpid()})")
        file.flush()
        yield
        file.truncate(0)
