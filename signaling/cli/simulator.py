"""The modem simulator beside a demo: a process of its own that outlives the server."""

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

from core.errors import AppError, Unavailable
from sms.settings import ModemSettings
from sms.simulator.client import SimulatorClient
from sms.simulator.process import SOCKET_NAME

MODEMS = 4
_TRY_EVERY_S = 0.1
_START_TRIES = 200
_SERVER = Path(__file__).resolve().parents[2] / "server.py"


def simulated_modems(folder: Path) -> tuple[ModemSettings, ...]:
    """The pool of a demo: the simulator's links in `folder`."""
    return tuple(
        ModemSettings(name=f"modem-{n}", path=str(folder / f"modem-{n}"), is_simulated=True)
        for n in range(1, MODEMS + 1)
    )


async def ensure_simulator(folder: Path) -> None:
    """Start the simulator unless one answers on its socket in `folder`.

    It is detached: killing the server must not kill the air. Raises: Unavailable: it did not start.
    """
    if await _answers(folder):
        return
    with (folder / "modem-sim.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(_SERVER), "modem-sim",
            "--directory", str(folder), "--modems", str(MODEMS),
            stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        for _ in range(_START_TRIES):
            if await _answers(folder):
                return
            await asyncio.sleep(_TRY_EVERY_S)
        raise Unavailable(f"the modem simulator did not start; see {folder / 'modem-sim.log'}")
    except BaseException:  # also when told to end meanwhile: nothing would end it later
        with suppress(ProcessLookupError):
            process.terminate()
        raise


async def end_simulator(folder: Path) -> None:
    """End the simulator of `folder`, if it runs: the demo was ended on purpose, not killed."""
    client = SimulatorClient(folder / SOCKET_NAME)
    with suppress(AppError):
        await client.do("stop")
    await client.close()


async def _answers(folder: Path) -> bool:
    client = SimulatorClient(folder / SOCKET_NAME)
    try:
        await client.do("ping")
    except AppError:
        return False
    finally:
        await client.close()
    return True
