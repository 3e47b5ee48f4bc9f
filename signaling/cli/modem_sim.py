"""The modem simulator's process."""

import click

from sms.simulator.process import main as simulate


@click.command("modem-sim", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def modem_sim(arguments: tuple[str, ...]) -> None:
    """Simulate GSM modems on ptys (for demo, drills and tests)."""
    raise SystemExit(simulate(list(arguments)))
