"""What a server does by itself every hour."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from core.audit import SYSTEM, AuditHeadRow
from core.clock import MovableClock
from signaling.backup import HEAD_FILE


async def test_the_head_of_the_audit_log_is_written_every_hour(
    database_url: str, make_settings: Callable[..., Any], edge: Callable[..., Any]
) -> None:
    """The second file follows the log without anybody's order, as the hours go by."""
    clock = MovableClock()
    async with edge(make_settings(database_url), clock=clock) as server:
        file = server.app.settings.data.dir / HEAD_FILE
        for _ in range(2):
            async with server.app.database.write() as uow:
                await server.app.audit.append(uow, actor=SYSTEM, action="test", target="test")
                count = (await uow.session.get(AuditHeadRow, 1)).count
            async with asyncio.timeout(15):
                while _noted(file) < count:
                    clock.advance(3601)  # again: it may not have gone to sleep yet
                    await asyncio.sleep(0.1)


def _noted(file: Any) -> int:
    return int(json.loads(file.read_text())["count"]) if file.exists() else 0
