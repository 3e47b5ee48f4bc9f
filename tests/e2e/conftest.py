"""A demo county for each end-to-end test, on SQLite or on PostgreSQL with Redis."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from support.county import DemoCounty


@pytest.fixture
async def county(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[DemoCounty]:
    """The demo as `make run` starts it: SQLite, no Redis."""
    started = DemoCounty(tmp_path, free_port(), free_port())
    await started.start()
    yield started
    await started.stop()


@pytest.fixture
async def big_county(
    tmp_path: Path, free_port: Callable[[], int], empty_postgresql_url: str, redis_url: str
) -> AsyncIterator[DemoCounty]:
    """The same on PostgreSQL and Redis."""
    extra = {"FENGSUI_DATABASE__URL": empty_postgresql_url, "FENGSUI_REDIS__URL": redis_url}
    started = DemoCounty(tmp_path, free_port(), free_port(), extra)
    await started.start()
    yield started
    await started.stop()
