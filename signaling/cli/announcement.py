"""What a person at the terminal reads once everything runs."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import click

from signaling.certificates import own_addresses
from signaling.demo.seed import DemoLogin
from signaling.settings import Settings


class Announcement:
    """The last component to start: prints addresses and logins."""

    name = "announcement"
    stop_deadline_s = 1.0

    def __init__(self, addresses: Sequence[str], logins: Sequence[DemoLogin], folder: Path) -> None:
        self._addresses = addresses
        self._logins = logins
        self._folder = folder
        self._stop = asyncio.Event()

    async def run(self, ready: asyncio.Event) -> None:
        click.echo("")
        for address in self._addresses:
            click.echo(f"  {address}")
        for login in self._logins:
            click.echo(f"    {login.username:<14} {login.password:<14} {login.title}")
        click.echo(f"  data in {self._folder}; Ctrl-C stops\n")
        ready.set()
        await self._stop.wait()

    def stop(self) -> None:
        self._stop.set()


def addresses(settings: Settings) -> list[str]:
    """Where browsers find the server."""
    http = settings.http
    if http.public_url is not None:
        return [http.public_url]
    scheme = "https" if http.tls_certificate is not None else "http"
    hosts = own_addresses() if http.host in {"0.0.0.0", "::"} else (http.host,)  # noqa: S104
    shown = [f"[{host}]" if ":" in host else host for host in hosts if host != "::1"]
    return [f"{scheme}://{host}:{http.port}/" for host in shown]
