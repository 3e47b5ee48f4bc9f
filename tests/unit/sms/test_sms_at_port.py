"""A port that is closed ends at once whatever waits for it."""

import asyncio
import os
import pty

import pytest

from sms.at.port import PortGone, open_port
from sms.driver import ModemPort


async def test_a_write_that_waits_ends_with_the_port() -> None:
    """Not with its own limit: a modem that takes nothing would hold up a stop."""
    controller, device = pty.openpty()
    port = open_port(ModemPort("m", os.ttyname(device)), lambda data: None, lambda why: None)
    writing = asyncio.create_task(port.write(bytes(1 << 20)))  # more than anything takes
    while port._writable is None:  # noqa: ASYNC110 - two turns of the loop
        await asyncio.sleep(0)
    port.close()
    with pytest.raises(PortGone, match="the port is closed"):
        await writing
    os.close(controller)
    os.close(device)
