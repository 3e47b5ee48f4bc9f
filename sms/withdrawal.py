"""Taking back what is not on the air, however much: at once for the modems, by and by in the rows.

The mark on the message is the withdrawal: no modem takes a segment of a message that bears it. The
segments follow in short transactions, so that an alert finds SQLite's one writer free between two.
What a crash leaves over the pool's housekeeping takes back.
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from core import changes
from core.database import Database, UnitOfWork
from core.errors import Unavailable
from sms.store import withdrawal as store

AT_A_TIME = 500


class Withdrawal:
    """Withdraws messages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def order(self, uow: UnitOfWork, message_id: str) -> int:
        """Withdraw a message; from the commit on nothing more of it is sent.

        Returns: how many segments wait. Who orders it calls `carry_out` after the commit.
        """
        return await store.mark_cancelled(uow, message_id)

    async def close_questions(self, uow: UnitOfWork, keys: Sequence[str]) -> None:
        """Answers to the messages submitted with `keys` are late from now on.

        What of them waits is withdrawn: nobody is asked about what is over.
        """
        for message_id in await store.close_questions(uow, keys):
            await self.order(uow, message_id)
            uow.after_commit(partial(self._carried_out, message_id))

    async def _carried_out(self, message_id: str) -> None:
        with suppress(Unavailable):  # the commit stands; housekeeping takes back what is left
            await self.carry_out(message_id)

    async def carry_out(self, message_id: str) -> int:
        """Take back what is queued of a withdrawn message. Returns: how many segments."""
        taken = 0
        while True:
            async with self._database.write() as uow:
                some = await store.take_back(uow, message_id, AT_A_TIME)
                taken += some
                if some < AT_A_TIME:
                    data = {"segments": taken}
                    await changes.publish(uow, f"message:{message_id}", "message.withdrawn", data)
                    return taken

    async def finish(self) -> None:
        """Take back what is left of messages withdrawn before a crash, or while it was sent."""
        async with self._database.read() as uow:
            left = await store.unfinished(uow)
        for message_id in left:
            await self.carry_out(message_id)
