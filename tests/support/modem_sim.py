"""A modem simulator process of a test's own, with its links in a folder of its own."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from core.errors import Unavailable
from sms.simulator.client import SimulatorClient
from sms.simulator.process import SOCKET_NAME
from tools.steps import ROOT

_START_S = 30.0


class ModemSim:
    """A running simulator. Orders are those of `sms.simulator.control`. `pid`: its process."""

    def __init__(self, directory: Path, pid: int = 0) -> None:
        self.pid = pid
        self.directory = directory
        self._client = SimulatorClient(directory / SOCKET_NAME)

    def path(self, number: int = 1) -> str:
        """The device path of modem `number`."""
        return str(self.directory / f"modem-{number}")

    async def do(self, order: str, **arguments: Any) -> Any:
        return await self._client.do(order, **arguments)

    async def fault(self, fault: str, modem: str = "modem-1", **options: Any) -> None:
        await self.do("fault", modem=modem, fault=fault, **options)

    async def on_air(self, recipient: str | None = None) -> list[dict[str, Any]]:
        """Every PDU the network accepted, in order: the truth."""
        entries = await self.do("journal")
        return [
            entry
            for entry in entries
            if entry["kind"] == "submitted" and recipient in (None, entry["recipient"])
        ]

    async def texts_of(self, number: str) -> list[str]:
        """Whole messages handset `number` has received."""
        handset = await self.do("handset", number=number)
        return [message["text"] for message in handset["received"]]

    async def close(self) -> None:
        await self._client.close()


@asynccontextmanager
async def modem_sim(
    directory: Path,
    *,
    modems: int = 1,
    radio_s: float = 0.02,
    family: str = "generic",
    pin: str = "",
    keeps_journal: bool = False,
) -> AsyncIterator[ModemSim]:
    """Start the simulator as a process, end it afterwards."""
    arguments = ["--directory", str(directory), "--modems", str(modems)]
    arguments += ["--radio-s", str(radio_s), "--family", family, "--pin", pin, "--with-parent"]
    if not keeps_journal:
        arguments.append("--forget")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sms.simulator", *arguments, cwd=ROOT, stdin=asyncio.subprocess.PIPE
    )
    sim = ModemSim(directory, process.pid)
    try:
        await _until_it_answers(sim, process)
        yield sim
    finally:
        await sim.close()
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _until_it_answers(sim: ModemSim, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(_START_S):
        while True:
            assert process.returncode is None, "the simulator ended at once"
            try:
                await sim.do("ping")
            except Unavailable:
                await asyncio.sleep(0.02)
            else:
                return
