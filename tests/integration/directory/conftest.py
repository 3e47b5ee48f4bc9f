"""A small county in a real database."""

from pathlib import Path

import pytest

from core.database import Database
from support.small_county import Place, found_county


@pytest.fixture
async def place(database: Database, tmp_path: Path) -> Place:
    return await found_county(database, tmp_path)
