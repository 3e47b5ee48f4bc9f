"""Real parts behind the ports: what one package needs, given by another."""

from typing import TYPE_CHECKING

from conf.model import Order
from core.audit import Actor, Audit
from core.clock import Clock
from core.database import UnitOfWork
from sms.at.driver import AtDriver
from sms.driver import Driver, IncomingSink, ModemFamily, ModemPort
from sms.settings import ModemSettings

if TYPE_CHECKING:
    from conf.ports import RoomAudit


def make_driver(modem: ModemSettings, sink: IncomingSink, clock: Clock) -> Driver:
    """The driver a modem's settings name."""
    port = ModemPort(
        name=modem.name,
        path=modem.path,
        pin=modem.pin.get_secret_value() if modem.pin else None,
        family=ModemFamily(modem.family) if modem.family else None,
        baud=modem.baud,
    )
    return AtDriver(port, sink, clock)


class AuditedRooms:
    """conf.ports.RoomAudit: chair orders in the audit log."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    async def ordered(
        self, uow: UnitOfWork, meeting_id: str, order: Order, by: str, by_name: str
    ) -> None:
        """Append the order in the caller's transaction."""
        await self._audit.append(
            uow,
            actor=Actor(by, by_name),
            action=f"room.{order.kind.value}",
            target=f"meeting:{meeting_id}",
            detail={"target": order.target, "value": order.value},
        )


if TYPE_CHECKING:

    def _fits(rooms: AuditedRooms) -> "RoomAudit":
        return rooms
