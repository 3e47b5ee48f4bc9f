"""Telling pages what changed: one change per message and second instead of one per recipient.

A hint beside the truth in the rows. After a restart everything under way is announced once, so that
what a crash kept from being told is read again.
"""

from datetime import datetime
from typing import Any

from core import changes
from core.changes import Change
from core.database import Database, UnitOfWork
from core.signals import CHANGE_PUBLISHED
from sms.model import RecipientState
from sms.store import board
from sms.store.turns import Connection

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

    async def publish(self, database: Database) -> None:
        """`recipients.changed` on each `message:ID` with its counts, as `board.funnel`.

        Up to 200 recipients come with what a board shows of them; above, the counts alone.
        Raises: Unavailable.
        """
        waiting, self._waiting = self._waiting, {}
        made = await database.at_once(lambda connection, now: _append(connection, now, waiting))
        for change in made:
            database.signals.emit(CHANGE_PUBLISHED, change)


def _append(
    connection: Connection, now: datetime, waiting: dict[str, dict[str, RecipientState]]
) -> list[Change]:
    counts = board.funnel(connection, list(waiting))
    made = []
    for message_id, states in waiting.items():
        few = len(states) <= _MOST_IN_ONE
        rows = board.recipients(connection, list(states)) if few else []
        data = {
            "count": len(states), "counts": counts[message_id], "items": [_item(r) for r in rows],
        }  # fmt: skip
        topic = f"message:{message_id}"
        made.append(changes.append(connection, now, topic, "recipients.changed", data))
    return made


def _item(row: Any) -> dict[str, str | None]:
    return {
        "recipient_id": row.id, "state": row.state.value, "cause": row.cause, "modem": row.modem,
        "sent_at": row.sent_at.isoformat() if row.sent_at else None,
        "reported_at": row.reported_at.isoformat() if row.reported_at else None,
    }  # fmt: skip
