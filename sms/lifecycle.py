"""How a segment may move between its states, and what its recipient's state is (pure)."""

import enum
from collections.abc import Sequence

from sms.model import MessageClass, RecipientState, SegmentState


class SegmentFact(enum.StrEnum):
    """What can happen to a segment."""

    CLAIMED = "claimed"  # an attempt is journaled
    ACCEPTED = "accepted"  # the network took it
    GIVEN_BACK = "given_back"  # surely not sent; another try may follow
    REFUSED = "refused"  # surely not sent, and no other try can help
    LEFT_OPEN = "left_open"  # the outcome is not known
    REPORTED_DELIVERED = "reported_delivered"
    REPORTED_FAILED = "reported_failed"
    COPY_ORDERED = "copy_ordered"  # one extra copy of an unknown segment
    RAN_OUT = "ran_out"  # its time to be sent is over
    WITHDRAWN = "withdrawn"  # a person cancelled it
    COPY_WITHDRAWN = "copy_withdrawn"  # … when it was a copy of what may be on the air
    RENEWED = "renewed"  # the whole long text goes out anew, with a new reference


_S, _F = SegmentState, SegmentFact

_MOVES: dict[tuple[SegmentState, SegmentFact], SegmentState] = {
    (_S.QUEUED, _F.CLAIMED): _S.SENDING,
    (_S.QUEUED, _F.RAN_OUT): _S.EXPIRED,
    (_S.QUEUED, _F.WITHDRAWN): _S.CANCELLED,
    (_S.QUEUED, _F.COPY_WITHDRAWN): _S.UNKNOWN,
    (_S.QUEUED, _F.REFUSED): _S.FAILED,
    (_S.SENDING, _F.ACCEPTED): _S.SENT,
    (_S.SENDING, _F.GIVEN_BACK): _S.QUEUED,
    (_S.SENDING, _F.REFUSED): _S.FAILED,
    (_S.SENDING, _F.LEFT_OPEN): _S.UNKNOWN,
    # A report may overtake the answer to AT+CMGS (TS 23.040 gives no order).
    (_S.SENDING, _F.REPORTED_DELIVERED): _S.DELIVERED,
    (_S.SENDING, _F.REPORTED_FAILED): _S.FAILED,
    (_S.SENT, _F.REPORTED_DELIVERED): _S.DELIVERED,
    (_S.SENT, _F.REPORTED_FAILED): _S.FAILED,
    # Unknown is settled by a late answer, a late report, or the policy of the class.
    (_S.UNKNOWN, _F.ACCEPTED): _S.SENT,
    (_S.UNKNOWN, _F.GIVEN_BACK): _S.QUEUED,
    (_S.UNKNOWN, _F.REPORTED_DELIVERED): _S.DELIVERED,
    (_S.UNKNOWN, _F.REPORTED_FAILED): _S.FAILED,
    (_S.UNKNOWN, _F.COPY_ORDERED): _S.QUEUED,
    (_S.UNKNOWN, _F.RAN_OUT): _S.EXPIRED,
    # The SIM that has parts on the air is gone: another one sends the text from its first part.
    (_S.QUEUED, _F.RENEWED): _S.QUEUED,
    (_S.SENT, _F.RENEWED): _S.QUEUED,
    (_S.DELIVERED, _F.RENEWED): _S.QUEUED,
    (_S.UNKNOWN, _F.RENEWED): _S.QUEUED,
    # While an ordered copy waits, the first one may turn out to have arrived: the copy is dropped.
    (_S.QUEUED, _F.ACCEPTED): _S.SENT,
    (_S.QUEUED, _F.REPORTED_DELIVERED): _S.DELIVERED,
    # A delivered report after "failed" or "expired" is the newer truth.
    (_S.FAILED, _F.REPORTED_DELIVERED): _S.DELIVERED,
    (_S.EXPIRED, _F.REPORTED_DELIVERED): _S.DELIVERED,
}


def transition(state: SegmentState, fact: SegmentFact) -> SegmentState | None:
    """The state after `fact`; None if the fact changes nothing here (late or repeated)."""
    return _MOVES.get((state, fact))


_WEAKEST_FIRST = (
    SegmentState.FAILED,
    SegmentState.EXPIRED,
    SegmentState.CANCELLED,
    SegmentState.UNKNOWN,
    SegmentState.SENDING,
    SegmentState.QUEUED,
    SegmentState.SENT,
    SegmentState.DELIVERED,
)


def summarise(states: Sequence[SegmentState]) -> RecipientState:
    """A recipient's state: that of the segment furthest from delivered; a long text needs all."""
    if not states:
        raise ValueError("a recipient has at least one segment")
    some_left = SegmentState.QUEUED in states and any(
        state in (SegmentState.SENT, SegmentState.DELIVERED) for state in states
    )
    weakest = min(states, key=_WEAKEST_FIRST.index)
    if weakest is SegmentState.QUEUED and some_left:
        return RecipientState.SENDING
    return RecipientState(weakest.value)


LANES: dict[MessageClass, int] = {
    MessageClass.ALERT: 0,
    MessageClass.COMMAND: 1,
    MessageClass.REPLY: 2,
    MessageClass.NOTICE: 3,
    MessageClass.BULLETIN: 4,
}
"""Lower goes first; a lower lane overtakes everything that is not yet on the air."""


def copies_allowed(class_: MessageClass) -> int:
    """How many extra copies policy may send of a segment whose outcome stays unknown."""
    return 1 if class_ is MessageClass.ALERT else 0
