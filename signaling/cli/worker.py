"""The media worker's process."""

from pathlib import Path

import click

from conf.media.worker import run_worker
from signaling.cli.invocation import Invocation, run


@click.command()
@click.option("--index", type=int, required=True, help="Which worker: port is media.port + index.")
@click.option("--socket", type=click.Path(path_type=Path), required=True, help="Control socket.")
@click.pass_obj
def worker(invocation: Invocation, index: int, socket: Path) -> None:
    """Forward media (a child of `serve`; ends with it)."""
    run(run_worker(invocation.settings().media, index, socket))
