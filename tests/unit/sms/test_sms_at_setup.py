"""Start-up of each family, against a modem that refuses what it is told to refuse."""

from dataclasses import dataclass, field

import pytest

from sms.at.classify import Command
from sms.at.setup import CommandRefused, PinGuard, configure
from sms.driver import DriverLimits, ModemFamily, ModemPort

NOTIFICATIONS = "AT+CNMI="


@dataclass
class Script:
    """`refuses`: beginnings of commands it answers with an error. `asked`: all it was told."""

    refuses: tuple[str, ...] = ()
    asked: list[str] = field(default_factory=list)

    async def ask(self, command: Command, limit_s: float) -> tuple[str, ...]:
        self.asked.append(command.text)
        if command.text.startswith(self.refuses):
            raise CommandRefused(command.text, 4, "not supported")
        return ("+CPIN: READY",) if command.text == "AT+CPIN?" else ()

    async def pause(self, seconds: float) -> None:
        raise AssertionError("nothing to wait for")


async def _configured(family: ModemFamily, *refuses: str) -> list[str]:
    script = Script(refuses)
    port = ModemPort("m", "/dev/null", family=family)
    info = await configure(script, port, DriverLimits(), PinGuard())
    assert info.family is family
    return script.asked


@pytest.mark.parametrize(
    ("family", "commands"),
    [
        (ModemFamily.SIM800, {"AT+CSCLK=0", "AT+CIURC=1"}),  # it must not fall asleep
        (ModemFamily.HUAWEI, {"AT^CURC=0", "AT^USSDMODE=0"}),
        (ModemFamily.QUECTEL, {'AT+QURCCFG="urcport","all"', 'AT+QINDCFG="smsfull",1'}),
        (ModemFamily.GENERIC, set()),
    ],
)
async def test_each_family_is_told_what_it_needs_besides(
    family: ModemFamily, commands: set[str]
) -> None:
    asked = set(await _configured(family))
    beside = asked - set(await _configured(ModemFamily.GENERIC))
    assert beside == commands
    assert {"ATE0", "AT+CMEE=1", "AT+CMGF=0", "AT+CREG=1", "AT+CLIP=1"} <= asked


async def test_a_modem_that_refuses_a_way_of_telling_is_offered_the_next() -> None:
    """Without any it would tell of no text and no report."""
    first = await _configured(ModemFamily.GENERIC)
    chosen = next(one for one in first if one.startswith(NOTIFICATIONS) and "?" not in one)
    refused = tuple(dict.fromkeys((chosen, "AT+CNMI=2", "AT+CNMI=1,1,0")))
    asked = await _configured(ModemFamily.GENERIC, *refused)
    assert [one for one in asked if one.startswith(NOTIFICATIONS)][-1] == "AT+CNMI=1,1"


@pytest.mark.parametrize(
    ("family", "seconds"),
    [
        (ModemFamily.SIM800, 60), (ModemFamily.GENERIC, 60), (ModemFamily.QUECTEL, 120),
        (ModemFamily.HUAWEI, 120),
    ],
)  # fmt: skip
def test_a_slow_family_has_twice_the_time_on_the_air(family: ModemFamily, seconds: int) -> None:
    """Given up too early, a text that goes out a moment later would be sent twice."""
    assert DriverLimits().submit_for(family) == seconds
