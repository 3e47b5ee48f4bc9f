"""Delivery receipts of SMPP as TP-ST values, so that one path settles all reports (pure).

§5.3.2.12 receipted_message_id, §5.3.2.35 message_state, else appendix B's text `id:… stat:DELIVRD`.
"""

import re
from dataclasses import dataclass

from sms.receipt_ids import LONGEST_ID
from sms.smpp.pdu import ShortMessage, SmppError

MESSAGE_ID_TAG, STATE_TAG = 0x001E, 0x0427
_TEXT = re.compile(rb"id:\s*(\S+).*?stat:\s*(\w+)", re.DOTALL | re.IGNORECASE)
_TRYING, _DELIVERED, _EXPIRED, _DELETED, _UNKNOWN, _NOT_OBTAINABLE = 0x30, 0, 0x46, 0x48, 0x80, 0x43
_BY_STATE = {
    1: _TRYING, 2: _DELIVERED, 3: _EXPIRED, 4: _DELETED, 5: _NOT_OBTAINABLE, 6: _TRYING,
    7: _UNKNOWN, 8: _NOT_OBTAINABLE,
}  # fmt: skip
_BY_WORD = {
    b"ENROUTE": 1, b"DELIVRD": 2, b"EXPIRED": 3, b"DELETED": 4, b"UNDELIV": 5, b"ACCEPTD": 6,
    b"UNKNOWN": 7, b"REJECTD": 8,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Receipt:
    """`status`: TP-ST (TS 23.040 §9.2.3.15)."""

    message_id: str
    status: int


def read_receipt(message: ShortMessage) -> Receipt:
    """What a receipt says. Raises: SmppError: it names no message."""
    found = _TEXT.search(message.content)
    tagged = message.options.get(MESSAGE_ID_TAG, b"").rstrip(b"\0")
    message_id = tagged or (found[1] if found else b"")
    if not message_id:
        raise SmppError("a receipt without a message id")
    state = message.options.get(STATE_TAG, b"")
    number = state[0] if state else _BY_WORD.get(found[2].upper() if found else b"", 7)
    return Receipt(message_id[:LONGEST_ID].decode("latin-1"), _BY_STATE.get(number, _UNKNOWN))
