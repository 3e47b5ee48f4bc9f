"""What the conference needs from others, plugged in by signaling.adapters."""

from typing import Protocol

from conf.model import Order
from core.database import UnitOfWork


class RoomAudit(Protocol):
    """Writes chair orders to the audit log."""

    async def ordered(
        self, uow: UnitOfWork, meeting_id: str, order: Order, by: str, by_name: str
    ) -> None:
        """Append the order in the caller's transaction."""
