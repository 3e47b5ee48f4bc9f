"""What every command shares: settings, and how to say what is wrong.

No database here: the children of `serve` load this module, and have none.
"""

import asyncio
import gc
import importlib
import os
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from core.errors import AppError
from core.logging import set_up
from signaling.settings import BadSettings, Settings, from_environment

T = TypeVar("T")


@dataclass(frozen=True)
class Invocation:
    """The options of the group. `config`: the settings file, if one was named."""

    config: Path | None

    def settings(self, **overrides: dict[str, Any]) -> Settings:
        """The settings; sets up the logs too.

        Raises: click.ClickException: names every fault by its path.
        """
        try:
            settings = from_environment(self.config, overrides)
        except BadSettings as error:
            lines = "\n  ".join(error.faults)
            raise click.ClickException(f"settings:\n  {lines}") from error
        set_up(settings.log)
        os.umask(0o077)  # database, keys, recordings, logs: what we write is nobody else's
        return settings


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is used: a worker starts fast."""

    def __init__(self, *, commands_at: dict[str, str], **options: Any) -> None:
        """`commands_at`: command → `module:name`."""
        super().__init__(**options)
        self._commands_at = commands_at

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._commands_at)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = self._commands_at.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        with _no_collections():
            command: click.Command = getattr(importlib.import_module(module), name)
        return command


@contextmanager
def _no_collections() -> Iterator[None]:
    """What is loaded stays: looking through it for garbage is 0.7 s of the server's start."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine; an AppError becomes a plain sentence and exit code 1."""
    with plain_faults():
        return asyncio.run(main)


@contextmanager
def plain_faults() -> Iterator[None]:
    """Tell an AppError by its message."""
    try:
        yield
    except AppError as error:
        raise click.ClickException(error.message) from error
