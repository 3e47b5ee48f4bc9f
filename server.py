"""Fengsui's command line. Each command lives in signaling.cli and is loaded when it is used."""

from pathlib import Path

import click

from core.version import VERSION
from signaling.cli.invocation import Invocation, LazyGroup

COMMANDS = {
    "serve": "signaling.cli.serve:serve",
    "demo": "signaling.cli.serve:demo",
    "migrate": "signaling.cli.database:migrate",
    "create-admin": "signaling.cli.accounts:create_admin",
    "check": "signaling.cli.box:check",
    "cert": "signaling.cli.box:cert",
    "backup": "signaling.cli.database:backup",
    "restore": "signaling.cli.database:restore",
    "audit": "signaling.cli.database:audit",
    "seed-demo": "signaling.cli.serve:seed_demo",
    "modem-sim": "signaling.cli.modem_sim:modem_sim",
    "worker": "signaling.cli.worker:worker",
    "recorder": "signaling.cli.recorder:recorder",
    "cameras": "signaling.cli.cameras:cameras",
    "config-sample": "signaling.cli.describe:config_sample",
    "openapi": "signaling.cli.describe:openapi",
}


@click.group(cls=LazyGroup, commands_at=COMMANDS)
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Settings file (TOML; see config-sample.toml). Also: FENGSUI_CONFIG.",
)
@click.version_option(VERSION, message="%(version)s")
@click.pass_context
def main(context: click.Context, config: Path | None) -> None:
    """烽燧 Fengsui: video meetings, emergency command and SMS for a county.

    Every setting can be given as FENGSUI_<SECTION>__<NAME>, such as FENGSUI_HTTP__PORT=8123.
    """
    context.obj = Invocation(config)


if __name__ == "__main__":
    main()
