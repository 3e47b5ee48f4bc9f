"""Our SMPP line against a server of another hand: smpp34, a process of its own."""

import sys

import pytest

from bench.sms_smpp import check, line


@pytest.mark.timeout(120)
async def test_a_server_of_another_hand_understands_us_and_we_understand_it(
    sqlite_url: str,
) -> None:
    """Bind, short and three-part text, receipts, a refused number, a full queue, twenty texts."""
    async with line(sys.executable, sqlite_url) as ours:
        assert await check(ours, 20, is_direct=True) == []
