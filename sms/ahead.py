"""What a fast line sends next, journaled while the text before it is on the air.

Where a text takes seconds on the air, storing one and journaling the next in between costs
nothing. Where it takes 50 ms, it would cost a tenth of the line.
"""

from collections.abc import Callable

from sms.model import Outgoing
from sms.store.turns import Taker
from sms.surroundings import Surroundings

FAST_AIR_S = 0.5
"""A line whose last text took longer gains nothing."""
LEAD_S = 0.003
"""The text is on the air first: the database's thread would hold its prompt up."""
PATIENCE_S = 1.0
"""A text that takes longer than this on a fast line is in trouble: others take what waits."""


class Ahead:
    """Holds at most one journaled attempt that has not begun. Owner: the modem it sits in.

    `taken_back`: called when an attempt will not be made after all.
    """

    def __init__(self, around: Surroundings, taken_back: Callable[[], None]) -> None:
        self._around = around
        self._taken_back = taken_back
        self._seen = 0  # the pool's queue changes when this modem last looked at the whole queue
        self.held: Outgoing | None = None

    def looks(self) -> None:
        """The modem is about to claim the most urgent text there is."""
        self._seen = self._around.pool.queue_changes

    def take(self) -> Outgoing | None:
        """What is to be sent now."""
        outgoing, self.held = self.held, None
        return outgoing

    async def give_back(self) -> None:
        """It was surely not sent: it waits again, for any modem."""
        if self.held is None:
            return
        async with self._around.database.write() as uow:
            await self._around.ledger.withdraw(uow, self.held.attempt_id)
        self.held = None
        self._taken_back()

    async def give_way(self, taker: Taker) -> None:
        """Give it back if it ran out, or if a more urgent text came after it was claimed."""
        if self.held is not None and self.held.expires_at <= self._around.database.clock.now():
            await self.give_back()
        if self.held is None or self._around.pool.queue_changes == self._seen:
            return
        self.looks()
        async with self._around.database.write() as uow:
            gave_way = await self._around.ledger.give_way(uow, self.held, taker)
        if gave_way:
            self.held = None
            self._taken_back()
