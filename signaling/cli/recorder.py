"""The recorder's process."""

from pathlib import Path

import click

from conf.recording.recorder import run_recorder
from signaling.cli.invocation import Invocation, run


@click.command()
@click.option("--socket", type=click.Path(path_type=Path), required=True, help="Control socket.")
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="All recordings.")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Socket for packets.")
@click.pass_obj
def recorder(invocation: Invocation, socket: Path, folder: Path, data: Path) -> None:
    """Write recorded meetings to disk (a child of `serve`; ends with it)."""
    run(run_recorder(invocation.settings().recording, folder, socket, data))
