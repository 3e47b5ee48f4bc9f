"""What SMS needs from others."""

from typing import Protocol

from core.database import UnitOfWork
from sms.audience import Audience, Meant


class People(Protocol):
    """Knows people, groups and their numbers."""

    async def meant(self, uow: UnitOfWork, audience: Audience) -> Meant:
        """Everybody the audience means now, each number once.

        A person or group that is gone is left out.
        """
        ...
