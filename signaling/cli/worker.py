"""Processes of their own: media worker, recorder, cameras, modem simulator."""

from pathlib import Path

import click

from conf.cameras.process import run_cameras
from conf.media.worker import run_worker
from conf.recording.recorder import run_recorder
from signaling.cli.invocation import Invocation, run
from sms.simulator.process import main as simulate


@click.command()
@click.option("--index", type=int, required=True, help="Which worker: port is media.port + index.")
@click.option("--socket", type=click.Path(path_type=Path), required=True, help="Control socket.")
@click.pass_obj
def worker(invocation: Invocation, index: int, socket: Path) -> None:
    """Forward media (a child of `serve`; ends with it)."""
    run(run_worker(invocation.settings().media, index, socket))


@click.command()
@click.option("--socket", type=click.Path(path_type=Path), required=True, help="Control socket.")
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="All recordings.")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Socket for packets.")
@click.pass_obj
def recorder(invocation: Invocation, socket: Path, folder: Path, data: Path) -> None:
    """Write recorded meetings to disk (a child of `serve`; ends with it)."""
    run(run_recorder(invocation.settings().recording, folder, socket, data))


@click.command()
@click.option("--socket", type=click.Path(path_type=Path), required=True, help="Control socket.")
@click.pass_obj
def cameras(invocation: Invocation, socket: Path) -> None:
    """Read cameras into rooms (a child of `serve`; ends with it)."""
    invocation.settings()
    run(run_cameras(socket))


@click.command("modem-sim", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def modem_sim(arguments: tuple[str, ...]) -> None:
    """Simulate GSM modems on ptys (for demo, drills and tests)."""
    raise SystemExit(simulate(list(arguments)))
