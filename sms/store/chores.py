"""Whether the pool's housekeeping has anything to do, asked in one statement."""

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import Connection, Table, bindparam, exists, or_, select, text

from core.database import UtcDateTime
from sms.model import CallState, SegmentState
from sms.store.book import CallRow
from sms.store.rows import QUEUED_ONLY, IncomingPduRow, MessageRow, SegmentRow

_S = cast("Table", SegmentRow.__table__).c
_M = cast("Table", MessageRow.__table__).c
_P = cast("Table", IncomingPduRow.__table__).c
_CALL = cast("Table", CallRow.__table__).c


_QUEUED = text(f"sms_segment.{QUEUED_ONLY}")
_NOW = bindparam("now", type_=UtcDateTime)
_WAIT = select(
    or_(
        exists().where(_S.state == SegmentState.QUEUED, _S.expires_at <= _NOW),
        exists().where(
            _QUEUED,
            _S.pinned_modem.is_not(None),
            _S.pinned_modem.not_in(bindparam("present", expanding=True)),
        ),
        exists().where(_QUEUED, _M.id == _S.message_id, _M.cancelled_at.is_not(None)),
        exists().where(_CALL.state == CallState.QUEUED),
        exists().where(
            _P.kind == "deliver",
            _P.is_joined.is_(False),
            _P.received_at <= bindparam("parts_before", type_=UtcDateTime),
        ),
    )
)


def wait(
    connection: Connection, now: datetime, present: Sequence[str], parts_before: datetime
) -> bool:
    """Texts run out, stranded or withdrawn, calls that wait, parts whose others did not come.

    `present`: modems that can send. `parts_before`: parts older than this are given up.
    """
    given = {"now": now, "present": list(present), "parts_before": parts_before}
    return bool(connection.scalar(_WAIT, given))
