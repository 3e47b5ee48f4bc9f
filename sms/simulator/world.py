"""All modems of one simulator process, their ports, and the air they share."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sms.numbers import demo_number
from sms.simulator.agenda import Agenda
from sms.simulator.air import Air, SimCard
from sms.simulator.modem import PERSONALITIES, SimulatedModem
from sms.simulator.pty_port import PtyPort

FIRST_SIM = 99_900
"""Modem N has the demo phone 99900 + N as its own number."""


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """`directory`: links `modem-N`, control socket `modem-sim.sock`, journal `air.jsonl`.

    `radio_s`: seconds on the air for each segment. `family`: see PERSONALITIES. `pin`: of all SIMs.
    """

    directory: Path
    modems: int = 1
    radio_s: float = 3.0
    family: str = "generic"
    pin: str = ""
    keeps_journal: bool = True


class World:
    """Built and owned by `process.run_simulator`."""

    def __init__(self, options: SimulatorOptions) -> None:
        self._options = options
        journal = options.directory / "air.jsonl" if options.keeps_journal else None
        self.air = Air(Agenda(), journal)
        self._modems: dict[str, SimulatedModem] = {}
        self._ports: dict[str, PtyPort] = {}
        for number in range(1, options.modems + 1):
            self._add_modem(number)

    def modem(self, name: str) -> SimulatedModem:
        """Raises: ValueError: no such modem."""
        if name not in self._modems:
            raise ValueError(f"no modem {name!r}; there are: {', '.join(self._modems)}")
        return self._modems[name]

    def describe_modems(self) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "path": str(self._options.directory / name),
                "imsi": modem.sim.imsi,
                "number": modem.sim.number,
                "is_plugged": self._ports[name].is_plugged,
                "stored": sum(map(len, modem.storage.values())),
                "waiting": len(modem.sim.waiting),
            }
            for name, modem in self._modems.items()
        ]

    def plug_all(self) -> None:
        for port in self._ports.values():
            port.plug()

    def unplug_all(self) -> None:
        for port in self._ports.values():
            port.unplug()

    def _add_modem(self, number: int) -> None:
        name = f"modem-{number}"
        sim = SimCard(f"46000{number:010d}", demo_number(FIRST_SIM + number))
        self.air.add_sim(sim)
        kind = PERSONALITIES[self._options.family]
        port = PtyPort(self._options.directory / name, lambda data: self._modems[name].feed(data))
        self._ports[name] = port
        self._modems[name] = SimulatedModem(
            name,
            self.air,
            sim,
            replace(kind, pin=self._options.pin),
            radio_s=self._options.radio_s,
            write=port.write,
            unplug=lambda seconds: self._unplug(name, seconds),
            plug=lambda: self._plug(name),
        )

    def _unplug(self, name: str, seconds: float) -> None:
        self._modems[name].power_off()
        self._ports[name].unplug()
        if seconds > 0:
            self.air.agenda.later(seconds, lambda: self._plug(name))

    def _plug(self, name: str) -> None:
        self._ports[name].plug()
        self._modems[name].power_on()
