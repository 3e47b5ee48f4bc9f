"""Telling pages what changed: one change per message and second instead of one per recipient.

A hint beside the truth in the rows. After a restart everything under way is announced once, so that
what a crash kept from being told is read again.
"""

from core import changes
from core.database import UnitOfWork
from sms.model import RecipientState
from sms.store import outbox as store
from sms.store.rows import RecipientRow

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
        """`recipients.changed` on each `message:ID` with its counts, as `outbox.funnel`.

        Up to 200 recipients come with what a board shows of them; above, the counts alone.
        """
        waiting, self._waiting = self._waiting, {}
        counts = await store.funnel(uow, list(waiting))
        for message_id, states in waiting.items():
            few = len(states) <= _MOST_IN_ONE
            rows = await store.recipients_by_id(uow, list(states)) if few else []
            data = {
                "count": len(states), "counts": counts[message_id],
                "items": [_item(row) for row in rows],
            }  # fmt: skip
            await changes.publish(uow, f"message:{message_id}", "recipients.changed", data)


def _item(row: RecipientRow) -> dict[str, str | None]:
    return {
        "recipient_id": row.id, "state": row.state.value, "cause": row.cause, "modem": row.modem,
        "sent_at": row.sent_at.isoformat() if row.sent_at else None,
        "reported_at": row.reported_at.isoformat() if row.reported_at else None,
    }  # fmt: skip
