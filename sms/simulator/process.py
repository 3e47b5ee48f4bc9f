"""The simulator as a process: `python server.py modem-sim`, `python -m sms.simulator`."""

import argparse
import asyncio
import os
import selectors
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from sms.simulator.control import Control
from sms.simulator.modem import PERSONALITIES
from sms.simulator.world import SimulatorOptions, World

SOCKET_NAME = "modem-sim.sock"


async def run_simulator(
    options: SimulatorOptions, stop: asyncio.Event, ready: asyncio.Event | None = None
) -> None:
    """Run until `stop`. Links and socket exist once `ready` is set, and are gone afterwards."""
    options.directory.mkdir(parents=True, exist_ok=True)
    world = World(options)
    control = Control(world, stop)
    world.plug_all()
    try:
        await control.start(options.directory / SOCKET_NAME)
        if ready is not None:
            ready.set()
        await stop.wait()
    finally:
        await control.stop()
        world.unplug_all()
        world.air.journal.close()
        (options.directory / SOCKET_NAME).unlink(missing_ok=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; ends on SIGTERM, SIGINT, or when stdin closes with --with-parent."""
    parser = argparse.ArgumentParser(
        prog="modem-sim", description="Simulated GSM modems on ptys, for tests, demo and drills."
    )
    parser.add_argument("--directory", type=Path, default=Path("var"), help="links, socket")
    parser.add_argument("--modems", type=int, default=4, help="how many (1..32)")
    parser.add_argument("--radio-s", type=float, default=3.0, help="seconds on the air per segment")
    parser.add_argument("--family", choices=sorted(PERSONALITIES), default="generic")
    parser.add_argument("--pin", default="", help="PIN of all SIMs")
    parser.add_argument("--forget", action="store_true", help="keep no journal on disk")
    parser.add_argument("--with-parent", action="store_true", help="end when stdin closes")
    given = parser.parse_args(arguments)
    options = SimulatorOptions(
        given.directory, given.modems, given.radio_s, given.family, given.pin, not given.forget
    )
    with suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=_exact_loop) as runner:
        runner.run(_run(options, with_parent=given.with_parent))
    return 0


def _exact_loop() -> asyncio.AbstractEventLoop:
    """Its timers are exact to microseconds; those of epoll come up to a millisecond late."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


async def _run(options: SimulatorOptions, *, with_parent: bool) -> None:
    stop, ready = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if with_parent:
        loop.add_reader(sys.stdin.fileno(), lambda: _until_closed(stop))
    await run_simulator(options, stop, ready)


def _until_closed(stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 1024):
        stop.set()
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
