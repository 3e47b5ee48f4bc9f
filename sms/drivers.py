"""Which driver talks to a modem, by the name in its settings."""

from typing import Literal

from core.clock import Clock
from sms.at.driver import AtDriver
from sms.driver import Driver, DriverLimits, IncomingSink, ModemPort
from sms.gsmmodem_driver import GsmmodemDriver
from sms.smpp.driver import SmppDriver

DriverKind = Literal["at", "gsmmodem", "smpp"]


def make_driver(
    kind: DriverKind,
    port: ModemPort,
    on_incoming: IncomingSink,
    clock: Clock,
    limits: DriverLimits | None = None,
) -> Driver:
    """A closed driver. `clock`: the device's own time, so SystemClock also in the demo."""
    if kind == "gsmmodem":
        return GsmmodemDriver(port, on_incoming, clock, limits)
    if kind == "smpp":
        return SmppDriver(port, on_incoming, clock, limits)
    return AtDriver(port, on_incoming, clock, limits)
