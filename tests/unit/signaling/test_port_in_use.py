"""A port in use: which, by which setting, and the command that works."""

import re
import socket
from collections.abc import Callable

import click
import pytest

from signaling.cli.serve import _check_ports
from signaling.settings import load


@pytest.mark.parametrize("command", ["make run", "python server.py serve"])
@pytest.mark.parametrize(
    ("setting", "kind"),
    [
        ("http.port", socket.SOCK_STREAM),
        ("media.port", socket.SOCK_STREAM),
        ("media.port", socket.SOCK_DGRAM),
    ],
)
def test_the_way_on_can_be_typed_as_it_stands(
    free_port: Callable[[], int], setting: str, kind: socket.SocketKind, command: str
) -> None:
    ports = {"http.port": free_port(), "media.port": free_port()}
    settings = load(
        {},
        overrides={
            "http": {"port": ports["http.port"]},
            "media": {"port": ports["media.port"], "listen": "127.0.0.1"},
        },
    )
    _check_ports(settings, command)
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", ports[setting]))
        if kind is socket.SOCK_STREAM:
            taken.listen()
        with pytest.raises(click.ClickException) as told:
            _check_ports(settings, command)
    variable = {"http.port": "FENGSUI_HTTP__PORT", "media.port": "FENGSUI_MEDIA__PORT"}[setting]
    found = re.fullmatch(
        rf"port {ports[setting]} \(setting {re.escape(setting)}\) is in use\. "
        rf"With the next free one:\n  {variable}=(\d+) {re.escape(command)}",
        told.value.message,
    )
    assert found is not None, told.value.message
    assert int(found[1]) > ports[setting]
    load({variable: found[1]})
