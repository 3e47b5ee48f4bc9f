"""A modem gets the driver its settings name, with the port they describe."""

import pytest

from core.clock import SystemClock
from sms.at.driver import AtDriver
from sms.driver import IncomingPdu
from sms.gsmmodem_driver import GsmmodemDriver
from sms.pool import driver_of
from sms.settings import ModemSettings


async def ignore(pdu: IncomingPdu) -> None:
    """Takes nothing: the driver stays closed."""


@pytest.mark.parametrize(("named", "kind"), [("at", AtDriver), ("gsmmodem", GsmmodemDriver)])
async def test_the_driver_named_is_the_driver_made(named: str, kind: type) -> None:
    modem = ModemSettings.model_validate({"name": "m1", "path": "/dev/none", "driver": named})
    driver = driver_of(modem, ignore, SystemClock())
    assert isinstance(driver, kind)
    await driver.close()
