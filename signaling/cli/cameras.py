"""The cameras' process."""

from pathlib import Path

import click

from conf.cameras.process import run_cameras
from signaling.cli.invocation import Invocation, run


@click.command()
@click.option("--socket", type=click.Path(path_type=Path), required=True, help="Control socket.")
@click.pass_obj
def cameras(invocation: Invocation, socket: Path) -> None:
    """Read cameras into rooms (a child of `serve`; ends with it)."""
    invocation.settings()
    run(run_cameras(socket))
