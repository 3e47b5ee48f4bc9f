"""Telling pages what changed: one change per message and second instead of one per recipient.

A hint beside the truth in the rows. After a restart everything under way is announced once, so that
what a crash kept from being told is read again.
"""

from core import changes
from core.database import UnitOfWork
from sms.model import RecipientState

_MOST_IN_ONE = 200


class Progress:
    """Collects changes of recipients until `publish`. Owned by the loop of the pool."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[str, RecipientState]] = {}

    def note(self, message_id: str, recipient_id: str, state: RecipientState) -> None:
        """A recipient's new state was committed."""
        self._waiting.setdefault(message_id, {})[recipient_id] = state

    def note_after(
        self, uow: UnitOfWork, message_id: str, recipient_id: str, state: RecipientState
    ) -> None:
        """Note it once `uow` is committed."""
        uow.after_commit(lambda: self.note(message_id, recipient_id, state))

    @property
    def is_empty(self) -> bool:
        return not self._waiting

    async def publish(self, uow: UnitOfWork) -> None:
        """`recipients.changed` on each `message:ID`; above 200 recipients without the list."""
        waiting, self._waiting = self._waiting, {}
        for message_id, states in waiting.items():
            items = [{"recipient_id": key, "state": state.value} for key, state in states.items()]
            data = {"count": len(items), "items": items if len(items) <= _MOST_IN_ONE else []}
            await changes.publish(uow, f"message:{message_id}", "recipients.changed", data)
