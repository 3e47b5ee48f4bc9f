"""What a board shows of messages and recipients, on a plain connection (`Database.at_once`)."""

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Connection, Table, func, select

from sms.store.rows import RecipientRow

_RECIPIENT = cast("Table", RecipientRow.__table__)
_C = _RECIPIENT.c


def funnel(connection: Connection, message_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """Counts per message: each recipient state, and `answered`."""
    counts: dict[str, dict[str, int]] = {message_id: {} for message_id in message_ids}
    rows = connection.execute(
        select(_C.message_id, _C.state, func.count(), func.count(_C.answered_at))
        .where(_C.message_id.in_(message_ids))
        .group_by(_C.message_id, _C.state)
    )
    for message_id, state, total, answered in rows:
        of_message = counts[message_id]
        of_message[state.value] = total
        of_message["answered"] = of_message.get("answered", 0) + answered
    return counts


def recipients(connection: Connection, ids: Sequence[str]) -> Sequence[Any]:
    """`id`, `state`, `cause`, `modem`, `sent_at`, `reported_at` of at most a few hundred."""
    columns = (_C.id, _C.state, _C.cause, _C.modem, _C.sent_at, _C.reported_at)
    return connection.execute(select(*columns).where(_C.id.in_(ids))).all()
