"""docs/protocol.md names every event and every error code that goes on the wire."""

import re
from pathlib import Path

import pytest

from core import errors
from core.errors import AppError
from signaling import routes
from signaling.sockets import topic_events

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "protocol.md").read_text("utf-8")
PACKAGES = ("core", "directory", "sms", "conf", "plans", "command", "signaling")


def _codes() -> set[str]:
    """Codes given to an AppError by keyword, and those of its classes."""
    found = {kind.code for kind in AppError.__subclasses__() if kind.__module__ == errors.__name__}
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            if "simulator" not in file.parts and "media" not in file.parts:
                found |= set(re.findall(r'\bcode="([a-z_]+)"', file.read_text("utf-8")))
    return found


@pytest.mark.parametrize("code", sorted(_codes()))
def test_every_error_code_is_listed(code: str) -> None:
    assert f"`{code}`" in PAGE, f"docs/protocol.md must say what {code} means"


@pytest.mark.parametrize("name", [event.name for event in (*routes.all_events(), *topic_events())])
def test_every_event_is_listed(name: str) -> None:
    assert f"`{name} " in PAGE or f"`{name}`" in PAGE
