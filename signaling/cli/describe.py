"""What is generated from the code: the sample settings and the API's description."""

from pathlib import Path

import click

from signaling import routes
from signaling.openapi import as_text
from signaling.settings import sample

_WRITE = click.option(
    "--write", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file."
)


@click.command("config-sample")
@_WRITE
def config_sample(write: Path | None) -> None:
    """Print every setting with its default, unit and range."""
    _put(sample(), write)


@click.command()
@_WRITE
def openapi(write: Path | None) -> None:
    """Print the OpenAPI 3.1 description of the REST interface."""
    _put(as_text(routes.all_routes()), write)


def _put(text: str, write: Path | None) -> None:
    if write is None:
        click.echo(text, nl=False)
    else:
        write.write_text(text, "utf-8")
