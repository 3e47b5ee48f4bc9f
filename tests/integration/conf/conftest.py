"""Settings of a server with rooms: a folder and ports of its own, one media worker."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from core.clock import MovableClock
from signaling.settings import Settings, load
from tests.support.meeting import House, running_house


@pytest.fixture
def house_settings(tmp_path: Path, free_port: Callable[[], int]) -> Callable[..., Settings]:
    """`house_settings(url, media={…})`."""

    def make(url: str, **sections: dict[str, Any]) -> Settings:
        media = {"port": 0, "listen": "127.0.0.1", **sections.pop("media", {})}
        given: dict[str, Any] = {
            "data": {"dir": str(tmp_path / "var")},
            "database": {"url": url},
            "http": {"port": free_port()},
            "media": media,
            **sections,
        }
        return load({}, overrides=given)

    return make


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def house(
    database_url: str, house_settings: Callable[..., Settings], clock: MovableClock
) -> AsyncIterator[House]:
    """A running server with a meeting of a hall (chair), east and west; on each database."""
    async with running_house(house_settings(database_url), clock=clock) as house:
        await house.open()
        yield house
